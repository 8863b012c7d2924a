#include "lib/Lowering/Emission.h"

#include "dialects/janus/IR/JanusOps.h"
#include "dialects/moe/IR/MoEOps.h"
#include "llvm/ADT/TypeSwitch.h"

#include <cstddef>

using namespace mlir;

namespace janus::lowering {
namespace {

/// An argument structure of the kernel ABI on the function's frame.
class Args {
public:
  Args(Frame &frame, int64_t bytes) : frame(frame), code(frame.code), pointer(code.frame(bytes)) {}

  void set(int64_t offset, Value value) { code.setField(pointer, offset, value); }
  void set(int64_t offset, int64_t value) { set(offset, code.index(value)); }
  void set(int64_t offset, const llvm::APFloat &value) { set(offset, code.real(value.convertToFloat())); }
  /// How the numbers of a weight of this type are stored.
  void set(int64_t offset, const abi::WeightFormat &format) {
    set(offset + offsetof(abi::WeightFormat, bits), format.bits);
    set(offset + offsetof(abi::WeightFormat, block), format.block);
    set(offset + offsetof(abi::WeightFormat, zeros), format.zeros);
  }
  /// A value's address and, at `strideOffset`, its stride.
  void set(int64_t offset, int64_t strideOffset, Value value) {
    set(offset, value ? frame.base(value) : code.null());
    set(strideOffset, value ? frame.plan.views.lookup(value).stride : 0);
  }
  /// Runs the kernel at `kernel` bytes of the kernel table over these arguments.
  void run(int64_t kernel) {
    Value host = code.field(frame.call, offsetof(abi::Call, host), code.ptr);
    Value kernels = code.field(host, offsetof(abi::Host, kernels), code.ptr);
    Value count = code.field(kernels, kernel + offsetof(abi::Kernel, count), code.ptr);
    Value task = code.field(kernels, kernel + offsetof(abi::Kernel, run), code.ptr);
    emitParallel(frame, task, pointer, code.callPointer(count, code.i64, pointer), 1);
  }

private:
  Frame &frame;
  CodeBuilder &code;
  Value pointer;
};

void emitLinear(Frame &frame, moe::LinearOp op) {
  using A = abi::LinearArgs;
  Args args(frame, sizeof(A));
  ArrayRef<int64_t> shape = cast<RankedTensorType>(op.getWeight().getType()).getShape();
  args.set(offsetof(A, rows), frame.rows(frame.plan.views.lookup(op.getResult()).symbol));
  args.set(offsetof(A, k), shape[1]);
  args.set(offsetof(A, n), shape[0]);
  args.set(offsetof(A, x), offsetof(A, x_stride), op.getX());
  args.set(offsetof(A, weight), frame.weight(WeightLayout::kPanel, op.getWeight()));
  args.set(offsetof(A, bias), frame.rowsWeight(op.getBias()));
  args.set(offsetof(A, residual), offsetof(A, residual_stride), op.getResidual());
  args.set(offsetof(A, y), offsetof(A, y_stride), op.getResult());
  args.set(offsetof(A, format), formatOf(op.getWeight().getType()));
  args.run(offsetof(abi::KernelTable, linear));
}

void emitAttention(Frame &frame, moe::AttentionOp op) {
  using A = abi::AttentionArgs;
  CodeBuilder &code = frame.code;
  Args args(frame, sizeof(A));
  Value caches = code.field(frame.call, offsetof(abi::Call, kv), code.ptr);
  args.set(offsetof(A, rows), frame.rows(frame.plan.views.lookup(op.getResult()).symbol));
  args.set(offsetof(A, heads), static_cast<int64_t>(op.getHeads()));
  args.set(offsetof(A, kv_heads), static_cast<int64_t>(op.getKvHeads()));
  args.set(offsetof(A, head_dim), static_cast<int64_t>(op.getHeadDim()));
  args.set(offsetof(A, value_dim), static_cast<int64_t>(op.getValueDim()));
  args.set(offsetof(A, window), static_cast<int64_t>(op.getWindow()));
  args.set(offsetof(A, chunk), static_cast<int64_t>(op.getChunk()));
  args.set(offsetof(A, scale), op.getScale());
  args.set(offsetof(A, softcap), op.getSoftcap());
  args.set(offsetof(A, q), offsetof(A, q_stride), op.getQ());
  args.set(offsetof(A, k), offsetof(A, k_stride), op.getK());
  args.set(offsetof(A, v), offsetof(A, v_stride), op.getV());
  args.set(offsetof(A, sinks), frame.rowsWeight(op.getSinks()));
  args.set(offsetof(A, positions), frame.base(op.getPositions()));
  args.set(offsetof(A, kv), code.at(caches, code.b.getI8Type(), op.getCache() * sizeof(abi::KvView)));
  args.set(offsetof(A, y), offsetof(A, y_stride), op.getResult());
  args.run(offsetof(abi::KernelTable, kv_append));
  args.run(offsetof(abi::KernelTable, attention));
}

void emitRoute(Frame &frame, moe::RouteOp op) {
  using A = abi::RouteArgs;
  Args args(frame, sizeof(A));
  args.set(offsetof(A, rows), frame.rows(frame.plan.views.lookup(op.getIds()).symbol));
  args.set(offsetof(A, experts), columnsOf(op.getLogits().getType()));
  args.set(offsetof(A, k), static_cast<int64_t>(op.getK()));
  args.set(offsetof(A, score), static_cast<int64_t>(op.getScore()));
  args.set(offsetof(A, renormalize), int64_t{op.getRenormalize()});
  args.set(offsetof(A, epsilon), op.getEpsilon());
  args.set(offsetof(A, scale), op.getScale());
  args.set(offsetof(A, logits), offsetof(A, logits_stride), op.getLogits());
  args.set(offsetof(A, select_bias), frame.rowsWeight(op.getSelectBias()));
  args.set(offsetof(A, ids), frame.base(op.getIds()));
  args.set(offsetof(A, weights), frame.base(op.getWeights()));
  moe::GroupsAttr groups = op.getGroupsAttr();
  args.set(offsetof(A, groups), groups ? groups.getCount() : int64_t{1});
  args.set(offsetof(A, kept_groups), groups ? groups.getKept() : int64_t{1});
  args.set(offsetof(A, group_score), static_cast<int64_t>(groups ? groups.getScore() : moe::GroupScore::max));
  args.set(offsetof(A, group_fill), groups ? groups.getFill().getValue() : APFloat(0.0f));
  args.set(offsetof(A, jitter), op.getJitter());
  args.set(offsetof(A, expert_scale), frame.rowsWeight(op.getExpertScale()));
  args.run(offsetof(abi::KernelTable, route));
}

void emitExperts(Frame &frame, dist::ExpertsOp op) {
  using A = abi::ExpertsArgs;
  using W = abi::Assignment;
  CodeBuilder &code = frame.code;
  Args args(frame, sizeof(A));
  ArrayRef<int64_t> shape = cast<RankedTensorType>(op.getGate().getType()).getShape();
  Value work = code.field(frame.call, offsetof(abi::Call, assignment), code.ptr);
  auto table = [&](WeightLayout layout, ArrayRef<Value> parts) { return frame.weight(layout, parts, true); };

  args.set(offsetof(A, hidden), shape[2]);
  args.set(offsetof(A, intermediate), shape[1]);
  args.set(offsetof(A, gated), int64_t{op.getUp() ? 1 : 0});
  moe::ActivationAttr activation = op.getActivation();
  args.set(offsetof(A, activation), static_cast<int64_t>(activation.getKind()));
  args.set(offsetof(A, alpha), activation.getAlpha().getValue());
  args.set(offsetof(A, beta), activation.getBeta().getValue());
  args.set(offsetof(A, limit), activation.getLimit().getValue());
  args.set(offsetof(A, weigh_input),
           arith::ConstantOp::create(code.b, code.loc, code.b.getI32IntegerAttr(op.getWeighInput())));
  args.set(offsetof(A, groups), code.field(work, offsetof(W, groups), code.i64));
  args.set(offsetof(A, group_slot), code.field(work, offsetof(W, group_slot), code.ptr));
  args.set(offsetof(A, group_begin), code.field(work, offsetof(W, group_begin), code.ptr));
  args.set(offsetof(A, pair_row), code.field(work, offsetof(W, pair_row), code.ptr));
  args.set(offsetof(A, pair_weight), code.field(work, offsetof(W, pair_weight), code.ptr));
  args.set(offsetof(A, x), offsetof(A, x_stride), op.getX());
  args.set(offsetof(A, up), op.getUp() ? table(WeightLayout::kExpertUp, {op.getGate(), op.getUp()})
                                       : table(WeightLayout::kPanel, op.getGate()));
  args.set(offsetof(A, down), table(WeightLayout::kPanel, op.getDown()));
  args.set(offsetof(A, up_bias), !op.getGateBias() ? code.null()
                                 : op.getUpBias()  ? table(WeightLayout::kRows, {op.getGateBias(), op.getUpBias()})
                                                   : table(WeightLayout::kRows, op.getGateBias()));
  args.set(offsetof(A, down_bias), op.getDownBias() ? table(WeightLayout::kRows, op.getDownBias()) : code.null());
  args.set(offsetof(A, h), frame.base(frame.plan.scratch.lookup(op)));
  args.set(offsetof(A, y), frame.base(op.getResult()));
  args.set(offsetof(A, up_format), formatOf(op.getGate().getType()));
  args.set(offsetof(A, down_format), formatOf(op.getDown().getType()));
  args.run(offsetof(abi::KernelTable, experts_up));
  args.run(offsetof(abi::KernelTable, experts_down));
}

} // namespace

void emitKernelOp(Frame &frame, Operation *op) {
  llvm::TypeSwitch<Operation *>(op)
      .Case([&](moe::LinearOp op) { emitLinear(frame, op); })
      .Case([&](moe::AttentionOp op) { emitAttention(frame, op); })
      .Case([&](moe::RouteOp op) { emitRoute(frame, op); })
      .Case([&](dist::ExpertsOp op) { emitExperts(frame, op); });
}

} // namespace janus::lowering

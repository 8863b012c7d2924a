#include "janus/Lowering/Passes.h"
#include "lib/Lowering/Emission.h"

#include "dialects/moe/IR/MoEOps.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_LOWERFRAGMENTSPASS
#include "lib/Lowering/Passes.h.inc"

namespace {
using namespace lowering;

/// Rows of a task, at least: about this many floats, so that small steps stay on one thread.
constexpr int64_t kGrainColumns = 2048;

class FragmentLowering {
public:
  FragmentLowering(func::FuncOp function, OpBuilder &builder)
      : function(function), builder(builder), plan(function), name(function.getName().str()) {}

  LogicalResult lower() {
    MLIRContext *context = builder.getContext();
    auto ptr = LLVM::LLVMPointerType::get(context);
    function.setName(name + ".tensors"); // makes room for the name
    auto run = create(name, LLVM::LLVMVoidType::get(context), {ptr});
    run->setAttr(kRole, function->getAttr(kRole));
    CodeBuilder code(builder, function.getLoc());
    Frame frame(code, plan, run.getArgument(0));
    for (OpGroup &group : plan.groups) {
      builder.setInsertionPointToEnd(&run.getBody().front());
      if (group.kernel) {
        emitKernelOp(frame, group.ops.front());
        continue;
      }
      auto body = [&](Frame &inner, Value row) {
        for (Operation *op : group.ops)
          if (failed(emitRowOp(inner, op, row)))
            return failure();
        return success();
      };
      if (failed(rows(frame, run, group.symbol, columnsOf(group.ops.front()->getResult(0).getType()), body)))
        return failure();
    }
    for (const OutputCopy &copy : plan.copies) {
      builder.setInsertionPointToEnd(&run.getBody().front());
      auto body = [&](Frame &inner, Value row) {
        emitCopy(inner, plan.views.lookup(copy.source), copy.target, row);
        return success();
      };
      if (failed(rows(frame, run, copy.target.symbol, copy.target.columns, body)))
        return failure();
    }
    builder.setInsertionPointToEnd(&run.getBody().front());
    LLVM::ReturnOp::create(builder, function.getLoc(), ValueRange());
    workspace(ptr);
    function.erase();
    return success();
  }

private:
  LLVM::LLVMFuncOp create(const std::string &symbol, Type result, ArrayRef<Type> arguments) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(function);
    auto created =
        LLVM::LLVMFuncOp::create(builder, function.getLoc(), symbol, LLVM::LLVMFunctionType::get(result, arguments));
    created.addEntryBlock(builder);
    return created;
  }

  /// A task function over rows, and its call over all rows.
  LogicalResult rows(Frame &frame, LLVM::LLVMFuncOp run, int64_t symbol, int64_t columns,
                     llvm::function_ref<LogicalResult(Frame &, Value)> body) {
    MLIRContext *context = builder.getContext();
    Type ptr = frame.code.ptr, i64 = frame.code.i64;
    auto task = create(name + ".rows" + std::to_string(tasks++), LLVM::LLVMVoidType::get(context),
                       {ptr, i64, i64, frame.code.i32});
    task.setLinkage(LLVM::Linkage::Internal);
    LogicalResult result = success();
    {
      OpBuilder::InsertionGuard guard(builder);
      builder.setInsertionPointToEnd(&task.getBody().front());
      CodeBuilder code(builder, function.getLoc());
      Frame inner(code, plan, task.getArgument(0));
      code.loop(task.getArgument(1), task.getArgument(2), 1,
                [&](Value row) { result = failed(result) ? result : body(inner, row); });
      LLVM::ReturnOp::create(builder, function.getLoc(), ValueRange());
    }
    Value address = LLVM::AddressOfOp::create(builder, function.getLoc(), task);
    emitParallel(frame, address, frame.call, frame.rows(symbol), std::max<int64_t>(1, kGrainColumns / columns));
    return result;
  }

  /// Bytes of workspace for an array of symbols.
  void workspace(Type ptr) {
    auto size = create(name + ".workspace", builder.getI64Type(), {ptr});
    builder.setInsertionPointToEnd(&size.getBody().front());
    CodeBuilder code(builder, function.getLoc());
    Value bytes = code.index(0);
    for (auto [symbol, columns] : llvm::enumerate(plan.prefix(plan.slots.size())))
      if (columns != 0)
        bytes = code.add(bytes, code.mul(code.field(size.getArgument(0), symbol * 8, code.i64),
                                         code.index(columns * sizeof(float))));
    LLVM::ReturnOp::create(builder, function.getLoc(), bytes);
  }

  func::FuncOp function;
  OpBuilder &builder;
  FragmentPlan plan;
  std::string name;
  int64_t tasks = 0;
};

struct LowerFragments : impl::LowerFragmentsPassBase<LowerFragments> {
  void runOnOperation() override {
    OpBuilder builder(&getContext());
    for (auto function : llvm::make_early_inc_range(getOperation().getOps<func::FuncOp>()))
      if (function->hasAttr(kRole) && failed(FragmentLowering(function, builder).lower()))
        return signalPassFailure();
  }
};
} // namespace
} // namespace janus

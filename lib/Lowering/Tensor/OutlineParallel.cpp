#include "janus/Lowering/Passes.h"
#include "lib/Lowering/Fragments.h"

#include "janus/ABI/Program.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_OUTLINEPARALLELPASS
#include "lib/Lowering/Passes.h.inc"

namespace {

/// What a task reads of its surroundings: constants are made again, everything else travels in an array of 8-byte
/// words.
struct OutlineParallel : impl::OutlineParallelPassBase<OutlineParallel> {
  void runOnOperation() override {
    SmallVector<LLVM::LLVMFuncOp> functions(getOperation().getOps<LLVM::LLVMFuncOp>());
    for (LLVM::LLVMFuncOp function : functions) {
      SmallVector<scf::ForOp> loops;
      function.walk([&](scf::ForOp loop) {
        if (loop->hasAttr("janus.parallel"))
          loops.push_back(loop);
      });
      for (auto [index, loop] : llvm::enumerate(loops))
        if (failed(outline(function, loop, index)))
          return signalPassFailure();
    }
  }

  LogicalResult outline(LLVM::LLVMFuncOp function, scf::ForOp loop, size_t index) {
    if (loop.getNumResults() || loop->getParentOp() != function)
      return loop.emitOpError("expects a parallel loop without results at the top level of a function");
    llvm::SetVector<Value> used;
    getUsedValuesDefinedAbove(loop.getRegion(), loop.getRegion(), used);
    SmallVector<Value> captured;
    SmallVector<Operation *> constants;
    for (Value value : used) {
      Operation *definition = value.getDefiningOp();
      if (definition && definition->hasTrait<OpTrait::ConstantLike>())
        constants.push_back(definition);
      else
        captured.push_back(value);
    }

    OpBuilder b(function);
    b.setInsertionPointAfter(function);
    Location loc = loop.getLoc();
    Type pointer = LLVM::LLVMPointerType::get(b.getContext()), i64 = b.getI64Type(), i32 = b.getI32Type();
    Type nothing = LLVM::LLVMVoidType::get(b.getContext());
    auto task = LLVM::LLVMFuncOp::create(b, loc, (function.getName() + ".task" + Twine(index)).str(),
                                         LLVM::LLVMFunctionType::get(nothing, {pointer, i64, i64, i32}),
                                         LLVM::Linkage::Internal);
    if (Attribute role = function->getAttr(lowering::kRole))
      task->setAttr(lowering::kRole, role);
    Block *entry = task.addEntryBlock(b);
    b.setInsertionPointToStart(entry);
    IRMapping mapping;
    for (Operation *constant : constants)
      b.clone(*constant, mapping);
    auto word = [&](Value base, int64_t position) {
      return LLVM::GEPOp::create(b, loc, pointer, i64, base, ArrayRef<LLVM::GEPArg>{int32_t(position)});
    };
    for (auto [position, value] : llvm::enumerate(captured))
      mapping.map(value, LLVM::LoadOp::create(b, loc, value.getType(), word(entry->getArgument(0), position)));
    Value one = arith::ConstantIntOp::create(b, loc, i64, 1);
    auto inner = scf::ForOp::create(b, loc, entry->getArgument(1), entry->getArgument(2), one);
    mapping.map(loop.getInductionVar(), inner.getInductionVar());
    b.setInsertionPointToStart(inner.getBody());
    for (Operation &op : loop.getBody()->without_terminator())
      b.clone(op, mapping);
    b.setInsertionPointToEnd(entry);
    LLVM::ReturnOp::create(b, loc, ValueRange{});

    // The call: host->parallel(context, task, words, count, grain).
    b.setInsertionPointToStart(&function.getBody().front());
    Value size = LLVM::ConstantOp::create(b, loc, i64, std::max<int64_t>(1, captured.size()));
    Value words = LLVM::AllocaOp::create(b, loc, pointer, i64, size);
    b.setInsertionPoint(loop);
    for (auto [position, value] : llvm::enumerate(captured))
      LLVM::StoreOp::create(b, loc, value, word(words, position));
    auto field = [&](Value base, int64_t offset) {
      Value address =
          LLVM::GEPOp::create(b, loc, pointer, b.getI8Type(), base, ArrayRef<LLVM::GEPArg>{int32_t(offset)});
      return LLVM::LoadOp::create(b, loc, pointer, address).getResult();
    };
    Value call = function.getArgument(0), host = field(call, offsetof(abi::Call, host));
    Value count = arith::MaxSIOp::create(b, loc, loop.getUpperBound(), arith::ConstantIntOp::create(b, loc, i64, 0));
    Value grain =
        arith::ConstantIntOp::create(b, loc, i64, cast<IntegerAttr>(loop->getAttr("janus.parallel")).getInt());
    Value code = LLVM::AddressOfOp::create(b, loc, pointer, task.getName());
    auto type = LLVM::LLVMFunctionType::get(nothing, {pointer, pointer, pointer, i64, i64});
    LLVM::CallOp::create(b, loc, type,
                         ValueRange{field(host, offsetof(abi::Host, parallel)),
                                    field(call, offsetof(abi::Call, context)), code, words, count, grain});
    loop.erase();
    return success();
  }
};
} // namespace
} // namespace janus

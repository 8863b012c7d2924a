#include "dialects/onnx/IR/OnnxOps.h"
#include "janus/Import/Passes.h"
#include "mlir/IR/Builders.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_FOLDCASTS
#include "lib/Import/Passes.h.inc"

namespace {
/// Every f16 and every bf16 is an f32.
bool isExact(Type from, Type to) { return to.isF32() && (from.isF16() || from.isBF16()); }

struct FoldCastsPass : impl::FoldCastsBase<FoldCastsPass> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    SmallVector<onnx::CastOp> casts;
    getOperation().walk([&](onnx::CastOp op) { casts.push_back(op); });
    llvm::DenseMap<StringAttr, onnx::InitializerOp> widened;
    llvm::SetVector<Operation *> sources;
    for (onnx::CastOp cast : casts) {
      auto value = cast.getX().getDefiningOp<onnx::InitializerValueOp>();
      auto initializer = value ? symbols.lookup<onnx::InitializerOp>(value.getInitializer()) : nullptr;
      Type to = onnx::getElementType(&getContext(), cast.getTo());
      if (!initializer || !isa<onnx::RangeAttr>(initializer.getData()) || !to ||
          !isExact(value.getType().getElementType(), to))
        continue;
      auto type = RankedTensorType::get(value.getType().getShape(), to);
      onnx::InitializerOp &wide = widened[initializer.getSymNameAttr()];
      if (!wide) {
        OpBuilder builder(initializer);
        wide = onnx::InitializerOp::create(builder, initializer.getLoc(),
                                           builder.getStringAttr(initializer.getSymName() + ".as.f32"),
                                           TypeAttr::get(type), initializer.getData());
        symbols.insert(wide);
      }
      OpBuilder builder(cast);
      Value result =
          onnx::InitializerValueOp::create(builder, cast.getLoc(), type, FlatSymbolRefAttr::get(wide.getSymNameAttr()));
      cast.getY().replaceAllUsesWith(result);
      cast.erase();
      sources.insert(value);
    }
    llvm::DenseSet<StringAttr> used;
    for (Operation *value : sources)
      if (value->use_empty())
        value->erase();
    getOperation().walk([&](onnx::InitializerValueOp op) { used.insert(op.getInitializerAttr().getAttr()); });
    for (auto [name, wide] : widened)
      if (!used.contains(name))
        symbols.erase(symbols.lookup(name));
  }
};
} // namespace
} // namespace janus

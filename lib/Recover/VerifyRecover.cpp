#include "janus/Recover/Passes.h"
#include "lib/Recover/RowForm.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_VERIFYRECOVERPASS
#include "lib/Recover/Passes.h.inc"

namespace {

/// Entry `name` of a dictionary, -1 when it is missing.
int64_t entry(Attribute dictionary, StringRef name) {
  auto attribute = dyn_cast_or_null<DictionaryAttr>(dictionary);
  auto value = attribute ? attribute.getAs<IntegerAttr>(name) : IntegerAttr();
  return value ? value.getInt() : -1;
}

int64_t number(uint64_t attribute) { return static_cast<int64_t>(attribute); }

struct VerifyRecover : impl::VerifyRecoverPassBase<VerifyRecover> {
  using Base::Base;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto model = module->getAttrOfType<DictionaryAttr>(moe::kModelAttr);
    auto step = module.lookupSymbol<func::FuncOp>(moe::kStepFunction);
    if (!model) {
      if (step || !module.lookupSymbol<func::FuncOp>("main")) {
        module.emitError("expects a function @main and no @step in a module without ") << moe::kModelAttr;
        signalPassFailure();
      }
      return;
    }
    if (!step) {
      module.emitError("expects a function @step in a module with ") << moe::kModelAttr;
      return signalPassFailure();
    }
    bool ok = succeeded(verifySignature(step, model));
    ok &= succeeded(verifyBody(module, step, model));
    if (!ok)
      signalPassFailure();
  }

  LogicalResult verifySignature(func::FuncOp step, DictionaryAttr model) {
    Builder b(&getContext());
    Type ids = RankedTensorType::get({ShapedType::kDynamic}, b.getI32Type());
    Type logits = RankedTensorType::get({ShapedType::kDynamic, entry(model, "vocab")}, b.getF32Type());
    FunctionType expected = b.getFunctionType({ids, ids, ids}, logits);
    if (step.getFunctionType() != expected)
      return step.emitError("expects the step's type to be ") << expected << ", found " << step.getFunctionType();
    return success();
  }

  LogicalResult verifyBody(ModuleOp module, func::FuncOp step, DictionaryAttr model) {
    auto layers = model.getAs<ArrayAttr>("moe_layers"), caches = model.getAs<ArrayAttr>("kv_caches");
    if (!layers || !caches)
      return step.emitError("expects moe_layers and kv_caches in ") << moe::kModelAttr;
    int64_t states = 0, histories = 0;
    int64_t routers = 0, routes = 0, experts = 0, combines = 0, attentions = 0, selects = 0,
            context = entry(model, "context");
    bool ok = true;
    auto check = [&](bool holds, Operation &op, const Twine &what) {
      if (!holds)
        op.emitError() << what;
      ok &= holds;
    };
    auto layerAt = [&](int64_t i) { return i < static_cast<int64_t>(layers.size()) ? layers[i] : Attribute(); };
    auto cacheAt = [&](int64_t i) { return i < static_cast<int64_t>(caches.size()) ? caches[i] : Attribute(); };
    for (Operation &op : step.front()) {
      check(isa<moe::MoEDialect>(op.getDialect()) || isa<func::ReturnOp>(op), op,
            "expects only moe operators in @step");
      if (auto linear = dyn_cast<moe::LinearOp>(op)) {
        if (linear.getRouter())
          check(number(*linear.getLayer()) == routers++, op, "expects routers in order of layers, one a layer");
      } else if (auto route = dyn_cast<moe::RouteOp>(op)) {
        Attribute layer = layerAt(number(route.getLayer()));
        check(number(route.getLayer()) == routes++ && entry(layer, "k") == number(route.getK()) &&
                  entry(layer, "experts") == route.getLogits().getType().getShape()[1],
              op, "expects layers in order, with the experts and k that moe_layers states");
        auto router = route.getLogits().getDefiningOp<moe::LinearOp>();
        check(router && router.getRouter() && router.getLayer() == number(route.getLayer()), op,
              "expects the logits of this layer's router");
      } else if (auto expert = dyn_cast<moe::ExpertsOp>(op)) {
        Attribute layer = layerAt(number(expert.getLayer()));
        auto route = expert.getIds().getDefiningOp<moe::RouteOp>();
        check(number(expert.getLayer()) == experts++ &&
                  entry(layer, "experts") == expert.getGate().getType().getShape()[0],
              op, "expects layers in order, with the experts that moe_layers states");
        check(route && number(route.getLayer()) == number(expert.getLayer()) &&
                  expert.getWeights() == route.getWeights(),
              op, "expects ids and weights of this layer's route");
      } else if (auto combine = dyn_cast<moe::CombineOp>(op)) {
        auto expert = combine.getY().getDefiningOp<moe::ExpertsOp>();
        check(expert && number(expert.getLayer()) == combines++ && expert->hasOneUse(), op,
              "expects one combine of each layer's experts");
      } else if (auto attention = dyn_cast<moe::AttentionOp>(op)) {
        Attribute cache = cacheAt(number(attention.getCache()));
        check(number(attention.getCache()) == attentions++ &&
                  entry(cache, "kv_heads") == number(attention.getKvHeads()) &&
                  entry(cache, "head_dim") == number(attention.getHeadDim()) &&
                  entry(cache, "value_dim") == number(attention.getValueDim()) &&
                  entry(cache, "window") == number(attention.getWindow()),
              op, "expects caches in order, as kv_caches states them");
      } else if (auto rotary = dyn_cast<moe::RotaryOp>(op)) {
        check(rotary.getCos().getType().getShape()[0] >= context, op,
              "expects rotary tables of at least " + Twine(context) + " positions, the context");
      } else if (auto sequence = dyn_cast<moe::SequenceOp>(op)) {
        check(number(sequence.getState()) == states &&
                  (!sequence.getHistory() || number(*sequence.getHistory()) == histories),
              op, "expects states and histories of regions in order");
        auto function = module.lookupSymbol<func::FuncOp>(sequence.getCallee());
        states += function.getNumArguments() - sequence.getInputs().size();
        if (sequence.getHistory())
          histories += llvm::count_if(sequence.getInputs(), [](Value v) {
            auto type = cast<RankedTensorType>(v.getType());
            return type.getRank() && type.isDynamicDim(0);
          });
        function.walk([&](Operation *inner) {
          check(inner == function || isa<onnx::OnnxDialect>(inner->getDialect()) || isa<func::ReturnOp>(inner), *inner,
                "expects only onnx operators in a region's function");
        });
      } else if (auto select = dyn_cast<moe::SelectOp>(op)) {
        check(++selects == 1 && select.getWanted() == step.getArgument(recover::kWanted), op,
              "expects one selection, by the third argument");
      }
    }
    int64_t count = layers.size();
    if (routers != count || routes != count || experts != count || combines != count ||
        attentions != static_cast<int64_t>(caches.size()) || selects != 1)
      return step.emitError("expects ") << count << " MoE layers, " << caches.size()
                                        << " caches and one selection, found " << routers << " routers, " << routes
                                        << " routes, " << experts << " experts, " << combines << " combines, "
                                        << attentions << " attentions, " << selects << " selections";
    return success(ok);
  }
};
} // namespace
} // namespace janus

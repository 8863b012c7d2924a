#include "janus/Recover/Passes.h"
#include "lib/Recover/RowForm.h"

#include "llvm/ADT/MapVector.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_MERGELINEARSPASS
#include "lib/Recover/Passes.h.inc"

namespace {

int64_t rowsOf(Value weight) { return cast<RankedTensorType>(weight.getType()).getShape()[0]; }

struct MergeLinears : impl::MergeLinearsPassBase<MergeLinears> {
  using Base::Base;

  void runOnOperation() override {
    func::FuncOp step = recover::findCandidate(getOperation());
    if (!step)
      return;
    SymbolTable symbols(getOperation());
    auto viewsOf = [&](Value value) -> ArrayAttr {
      auto read = value ? value.getDefiningOp<moe::GetWeightOp>() : nullptr;
      auto weight = read ? symbols.lookup<moe::WeightOp>(read.getWeight()) : nullptr;
      return weight ? weight.getViewsAttr() : ArrayAttr();
    };
    // By input, presence of a bias and how the weight's numbers are stored, in program order.
    llvm::MapVector<std::tuple<Value, unsigned, Attribute>, SmallVector<moe::LinearOp>> groups;
    for (auto linear : step.front().getOps<moe::LinearOp>())
      if (!linear.getRouter() && !linear.getResidual() && viewsOf(linear.getWeight()) &&
          (!linear.getBias() || viewsOf(linear.getBias())))
        groups[{linear.getX(), linear.getBias() ? 1u : 0u, moe::blocksOf(linear.getWeight().getType())}].push_back(
            linear);
    for (auto &[key, linears] : groups)
      if (linears.size() > 1)
        merge(step, symbols, linears, viewsOf);
    recover::eraseDead(step);
  }

  void merge(func::FuncOp step, SymbolTable &symbols, ArrayRef<moe::LinearOp> linears,
             function_ref<ArrayAttr(Value)> viewsOf) {
    moe::LinearOp first = linears.front();
    OpBuilder builder(first);
    int64_t total = 0;
    for (moe::LinearOp linear : linears)
      total += rowsOf(linear.getWeight());
    // The parts' weights one after the other along dimension 0.
    auto concatenate = [&](function_ref<Value(moe::LinearOp)> part) {
      SmallVector<Attribute> views;
      SmallVector<Location> locations;
      for (moe::LinearOp linear : linears) {
        llvm::append_range(views, viewsOf(part(linear)));
        locations.push_back(part(linear).getLoc());
      }
      auto one = cast<RankedTensorType>(part(first).getType());
      SmallVector<int64_t> shape(one.getShape());
      shape[0] = total;
      auto type = RankedTensorType::get(shape, builder.getF32Type(), one.getEncoding());
      Location loc = builder.getFusedLoc(locations);
      OpBuilder top(step);
      auto weight = moe::WeightOp::create(top, loc, builder.getStringAttr("moe:merged"), TypeAttr::get(type),
                                          builder.getArrayAttr(views), ElementsAttr());
      return moe::GetWeightOp::create(builder, loc, type, FlatSymbolRefAttr::get(symbols.insert(weight))).getResult();
    };
    Value weight = concatenate([](moe::LinearOp linear) { return linear.getWeight(); });
    Value bias = first.getBias() ? concatenate([](moe::LinearOp linear) { return linear.getBias(); }) : Value();
    auto type = cast<RankedTensorType>(first.getResult().getType());
    auto merged = moe::LinearOp::create(builder, first.getLoc(),
                                        RankedTensorType::get({type.getShape()[0], total}, type.getElementType()),
                                        first.getX(), weight, bias, Value(), UnitAttr(), IntegerAttr());
    int64_t offset = 0;
    for (moe::LinearOp linear : linears) {
      Value columns = moe::ColumnsOp::create(builder, linear.getLoc(), linear.getResult().getType(), merged.getResult(),
                                             builder.getI64IntegerAttr(offset));
      offset += rowsOf(linear.getWeight());
      linear.getResult().replaceAllUsesWith(columns);
    }
    for (moe::LinearOp linear : linears)
      linear.erase();
  }
};
} // namespace
} // namespace janus

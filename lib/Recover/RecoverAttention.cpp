#include "janus/Recover/Passes.h"
#include "lib/Recover/Attention/AttentionCore.h"
#include "lib/Recover/Attention/ColumnMaker.h"
#include "lib/Recover/SingleTokens.h"

#include "mlir/IR/SymbolTable.h"

#include <cmath>
#include <numeric>

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_RECOVERATTENTIONPASS
#include "lib/Recover/Passes.h.inc"

namespace {

using recover::AttentionCore;
using recover::Column;
using recover::ColumnMaker;
using recover::ElementRef;
using recover::ModelInterface;
using recover::notRecovered;
using recover::Pick;
using recover::RowForm;

/// Heads as moe.attention wants them: columns in the query's order, heads that share keys and values side by side.
struct Heads {
  int64_t keyHeads = 0, headDim = 0;
  SmallVector<int64_t> order; // head order[i] of the graph comes i-th
  std::vector<Pick> q, k, v;
};

std::optional<Heads> orderHeads(const AttentionCore &core, ArrayRef<Pick> q, ArrayRef<Pick> k, ArrayRef<Pick> v) {
  struct Head {
    std::vector<Pick> q, k, v;
  };
  std::vector<Head> heads(core.heads);
  for (int64_t h = 0; h < core.heads; ++h) {
    ArrayRef<Pick> left = q.slice(h * core.headDim, core.headDim), right = k.slice(h * core.headDim, core.headDim);
    SmallVector<int64_t> columns;
    for (int64_t d = 0; d < core.headDim; ++d)
      if (left[d].source && right[d].source) // a product with zero adds nothing
        columns.push_back(d);
    llvm::stable_sort(columns, [&](int64_t a, int64_t b) { return left[a] < left[b]; });
    for (int64_t d : columns)
      heads[h].q.push_back(left[d]), heads[h].k.push_back(right[d]);
    heads[h].v = v.slice(h * core.valueDim, core.valueDim).vec();
    if (heads[h].q.size() != heads[0].q.size() || heads[h].q.empty())
      return std::nullopt;
  }
  // Groups of heads with equal keys and values, in order of appearance.
  std::map<std::pair<std::vector<Pick>, std::vector<Pick>>, unsigned> groups;
  SmallVector<SmallVector<int64_t>> members;
  for (int64_t h = 0; h < core.heads; ++h) {
    auto [it, added] = groups.try_emplace({heads[h].k, heads[h].v}, members.size());
    if (added)
      members.emplace_back();
    members[it->second].push_back(h);
  }
  Heads result;
  result.headDim = heads[0].q.size();
  if (!llvm::all_of(members, [&](const auto &group) { return group.size() == members[0].size(); })) {
    members.clear(); // some heads only share keys: each keeps its own
    for (int64_t h = 0; h < core.heads; ++h)
      members.push_back({h});
  }
  result.keyHeads = members.size();
  for (const auto &group : members) {
    llvm::append_range(result.k, heads[group[0]].k);
    llvm::append_range(result.v, heads[group[0]].v);
    for (int64_t h : group) {
      result.order.push_back(h);
      llvm::append_range(result.q, heads[h].q);
    }
  }
  return result;
}

struct RecoverAttention : impl::RecoverAttentionPassBase<RecoverAttention> {
  using Base::Base;

  void runOnOperation() override {
    func::FuncOp step = recover::findCandidate(getOperation());
    auto interface = step ? ModelInterface::read(step) : std::nullopt;
    if (!interface)
      return;
    rows.clear();
    recover::StoredNumbers numbers(modelDir);
    recover::KnownValues known(step, *interface, &numbers);
    recover::ColumnViews views(known, *interface);
    RowForm form(step);
    recover::PositionTables tables(form, recover::configuredContext(getOperation()).value_or(recover::kDefaultContext),
                                   numbers);
    recover::AttentionMatcher matcher(known, views, numbers, *interface);
    // No operator is erased before the end: what is known of values is kept by their addresses.
    int64_t cache = 0;
    SmallVector<Operation *> operators;
    for (Operation &op : step.front())
      operators.push_back(&op);
    for (Operation *op : operators)
      if (auto where = dyn_cast<onnx::WhereOp>(op)) // guards for rows without keys
        if (auto condition = known.constant(where.getCondition())) {
          Value chosen = *condition != 0 ? where.getX() : where.getY();
          if (chosen.getType() == where.getZ().getType())
            where.getZ().replaceAllUsesWith(chosen);
        }
    for (Operation *op : operators) {
      if (isa<onnx::SimplifiedLayerNormalizationOp, onnx::RMSNormalizationOp, onnx::LayerNormalizationOp>(op))
        makeHeadNorm(form, op, views, tables, *interface);
      if (!matcher.isCandidate(op))
        continue;
      views.clear();
      auto core = matcher.match(op);
      if (!core)
        (void)notRecovered(matcher.culprit, matcher.reason);
      else if (succeeded(rewrite(form, *core, views, tables, *interface, cache)))
        ++cache;
    }
    for (Operation *op : operators) {
      if (op->getNumResults() == 1 && !op->use_empty() && isMixing(op))
        makeRotation(form, op, views, tables, known, *interface);
      if (auto add = dyn_cast<onnx::AddOp>(op))
        embedPositions(form, add, views, tables, known, *interface);
    }
    recover::eraseDead(step);
    step->removeAttr(recover::kSlotsAttr);
  }

  LogicalResult rewrite(const RowForm &form, const AttentionCore &core, recover::ColumnViews &views,
                        recover::PositionTables &tables, const ModelInterface &interface, int64_t cache) {
    Operation *root = core.root;
    Location loc = root->getLoc();
    auto shape = core.mask;
    if (form.step()->hasAttr(recover::kSingleAttr))
      if (auto causal = recover::MaskShape::intersect(shape, recover::MaskShape::causal()))
        shape = *causal;
    auto mask = recover::asCausal(shape);
    if (!mask)
      return notRecovered(root, "its mask is none of a causal model: it shows " + recover::describe(core.mask));
    OpBuilder builder(root);
    ColumnMaker maker(builder, form, views, tables, rows);
    double scaleQ = 1, scaleK = 1, scaleV = 1;
    auto q = maker.resolve(loc, core.q, scaleQ);
    auto k = q ? maker.resolve(loc, core.k, scaleK) : std::nullopt;
    auto v = k ? maker.resolve(loc, core.v, scaleV) : std::nullopt;
    if (!v)
      return notRecovered(root, (!q ? "query: " : !k ? "key: " : "value: ") + maker.reason);
    auto heads = orderHeads(core, *q, *k, *v);
    if (!heads)
      return notRecovered(root, "its heads have different numbers of columns");
    float scale = roundScale(core.scale * scaleQ * scaleK, core.headDim);
    if (!std::isfinite(scale) || scale <= 0 || !(core.softcap >= 0))
      return notRecovered(root, "its scale is " + Twine(std::to_string(scale)));
    Value sinks = core.smooth || !core.sinks.empty() ? makeSinks(builder, form, core, *heads, tables) : Value();
    if ((core.smooth || !core.sinks.empty()) && !sinks)
      return notRecovered(root, "its sinks cannot be read");
    Value query = maker.arrange(loc, heads->q), key = query ? maker.arrange(loc, heads->k) : Value();
    Value value = key ? maker.arrange(loc, heads->v) : Value();
    if (!value)
      return notRecovered(root, maker.reason);
    if (scaleV != 1)
      value = moe::MapOp::create(
          builder, loc, value.getType(), value,
          builder.getArrayAttr({builder.getI64IntegerAttr(0), builder.getF32FloatAttr(static_cast<float>(scaleV)),
                                builder.getStringAttr("mul")}));
    Value y = moe::AttentionOp::create(
        builder, loc, form.rowsType(core.heads * core.valueDim), query, key, value, form.argument(recover::kPositions),
        sinks, builder.getI64IntegerAttr(cache), builder.getI64IntegerAttr(core.heads),
        builder.getI64IntegerAttr(heads->keyHeads), builder.getI64IntegerAttr(heads->headDim),
        builder.getI64IntegerAttr(core.valueDim), builder.getF32FloatAttr(scale),
        builder.getI64IntegerAttr(mask->window), builder.getF32FloatAttr(static_cast<float>(core.softcap)),
        builder.getI64IntegerAttr(mask->chunk));
    if (!llvm::is_sorted(heads->order)) { // back to the graph's order of heads
      SmallVector<int64_t> place(core.heads);
      for (auto [i, h] : llvm::enumerate(heads->order))
        place[h] = i;
      std::vector<Pick> picks;
      unsigned source = maker.addSource(y);
      for (int64_t h = 0; h < core.heads; ++h)
        for (int64_t d = 0; d < core.valueDim; ++d)
          picks.push_back({source, place[h] * core.valueDim + d});
      y = maker.arrange(loc, picks);
    }
    if (core.mask.positions != INT64_MAX)
      recover::limitPositions(form.step(), core.mask.positions);
    rows[core.output] = y;
    views.addBase(core.output, core.outputDims, core.heads * core.valueDim);
    settle(form, core.output, views, tables, interface);
    emitRemark(loc) << "attention " << cache << ": " << core.heads << " heads of " << heads->headDim << " and "
                    << core.valueDim << " columns, " << heads->keyHeads << " key heads, "
                    << recover::describe(core.mask);
    return success();
  }

  /// A factor that was split over query and key is put together again; what rounding left of 1 / sqrt(d) is that.
  static float roundScale(double scale, int64_t headDim) {
    float rounded = static_cast<float>(scale), usual = 1.0f / std::sqrt(static_cast<float>(headDim));
    return std::fabs(rounded - usual) <= 4 * std::numeric_limits<float>::epsilon() * usual ? usual : rounded;
  }

  Value makeSinks(OpBuilder &builder, const RowForm &form, const AttentionCore &core, const Heads &heads,
                  recover::PositionTables &tables) {
    auto type = RankedTensorType::get({core.heads}, builder.getF32Type());
    if (!core.smooth && llvm::is_sorted(heads.order))
      if (Value stored = storedSinks(builder, form, core))
        return stored;
    SmallVector<float> numbers(core.heads, 0.0f); // smooth softmax adds exp(0)
    for (auto [i, h] : llvm::enumerate(heads.order)) {
      auto number = core.smooth ? std::nullopt : recover::PositionFunction::compile(core.sinks[h], tables.numbers());
      if (!core.smooth && !number)
        return nullptr;
      numbers[i] = core.smooth ? 0.0f : static_cast<float>((*number)(0));
    }
    OpBuilder top(form.step());
    auto weight =
        moe::WeightOp::create(top, core.root->getLoc(), builder.getStringAttr("moe:sinks"), TypeAttr::get(type),
                              ArrayAttr(), DenseElementsAttr::get(type, ArrayRef(numbers)));
    StringAttr symbol = form.symbols().insert(weight);
    return moe::GetWeightOp::create(builder, core.root->getLoc(), type, FlatSymbolRefAttr::get(symbol));
  }

  /// Sinks that are the numbers of one tensor, in order.
  Value storedSinks(OpBuilder &builder, const RowForm &form, const AttentionCore &core) {
    for (auto [h, sink] : llvm::enumerate(core.sinks)) {
      if (sink->kind != recover::Element::Kind::kStored || sink->tensor != core.sinks[0]->tensor)
        return nullptr;
      int64_t at = 0;
      for (auto [index, extent] : llvm::zip(sink->index, cast<RankedTensorType>(sink->tensor.getType()).getShape()))
        at = at * extent + index.constant().value_or(INT32_MIN);
      if (at != static_cast<int64_t>(h))
        return nullptr;
    }
    auto weight = form.trace(core.sinks[0]->tensor);
    auto vector =
        weight && llvm::product_of(weight->shape()) == core.heads ? weight->reshape({core.heads}) : std::nullopt;
    return vector ? vector->materialise(builder, form.symbols()) : Value();
  }

  /// From the attention's result on, to values that hold one row a token.
  void settle(const RowForm &form, Value output, recover::ColumnViews &views, recover::PositionTables &tables,
              const ModelInterface &interface) {
    SmallVector<Value> work = {output};
    llvm::DenseSet<Value> seen;
    while (!work.empty()) {
      Value value = work.pop_back_val();
      if (!seen.insert(value).second)
        continue;
      const recover::ColumnView *view = views.view(value);
      if (view && recover::rowMajorParts(value.getType(), interface)) {
        OpBuilder builder(&getContext());
        builder.setInsertionPointAfterValue(rows.lookup(output));
        ColumnMaker maker(builder, form, views, tables, rows);
        if (Value made = maker.make(value.getLoc(), view->columns)) {
          value.replaceAllUsesWith(form.fromRows(builder, made, value.getType()));
          continue;
        }
      }
      for (Operation *user : value.getUsers())
        if (isa<onnx::ReshapeOp, onnx::TransposeOp, onnx::SqueezeOp, onnx::UnsqueezeOp, onnx::FlattenOp,
                onnx::IdentityOp, onnx::CastOp, onnx::WhereOp, onnx::SliceOp, onnx::SplitOp>(user))
          llvm::append_range(work, user->getResults());
        else if (!isa<onnx::IsNaNOp, onnx::ShapeOp>(user))
          (void)notRecovered(user, "works on heads of attention before they are put side by side");
    }
  }

  /// A norm of heads that were moved or turned before: of what they are in row form. Those of rows as they are
  /// `janus-recover-norms` takes.
  void makeHeadNorm(const RowForm &form, Operation *op, recover::ColumnViews &views, recover::PositionTables &tables,
                    const ModelInterface &interface) {
    Value x = op->getOperand(0), y = op->getResult(0);
    int64_t rank = cast<RankedTensorType>(x.getType()).getRank(),
            axis = op->getAttrOfType<IntegerAttr>("axis").getInt();
    if ((axis != -1 && axis != rank - 1) || recover::rowMajorParts(x.getType(), interface) ||
        !recover::isEpsilon(op->getAttrOfType<FloatAttr>("epsilon")) ||
        llvm::any_of(op->getResults().drop_front(), [](Value v) { return !v.use_empty(); }))
      return;
    views.clear();
    const recover::ColumnView *view = views.view(x);
    int64_t group = view ? recover::strideOf(view->dims, rank - 1).count : 0;
    auto scale = form.trace(onnx::getInput(op, 1));
    Value shift = isa<onnx::LayerNormalizationOp>(op) ? onnx::getInput(op, 2) : Value();
    auto bias = shift ? form.trace(shift) : std::nullopt;
    auto isVector = [&](const recover::StoredWeight &w) { return llvm::product_of(w.shape()) == group; };
    if (!view || !recover::countsColumns(view->dims.back()) || !scale || !isVector(*scale) ||
        (shift && (!bias || !isVector(*bias))))
      return;
    recover::Parts dims = view->dims;
    int64_t columns = view->columns.size();
    OpBuilder builder(op);
    ColumnMaker maker(builder, form, views, tables, rows);
    Value made = maker.make(op->getLoc(), view->columns);
    if (!made)
      return;
    auto vector = [&](const recover::StoredWeight &w) {
      return w.reshape({group})->materialise(builder, form.symbols());
    };
    rows[y] = moe::NormOp::create(
        builder, op->getLoc(), form.rowsType(columns),
        moe::NormKindAttr::get(&getContext(),
                               isa<onnx::LayerNormalizationOp>(op) ? moe::NormKind::layer : moe::NormKind::rms),
        made, vector(*scale), bias ? vector(*bias) : Value(), op->getAttrOfType<FloatAttr>("epsilon"),
        builder.getI64IntegerAttr(group == columns ? 0 : group));
    views.addBase(y, dims, columns);
  }

  static bool isMixing(Operation *op) {
    return isa<onnx::ReshapeOp, onnx::SqueezeOp, onnx::UnsqueezeOp, onnx::ConcatOp, onnx::AddOp, onnx::SubOp,
               onnx::MulOp, onnx::TransposeOp, onnx::RotaryEmbeddingOp, onnx::MicrosoftRotaryEmbeddingOp>(op);
  }

  /// Rotations that no attention has taken: those in front of a norm.
  void makeRotation(const RowForm &form, Operation *op, recover::ColumnViews &views, recover::PositionTables &tables,
                    recover::KnownValues &known, const ModelInterface &interface) {
    Value value = op->getResult(0);
    if (known.find(value) || !recover::rowMajorParts(value.getType(), interface))
      return;
    views.clear();
    const recover::ColumnView *view = views.view(value);
    if (!view || llvm::none_of(view->columns, [](const Column &column) {
          return llvm::any_of(column, [](const recover::ColumnTerm &term) { return term.factor != nullptr; });
        }))
      return;
    // Only where something else than a view reads it.
    auto endsHere = [&](Operation *user) {
      if (!isMixing(user) || user->getNumResults() != 1)
        return true;
      const recover::ColumnView *next = views.view(user->getResult(0));
      return !next ||
             (recover::ColumnViews::isBase(*next) && views.base(next->columns[0][0].base) == user->getResult(0));
    };
    if (llvm::none_of(op->getUsers(), endsHere))
      return;
    OpBuilder builder(&getContext());
    builder.setInsertionPointAfter(op);
    ColumnMaker maker(builder, form, views, tables, rows);
    if (Value made = maker.make(op->getLoc(), view->columns))
      value.replaceAllUsesWith(form.fromRows(builder, made, value.getType()));
  }

  /// Rows of a table by position, added to every sequence.
  void embedPositions(const RowForm &form, onnx::AddOp add, recover::ColumnViews &views,
                      recover::PositionTables &tables, recover::KnownValues &known, const ModelInterface &interface) {
    auto parts = recover::rowMajorParts(add.getC().getType(), interface);
    bool first = known.find(add.getA()) != nullptr;
    const recover::Known *table = known.find(first ? add.getA() : add.getB());
    auto columns = form.columns(add.getC().getType());
    if (!parts || !table || !columns || known.find(add.getC()))
      return;
    std::vector<ElementRef> factors;
    for (int64_t i = 0; i < *columns; ++i) {
      factors.push_back(views.factor(*table, *parts, i));
      if (!factors.back() || factors.back()->type != recover::ElementType::kReal || !factors.back()->dependsOn(".q"))
        return;
    }
    OpBuilder builder(add);
    Value weight = tables.make(builder, add.getLoc(), factors, 1);
    if (!weight)
      return;
    Value embedded = moe::EmbeddingOp::create(builder, add.getLoc(), form.rowsType(*columns),
                                              form.argument(recover::kPositions), weight);
    add->setOperand(first ? 0 : 1, form.fromRows(builder, embedded, add.getC().getType()));
  }

  llvm::DenseMap<Value, Value> rows; // row forms of attention results
};
} // namespace
} // namespace janus

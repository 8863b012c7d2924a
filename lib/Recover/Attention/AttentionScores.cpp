// Attention written out: from the product with the values back to the product of queries and keys.
#include "lib/Recover/Attention/AttentionCore.h"

using namespace mlir;

namespace janus::recover {

using onnx::SymExpr;

namespace {

bool isLast(Operation *op, int64_t axis, Value x) {
  int64_t rank = cast<RankedTensorType>(x.getType()).getRank();
  return axis == -1 || axis == rank - 1;
}

/// Number of heads that leading dimensions count, and of each of their dimensions.
int64_t countHeads(ArrayRef<int64_t> counts) {
  int64_t result = 1;
  for (int64_t count : counts)
    result *= count;
  return result;
}

/// Leading dimensions of two operands, broadcast: counts of heads in each, and the result's parts.
struct Leading {
  SmallVector<int64_t> a, b, both;
  Parts parts;
};
std::optional<Leading> broadcastLeading(const Parts &a, const Parts &b) {
  Leading result;
  size_t rank = std::max(a.size(), b.size()) - 2;
  for (size_t d = 0; d < rank; ++d) {
    auto partsOf = [&](const Parts &x) -> SmallVector<Part, 2> {
      size_t missing = rank - (x.size() - 2);
      return d < missing ? SmallVector<Part, 2>() : x[d - missing];
    };
    SmallVector<Part, 2> left = partsOf(a), right = partsOf(b);
    auto count = [](ArrayRef<Part> parts) {
      int64_t n = 1;
      for (const Part &part : parts)
        n *= part.kind == Part::kColumns ? part.extent : 1;
      return n;
    };
    auto rows = [](ArrayRef<Part> parts) {
      return llvm::any_of(parts, [](const Part &part) { return part.kind == Part::kToken; });
    };
    auto batches = [](ArrayRef<Part> parts) {
      return llvm::count_if(parts, [](const Part &part) { return part.kind == Part::kBatch; });
    };
    if (rows(left) || rows(right) || batches(left) != batches(right) ||
        (count(left) != count(right) && count(left) != 1 && count(right) != 1))
      return std::nullopt;
    result.a.push_back(count(left)), result.b.push_back(count(right));
    result.both.push_back(std::max(count(left), count(right)));
    result.parts.push_back(count(left) >= count(right) ? left : right);
  }
  return result;
}

/// The head of an operand with `counts` heads by dimension that broadcasting pairs with head `h` of `both`.
int64_t headOf(int64_t h, ArrayRef<int64_t> counts, ArrayRef<int64_t> both) {
  int64_t result = 0, stride = 1;
  for (int64_t d = static_cast<int64_t>(both.size()) - 1; d >= 0; --d) {
    result += (counts[d] == 1 ? 0 : h % both[d]) * stride;
    h /= both[d];
    stride *= counts[d];
  }
  return result;
}

bool isTokens(ArrayRef<Part> parts) { return parts.size() == 1 && parts[0].kind == Part::kToken; }
bool isKeys(ArrayRef<Part> parts) { return parts.size() == 1 && parts[0].kind == Part::kKey; }

} // namespace

std::nullopt_t AttentionMatcher::fail(Operation *op, const Twine &why) {
  if (!culprit) {
    culprit = op;
    reason = why.str();
  }
  return std::nullopt;
}

bool AttentionMatcher::isCandidate(Operation *op) const {
  if (isa<onnx::GroupQueryAttentionOp, onnx::MultiHeadAttentionOp, onnx::AttentionOp>(op))
    return true;
  if (!isa<onnx::MatMulOp, onnx::FusedMatMulOp>(op) || known_.find(op->getOperand(0)) || known_.find(op->getOperand(1)))
    return false;
  auto a = onnx::getDims(op->getOperand(0).getType()), b = onnx::getDims(op->getOperand(1).getType());
  return a && b && a->size() > 2 && b->size() > 2 && a->back() == interface_.sequence &&
         (*a)[a->size() - 2] == interface_.sequence;
}

std::optional<AttentionCore> AttentionMatcher::match(Operation *op) {
  culprit = nullptr;
  reason.clear();
  if (auto attention = dyn_cast<onnx::GroupQueryAttentionOp>(op))
    return matchGroupQuery(attention);
  if (auto attention = dyn_cast<onnx::MultiHeadAttentionOp>(op))
    return matchMultiHead(attention);
  if (auto attention = dyn_cast<onnx::AttentionOp>(op))
    return matchStandard(attention);
  return matchProduct(op);
}

std::optional<AttentionCore> AttentionMatcher::matchProduct(Operation *op) {
  if (auto fused = dyn_cast<onnx::FusedMatMulOp>(op))
    if (fused.getTransA() || fused.getTransB() || fused.getTransBatchA() || fused.getTransBatchB() ||
        !fused.getAlpha().isExactlyValue(1))
      return fail(op, "transposes or scales its operands");
  auto scores = probabilities(op->getOperand(0));
  if (!scores)
    return std::nullopt;
  if (!isKeys(scores->dims.back()))
    return fail(op, "multiplies values by probabilities with sinks among them");
  const ColumnView *v = views_.view(op->getOperand(1));
  if (!v)
    return fail(views_.culprit, views_.reason);
  Parts dims = v->dims;
  if (dims.size() < 2 || !isTokens(dims[dims.size() - 2]) || !countsColumns(dims.back()))
    return fail(op, "expects values [.., keys, columns]");
  auto leading = broadcastLeading(scores->dims, dims);
  if (!leading)
    return fail(op, "the heads of its operands do not fit");
  AttentionCore core;
  core.root = op, core.output = op->getResult(0);
  core.heads = countHeads(leading->both), core.headDim = scores->headDim;
  core.valueDim = strideOf(dims, dims.size() - 1).count;
  for (int64_t h = 0; h < core.heads; ++h) {
    int64_t left = headOf(h, leading->a, leading->both), right = headOf(h, leading->b, leading->both);
    auto take = [](std::vector<Column> &to, const std::vector<Column> &from, int64_t head, int64_t width) {
      to.insert(to.end(), from.begin() + head * width, from.begin() + (head + 1) * width);
    };
    take(core.q, scores->q, left, core.headDim);
    take(core.k, scores->k, left, core.headDim);
    take(core.v, v->columns, right, core.valueDim);
    if (!scores->sinks.empty())
      core.sinks.push_back(scores->sinks[left]);
  }
  core.outputDims = leading->parts;
  core.outputDims.push_back({Part{Part::kToken}});
  core.outputDims.push_back({Part{Part::kColumns, core.valueDim}});
  core.scale = scores->tanh ? scores->scale * scores->post : scores->scale;
  core.softcap = scores->tanh ? scores->post : 0;
  core.mask = scores->mask;
  if (core.sinks.empty())
    sinkGate(core, *scores);
  return core;
}

void AttentionMatcher::sinkGate(AttentionCore &core, const Scores &scores) {
  auto product = core.output.hasOneUse() ? dyn_cast<onnx::MulOp>(*core.output.getUsers().begin()) : onnx::MulOp();
  if (!product || product.getC().getType() != core.output.getType() || scores.heads != core.heads)
    return;
  auto behind = [](Value value) {
    while (Operation *op = value.getDefiningOp()) {
      if (!isa<onnx::ReshapeOp, onnx::SqueezeOp, onnx::UnsqueezeOp, onnx::IdentityOp, onnx::CastOp>(op))
        break;
      value = op->getOperand(0);
    }
    return value;
  };
  Value gate = product.getA() == core.output ? product.getB() : product.getA();
  auto extents = onnx::getDims(gate.getType()), made = onnx::getDims(core.output.getType());
  auto sigmoid = behind(gate).getDefiningOp<onnx::SigmoidOp>();
  auto less = sigmoid ? behind(sigmoid.getX()).getDefiningOp<onnx::SubOp>() : onnx::SubOp();
  auto sum = less ? behind(less.getA()).getDefiningOp<onnx::ReduceLogSumExpOp>() : onnx::ReduceLogSumExpOp();
  const Known *sinks = less ? known_.find(less.getB()) : nullptr;
  auto from = sum ? onnx::getDims(less.getA().getType()) : std::nullopt;
  // One number for each head and token, [.., tokens] or [.., tokens, 1]; the gate as [.., tokens, 1] in each case.
  Parts dims(scores.dims.begin(), scores.dims.end() - 1);
  if (!sinks || !from || sum.getX() != scores.normalised || !extents || !made || extents->size() != dims.size() + 1 ||
      extents->size() != made->size() || !extents->back().isConstant(1))
    return;
  for (size_t d = 0; d + 1 < made->size(); ++d)
    if ((*extents)[d] != (*made)[d])
      return;
  if (from->size() == dims.size() + 1 && from->back().isConstant(1))
    dims.push_back({});
  if (from->size() != dims.size())
    return;
  std::optional<SmallVector<int64_t>> axes = known_.integers(onnx::getInput(sum, 1));
  if (auto given = sum->getAttrOfType<DenseI64ArrayAttr>("axes"))
    axes = llvm::to_vector(given.asArrayRef());
  int64_t rank = scores.dims.size();
  if (!axes || axes->size() != 1 || (axes->front() != -1 && axes->front() != rank - 1))
    return;
  SmallVector<ElementRef> numbers;
  for (int64_t h = 0; h < core.heads; ++h) {
    ElementRef sink = views_.factor(*sinks, dims, h);
    if (!sink || sink->type != ElementType::kReal || !sink->symbols.empty())
      return;
    numbers.push_back(sink);
  }
  core.sinks = numbers;
  core.output = product.getC();
}

std::optional<AttentionMatcher::Scores> AttentionMatcher::probabilities(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return fail(value.getParentBlock()->getParentOp(), "probabilities are an input");
  if (auto softmax = dyn_cast<onnx::SoftmaxOp>(op)) {
    if (!isLast(op, softmax.getAxis(), softmax.getX()))
      return fail(op, "is not over the keys");
    auto result = scores(softmax.getX());
    if (result)
      result->normalised = softmax.getX();
    return result;
  }
  if (isa<onnx::IdentityOp, onnx::CastOp, onnx::DropoutOp>(op))
    return probabilities(op->getOperand(0));
  if (isa<onnx::ReshapeOp, onnx::SqueezeOp, onnx::UnsqueezeOp>(op)) {
    auto result = probabilities(op->getOperand(0));
    return result && regroupScores(*result, value) ? result : std::nullopt;
  }
  if (auto where = dyn_cast<onnx::WhereOp>(op)) {
    // A row sees itself, so that its probabilities are numbers.
    if (auto condition = known_.constant(where.getCondition()))
      return probabilities(*condition != 0 ? where.getX() : where.getY());
    if (where.getCondition().getDefiningOp<onnx::IsNaNOp>() && known_.find(where.getX()))
      return probabilities(where.getY());
    return fail(op, "chooses probabilities by a condition that is not known");
  }
  if (auto slice = dyn_cast<onnx::SliceOp>(op)) {
    auto result = probabilities(slice.getX());
    if (!result)
      return std::nullopt;
    auto starts = known_.integers(slice.getStarts()), axes = known_.integers(slice.getAxes());
    auto dims = onnx::getDims(value.getType());
    int64_t last = result->dims.size() - 1;
    if (result->sinks.empty() || !isKeys(ArrayRef(result->dims.back()).take_front(1)) || !starts ||
        starts->size() != 1 || starts->front() != 0 || !axes || axes->size() != 1 ||
        (axes->front() != -1 && axes->front() != last) || !dims || dims->back() != interface_.sequence)
      return fail(op, "cuts keys");
    result->dims.back().assign(1, Part{Part::kKey});
    return result;
  }
  return fail(op, "stands between the softmax and the product with the values");
}

bool AttentionMatcher::regroupScores(Scores &scores, Value result) {
  Operation *op = result.getDefiningOp();
  auto extents = onnx::getDims(result.getType());
  auto dims = extents ? regroup(scores.dims, *extents, interface_) : std::nullopt;
  if (!dims || dims->size() < 2 || !isTokens((*dims)[dims->size() - 2]) || !isKeys(dims->back())) {
    (void)fail(op, "tears tokens and keys of scores apart");
    return false;
  }
  scores.dims = *dims;
  return true;
}

std::optional<AttentionMatcher::Scores> AttentionMatcher::scores(Value value) {
  Operation *op = value.getDefiningOp();
  if (!op)
    return fail(value.getParentBlock()->getParentOp(), "scores are an input");
  auto known = [&](unsigned i) { return known_.find(op->getOperand(i)) != nullptr; };
  if (isa<onnx::MatMulOp>(op) && !known(0) && !known(1))
    return product(op, op->getOperand(0), op->getOperand(1), false, 1);
  if (auto fused = dyn_cast<onnx::FusedMatMulOp>(op);
      fused && !fused.getTransA() && !fused.getTransBatchA() && !fused.getTransBatchB() && !known(0) && !known(1))
    return product(op, fused.getA(), fused.getB(), fused.getTransB() != 0, fused.getAlpha().convertToDouble());
  if (isa<onnx::IdentityOp, onnx::CastOp, onnx::DropoutOp>(op))
    return scores(op->getOperand(0));
  if (isa<onnx::ReshapeOp, onnx::SqueezeOp, onnx::UnsqueezeOp, onnx::ExpandOp>(op)) {
    auto result = scores(op->getOperand(0));
    return result && regroupScores(*result, value) ? result : std::nullopt;
  }
  if (isa<onnx::MulOp, onnx::DivOp>(op) && (known(1) || (known(0) && isa<onnx::MulOp>(op)))) {
    bool second = known(1);
    auto result = scores(op->getOperand(second ? 0 : 1));
    auto factor = known_.constant(op->getOperand(second ? 1 : 0));
    if (!result)
      return std::nullopt;
    if (!factor || *factor == 0)
      return fail(op, "scales scores by what is not one number");
    return scaleBy(*result, isa<onnx::DivOp>(op) ? 1 / *factor : *factor, op) ? result : std::nullopt;
  }
  if (isa<onnx::TanhOp>(op)) {
    auto result = scores(op->getOperand(0));
    if (result && (result->tanh || result->masked || !result->sinks.empty()))
      return fail(op, "caps scores that are capped or masked already");
    if (result)
      result->tanh = true;
    return result;
  }
  if (isa<onnx::AddOp>(op) && (known(0) || known(1))) {
    auto result = scores(op->getOperand(known(1) ? 0 : 1));
    return result && mask(*result, op->getOperand(known(1) ? 1 : 0), op) ? result : std::nullopt;
  }
  if (auto where = dyn_cast<onnx::WhereOp>(op)) {
    bool hidesFirst = known_.find(where.getX()) != nullptr;
    auto result = scores(hidesFirst ? where.getY() : where.getX());
    const Known *condition = known_.find(where.getCondition());
    auto fill = known_.constant(hidesFirst ? where.getX() : where.getY());
    if (!result)
      return std::nullopt;
    if (!condition || !fill || *fill > kHidden)
      return fail(op, "chooses scores by a condition that is not known, or hides keys behind no large number");
    known_.pool().setExtents({});
    return mask(*result, where.getCondition(), op) ? result : std::nullopt;
  }
  if (auto sub = dyn_cast<onnx::SubOp>(op))
    if (auto most = sub.getB().getDefiningOp<onnx::ReduceMaxOp>(); most && most.getX() == sub.getA())
      return scores(sub.getA()); // the softmax is that of the scores themselves
  if (auto concat = dyn_cast<onnx::ConcatOp>(op)) {
    auto result = concat->getNumOperands() == 2 ? scores(concat->getOperand(0)) : std::nullopt;
    return result && addSinks(*result, concat) ? result : std::nullopt;
  }
  return fail(op, "stands between the scores and their softmax");
}

std::optional<AttentionMatcher::Scores> AttentionMatcher::product(Operation *op, Value a, Value b, bool transposed,
                                                                  double alpha) {
  const ColumnView *q = views_.view(a);
  const ColumnView *k = q ? views_.view(b) : nullptr;
  if (!k)
    return fail(views_.culprit ? views_.culprit : op, views_.reason);
  if (q->dims.size() < 2 || k->dims.size() < 2)
    return fail(op, "multiplies vectors");
  ArrayRef<Part> tokens = q->dims[q->dims.size() - 2], width = q->dims.back();
  ArrayRef<Part> keys = k->dims[k->dims.size() - (transposed ? 2 : 1)];
  ArrayRef<Part> depth = k->dims[k->dims.size() - (transposed ? 1 : 2)];
  if (!isTokens(tokens) || !countsColumns(width) || !isTokens(keys) || !countsColumns(depth))
    return fail(op, "is no product of queries [.., tokens, columns] and keys [.., columns, tokens]");
  auto leading = broadcastLeading(q->dims, k->dims);
  if (!leading)
    return fail(op, "the heads of its operands do not fit");
  Scores result;
  result.heads = countHeads(leading->both);
  result.headDim = strideOf(q->dims, q->dims.size() - 1).count;
  for (int64_t h = 0; h < result.heads; ++h) {
    int64_t left = headOf(h, leading->a, leading->both), right = headOf(h, leading->b, leading->both);
    auto take = [&](std::vector<Column> &to, const std::vector<Column> &from, int64_t head) {
      to.insert(to.end(), from.begin() + head * result.headDim, from.begin() + (head + 1) * result.headDim);
    };
    take(result.q, q->columns, left);
    take(result.k, k->columns, right);
  }
  result.dims = leading->parts;
  result.dims.push_back({Part{Part::kToken}});
  result.dims.push_back({Part{Part::kKey}});
  result.scale = alpha;
  return result;
}

bool AttentionMatcher::scaleBy(Scores &scores, double factor, Operation *op) {
  if (scores.masked || !scores.sinks.empty()) {
    (void)fail(op, "scales scores that are masked already");
    return false;
  }
  (scores.tanh ? scores.post : scores.scale) *= factor;
  return true;
}

bool AttentionMatcher::mask(Scores &scores, Value mask, Operation *op) {
  const Known &known = *known_.find(mask);
  bool additive = isa<onnx::AddOp>(op);
  if (!scores.sinks.empty() || known.dims.size() > scores.dims.size()) {
    (void)fail(op, "masks sinks");
    return false;
  }
  SmallVector<SymExpr> index;
  size_t shift = scores.dims.size() - known.dims.size();
  for (unsigned d = 0; d < known.dims.size(); ++d) {
    size_t at = d + shift;
    index.push_back(known.dims[d].isConstant(1)    ? SymExpr(0)
                    : at + 2 == scores.dims.size() ? SymExpr::symbol(kQuerySymbol)
                    : at + 1 == scores.dims.size() ? SymExpr::symbol(kKeySymbol)
                                                   : indexSymbol(d));
  }
  ElementPool &pool = known_.pool();
  pool.setExtents(known.dims);
  pool.setExtent(kQuerySymbol, interface_.sequence);
  pool.setExtent(kKeySymbol, interface_.sequence);
  ElementRef element = known_.at(known, index);
  if (!additive && element) {
    auto where = cast<onnx::WhereOp>(op);
    if (known_.find(where.getX())) // true: hidden
      element = pool.apply(ElementFn::kNot, {element});
  }
  return intersect(scores, element, op);
}

bool AttentionMatcher::intersect(Scores &scores, ElementRef element, Operation *op) {
  std::string why = "it is not known";
  auto shape = element ? readMask(element, known_.pool(), numbers_, why) : std::nullopt;
  auto both = shape ? MaskShape::intersect(scores.mask, *shape) : std::nullopt;
  if (!both) {
    (void)fail(op, "its mask is none of a causal model: " + (shape ? std::string("two kinds of chunks") : why));
    return false;
  }
  scores.mask = *both;
  scores.masked = true;
  return true;
}

bool AttentionMatcher::addSinks(Scores &scores, onnx::ConcatOp op) {
  Value value = op->getOperand(1);
  const Known *sinks = known_.find(value);
  auto dims = onnx::getDims(value.getType());
  if (!isLast(op, op.getAxis(), value) || !sinks || !dims || !dims->back().isConstant(1) || !scores.sinks.empty() ||
      dims->size() != scores.dims.size()) {
    (void)fail(op, "puts columns behind scores that are no constant sinks");
    return false;
  }
  for (int64_t h = 0; h < scores.heads; ++h) {
    ElementRef sink = views_.factor(*sinks, scores.dims, h);
    if (!sink || sink->type != ElementType::kReal || !sink->symbols.empty()) {
      (void)fail(op, "its sinks are not one number a head");
      return false;
    }
    scores.sinks.push_back(sink);
  }
  scores.dims.back().push_back({Part::kColumns, 1}); // keys and one more
  return true;
}

} // namespace janus::recover

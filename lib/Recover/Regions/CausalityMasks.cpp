// What is one number behind the query, and what operators make of it.
#include "lib/Recover/Attention/MaskShape.h"
#include "lib/Recover/Regions/Causality.h"

using namespace mlir;

namespace janus::recover {

using onnx::Dims;
using onnx::SymExpr;

namespace {

bool movesElements(Operation *op) {
  return isa<onnx::ReshapeOp, onnx::TransposeOp, onnx::SqueezeOp, onnx::UnsqueezeOp, onnx::FlattenOp, onnx::ExpandOp,
             onnx::IdentityOp, onnx::CastOp, onnx::SplitOp, onnx::GatherOp>(op);
}

/// f(0) = 0
bool keepsZero(Operation *op) {
  return isa<onnx::ReluOp, onnx::NegOp, onnx::AbsOp, onnx::SqrtOp, onnx::TanhOp, onnx::ErfOp, onnx::SinOp>(op);
}

} // namespace

/// The cut of a known value that is broadcast to a result: behind the query it is one number.
std::optional<Cut> Causality::cutOfKnown(Value value, const Dims &result) {
  const Known *known = known_.find(value);
  if (!known || known->dims.size() < 2)
    return std::nullopt;
  ElementPool &pool = known_.pool();
  pool.setExtents(result);
  ElementRef element = known_.broadcast(*known, result);
  if (!element)
    return std::nullopt;
  const std::string behind = ".behind";
  pool.setExtent(behind, interface_.sequence);
  for (unsigned query = 0; query < result.size(); ++query)
    for (unsigned key = 0; key < result.size(); ++key) {
      if (query == key || !element->dependsOn(indexName(query)) || !element->dependsOn(indexName(key)) ||
          result[query] != interface_.sequence || result[key] != interface_.sequence)
        continue;
      ElementPool::Substitution later = {{indexName(key), indexSymbol(query) + SymExpr(1) + SymExpr::symbol(behind)}};
      ElementRef there = pool.substitute(element, later);
      auto number = there ? there->constant() : std::nullopt;
      if (!number)
        continue;
      bool truth = there->type == ElementType::kTruth;
      if (*number == 0)
        return Cut{query, key, 0, Cut::kZero};
      if (!truth && *number <= kHidden)
        return Cut{query, key, 0, Cut::kHidden};
    }
  return std::nullopt;
}

std::optional<Cut> Causality::cutOf(Operation *op, unsigned operand, unsigned result) {
  Value value = onnx::getInput(op, operand);
  Dims out = onnx::getDims(onnx::getOutput(op, result).getType()).value_or(Dims());
  if (!value)
    return std::nullopt;
  if (!reach_.contains(value))
    return isa<onnx::ConcatOp>(op) ? cutOfKnown(value, onnx::getDims(value.getType()).value_or(Dims()))
                                   : cutOfKnown(value, out);
  auto cut = reach(value).cut;
  if (!cut)
    return std::nullopt;
  if (isa<onnx::ConcatOp>(op))
    return cut;
  Dims in = dims(value), inside = dims(onnx::getOutput(op, result));
  auto groups = cast<onnx::ShapeInterface>(op).getRowEffect(operand, result);
  auto query = target(groups, cut->query, in, inside), key = target(groups, cut->key, in, inside);
  if (!query || !key)
    return std::nullopt;
  return Cut{*query, *key, cut->shift, cut->fill};
}

/// What an elementwise operator makes of the number behind the query.
std::optional<Cut> Causality::cutOfResult(Operation *op, unsigned result) {
  auto with = [&](unsigned operand, Cut::Fill fill) -> std::optional<Cut> {
    auto cut = cutOf(op, operand, result);
    return cut && cut->fill == fill ? cut : std::nullopt;
  };
  if (movesElements(op))
    return cutOf(op, 0, result);
  if (keepsZero(op))
    return with(0, Cut::kZero);
  if (isa<onnx::ExpOp>(op)) {
    auto cut = with(0, Cut::kHidden);
    if (cut)
      cut->fill = Cut::kZero;
    return cut;
  }
  if (isa<onnx::MulOp, onnx::AndOp>(op)) {
    auto cut = with(0, Cut::kZero);
    return cut ? cut : with(1, Cut::kZero);
  }
  if (isa<onnx::DivOp>(op))
    return with(0, Cut::kZero);
  if (isa<onnx::AddOp>(op)) {
    auto cut = with(0, Cut::kHidden);
    return cut ? cut : with(1, Cut::kHidden);
  }
  if (auto where = dyn_cast<onnx::WhereOp>(op))
    return branchCut(where);
  if (auto lower = dyn_cast<onnx::TriluOp>(op); lower && !lower.getUpper()) {
    auto diagonal = lower.getK() ? known_.constant(lower.getK()) : std::optional(0.0);
    Dims out = dims(op->getResult(0));
    unsigned rank = out.size();
    if (diagonal && rank >= 2 && counts(out[rank - 1]) && out[rank - 1] == out[rank - 2])
      return Cut{rank - 2, rank - 1, static_cast<int64_t>(*diagonal), Cut::kZero};
  }
  return std::nullopt;
}

/// Where(mask, x, number) and its mirror.
std::optional<Cut> Causality::branchCut(onnx::WhereOp op) {
  Dims out = onnx::getDims(op.getZ().getType()).value_or(Dims());
  const Known *known = known_.find(op.getCondition());
  if (!known)
    return std::nullopt;
  ElementPool &pool = known_.pool();
  pool.setExtents(out);
  ElementRef element = known_.broadcast(*known, out);
  pool.setExtent(".behind", interface_.sequence);
  for (unsigned query = 0; element && query < out.size(); ++query)
    for (unsigned key = 0; key < out.size(); ++key) {
      if (query == key || !element->dependsOn(indexName(query)) || !element->dependsOn(indexName(key)) ||
          out[query] != interface_.sequence || out[key] != interface_.sequence)
        continue;
      ElementRef there =
          pool.substitute(element, {{indexName(key), indexSymbol(query) + SymExpr(1) + SymExpr::symbol(".behind")}});
      auto truth = there ? there->constant() : std::nullopt;
      auto number = truth ? known_.constant(*truth != 0 ? op.getX() : op.getY()) : std::nullopt;
      if (number && *number == 0)
        return Cut{query, key, 0, Cut::kZero};
      if (number && *number <= kHidden)
        return Cut{query, key, 0, Cut::kHidden};
    }
  return std::nullopt;
}

} // namespace janus::recover

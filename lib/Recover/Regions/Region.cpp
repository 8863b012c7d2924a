#include "lib/Recover/Regions/Region.h"

#include "lib/Recover/Regions/States.h"
#include "lib/Recover/RowAnalysis.h"

#include "mlir/Transforms/RegionUtils.h"

using namespace mlir;

namespace janus::recover {

using onnx::SymExpr;

namespace {

constexpr size_t kMaxOperators = 1u << 14; // of one region

bool readsSizes(Operation *op) { return isa<onnx::ShapeOp, onnx::SizeOp>(op); }

} // namespace

SmallVector<Value> usedValues(Operation *op) {
  SmallVector<Value> values(op->getOperands());
  if (op->getNumRegions()) {
    llvm::SetVector<Value> captured;
    getUsedValuesDefinedAbove(op->getRegions(), captured);
    llvm::append_range(values, captured);
  }
  return values;
}

RegionFinder::RegionFinder(const RowForm &form, const ModelInterface &interface, const KnownValues &known, bool whole)
    : form_(form), interface_(interface), known_(known), whole_(whole), rows_(interface.batch * interface.sequence) {
  func::FuncOp step = form.step();
  for (BlockArgument argument : step.getArguments())
    data_.insert(argument);
  for (Operation &op : step.front())
    if (!readsSizes(&op) && llvm::any_of(usedValues(&op), [&](Value v) { return data_.contains(v); }))
      data_.insert_range(op.getResults());
}

bool RegionFinder::isRows(Type type) const {
  auto tensor = dyn_cast<RankedTensorType>(type);
  auto dims = onnx::getDims(type);
  if (!tensor || !dims || !tensor.getElementType().isF32() || !form_.columns(type))
    return false;
  SymExpr size(1);
  unsigned d = 0;
  for (; d < dims->size() && size != rows_; ++d)
    size = size * (*dims)[d];
  return size == rows_ && d > 0 &&
         llvm::all_of(llvm::drop_begin(*dims, d), [](const SymExpr &dim) { return dim.constant().has_value(); });
}

/// Does the contract say what the value is, for a function that is given these rows?
bool RegionFinder::isSettled(Value value) const {
  const Known *known = known_.find(value);
  if (!known || whole_)
    return known != nullptr;
  // Not where it stands in the sequence.
  auto placeless = [&](ElementRef element) {
    if (!element)
      return false;
    for (auto [d, dim] : llvm::enumerate(known->dims))
      if (!dim.constant() && element->dependsOn(indexName(d)))
        return false;
    auto past = interface_.past.asSymbol(), sequence = interface_.sequence.asSymbol();
    return (!past || !element->dependsOn(*past)) && (!sequence || !element->dependsOn(*sequence));
  };
  return known->element ? placeless(known->element) : llvm::all_of(known->items, placeless);
}

EdgeKind RegionFinder::edge(Value value) const {
  if (auto argument = dyn_cast<BlockArgument>(value); argument && inputRole(argument) == "state")
    return EdgeKind::kState;
  if (!data_.contains(value) && !isa_and_nonnull<UnrealizedConversionCastOp>(value.getDefiningOp()))
    return EdgeKind::kConstant;
  if (BlockArgument argument = traceArgument(value)) {
    auto dims = onnx::getDims(value.getType());
    SymExpr size(1);
    for (const SymExpr &dim : dims.value_or(onnx::Dims()))
      size = size * dim;
    bool ids = argument == form_.tokens();
    if (dims && size == rows_ && (ids || (!whole_ && inputRole(argument) == "positions")))
      return ids ? EdgeKind::kIds : EdgeKind::kPositions;
  }
  if (isSettled(value))
    return EdgeKind::kConstant;
  return isRows(value.getType()) ? EdgeKind::kRows : EdgeKind::kInner;
}

bool RegionFinder::fail(Operation *op, const Twine &why) {
  culprit = op, reason = why.str();
  return false;
}

Operation *RegionFinder::outermost(Operation *op) const {
  func::FuncOp step = form_.step();
  return step.front().findAncestorOpInBlock(*op);
}

bool RegionFinder::add(Region &region, Operation *op, Operation *because) {
  if (!isa<onnx::OnnxDialect>(op->getDialect()))
    return fail(because, "is computed together with " + op->getName().getStringRef().str() +
                             ", which is recovered: no cut between them is rows");
  if (region.operators.size() >= kMaxOperators)
    return fail(because, "stands among more than " + Twine(kMaxOperators) + " operators that no cut by rows divides");
  region.operators.insert(op);
  return true;
}

/// Whoever computes or uses what is no edge, until every edge is one.
bool RegionFinder::addNeighbours(Region &region) {
  for (size_t i = 0; i < region.operators.size(); ++i) {
    Operation *op = region.operators[i];
    for (Value value : usedValues(op)) {
      if (edge(value) != EdgeKind::kInner)
        continue;
      Operation *producer = value.getDefiningOp();
      if (!producer)
        return fail(op, "reads input " + Twine(cast<BlockArgument>(value).getArgNumber() - kStepArguments) +
                            " of the model, of type " + describeType(value.getType()) + ", which is no rows");
      if (!add(region, producer, op))
        return false;
    }
    for (Value result : op->getResults()) {
      EdgeKind kind = edge(result);
      if (kind != EdgeKind::kInner)
        continue;
      for (Operation *user : result.getUsers()) {
        Operation *outer = outermost(user);
        if (gone.contains(outer) || readsSizes(outer) || region.operators.contains(outer))
          continue;
        if (outer->hasTrait<OpTrait::IsTerminator>()) {
          if (!isStateType(result.getType()))
            return fail(op,
                        "its result, of type " + describeType(result.getType()) + ", is one of the model and no rows");
          continue;
        }
        if (!add(region, outer, op))
          return false;
      }
    }
  }
  return true;
}

/// No way leads out of the region and in again: what lies on it belongs to the region.
bool RegionFinder::close(Region &region, bool crossed, bool &added) {
  func::FuncOp step = form_.step();
  llvm::DenseSet<Operation *> behind; // outside, computed from the region
  SmallVector<Operation *> work;
  size_t left = region.operators.size();
  for (Operation &op : step.front()) {
    bool inside = region.operators.contains(&op);
    if (inside && left-- == 0)
      break;
    for (Value value : usedValues(&op)) {
      Operation *producer = value.getDefiningOp();
      if (!producer || readsSizes(&op))
        continue;
      bool fromBehind = behind.contains(producer);
      if (inside && fromBehind)
        work.push_back(producer);
      else if (!inside && !gone.contains(&op) && (fromBehind || region.operators.contains(producer)))
        behind.insert(&op);
    }
    if (left == 0 && inside)
      break;
  }
  llvm::SetVector<Operation *> between;
  while (!work.empty()) {
    Operation *op = work.pop_back_val();
    if (region.operators.contains(op) || !between.insert(op))
      continue;
    for (Value value : usedValues(op))
      if (Operation *producer = value.getDefiningOp(); producer && behind.contains(producer))
        work.push_back(producer);
  }
  auto isOfGraph = [](Operation *op) { return isa<onnx::OnnxDialect>(op->getDialect()); };
  region.crossed = crossed && !llvm::all_of(between, isOfGraph);
  if (region.crossed)
    return true;
  for (Operation *op : between)
    if (!add(region, op, region.operators.front()))
      return false;
  added |= !between.empty();
  return true;
}

std::optional<Region> RegionFinder::grow(ArrayRef<Operation *> seeds, bool crossed) {
  Region region;
  for (Operation *seed : seeds)
    if (!add(region, outermost(seed), seed))
      return std::nullopt;
  for (bool added = true; added;) {
    added = false;
    if (!addNeighbours(region) || !close(region, crossed, added))
      return std::nullopt;
  }
  auto list = region.operators.takeVector();
  llvm::sort(list, [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  region.operators.insert_range(list);
  for (Operation *op : region.operators) {
    for (Value value : usedValues(op)) {
      if (region.operators.contains(value.getDefiningOp()))
        continue;
      EdgeKind kind = edge(value);
      if (kind == EdgeKind::kState)
        region.states.insert(cast<BlockArgument>(value));
      else if (kind != EdgeKind::kConstant)
        region.inputs.insert(value);
    }
    for (Value result : op->getResults())
      for (Operation *user : result.getUsers()) {
        Operation *outer = outermost(user);
        if (edge(result) == EdgeKind::kRows && !region.operators.contains(outer) && !gone.contains(outer) &&
            !readsSizes(outer))
          region.outputs.insert(result);
      }
  }
  return region;
}

Region sliceFor(const Region &region, Value output) {
  Region slice;
  llvm::DenseSet<Operation *> needed;
  SmallVector<Operation *> work{output.getDefiningOp()};
  while (!work.empty()) {
    Operation *op = work.pop_back_val();
    if (!region.operators.contains(op) || !needed.insert(op).second)
      continue;
    for (Value value : usedValues(op))
      if (Operation *producer = value.getDefiningOp())
        work.push_back(producer);
  }
  slice.outputs.insert(output);
  for (Operation *op : region.operators)
    if (needed.contains(op)) {
      slice.operators.insert(op);
      for (Value value : usedValues(op))
        if (region.inputs.contains(value))
          slice.inputs.insert(value);
    }
  return slice;
}

} // namespace janus::recover

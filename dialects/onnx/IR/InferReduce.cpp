// Shapes and values of operators that fold or select along dimensions.
#include "dialects/onnx/IR/Infer.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringExtras.h"
#include <map>

using namespace mlir;

namespace janus::onnx {
namespace {
/// The value of a reduction over a known list, for the operators that shape arithmetic uses.
void reduceValues(Operation *op, ShapeContext &c, Value x) {
  auto values = c.values(x);
  if (!values || values->empty())
    return;
  SymExpr total = (*values)[0];
  for (const SymExpr &value : llvm::drop_begin(*values)) {
    if (isa<ReduceSumOp>(op))
      total = total + value;
    else if (isa<ReduceProdOp>(op))
      total = total * value;
    else if (isa<ReduceMaxOp>(op))
      total = SymExpr::max(total, value);
    else if (isa<ReduceMinOp>(op))
      total = SymExpr::min(total, value);
    else
      return;
  }
  if (isa<ReduceSumOp, ReduceProdOp, ReduceMaxOp, ReduceMinOp>(op))
    c.setValues(op->getResult(0), total);
}

/// Labels of one term of an Einsum equation: letters, and '.' for each dimension of an ellipsis, of which `rank` has
/// what the letters leave.
FailureOr<SmallVector<std::string>> labelsOf(Operation *op, StringRef term, size_t rank) {
  SmallVector<std::string> labels;
  size_t letters = llvm::count_if(term, [](char c) { return llvm::isAlpha(c); });
  bool ellipsis = false;
  for (size_t i = 0; i < term.size(); ++i) {
    if (term.substr(i).starts_with("...") && !ellipsis && letters <= rank) {
      ellipsis = true;
      for (size_t k = rank - letters; k > 0; --k) // aligned at the end, as broadcasting does
        labels.push_back("." + std::to_string(k));
      i += 2;
    } else if (llvm::isAlpha(term[i])) {
      labels.push_back(std::string(1, term[i]));
    } else {
      return op->emitOpError() << "expects an equation of letters, '...', ',' and '->', found '" << term << "'";
    }
  }
  if (labels.size() != rank)
    return op->emitOpError() << "expects as many labels as dimensions, found '" << term << "' for rank " << rank;
  return labels;
}
} // namespace

FailureOr<EinsumLabels> einsumLabels(Operation *op, ArrayRef<size_t> ranks) {
  std::string equation = cast<EinsumOp>(op).getEquation().str();
  llvm::erase(equation, ' ');
  auto [left, right] = StringRef(equation).split("->");
  SmallVector<StringRef> terms;
  left.split(terms, ',');
  if (terms.size() != ranks.size())
    return op->emitOpError() << "expects as many terms as inputs, found " << terms.size() << " and " << ranks.size();
  EinsumLabels result;
  std::map<std::string, int> uses;
  for (auto [term, rank] : llvm::zip(terms, ranks)) {
    auto labels = labelsOf(op, term, rank);
    if (failed(labels))
      return failure();
    for (const std::string &label : *labels)
      ++uses[label];
    result.inputs.push_back(*labels);
  }
  std::string wanted = right.str();
  size_t dots = llvm::count_if(uses, [](const auto &use) { return use.first[0] == '.'; });
  if (!StringRef(equation).contains("->")) { // implicit: the ellipsis, then the letters used once in order
    wanted = dots ? "..." : "";
    for (const auto &[label, count] : uses)
      if (label[0] != '.' && count == 1)
        wanted += label;
  }
  size_t letters = llvm::count_if(wanted, [](char c) { return llvm::isAlpha(c); });
  auto output = labelsOf(op, wanted, letters + (StringRef(wanted).contains("...") ? dots : 0));
  if (failed(output))
    return failure();
  result.output = *output;
  for (auto [i, label] : llvm::enumerate(result.output))
    if (!uses.contains(label) || llvm::is_contained(ArrayRef(result.output).take_front(i), label))
      return op->emitOpError() << "expects each label of the result once in it and in an input, found '" << label
                               << "'";
  return result;
}

LogicalResult inferEinsum(Operation *op, ShapeContext &c) {
  SmallVector<size_t> ranks;
  for (Value input : op->getOperands()) {
    ranks.push_back(c.dims(input)->size());
    if (c.element(input) != c.element(op->getOperand(0)))
      return op->emitOpError() << "expects inputs of one element type, found " << c.element(op->getOperand(0))
                               << " and " << c.element(input);
  }
  if (ranks.empty())
    return op->emitOpError() << "expects at least one input";
  auto labels = einsumLabels(op, ranks);
  if (failed(labels))
    return failure();
  std::map<std::string, SymExpr> extents;
  for (auto [input, names] : llvm::zip(op->getOperands(), labels->inputs)) {
    Dims dims = *c.dims(input);
    for (auto [name, dim] : llvm::zip(names, dims)) {
      auto [entry, fresh] = extents.try_emplace(name, dim);
      auto joined = broadcastDim(op, c, entry->second, dim);
      if (failed(joined))
        return failure();
      entry->second = *joined;
    }
  }
  Dims out;
  for (const std::string &name : labels->output)
    out.push_back(extents.at(name));
  c.set(op->getResult(0), c.element(op->getOperand(0)), out);
  return success();
}

LogicalResult inferReduce(Operation *op, ShapeContext &c) {
  Value x = getInput(op, 0), axesInput = getInput(op, 1);
  Dims dims = *c.dims(x);
  bool keep = op->getAttrOfType<IntegerAttr>("keepdims").getInt();
  bool noop = op->getAttrOfType<IntegerAttr>("noop_with_empty_axes").getInt();
  SmallVector<int64_t> axes;
  if (auto attribute = op->getAttrOfType<DenseI64ArrayAttr>("axes"))
    axes.assign(attribute.asArrayRef().begin(), attribute.asArrayRef().end());
  if (axesInput) {
    auto known = c.constants(axesInput);
    if (!known) { // which dimensions are left is known only at run time
      auto count = listLength(op, c, axesInput, "axes");
      if (failed(count))
        return failure();
      int64_t rank = dims.size();
      if (*count > rank)
        return op->emitOpError() << "expects at most " << rank << " axes, found " << *count;
      SymExpr bound = product(dims);
      c.set(op->getResult(0), c.element(x), freshDims(c, "reduce", keep ? rank : rank - *count, bound));
      return success();
    }
    axes = *known;
  }
  if (axes.empty() && !noop)
    for (size_t i = 0; i < dims.size(); ++i)
      axes.push_back(i);
  SmallVector<bool> reduced(dims.size());
  for (int64_t axis : axes) {
    auto position = normalizeAxis(op, axis, dims.size());
    if (failed(position))
      return failure();
    reduced[*position] = true;
  }
  Dims result;
  for (size_t i = 0; i < dims.size(); ++i)
    if (!reduced[i])
      result.push_back(dims[i]);
    else if (keep)
      result.push_back(SymExpr(1));
  c.set(op->getResult(0), c.element(x), result);
  if (dims.empty() || (dims.size() == 1 && reduced[0]))
    reduceValues(op, c, x);
  return success();
}

LogicalResult inferArgReduce(Operation *op, ShapeContext &c) {
  Value x = getInput(op, 0);
  Dims dims = *c.dims(x);
  auto axis = normalizeAxis(op, op->getAttrOfType<IntegerAttr>("axis").getInt(), dims.size());
  if (failed(axis))
    return failure();
  if (dims[*axis].isConstant(0))
    return op->emitOpError() << "expects at least one element along axis " << *axis;
  if (op->getAttrOfType<IntegerAttr>("keepdims").getInt())
    dims[*axis] = SymExpr(1);
  else
    dims.erase(dims.begin() + *axis);
  c.set(op->getResult(0), IntegerType::get(op->getContext(), 64), dims);
  return success();
}

LogicalResult inferTopK(Operation *op, ShapeContext &c) {
  auto topk = cast<TopKOp>(op);
  Dims dims = *c.dims(topk.getX());
  auto axis = normalizeAxis(op, topk.getAxis(), dims.size());
  if (failed(axis))
    return failure();
  auto k = c.values(topk.getK());
  SymExpr extent = k && k->size() == 1 ? (*k)[0] : c.fresh("topk", dims[*axis]);
  if (extent.constant() && dims[*axis].constant() && *extent.constant() > *dims[*axis].constant())
    return op->emitOpError() << "expects k of at most " << dims[*axis].str() << ", found " << extent.str();
  dims[*axis] = extent;
  c.set(topk.getValues(), c.element(topk.getX()), dims);
  c.set(topk.getIndices(), IntegerType::get(op->getContext(), 64), dims);
  return success();
}
} // namespace janus::onnx

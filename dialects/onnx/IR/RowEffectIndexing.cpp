// Which dimensions pass unmixed through operators that select, scatter or contract by name.
#include "dialects/onnx/IR/Infer.h"

using namespace mlir;

namespace janus::onnx {
namespace {
DimGroup one(unsigned from, unsigned to) { return {from, from + 1, to, to + 1}; }
bool all(unsigned) { return true; }
int64_t axisOf(Operation *op, int64_t rank) { return fromFront(op->getAttrOfType<IntegerAttr>("axis").getInt(), rank); }
Groups firstOnly(Operation *op, unsigned operand, unsigned result) {
  return operand ? Groups() : between(op, operand, result, all);
}
} // namespace

Groups rowsCastLike(Operation *op, unsigned operand, unsigned result) { return firstOnly(op, operand, result); }
Groups rowsDropout(Operation *op, unsigned operand, unsigned result) { return firstOnly(op, operand, result); }
Groups rowsTrilu(Operation *op, unsigned operand, unsigned result) { return firstOnly(op, operand, result); }

Groups rowsArgReduce(Operation *op, unsigned operand, unsigned result) {
  unsigned rank = dimsOf(getInput(op, 0)).size(), axis = axisOf(op, rank);
  bool keep = op->getAttrOfType<IntegerAttr>("keepdims").getInt();
  Groups groups;
  for (unsigned i = 0; i < rank; ++i)
    if (i != axis)
      groups.push_back(one(i, i - (i > axis && !keep)));
  return groups;
}

Groups rowsGatherND(Operation *op, unsigned operand, unsigned result) {
  auto gather = cast<GatherNDOp>(op);
  Dims data = dimsOf(gather.getData()), indices = dimsOf(gather.getIndices());
  unsigned batch = gather.getBatchDims(), picked = indices.size() - 1, tuple = *indices.back().constant();
  Groups groups;
  for (unsigned i = 0; i < (operand ? picked : batch); ++i)
    groups.push_back(one(i, i));
  for (unsigned i = batch + tuple; !operand && i < data.size(); ++i)
    groups.push_back(one(i, picked + i - batch - tuple));
  return groups;
}

Groups rowsScatterElements(Operation *op, unsigned operand, unsigned result) {
  int64_t axis = axisOf(op, dimsOf(getInput(op, 0)).size());
  return between(op, operand, result, [&](unsigned i) { return operand == 0 || i != axis; });
}

Groups rowsScatterND(Operation *op, unsigned operand, unsigned result) {
  if (operand == 0)
    return between(op, operand, result, all);
  Dims data = dimsOf(getInput(op, 0)), indices = dimsOf(getInput(op, 1));
  unsigned listed = indices.size() - 1, tuple = *indices.back().constant();
  Groups groups;
  for (unsigned i = tuple; operand == 2 && i < data.size(); ++i)
    groups.push_back(one(listed + i - tuple, i));
  return groups;
}

Groups rowsTensorScatter(Operation *op, unsigned operand, unsigned result) {
  if (operand == 2)
    return {one(0, 0)};
  int64_t axis = axisOf(op, dimsOf(getInput(op, 0)).size());
  return between(op, operand, result, [&](unsigned i) { return operand == 0 || i != axis; });
}

Groups rowsOneHot(Operation *op, unsigned operand, unsigned result) {
  Groups groups;
  unsigned rank = dimsOf(getInput(op, 0)).size(), axis = axisOf(op, rank + 1);
  for (unsigned i = 0; operand == 0 && i < rank; ++i)
    groups.push_back(one(i, i + (i >= axis)));
  return groups;
}

Groups rowsCompress(Operation *op, unsigned operand, unsigned result) {
  auto given = cast<CompressOp>(op).getAxis();
  if (operand || !given)
    return {};
  int64_t axis = fromFront(*given, dimsOf(getInput(op, 0)).size());
  return between(op, operand, result, [&](unsigned i) { return i != axis; });
}

// A label that an operand has once and the result has too.
Groups rowsEinsum(Operation *op, unsigned operand, unsigned result) {
  SmallVector<size_t> ranks;
  for (Value input : op->getOperands())
    ranks.push_back(dimsOf(input).size());
  auto labels = einsumLabels(op, ranks);
  if (failed(labels))
    return {};
  Dims in = dimsOf(op->getOperand(operand)), out = dimsOf(op->getResult(0));
  Groups groups;
  for (auto [i, label] : llvm::enumerate(labels->inputs[operand])) {
    const auto *found = llvm::find(labels->output, label);
    if (found == labels->output.end() || llvm::count(labels->inputs[operand], label) != 1)
      continue;
    unsigned j = found - labels->output.begin();
    if (in[i] == out[j])
      groups.push_back(one(i, j));
  }
  return groups;
}

Groups rowsConv(Operation *op, unsigned operand, unsigned result) { return {one(0, operand ? 1 : 0)}; }

Groups rowsCausalConv(Operation *op, unsigned operand, unsigned result) {
  if (operand == 1 || operand == 2)
    return result ? Groups() : Groups{one(0, 1)};
  return {one(0, 0), one(1, 1)};
}

Groups rowsMatMulNBits(Operation *op, unsigned operand, unsigned result) {
  unsigned last = dimsOf(getInput(op, 0)).size() - 1;
  return operand ? Groups() : between(op, operand, result, [&](unsigned i) { return i != last; });
}

Groups rowsGatherBlockQuantized(Operation *op, unsigned operand, unsigned result) {
  unsigned rank = dimsOf(getInput(op, 0)).size(), indices = dimsOf(getInput(op, 1)).size(),
           axis = fromFront(cast<GatherBlockQuantizedOp>(op).getGatherAxis(), rank);
  Groups groups;
  for (unsigned i = 0; operand == 1 && i < indices; ++i)
    groups.push_back(one(i, axis + i));
  return groups;
}
} // namespace janus::onnx

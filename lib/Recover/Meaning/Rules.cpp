#include "lib/Recover/Meaning/Rules.h"

#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace janus::recover {

OperatorRules::Rule OperatorRules::ruleFor(StringRef name) {
  using R = OperatorRules;
  static const llvm::StringMap<Rule> rules = {
      {"Identity", &R::pass},
      {"Shape", &R::shape},
      {"Size", &R::shape},
      {"Cast", &R::elementwise},
      {"Clip", &R::clip},
      {"Min", &R::variadic},
      {"Max", &R::variadic},
      {"Sum", &R::variadic},
      {"Where", &R::where},
      {"Swish", &R::activation},
      {"Gelu", &R::activation},
      {"FastGelu", &R::activation},
      {"QuickGelu", &R::activation},
      {"Reshape", &R::reshape},
      {"Squeeze", &R::reshape},
      {"Unsqueeze", &R::reshape},
      {"Flatten", &R::reshape},
      {"Transpose", &R::transpose},
      {"Expand", &R::expand},
      {"Tile", &R::tile},
      {"Concat", &R::concat},
      {"Split", &R::split},
      {"Slice", &R::slice},
      {"MatMul", &R::matmul},
      {"MatMulNBits", &R::matmulNBits},
      {"Gemm", &R::gemm},
      {"Einsum", &R::einsum},
      {"ReduceSum", &R::reduce},
      {"ReduceMax", &R::reduce},
      {"ReduceMin", &R::reduce},
      {"ReduceMean", &R::reduce},
      {"ReduceL1", &R::reduce},
      {"ReduceL2", &R::reduce},
      {"ReduceSumSquare", &R::reduce},
      {"ReduceLogSum", &R::reduce},
      {"ReduceLogSumExp", &R::reduce},
      {"Softmax", &R::softmax},
      {"LogSoftmax", &R::softmax},
      {"Gather", &R::gather},
      {"GatherND", &R::gatherNd},
      {"GatherElements", &R::gatherElements},
      {"ScatterElements", &R::scatterElements},
      {"ScatterND", &R::scatterNd},
      {"TopK", &R::topK},
      {"ArgMax", &R::argMax},
      {"OneHot", &R::oneHot},
      {"NonZero", &R::nonZero},
      {"Range", &R::range},
      {"CumSum", &R::cumSum},
      {"ConstantOfShape", &R::constantOfShape},
      {"MoE", &R::fusedMoE},
      {"QMoE", &R::fusedMoE},
  };
  auto it = rules.find(name);
  return it == rules.end() ? nullptr : it->second;
}

bool OperatorRules::run() {
  if (!isa<onnx::OnnxDialect>(op_->getDialect()))
    return false;
  if (Rule rule = ruleFor(op_->getName().stripDialect()))
    return (this->*rule)();
  return functionOf(op_) ? elementwise() : fail("it is not looked into");
}

bool OperatorRules::fail(const Twine &reason) {
  if (reason_.empty())
    reason_ = reason.str();
  return false;
}

bool OperatorRules::set(unsigned result, Meaning meaning) {
  Value value = onnx::getOutput(op_, result);
  if (!value)
    return true;
  if (!rowDims_.empty()) {
    meaning.axes.erase(meaning.axes.begin());
    meaning.axes.insert(meaning.axes.begin(), rowDims_.begin(), rowDims_.end());
  }
  meaning.axes = space_.resolveAll(meaning.axes);
  if (hasDuplicates(meaning.axes))
    return fail("two of its dimensions run together");
  in_.record(value, std::move(meaning));
  return true;
}

bool OperatorRules::hasDuplicates(ArrayRef<Dim> axes) const {
  Dim flat;
  for (Var var : space_.flat(axes)) {
    const PairList *list = space_.list(var);
    Dim bound = list ? space_.resolve(list->covers) : Dim();
    flat.push_back(var);
    flat.append(bound);
  }
  llvm::sort(flat);
  return std::adjacent_find(flat.begin(), flat.end()) != flat.end();
}

int64_t OperatorRules::attribute(StringRef name, int64_t otherwise) const {
  auto value = op_->getAttrOfType<IntegerAttr>(name);
  return value ? value.getInt() : otherwise;
}

std::optional<int64_t> OperatorRules::axisOf(StringRef name, int64_t otherwise, int64_t rank) const {
  int64_t axis = attribute(name, otherwise);
  axis = axis < 0 ? axis + rank : axis;
  return axis >= 0 && axis < rank ? std::optional(axis) : std::nullopt;
}

ArrayRef<Extent> OperatorRules::outExtents(unsigned i) const {
  Value value = onnx::getOutput(op_, i);
  auto extents = value ? space_.extents(value.getType()) : std::nullopt;
  return extents ? *extents : ArrayRef<Extent>();
}

std::optional<SmallVector<double>> OperatorRules::numbersOf(unsigned index) {
  if (auto numbers = constantNumbers(operand(index)))
    return numbers;
  auto extents = space_.extents(operand(index).getType());
  if (!extents || extents->size() > 1)
    return std::nullopt;
  T term = in(index).term;
  auto count = extents->empty() ? std::optional<int64_t>(1) : space_.constant((*extents)[0]);
  if (!count || *count > 64)
    return std::nullopt;
  if (term->kind == Term::kNumber)
    return SmallVector<double>(*count, term->number);
  SmallVector<double> result;
  for (T operand : term->operands)
    if (term->kind == Term::kFamily && operand->kind == Term::kNumber)
      result.push_back(operand->number);
  return static_cast<int64_t>(result.size()) == *count ? std::optional(result) : std::nullopt;
}

std::optional<SmallVector<int64_t>> OperatorRules::axesOperand(unsigned index, StringRef name, int64_t rank) {
  SmallVector<int64_t> axes;
  if (auto attribute = op_->getAttrOfType<DenseI64ArrayAttr>(name)) {
    axes = SmallVector<int64_t>(attribute.asArrayRef());
  } else if (has(index)) {
    auto numbers = numbersOf(index);
    if (!numbers)
      return std::nullopt;
    for (double number : *numbers)
      axes.push_back(static_cast<int64_t>(number));
  } else {
    axes = llvm::to_vector(llvm::seq<int64_t>(rank));
  }
  for (int64_t &axis : axes) {
    axis = axis < 0 ? axis + rank : axis;
    if (axis < 0 || axis >= rank)
      return std::nullopt;
  }
  return axes;
}

std::optional<Axes> OperatorRules::alignAll(ArrayRef<Axes> operands, ArrayRef<Extent> out) {
  Axes result;
  for (size_t i = 0; i < out.size(); ++i) {
    Dim dim;
    for (const Axes &axes : operands) {
      if (axes.size() + i < out.size())
        continue;
      const Dim &other = axes[axes.size() + i - out.size()];
      if (other.empty())
        continue;
      if (dim.empty())
        dim = other;
      else if (!space_.align(dim, other))
        return std::nullopt;
    }
    if (dim.empty() != space_.isOne(out[i]))
      return std::nullopt;
    result.push_back(dim);
  }
  return space_.resolveAll(result);
}

} // namespace janus::recover

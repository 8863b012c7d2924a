// The textual form of operators: positional operands and results, `none` where an optional one is absent.
#include "dialects/onnx/IR/Infer.h"
#include "mlir/IR/Builders.h"

using namespace mlir;

namespace janus::onnx {
namespace {
constexpr StringLiteral kOperandSegments = "operandSegmentSizes", kResultSegments = "resultSegmentSizes";

/// How many values each position of `kinds` has, from the segment attribute or, without one, from their number.
SmallVector<int32_t> segments(Operation *op, StringRef kinds, StringRef attribute, unsigned count) {
  if (auto stated = op->getAttrOfType<DenseI32ArrayAttr>(attribute))
    return SmallVector<int32_t>(stated.asArrayRef());
  int32_t required = kinds.count('r');
  SmallVector<int32_t> sizes;
  for (char kind : kinds)
    sizes.push_back(kind == 'r' ? 1 : static_cast<int32_t>(count) - required);
  return sizes;
}

Value at(Operation *op, ValueRange values, StringRef kinds, StringRef attribute, unsigned position) {
  unsigned begin = 0;
  SmallVector<int32_t> sizes = segments(op, kinds, attribute, values.size());
  for (unsigned i = 0; i < sizes.size(); ++i) {
    if (kinds[i] == 'v')
      return position - i < static_cast<unsigned>(sizes[i]) ? values[begin + position - i] : Value();
    if (i == position)
      return sizes[i] ? values[begin] : Value();
    begin += sizes[i];
  }
  return {};
}

/// Segment sizes of a list where absent entries are marked; `kinds` must admit them.
ParseResult segmentSizes(OpAsmParser &parser, StringRef kinds, ArrayRef<bool> present, StringRef what,
                         SmallVectorImpl<int32_t> &sizes) {
  bool variadic = kinds.ends_with("v");
  if (present.size() > kinds.size() && !variadic)
    return parser.emitError(parser.getNameLoc())
           << "expects at most " << kinds.size() << " " << what << "s, found " << present.size();
  for (unsigned i = 0; i < kinds.size(); ++i) {
    if (kinds[i] == 'v') {
      sizes.push_back(present.size() > i ? present.size() - i : 0);
      break;
    }
    bool here = i < present.size() && present[i];
    if (!here && kinds[i] == 'r')
      return parser.emitError(parser.getNameLoc()) << "expects " << what << " " << i << ", which is required";
    sizes.push_back(here);
  }
  return success();
}
} // namespace

Value getInput(Operation *op, unsigned position) {
  auto shape = dyn_cast<ShapeInterface>(op);
  return shape ? at(op, op->getOperands(), shape.getInputKinds(), kOperandSegments, position) : Value();
}

Value getOutput(Operation *op, unsigned position) {
  auto shape = dyn_cast<ShapeInterface>(op);
  return shape ? at(op, op->getResults(), shape.getOutputKinds(), kResultSegments, position) : Value();
}

ParseResult parseOperator(OpAsmParser &parser, OperationState &state, StringRef inputs, StringRef outputs) {
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  SmallVector<bool> present, resultPresent;
  auto parseOperand = [&]() -> ParseResult {
    if (succeeded(parser.parseOptionalKeyword("none"))) {
      present.push_back(false);
      return success();
    }
    present.push_back(true);
    return parser.parseOperand(operands.emplace_back());
  };
  SmallVector<Type> types;
  auto parseResult = [&]() -> ParseResult {
    if (succeeded(parser.parseOptionalKeyword("none"))) {
      resultPresent.push_back(false);
      return success();
    }
    resultPresent.push_back(true);
    return parser.parseType(state.types.emplace_back());
  };
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, parseOperand) ||
      parser.parseOptionalAttrDict(state.attributes) || parser.parseColon() ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren,
                                     [&] { return parser.parseType(types.emplace_back()); }) ||
      parser.parseArrow())
    return failure();
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::OptionalParen, parseResult) ||
      parser.resolveOperands(operands, types, loc, state.operands))
    return failure();
  if (resultPresent.empty() && !outputs.empty()) { // a single type without parentheses
    resultPresent.push_back(true);
    if (parser.parseType(state.types.emplace_back()))
      return failure();
  }
  SmallVector<int32_t> operandSizes, resultSizes;
  if (segmentSizes(parser, inputs, present, "operand", operandSizes) ||
      segmentSizes(parser, outputs, resultPresent, "result", resultSizes))
    return failure();
  Builder &builder = parser.getBuilder();
  if (state.name.hasTrait<OpTrait::AttrSizedOperandSegments>())
    state.addAttribute(kOperandSegments, builder.getDenseI32ArrayAttr(operandSizes));
  if (state.name.hasTrait<OpTrait::AttrSizedResultSegments>())
    state.addAttribute(kResultSegments, builder.getDenseI32ArrayAttr(resultSizes));
  while (true) { // the graphs inside, in order
    auto region = std::make_unique<Region>();
    OptionalParseResult found = parser.parseOptionalRegion(*region);
    if (!found.has_value())
      return success();
    if (failed(*found))
      return failure();
    state.addRegion(std::move(region));
  }
}

/// Calls `print` for each position up to the last present one, with a null value for absent ones.
static void forEachPosition(Operation *op, ValueRange values, StringRef kinds, StringRef attribute,
                            function_ref<void(Value)> print) {
  SmallVector<Value> positions;
  unsigned next = 0;
  for (int32_t size : segments(op, kinds, attribute, values.size())) {
    if (!size)
      positions.push_back({});
    for (int32_t i = 0; i < size; ++i)
      positions.push_back(values[next++]);
  }
  while (!positions.empty() && !positions.back())
    positions.pop_back();
  for (Value value : positions)
    print(value);
}

void printOperator(OpAsmPrinter &printer, Operation *op, StringRef inputs, StringRef outputs) {
  StringRef separator = "";
  auto print = [&](Value value, bool type) {
    printer << separator;
    separator = ", ";
    if (!value)
      printer << "none";
    else if (type)
      printer << value.getType();
    else
      printer << value;
  };
  printer << "(";
  forEachPosition(op, op->getOperands(), inputs, kOperandSegments, [&](Value value) { print(value, false); });
  printer << ")";
  printer.printOptionalAttrDict(op->getAttrs(), {kOperandSegments, kResultSegments});
  printer << " : (";
  llvm::interleaveComma(op->getOperandTypes(), printer);
  printer << ") -> ";
  bool single = op->getNumResults() == 1 && (outputs[0] != 'o');
  separator = "";
  if (!single)
    printer << "(";
  forEachPosition(op, op->getResults(), outputs, kResultSegments, [&](Value value) { print(value, true); });
  if (!single)
    printer << ")";
  for (Region &region : op->getRegions()) {
    printer << " ";
    printer.printRegion(region);
  }
}
} // namespace janus::onnx

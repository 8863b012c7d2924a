#include "lib/Recover/Regions/RegionFunction.h"

#include "lib/Recover/Regions/States.h"

#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace janus::recover {

using onnx::SymExpr;

RegionFunction::RegionFunction(RowForm &form, const ModelInterface &interface, const RegionFinder &finder,
                               const Region &region, bool whole)
    : form_(form), interface_(interface), finder_(finder), region_(region), whole_(whole),
      builder_(form.step().getContext()), outer_(form.step().getContext()) {
  if (auto batch = interface.batch.asSymbol())
    substitution_[*batch] = SymExpr(1);
  if (auto sequence = interface.sequence.asSymbol())
    substitution_[*sequence] = SymExpr::symbol(kSequenceSymbol);
}

std::nullptr_t RegionFunction::fail(Operation *op, const Twine &why) {
  culprit = op, reason = why.str();
  return nullptr;
}

/// The type for one sequence; null when it has other extents than numbers and functions of S.
Type RegionFunction::insideType(Type type) {
  auto dims = onnx::getDims(type);
  if (!dims)
    return nullptr;
  for (SymExpr &dim : *dims) {
    for (const std::string &name : dim.symbols())
      if (!substitution_.contains(name))
        return nullptr;
    dim = dim.substitute(substitution_);
  }
  return onnx::getTensorType(*dims, cast<RankedTensorType>(type).getElementType());
}

Value RegionFunction::addArgument(Type type, Location loc) { return function_.front().addArgument(type, loc); }

Operation *RegionFunction::make(StringRef name, ValueRange operands, Type type, Location loc,
                                ArrayRef<NamedAttribute> attributes) {
  OperationState state(loc, name);
  state.addOperands(operands);
  state.addTypes(type);
  state.addAttributes(attributes);
  return builder_.create(state);
}

Value RegionFunction::constant(DenseElementsAttr value, Location loc) {
  return onnx::ConstantValueOp::create(builder_, loc, value.getType(), value);
}

Value RegionFunction::reshaped(Value value, RankedTensorType type, Location loc) {
  if (value.getType() == type)
    return value;
  SmallVector<int64_t> shape;
  for (int64_t extent : type.getShape())
    shape.push_back(ShapedType::isDynamic(extent) ? -1 : extent);
  auto list = RankedTensorType::get({static_cast<int64_t>(shape.size())}, builder_.getI64Type());
  return make("onnx.Reshape", {value, constant(DenseElementsAttr::get(list, ArrayRef(shape)), loc)}, type, loc)
      ->getResult(0);
}

Value RegionFunction::converted(Value value, RankedTensorType type, Location loc) {
  if (value.getType() == type)
    return value;
  return make("onnx.Cast", value, type, loc,
              builder_.getNamedAttr("to", builder_.getI64IntegerAttr(onnx::getDataType(type.getElementType()))))
      ->getResult(0);
}

/// A size as tensor<1xi64>; null where it is no polynomial of S.
Value RegionFunction::size(const SymExpr &value, Location loc) {
  auto list = RankedTensorType::get({1}, builder_.getI64Type());
  auto number = [&](int64_t n) { return constant(DenseElementsAttr::get(list, ArrayRef(n)), loc); };
  if (auto n = value.constant())
    return number(*n);
  SymExpr length = SymExpr::symbol(kSequenceSymbol);
  auto [quotient, rest] = SymExpr::divideTerms(value, length);
  if (quotient.isConstant(0)) // min, max and the like
    return nullptr;
  if (!length_) {
    auto *counted = llvm::find_if(function_.front().getArguments(), [](BlockArgument argument) {
      auto type = cast<RankedTensorType>(argument.getType());
      return type.getRank() && type.isDynamicDim(0);
    });
    OpBuilder::InsertionGuard guard(builder_);
    builder_.setInsertionPointToStart(&function_.front());
    length_ = make("onnx.Shape", ValueRange{*counted}, list, loc,
                   {builder_.getNamedAttr("start", builder_.getI64IntegerAttr(0)),
                    builder_.getNamedAttr("end", builder_.getI64IntegerAttr(1))})
                  ->getResult(0);
  }
  Value result = length_;
  if (!quotient.isConstant(1)) {
    Value factor = size(quotient, loc);
    if (!factor)
      return nullptr;
    result = make("onnx.Mul", {result, factor}, list, loc)->getResult(0);
  }
  if (rest.isConstant(0))
    return result;
  Value added = size(rest, loc);
  return added ? make("onnx.Add", {result, added}, list, loc)->getResult(0) : Value();
}

/// Of extents of one sequence.
Value RegionFunction::sizes(ArrayRef<SymExpr> values, Location loc) {
  SmallVector<Value> parts;
  for (const SymExpr &value : values) {
    Value part = size(value, loc);
    if (!part)
      return nullptr;
    parts.push_back(part);
  }
  auto list = RankedTensorType::get({static_cast<int64_t>(values.size())}, builder_.getI64Type());
  if (parts.size() == 1)
    return parts.front();
  return make("onnx.Concat", parts, list, loc, builder_.getNamedAttr("axis", builder_.getI64IntegerAttr(0)))
      ->getResult(0);
}

/// A tensor of `type` whose elements are one number; null where a size has no formula.
Value RegionFunction::filled(RankedTensorType type, double number, Location loc) {
  Value shape = sizes(*onnx::getDims(type), loc);
  if (!shape)
    return nullptr;
  Type element = type.getElementType();
  Attribute value = isa<FloatType>(element) ? Attribute(builder_.getFloatAttr(element, number))
                                            : builder_.getIntegerAttr(element, static_cast<int64_t>(number));
  auto one = DenseElementsAttr::get(RankedTensorType::get({1}, element), ArrayRef(value));
  return make("onnx.ConstantOfShape", shape, type, loc, builder_.getNamedAttr("value", one))->getResult(0);
}

/// What the contract says of an input that is no rows: the mask is all ones, positions count rows.
Value RegionFunction::argumentByContract(BlockArgument argument, Operation *user) {
  auto type = dyn_cast_or_null<RankedTensorType>(insideType(argument.getType()));
  StringRef role = inputRole(argument);
  Location loc = user->getLoc();
  auto dims = onnx::getDims(argument.getType());
  if (!type || !dims || dims->empty())
    return fail(user, "reads an input of type " + describeType(argument.getType()) +
                          ", which has another size than its rows");
  if (role == "mask") {
    Value ones = filled(type, 1, loc);
    return ones ? ones : fail(user, "depends on a size that has no formula");
  }
  if (role == "positions" && whole_) {
    auto scalar = RankedTensorType::get({}, builder_.getI64Type());
    auto number = [&](int64_t n) { return constant(DenseElementsAttr::get(scalar, ArrayRef(n)), loc); };
    Value end = size(SymExpr::symbol(kSequenceSymbol), loc);
    auto flat = onnx::getTensorType({SymExpr::symbol(kSequenceSymbol)}, builder_.getI64Type());
    Value range = make("onnx.Range", {number(0), reshaped(end, scalar, loc), number(1)}, flat, loc)->getResult(0);
    range = converted(range, onnx::getTensorType({SymExpr::symbol(kSequenceSymbol)}, type.getElementType()), loc);
    return reshaped(range, type, loc);
  }
  return fail(user, "depends on the input " + Twine(argument.getArgNumber() - kStepArguments) +
                        " of the model in another way than by its rows");
}

/// A value that is the same in every step, or is made of sizes and of inputs that the contract settles.
Value RegionFunction::madeAgain(Value value, Operation *user) {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return argumentByContract(argument, user);
  Operation *op = value.getDefiningOp();
  auto type = cast<RankedTensorType>(value.getType());
  // A mask of ones, whatever it was cut out of.
  auto known = dyn_cast_or_null<RankedTensorType>(insideType(type));
  if (auto number =
          isa<onnx::ConstantValueOp>(op) || !known || known.hasStaticShape() ? std::nullopt : finder_.constant(value))
    if (Value made = filled(known, *number, value.getLoc()))
      return made;
  if (!isa<onnx::ConstantValueOp>(op) && type.getElementType().isF32()) {
    // A stored tensor becomes a weight.
    auto stored = form_.trace(value);
    if (stored && stored->isStorable() && !stored->blocks(builder_.getContext())) {
      operands_.push_back(stored->materialise(outer_, form_.symbols()));
      return addArgument(RankedTensorType::get(stored->shape(), builder_.getF32Type()), value.getLoc());
    }
  }
  if (isa<onnx::InitializerValueOp>(op))
    return fail(user, "reads stored numbers of type " + describeType(type) + ", which are no weight");
  if (isa<onnx::ShapeOp, onnx::SizeOp>(op) && !mapping_.contains(op->getOperand(0))) {
    Type inside = insideType(op->getOperand(0).getType());
    auto dims = inside ? onnx::getDims(inside) : std::nullopt;
    auto shape = dyn_cast<onnx::ShapeOp>(op);
    if (dims && shape) {
      int64_t rank = dims->size();
      auto bound = [&](int64_t at) { return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank); };
      auto endAttribute = shape->getAttrOfType<IntegerAttr>("end");
      int64_t begin = bound(shape.getStart()), end = endAttribute ? bound(endAttribute.getInt()) : rank;
      if (begin < end)
        if (Value made = sizes(ArrayRef(*dims).slice(begin, end - begin), op->getLoc()))
          return made;
    } else if (dims) {
      SymExpr total(1);
      for (const SymExpr &dim : *dims)
        total = total * dim;
      if (Value made = sizes(total, op->getLoc()))
        return reshaped(made, RankedTensorType::get({}, builder_.getI64Type()), op->getLoc());
    }
    return fail(user,
                "depends on a size, of " + describeType(op->getOperand(0).getType()) + ", that is no size of its rows");
  }
  if (!isa<onnx::OnnxDialect>(op->getDialect()))
    return fail(user, "reads what " + op->getName().getStringRef() + " yields");
  return clone(op) ? mapping_.lookup(value) : Value();
}

Value RegionFunction::inside(Value value, Operation *user) {
  if (mapping_.contains(value))
    return mapping_.lookup(value);
  Value made = madeAgain(value, user);
  if (made)
    mapping_.map(value, made);
  return made;
}

bool RegionFunction::clone(Operation *op) {
  for (Value value : usedValues(op))
    if (!inside(value, op))
      return false;
  Operation *copy = builder_.clone(*op, mapping_);
  copy->removeAttr(kReasonAttr);
  copy->removeAttr(kPieceAttr);
  bool known = true;
  auto renew = [&](Value value) {
    Type type = insideType(value.getType());
    if (!type && known)
      known = false,
      fail(op, "has an extent that is neither a number nor a count of its rows: " + describeType(value.getType()));
    if (type)
      value.setType(type);
  };
  copy->walk([&](Operation *inner) {
    llvm::for_each(inner->getResults(), renew);
    for (mlir::Region &graph : inner->getRegions())
      for (Block &block : graph)
        llvm::for_each(block.getArguments(), renew);
  });
  return known;
}

func::FuncOp RegionFunction::build(ArrayRef<Value> presents, llvm::StringMap<func::FuncOp> &known) {
  func::FuncOp step = form_.step();
  Operation *last = region_.operators.back();
  if (!interface_.batch.asSymbol() && !interface_.batch.isConstant(1))
    return fail(last, "works on a batch of a fixed size, " + interface_.batch.str());
  if (region_.inputs.empty())
    return fail(last, "has no rows to work on");
  outer_.setInsertionPoint(last);
  OpBuilder top(step);
  function_ = func::FuncOp::create(top, last->getLoc(), "region", FunctionType::get(step.getContext(), {}, {}));
  function_.setPrivate();
  builder_.setInsertionPointToStart(function_.addEntryBlock());
  SymExpr length = SymExpr::symbol(kSequenceSymbol);
  auto give = [&]() -> bool {
    for (Value input : region_.inputs) {
      auto type = dyn_cast_or_null<RankedTensorType>(insideType(input.getType()));
      if (!type)
        return fail(last, "has rows of the form " + describeType(input.getType())), false;
      EdgeKind kind = finder_.edge(input);
      if (kind == EdgeKind::kRows) {
        operands_.push_back(form_.toRows(outer_, input));
        Type rows = onnx::getTensorType({length, SymExpr(*form_.columns(input.getType()))}, type.getElementType());
        mapping_.map(input, reshaped(addArgument(rows, input.getLoc()), type, input.getLoc()));
        continue;
      }
      if (whole_)
        return fail(last, "remembers the token ids of earlier rows"), false;
      operands_.push_back(form_.argument(kind == EdgeKind::kIds ? kIds : kPositions));
      Value number = addArgument(onnx::getTensorType({length}, builder_.getI32Type()), input.getLoc());
      number = converted(number, onnx::getTensorType({length}, type.getElementType()), input.getLoc());
      mapping_.map(input, reshaped(number, type, input.getLoc()));
    }
    SmallVector<Value> states;
    for (BlockArgument state : region_.states) {
      // Behind the weights, which are found on the way: takes its place at the end.
      Type type = insideType(state.getType());
      if (!type)
        return fail(last, "has a state of the form " + describeType(state.getType())), false;
      states.push_back(
          make("onnx.Identity", ValueRange{function_.front().getArgument(0)}, type, state.getLoc())->getResult(0));
      mapping_.map(state, states.back());
    }
    for (Operation *op : region_.operators)
      if (!clone(op))
        return false;
    for (Value state : states) {
      Value argument = addArgument(state.getType(), state.getLoc());
      state.replaceAllUsesWith(argument);
      state.getDefiningOp()->erase();
    }
    SmallVector<Value> results;
    for (Value output : region_.outputs) {
      auto rows = onnx::getTensorType({length, SymExpr(*form_.columns(output.getType()))}, builder_.getF32Type());
      results.push_back(reshaped(mapping_.lookup(output), rows, output.getLoc()));
    }
    for (auto [present, state] : llvm::zip_equal(presents, region_.states)) {
      Value made = mapping_.lookup(present);
      if (made.getType() != insideType(state.getType()))
        return fail(present.getDefiningOp(), "yields a new state of another type, " + describeType(made.getType())),
               false;
      results.push_back(made);
    }
    func::ReturnOp::create(builder_, last->getLoc(), results);
    function_.setFunctionType(
        FunctionType::get(step.getContext(), function_.front().getArgumentTypes(), ValueRange(results).getTypes()));
    eraseDead(function_);
    return true;
  };
  if (!give()) {
    function_.erase();
    return function_ = nullptr;
  }
  // All of them have one name here, so that equal ones are equal as text.
  std::string text;
  llvm::raw_string_ostream stream(text);
  function_->print(stream, OpPrintingFlags().useLocalScope());
  if (auto it = known.find(text); it != known.end()) {
    function_.erase();
    return function_ = it->second;
  }
  form_.symbols().insert(function_);
  return known[text] = function_;
}

moe::SequenceOp RegionFunction::call(func::FuncOp function) {
  SmallVector<Type> types;
  for (Value output : region_.outputs)
    types.push_back(form_.rowsType(*form_.columns(output.getType())));
  auto sequence = moe::SequenceOp::create(outer_, region_.operators.back()->getLoc(), types,
                                          FlatSymbolRefAttr::get(function.getSymNameAttr()), operands_,
                                          outer_.getI64IntegerAttr(0), IntegerAttr());
  for (auto [from, rows] : llvm::zip_equal(region_.outputs, sequence.getResults())) {
    Value output = from;
    Value made = form_.fromRows(outer_, rows, output.getType());
    output.replaceUsesWithIf(made, [&](OpOperand &use) {
      Operation *user = use.getOwner();
      while (user->getBlock() != sequence->getBlock())
        user = user->getParentOp();
      return !region_.operators.contains(user) && !finder_.gone.contains(user);
    });
  }
  return sequence;
}

} // namespace janus::recover

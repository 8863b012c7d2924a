#include "lib/Recover/Attention/PositionTable.h"

#include "mlir/IR/SymbolTable.h"

#include <cmath>
#include <limits>

using namespace mlir;

namespace janus::recover {

using onnx::SymExpr;

namespace {

constexpr const char *kPosition = ".q";

std::optional<std::pair<int64_t, int64_t>> linear(const SymExpr &value) {
  auto at0 = value.substitute({{kPosition, SymExpr(0)}}).constant();
  auto at1 = value.substitute({{kPosition, SymExpr(1)}}).constant();
  if (!at0 || !at1 || SymExpr(*at1 - *at0) * SymExpr::symbol(kPosition) + SymExpr(*at0) != value)
    return std::nullopt;
  return std::pair(*at1 - *at0, *at0);
}

} // namespace

std::optional<PositionFunction> PositionFunction::compile(ElementRef element, StoredNumbers &numbers) {
  PositionFunction result;
  if (!result.add(element, numbers))
    return std::nullopt;
  result.values_.resize(result.steps_.size());
  return result;
}

std::optional<unsigned> PositionFunction::add(ElementRef element, StoredNumbers &numbers) {
  if (auto it = done_.find(element); it != done_.end())
    return it->second;
  Step step;
  step.kind = element->kind, step.fn = element->fn, step.format = element->format;
  switch (element->kind) {
  case Element::Kind::kReal:
  case Element::Kind::kTruth:
    step.number = *element->constant();
    break;
  case Element::Kind::kInteger:
  case Element::Kind::kAtLeast0:
  case Element::Kind::kEquals0: {
    auto value = linear(element->value);
    if (!value)
      return std::nullopt;
    step.value = {value->first, value->second};
    break;
  }
  case Element::Kind::kStored:
    step.tensor = numbers.read(element->tensor);
    if (!step.tensor)
      return std::nullopt;
    for (auto [at, extent] : llvm::zip(element->index, step.tensor->shape)) {
      auto value = linear(at);
      if (!value || (value->first == 0 && (value->second < 0 || value->second >= extent)) || value->first < 0)
        return std::nullopt;
      step.index.push_back({value->first, value->second});
      if (value->first > 0) // slope * p + offset < extent
        positions_ = std::min(positions_, (extent - value->second + value->first - 1) / value->first);
    }
    break;
  case Element::Kind::kApply:
    for (ElementRef arg : element->args) {
      auto number = add(arg, numbers);
      if (!number)
        return std::nullopt;
      step.args.push_back(*number);
    }
    break;
  case Element::Kind::kReduce:
    return std::nullopt;
  }
  steps_.push_back(std::move(step));
  return done_[element] = steps_.size() - 1;
}

double PositionFunction::operator()(int64_t position) {
  llvm::SmallVector<double, 3> args;
  for (auto [i, step] : llvm::enumerate(steps_)) {
    int64_t value = step.value.slope * position + step.value.offset;
    switch (step.kind) {
    case Element::Kind::kInteger:
      values_[i] = static_cast<double>(value);
      break;
    case Element::Kind::kAtLeast0:
      values_[i] = value >= 0;
      break;
    case Element::Kind::kEquals0:
      values_[i] = value == 0;
      break;
    case Element::Kind::kStored: {
      int64_t offset = 0;
      bool inside = true;
      for (auto [at, extent] : llvm::zip(step.index, step.tensor->shape)) {
        int64_t place = at.slope * position + at.offset;
        inside &= place >= 0 && place < extent;
        offset = offset * extent + place;
      }
      values_[i] = inside ? step.tensor->numbers[offset] : std::numeric_limits<double>::quiet_NaN();
      break;
    }
    case Element::Kind::kApply:
      args.clear();
      for (unsigned arg : step.args)
        args.push_back(values_[arg]);
      values_[i] = applyReal(step.fn, args, step.format);
      break;
    default:
      values_[i] = step.number;
    }
  }
  return values_.back();
}

bool PositionTables::equal(ElementRef a, ElementRef b) {
  if (a == b)
    return true;
  auto [it, added] = equal_.try_emplace(std::minmax(a, b), false);
  if (!added)
    return it->second;
  auto f = PositionFunction::compile(a, numbers_), g = PositionFunction::compile(b, numbers_);
  if (!f || !g || (f->positions() != g->positions() && std::min(f->positions(), g->positions()) < context_))
    return false;
  bool same = true;
  for (int64_t p = 0, end = std::min(f->positions(), context_); p < end && same; ++p)
    same = (*f)(p) == (*g)(p);
  return it->second = same;
}

namespace {

/// Are the formulas columns first, first + step, ... of one stored table's row .q? Then these.
std::optional<StoredWeight> viewOfTable(const RowForm &form, ArrayRef<ElementRef> factors) {
  int64_t first = 0, step = 1, skipped = 0;
  for (auto [i, factor] : llvm::enumerate(factors)) {
    if (factor->kind != Element::Kind::kStored || factor->tensor != factors[0]->tensor || factor->index.size() < 2)
      return std::nullopt;
    // [.., .q + n, c], with extents of 1 before.
    for (const SymExpr &at : ArrayRef(factor->index).drop_back(2))
      if (!at.isConstant(0))
        return std::nullopt;
    auto column = factor->index.back().constant();
    auto row = linear(factor->index[factor->index.size() - 2]);
    if (!column || !row || row->first != 1 || row->second < 0 || (i && row->second != skipped))
      return std::nullopt;
    skipped = row->second;
    if (i == 0)
      first = *column;
    else if (i == 1)
      step = *column - first;
    if (*column != first + static_cast<int64_t>(i) * step || step < 1)
      return std::nullopt;
  }
  auto table = form.trace(factors[0]->tensor);
  if (!table)
    return std::nullopt;
  ArrayRef<int64_t> shape = table->shape();
  for (int64_t extent : shape.drop_back(2))
    if (extent != 1)
      return std::nullopt;
  auto matrix = table->reshape(shape.take_back(2));
  if (!matrix || matrix->shape()[0] <= skipped)
    return std::nullopt;
  return matrix->slice(1, first, step, factors.size()).slice(0, skipped, 1, matrix->shape()[0] - skipped);
}

} // namespace

Value PositionTables::make(OpBuilder &builder, Location loc, ArrayRef<ElementRef> factors, double sign) {
  StringAttr &symbol = made_[{factors.vec(), sign}];
  if (!symbol && sign == 1)
    if (auto view = viewOfTable(form_, factors)) {
      Value weight = view->materialise(builder, form_.symbols());
      symbol = weight.getDefiningOp<moe::GetWeightOp>().getWeightAttr().getAttr();
      return weight;
    }
  if (symbol) {
    auto weight = form_.symbols().lookup<moe::WeightOp>(symbol);
    return moe::GetWeightOp::create(builder, loc, weight.getType(), FlatSymbolRefAttr::get(symbol));
  }
  int64_t rows = context_, columns = factors.size();
  std::vector<PositionFunction> functions;
  for (ElementRef factor : factors) {
    auto function = PositionFunction::compile(factor, numbers_);
    if (!function || function->positions() < 1)
      return nullptr;
    rows = std::min(rows, function->positions());
    functions.push_back(std::move(*function));
  }
  if (rows < 1 || rows > StoredNumbers::kMaxNumbers / columns)
    return nullptr;
  std::vector<float> values(rows * columns);
  for (int64_t c = 0; c < columns; ++c)
    for (int64_t p = 0; p < rows; ++p)
      values[p * columns + c] = static_cast<float>(sign * functions[c](p));
  auto type = RankedTensorType::get({rows, columns}, builder.getF32Type());
  return makeInline(builder, loc, DenseElementsAttr::get(type, ArrayRef(values)), symbol);
}

Value PositionTables::makeInline(OpBuilder &builder, Location loc, DenseElementsAttr values, StringAttr &symbol) {
  OpBuilder top(form_.step());
  auto weight = moe::WeightOp::create(top, loc, builder.getStringAttr("moe:table"), TypeAttr::get(values.getType()),
                                      ArrayAttr(), values);
  symbol = form_.symbols().insert(weight);
  return moe::GetWeightOp::create(builder, loc, values.getType(), FlatSymbolRefAttr::get(symbol));
}

Value PositionTables::makeZeros(OpBuilder &builder, Location loc, RankedTensorType type) {
  StringAttr &symbol = zeros_[type];
  if (symbol)
    return moe::GetWeightOp::create(builder, loc, type, FlatSymbolRefAttr::get(symbol));
  return makeInline(builder, loc, DenseElementsAttr::get(type, 0.0f), symbol);
}

} // namespace janus::recover

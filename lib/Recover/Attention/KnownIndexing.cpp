// Formulas through operators that move, select or create elements.
#include "lib/Recover/Attention/KnownTransfer.h"

#include "llvm/ADT/TypeSwitch.h"

#include <limits>

using namespace mlir;

namespace janus::recover {

using onnx::Dims;
using onnx::SymExpr;

namespace {

constexpr unsigned kMaxPieces = 16; // of a Concat that is written out

SymExpr productOf(ArrayRef<SymExpr> dims) {
  SymExpr result(1);
  for (const SymExpr &dim : dims)
    result = result * dim;
  return result;
}

} // namespace

bool KnownTransfer::indexing() {
  return llvm::TypeSwitch<Operation *, bool>(op_)
      .Case<onnx::ShapeOp, onnx::SizeOp>([&](auto) { return shape(), true; })
      .Case<onnx::ReshapeOp, onnx::SqueezeOp, onnx::UnsqueezeOp, onnx::FlattenOp>([&](auto) { return reshape(), true; })
      .Case([&](onnx::TransposeOp op) {
        const Known &x = *input(0);
        enter(op.getY(), [&](ArrayRef<SymExpr> index) {
          SmallVector<SymExpr> at(index.size());
          for (unsigned j = 0; j < index.size(); ++j)
            at[op.getPerm() ? (*op.getPerm())[j] : index.size() - 1 - j] = index[j];
          return values_.at(x, at);
        });
        return true;
      })
      .Case([&](onnx::TileOp op) {
        const Known &x = *input(0);
        enter(op.getY(), [&](ArrayRef<SymExpr> index) {
          SmallVector<SymExpr> at;
          for (unsigned d = 0; d < x.dims.size(); ++d)
            at.push_back(x.dims[d].isConstant(1) ? SymExpr(0) : pool_.divMod(index[d], x.dims[d]).second);
          return values_.at(x, at);
        });
        return true;
      })
      .Case([&](onnx::ConstantOfShapeOp op) {
        ElementRef fill = pool_.real(0);
        if (auto given = dyn_cast_or_null<DenseElementsAttr>(op.getValueAttr())) {
          if (given.getNumElements() != 1)
            return true;
          Type type = given.getElementType();
          fill = isa<FloatType>(type) ? pool_.real(given.getSplatValue<APFloat>().convertToDouble(),
                                                   realFormat(type).value_or(RealFormat::kF32))
                 : type.isInteger(1)  ? pool_.truth(given.getSplatValue<bool>())
                                      : pool_.integer(SymExpr(given.getSplatValue<APInt>().getSExtValue()));
        }
        enter(op.getY(), [&](ArrayRef<SymExpr>) { return fill; });
        return true;
      })
      .Case([&](onnx::SliceOp) { return slice(), true; })
      .Case([&](onnx::SplitOp) { return split(), true; })
      .Case([&](onnx::ConcatOp) { return concat(), true; })
      .Case([&](onnx::GatherOp) { return gather(), true; })
      .Case([&](onnx::GatherNDOp) { return gatherND(), true; })
      .Case([&](onnx::GatherElementsOp) { return gatherElements(), true; })
      .Case([&](onnx::RangeOp) { return range(), true; })
      .Case([&](onnx::TriluOp) { return trilu(), true; })
      .Case([&](onnx::EyeLikeOp op) {
        Type type = cast<RankedTensorType>(op.getResult().getType()).getElementType();
        enter(op.getResult(), [&](ArrayRef<SymExpr> index) {
          return convert(pool_.equals0(index[1] - index[0] - SymExpr(static_cast<int64_t>(op.getK()))), type);
        });
        return true;
      })
      .Default([](Operation *) { return false; });
}

void KnownTransfer::shape() {
  auto dims = onnx::getDims(op_->getOperand(0).getType());
  if (!dims)
    return;
  if (isa<onnx::SizeOp>(op_)) {
    enter(op_->getResult(0), [&](ArrayRef<SymExpr>) { return pool_.integer(productOf(*dims)); });
    return;
  }
  auto op = cast<onnx::ShapeOp>(op_);
  int64_t rank = dims->size(), begin = op.getStart();
  begin = std::clamp<int64_t>(begin < 0 ? begin + rank : begin, 0, rank);
  enter(op.getY(), [&](ArrayRef<SymExpr> index) -> ElementRef {
    auto at = index.empty() ? std::optional<int64_t>() : index[0].constant();
    return at && begin + *at < rank ? pool_.integer((*dims)[begin + *at]) : nullptr;
  });
}

std::optional<SmallVector<SymExpr>> KnownTransfer::relayout(ArrayRef<SymExpr> from, ArrayRef<SymExpr> to,
                                                            ArrayRef<SymExpr> index) {
  SmallVector<SymExpr> result(from.size(), SymExpr(0));
  unsigned i = 0, j = 0;
  while (true) {
    while (i < from.size() && from[i].isConstant(1))
      ++i;
    while (j < to.size() && to[j].isConstant(1))
      ++j;
    if (i == from.size() && j == to.size())
      return result;
    // The smallest blocks of equal extent.
    unsigned endI = i, endJ = j;
    bool found = false;
    SymExpr left(1);
    for (unsigned e = i; e < from.size() && !found; ++e) {
      left = left * from[e];
      SymExpr right(1);
      for (unsigned f = j; f < to.size() && !found; ++f) {
        right = right * to[f];
        if (left == right)
          endI = e + 1, endJ = f + 1, found = true;
      }
    }
    if (!found)
      return std::nullopt;
    SymExpr linear(0);
    for (unsigned f = j; f < endJ; ++f)
      linear = linear * to[f] + index[f];
    for (unsigned e = i; e < endI; ++e) {
      auto [quotient, rest] = pool_.divMod(linear, productOf(from.slice(e + 1, endI - e - 1)));
      result[e] = e + 1 == endI ? linear : quotient;
      linear = rest;
    }
    i = endI, j = endJ;
  }
}

void KnownTransfer::reshape() {
  const Known &x = *input(0);
  Value y = op_->getResult(0);
  auto dims = onnx::getDims(y.getType());
  if (!dims)
    return;
  enter(y, [&](ArrayRef<SymExpr> index) -> ElementRef {
    auto at = relayout(x.dims, *dims, index);
    return at ? values_.at(x, *at) : nullptr;
  });
}

std::optional<SymExpr> KnownTransfer::position(ElementRef element, const SymExpr &extent) {
  if (!element || element->kind != Element::Kind::kInteger)
    return std::nullopt;
  if (auto n = element->value.constant(); n && *n < 0)
    return element->value + extent;
  return pool_.isNonNegative(element->value) ? std::optional(element->value) : std::nullopt;
}

void KnownTransfer::slice() {
  auto op = cast<onnx::SliceOp>(op_);
  const Known &x = *input(0);
  const Known *starts = input(1);
  auto count = starts->dims.size() == 1 ? starts->dims[0].constant() : std::nullopt;
  if (!count || *count > static_cast<int64_t>(x.dims.size()))
    return;
  SmallVector<int64_t> axes = llvm::to_vector(llvm::seq<int64_t>(*count)), steps(*count, 1);
  if (op.getAxes()) {
    auto known = values_.integers(op.getAxes());
    if (!known)
      return;
    axes = *known;
  }
  if (op.getSteps()) {
    auto known = values_.integers(op.getSteps());
    if (!known)
      return;
    steps = *known;
  }
  if (static_cast<int64_t>(axes.size()) != *count || static_cast<int64_t>(steps.size()) != *count)
    return;
  enter(op.getY(), [&](ArrayRef<SymExpr> index) -> ElementRef {
    SmallVector<SymExpr> at(index);
    for (int64_t i = 0; i < *count; ++i) {
      int64_t axis = axes[i] < 0 ? axes[i] + static_cast<int64_t>(x.dims.size()) : axes[i];
      if (axis < 0 || axis >= static_cast<int64_t>(at.size()))
        return nullptr;
      ElementRef start = values_.at(*starts, {SymExpr(i)});
      if (!start || start->kind != Element::Kind::kInteger)
        return nullptr;
      SymExpr begin = start->value;
      const SymExpr &extent = x.dims[axis];
      if (auto n = begin.constant(); n && *n < 0)
        begin = *n < std::numeric_limits<int32_t>::min() ? SymExpr(0) : begin + extent;
      SymExpr last = steps[i] < 0 ? extent - SymExpr(1) : extent;
      if (pool_.isNonNegative(begin - last))
        begin = last;
      else if (!pool_.isNonNegative(begin) || !pool_.isNonNegative(last - begin))
        return nullptr;
      at[axis] = begin + SymExpr(steps[i]) * index[axis];
    }
    return values_.at(x, at);
  });
}

void KnownTransfer::split() {
  auto op = cast<onnx::SplitOp>(op_);
  const Known &x = *input(0);
  int64_t rank = x.dims.size(), axis = op.getAxis();
  axis = axis < 0 ? axis + rank : axis;
  if (axis < 0 || axis >= rank)
    return;
  SymExpr offset(0);
  for (Value piece : op.getOutputs()) {
    auto dims = onnx::getDims(piece.getType());
    if (!dims)
      return;
    enter(piece, [&](ArrayRef<SymExpr> index) {
      SmallVector<SymExpr> at(index);
      at[axis] = at[axis] + offset;
      return values_.at(x, at);
    });
    offset = offset + (*dims)[axis];
  }
}

void KnownTransfer::concat() {
  auto op = cast<onnx::ConcatOp>(op_);
  Value y = op->getResult(0);
  auto dims = onnx::getDims(y.getType());
  if (!dims || dims->empty())
    return;
  int64_t rank = dims->size(), axis = op.getAxis();
  axis = axis < 0 ? axis + rank : axis;
  if (axis < 0 || axis >= rank)
    return;
  enter(y, [&](ArrayRef<SymExpr> index) -> ElementRef {
    SmallVector<std::pair<SymExpr, const Known *>> pieces; // begin, tensor
    SymExpr offset(0);
    for (Value operand : op->getOperands()) {
      const Known *piece = values_.find(operand);
      pieces.push_back({offset, piece});
      offset = offset + piece->dims[axis];
    }
    ElementRef result = nullptr;
    unsigned written = 0;
    for (const auto &[begin, piece] : llvm::reverse(pieces)) {
      SymExpr inside = index[axis] - begin;
      bool before = pool_.isNonNegative(SymExpr(-1) - inside), after = pool_.isNonNegative(inside - piece->dims[axis]);
      if (before || after) // this index is never in the piece
        continue;
      SmallVector<SymExpr> at(index);
      at[axis] = piece->dims[axis].isConstant(1) ? SymExpr(0) : inside;
      ElementRef element = values_.at(*piece, at);
      if (!element || ++written > kMaxPieces)
        return nullptr;
      result =
          result ? pool_.apply(ElementFn::kSelect,
                               {pool_.atLeast0(begin + piece->dims[axis] - index[axis] - SymExpr(1)), element, result},
                               element->format)
                 : element;
      if (!result)
        return nullptr;
    }
    return result;
  });
}

void KnownTransfer::gather() {
  auto op = cast<onnx::GatherOp>(op_);
  const Known &data = *input(0), &indices = *input(1);
  int64_t rank = data.dims.size(), axis = op.getAxis(), width = indices.dims.size();
  axis = axis < 0 ? axis + rank : axis;
  if (axis < 0 || axis >= rank)
    return;
  enter(op.getY(), [&](ArrayRef<SymExpr> index) -> ElementRef {
    auto at = position(values_.at(indices, index.slice(axis, width)), data.dims[axis]);
    if (!at)
      return nullptr;
    SmallVector<SymExpr> place(index.take_front(axis));
    place.push_back(*at);
    place.append(index.begin() + axis + width, index.end());
    return values_.at(data, place);
  });
}

void KnownTransfer::gatherND() {
  auto op = cast<onnx::GatherNDOp>(op_);
  const Known &data = *input(0), &indices = *input(1);
  auto count = indices.dims.empty() ? std::nullopt : indices.dims.back().constant();
  int64_t batch = op.getBatchDims(), width = static_cast<int64_t>(indices.dims.size()) - 1;
  if (!count || batch < 0 || batch > width || batch + *count > static_cast<int64_t>(data.dims.size()))
    return;
  enter(op.getY(), [&](ArrayRef<SymExpr> index) -> ElementRef {
    SmallVector<SymExpr> place(index.take_front(batch)), tuple(index.take_front(width));
    tuple.push_back(SymExpr(0));
    for (int64_t i = 0; i < *count; ++i) {
      tuple.back() = SymExpr(i);
      auto at = position(values_.at(indices, tuple), data.dims[batch + i]);
      if (!at)
        return nullptr;
      place.push_back(*at);
    }
    place.append(index.begin() + width, index.end());
    return values_.at(data, place);
  });
}

void KnownTransfer::gatherElements() {
  auto op = cast<onnx::GatherElementsOp>(op_);
  const Known &data = *input(0), &indices = *input(1);
  int64_t rank = data.dims.size(), axis = op.getAxis();
  axis = axis < 0 ? axis + rank : axis;
  if (axis < 0 || axis >= rank)
    return;
  enter(op.getY(), [&](ArrayRef<SymExpr> index) -> ElementRef {
    auto at = position(values_.at(indices, index), data.dims[axis]);
    if (!at)
      return nullptr;
    SmallVector<SymExpr> place(index);
    place[axis] = *at;
    return values_.at(data, place);
  });
}

void KnownTransfer::range() {
  auto op = cast<onnx::RangeOp>(op_);
  const Known &start = *input(0), &delta = *input(2);
  Type type = cast<RankedTensorType>(op.getY().getType()).getElementType();
  enter(op.getY(), [&](ArrayRef<SymExpr> index) -> ElementRef {
    ElementRef first = values_.at(start, start.dims.empty() ? ArrayRef<SymExpr>() : ArrayRef<SymExpr>(SymExpr(0)));
    ElementRef step = values_.at(delta, delta.dims.empty() ? ArrayRef<SymExpr>() : ArrayRef<SymExpr>(SymExpr(0)));
    ElementRef place = convert(pool_.integer(index[0]), type);
    if (!first || !step || !place)
      return nullptr;
    RealFormat format = realFormat(type).value_or(RealFormat::kF32);
    return pool_.apply(ElementFn::kAdd, {first, pool_.apply(ElementFn::kMul, {place, step}, format)}, format);
  });
}

void KnownTransfer::trilu() {
  auto op = cast<onnx::TriluOp>(op_);
  const Known &x = *input(0);
  int64_t k = 0;
  if (op.getK()) {
    auto known = values_.integers(op.getK());
    if (!known || known->size() != 1)
      return;
    k = known->front();
  }
  Type type = cast<RankedTensorType>(op.getY().getType()).getElementType();
  enter(op.getY(), [&](ArrayRef<SymExpr> index) -> ElementRef {
    if (index.size() < 2)
      return nullptr;
    SymExpr above = index.back() - index[index.size() - 2] - SymExpr(k); // at least 0: on the diagonal or above
    ElementRef element = values_.at(x, index);
    ElementRef keep = pool_.atLeast0(op.getUpper() ? above : SymExpr(0) - above);
    return element ? pool_.apply(ElementFn::kSelect, {keep, element, convert(pool_.integer(SymExpr(0)), type)},
                                 element->format)
                   : nullptr;
  });
}

} // namespace janus::recover

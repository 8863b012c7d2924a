#include "lib/Recover/Attention/ColumnView.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace janus::recover {

using onnx::SymExpr;

namespace {

constexpr unsigned kMaxChain = 200;               // operators between a value and its bases
constexpr int64_t kMaxColumns = int64_t{1} << 20; // of a view

SymExpr position() { return SymExpr::symbol(".q"); }

} // namespace

const ColumnView *ColumnViews::fail(Operation *op, const Twine &why) {
  if (!culprit) {
    culprit = op;
    reason = why.str();
  }
  return nullptr;
}

void ColumnViews::clear() {
  views_.clear();
  culprit = nullptr;
  reason.clear();
}

void ColumnViews::addBase(Value value, const Parts &dims, int64_t columns) {
  auto view = std::make_unique<ColumnView>();
  view->dims = dims;
  unsigned number = numbers_.try_emplace(value, bases_.size()).first->second;
  if (number == bases_.size())
    bases_.push_back(value);
  for (int64_t i = 0; i < columns; ++i)
    view->columns.push_back({ColumnTerm{number, i, nullptr, 1.0}});
  given_[value] = std::move(view);
}

bool ColumnViews::isBase(const ColumnView &view) {
  for (auto [i, column] : llvm::enumerate(view.columns))
    if (column.size() != 1 || column[0] != ColumnTerm{column[0].base, static_cast<int64_t>(i), nullptr, 1.0} ||
        column[0].base != view.columns[0][0].base)
      return false;
  return true;
}

const ColumnView *ColumnViews::view(Value value) {
  if (auto it = given_.find(value); it != given_.end())
    return it->second.get();
  if (auto it = views_.find(value); it != views_.end())
    return it->second.get();
  std::unique_ptr<ColumnView> result;
  if (depth_ < kMaxChain) {
    ++depth_;
    result = compute(value);
    --depth_;
  }
  if (!result) {
    Operation *op = value.getDefiningOp();
    if (!op)
      op = value.getParentBlock()->getParentOp();
    fail(op, "does not compute one row from one row");
  }
  return (views_[value] = std::move(result)).get();
}

std::unique_ptr<ColumnView> ColumnViews::compute(Value value) {
  if (known_.find(value))
    return zeros(value);
  if (Operation *op = value.getDefiningOp())
    if (auto result = computeOp(op, value))
      return result;
  auto base = makeBase(value);
  if (base) { // what could not be followed is a base
    culprit = nullptr;
    reason.clear();
  }
  return base;
}

std::unique_ptr<ColumnView> ColumnViews::makeBase(Value value) {
  auto dims = rowMajorParts(value.getType(), interface_);
  if (!dims) {
    if (Operation *op = value.getDefiningOp())
      fail(op, "computes rows in a layout that is not [batch, sequence, ...]");
    return nullptr;
  }
  auto result = std::make_unique<ColumnView>();
  result->dims = *dims;
  ColumnStride all = strideOf(*dims, dims->size());
  if (all.outer > kMaxColumns)
    return nullptr;
  unsigned number = numbers_.try_emplace(value, bases_.size()).first->second;
  if (number == bases_.size())
    bases_.push_back(value);
  for (int64_t i = 0; i < all.outer; ++i)
    result->columns.push_back({ColumnTerm{number, i, nullptr, 1.0}});
  return result;
}

/// A known tensor: zeros that something is put into.
std::unique_ptr<ColumnView> ColumnViews::zeros(Value value) {
  auto number = known_.constant(value);
  auto dims = onnx::getDims(value.getType());
  if (!number || *number != 0 || !dims)
    return nullptr;
  auto result = std::make_unique<ColumnView>();
  for (const SymExpr &dim : *dims) {
    result->dims.emplace_back();
    auto &parts = result->dims.back();
    auto extent = dim.constant();
    if (dim.isConstant(1))
      continue;
    if (extent)
      parts.push_back({Part::kColumns, *extent});
    else if (dim == interface_.batch)
      parts.push_back({Part::kBatch});
    else if (dim == interface_.sequence)
      parts.push_back({Part::kToken});
    else
      return nullptr;
  }
  int64_t columns = strideOf(result->dims, dims->size()).outer;
  if (columns > kMaxColumns)
    return nullptr;
  result->columns.resize(columns);
  return result;
}

std::unique_ptr<ColumnView> ColumnViews::computeOp(Operation *op, Value value) {
  using Result = std::unique_ptr<ColumnView>;
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case<onnx::ReshapeOp, onnx::SqueezeOp, onnx::UnsqueezeOp, onnx::FlattenOp, onnx::IdentityOp>(
          [&](auto) { return relayout(op->getOperand(0), value); })
      .Case([&](onnx::CastOp cast) {
        auto isReal = [](Value v) {
          return isa<FloatType>(mlir::cast<RankedTensorType>(v.getType()).getElementType());
        };
        return isReal(cast.getX()) && isReal(cast.getY()) ? relayout(cast.getX(), value) : nullptr;
      })
      .Case([&](onnx::TransposeOp transposition) {
        SmallVector<unsigned> permutation;
        unsigned rank = cast<RankedTensorType>(value.getType()).getRank();
        for (unsigned j = 0; j < rank; ++j)
          permutation.push_back(transposition.getPerm() ? (*transposition.getPerm())[j] : rank - 1 - j);
        return transpose(transposition.getX(), permutation);
      })
      .Case([&](onnx::SliceOp slice) { return this->slice(slice); })
      .Case([&](onnx::SplitOp split) { return this->split(split, value); })
      .Case([&](onnx::ConcatOp concat) { return this->concat(concat); })
      .Case<onnx::ExpandOp, onnx::TileOp>([&](auto) { return expand(op); })
      .Case([&](onnx::GatherOp gather) { return this->gather(gather); })
      .Case([&](onnx::ScatterNDOp scatter) { return this->scatter(scatter); })
      .Case<onnx::NegOp, onnx::MulOp, onnx::DivOp>([&](auto) { return scale(op); })
      .Case<onnx::AddOp, onnx::SubOp>([&](auto) { return add(op); })
      .Case<onnx::RotaryEmbeddingOp, onnx::MicrosoftRotaryEmbeddingOp>([&](auto) { return rotate(op); })
      .Case([&](onnx::WhereOp where) -> Result {
        // Rows are numbers: attention always sees a key, so that what guards against none does nothing.
        if (auto nan = where.getCondition().getDefiningOp<onnx::IsNaNOp>(); nan && nan.getX() == where.getY())
          return relayout(where.getY(), value);
        auto condition = known_.constant(where.getCondition());
        return condition ? relayout(*condition != 0 ? where.getX() : where.getY(), value) : nullptr;
      })
      .Default([](Operation *) -> Result { return nullptr; });
}

std::unique_ptr<ColumnView> ColumnViews::relayout(Value x, Value result) {
  const ColumnView *from = view(x);
  auto extents = onnx::getDims(result.getType());
  auto dims = from && extents ? regroup(from->dims, *extents, interface_) : std::nullopt;
  if (!dims)
    return nullptr;
  auto to = std::make_unique<ColumnView>(*from);
  to->dims = *dims;
  return to;
}

std::unique_ptr<ColumnView> ColumnViews::transpose(Value x, ArrayRef<unsigned> permutation) {
  const ColumnView *from = view(x);
  if (!from || from->dims.size() != permutation.size())
    return nullptr;
  auto to = std::make_unique<ColumnView>();
  for (unsigned d : permutation)
    to->dims.push_back(from->dims[d]);
  for (int64_t column : transposeColumns(from->dims, permutation))
    to->columns.push_back(from->columns[column]);
  return to;
}

std::unique_ptr<ColumnView> ColumnViews::select(const ColumnView &x, unsigned d, ArrayRef<int64_t> indices) {
  ColumnStride stride = strideOf(x.dims, d);
  int64_t count = indices.size();
  if (!countsColumns(x.dims[d]) || count < 1 || stride.outer * stride.inner > kMaxColumns / count)
    return nullptr;
  auto result = std::make_unique<ColumnView>();
  result->dims = x.dims;
  result->dims[d].clear();
  if (count != 1)
    result->dims[d].push_back({Part::kColumns, count});
  for (int64_t o = 0; o < stride.outer; ++o)
    for (int64_t i : indices) {
      i = i < 0 ? i + stride.count : i;
      if (i < 0 || i >= stride.count)
        return nullptr;
      auto first = x.columns.begin() + (o * stride.count + i) * stride.inner;
      result->columns.insert(result->columns.end(), first, first + stride.inner);
    }
  return result;
}

std::unique_ptr<ColumnView> ColumnViews::slice(onnx::SliceOp op) {
  const ColumnView *x = view(op.getX());
  auto starts = known_.integers(op.getStarts()), ends = known_.integers(op.getEnds());
  auto axes = known_.integers(op.getAxes()), steps = known_.integers(op.getSteps());
  if (!x || !starts || !ends || starts->size() != ends->size() || (op.getAxes() && !axes) || (op.getSteps() && !steps))
    return nullptr;
  auto result = std::make_unique<ColumnView>(*x);
  int64_t rank = x->dims.size();
  for (unsigned i = 0; i < starts->size(); ++i) {
    int64_t axis = axes ? (*axes)[i] : i, step = steps ? (*steps)[i] : 1;
    axis = axis < 0 ? axis + rank : axis;
    if (axis < 0 || axis >= rank || step == 0)
      return nullptr;
    int64_t count = strideOf(result->dims, axis).count, begin = (*starts)[i], end = (*ends)[i];
    bool whole = begin == 0 && step == 1 && end >= std::numeric_limits<int32_t>::max();
    if (whole)
      continue;
    begin = begin < 0 ? begin + count : begin, end = end < 0 ? end + count : end;
    SmallVector<int64_t> indices;
    if (step > 0)
      for (int64_t j = std::max<int64_t>(begin, 0); j < std::min(end, count); j += step)
        indices.push_back(j);
    else
      for (int64_t j = std::min(begin, count - 1); j > std::max<int64_t>(end, -1); j += step)
        indices.push_back(j);
    if (!(result = select(*result, axis, indices)))
      return nullptr;
  }
  return result;
}

std::unique_ptr<ColumnView> ColumnViews::split(onnx::SplitOp op, Value piece) {
  const ColumnView *x = view(op.getX());
  int64_t rank = x ? x->dims.size() : 0, axis = op.getAxis();
  axis = axis < 0 ? axis + rank : axis;
  if (!x || axis < 0 || axis >= rank)
    return nullptr;
  int64_t offset = 0;
  for (Value output : op.getOutputs()) {
    auto dims = onnx::getDims(output.getType());
    auto count = dims ? (*dims)[axis].constant() : std::nullopt;
    if (!count)
      return nullptr;
    if (output == piece)
      return select(*x, axis, llvm::to_vector(llvm::seq<int64_t>(offset, offset + *count)));
    offset += *count;
  }
  return nullptr;
}

std::unique_ptr<ColumnView> ColumnViews::concat(onnx::ConcatOp op) {
  SmallVector<const ColumnView *> pieces;
  for (Value operand : op->getOperands()) {
    pieces.push_back(view(operand));
    if (!pieces.back())
      return nullptr;
  }
  int64_t rank = pieces[0]->dims.size(), axis = op.getAxis();
  axis = axis < 0 ? axis + rank : axis;
  if (axis < 0 || axis >= rank)
    return nullptr;
  int64_t total = 0;
  for (const ColumnView *piece : pieces) {
    if (static_cast<int64_t>(piece->dims.size()) != rank || !countsColumns(piece->dims[axis]))
      return nullptr;
    for (int64_t d = 0; d < rank; ++d)
      if (d != axis && strideOf(piece->dims, d).count != strideOf(pieces[0]->dims, d).count)
        return nullptr;
      else if (d != axis && !countsColumns(piece->dims[d]) && piece->dims[d] != pieces[0]->dims[d])
        return nullptr;
    total += strideOf(piece->dims, axis).count;
  }
  auto result = std::make_unique<ColumnView>();
  result->dims = pieces[0]->dims;
  result->dims[axis].assign(1, {Part::kColumns, total});
  ColumnStride stride = strideOf(pieces[0]->dims, axis);
  if (total > kMaxColumns / (stride.outer * stride.inner))
    return nullptr;
  for (int64_t o = 0; o < stride.outer; ++o)
    for (const ColumnView *piece : pieces) {
      int64_t width = strideOf(piece->dims, axis).count * stride.inner;
      result->columns.insert(result->columns.end(), piece->columns.begin() + o * width,
                             piece->columns.begin() + (o + 1) * width);
    }
  return result;
}

std::unique_ptr<ColumnView> ColumnViews::expand(Operation *op) {
  const ColumnView *x = view(op->getOperand(0));
  auto extents = onnx::getDims(op->getResult(0).getType());
  if (!x || !extents || extents->size() < x->dims.size())
    return nullptr;
  auto result = std::make_unique<ColumnView>(*x);
  result->dims.insert(result->dims.begin(), extents->size() - x->dims.size(), {});
  for (unsigned d = 0; d < extents->size(); ++d) {
    int64_t have = strideOf(result->dims, d).count;
    auto want = (*extents)[d].constant();
    if (!countsColumns(result->dims[d]) || (want && *want == have))
      continue; // rows are not repeated: the parts' extents are the result's
    if (!want || *want % have || (have != 1 && !isa<onnx::TileOp>(op)))
      return nullptr;
    SmallVector<int64_t> indices;
    for (int64_t i = 0; i < *want; ++i)
      indices.push_back(i % have);
    if (!(result = select(*result, d, indices)))
      return nullptr;
  }
  auto same = regroup(result->dims, *extents, interface_);
  if (!same)
    return nullptr;
  result->dims = *same;
  return result;
}

std::unique_ptr<ColumnView> ColumnViews::gather(onnx::GatherOp op) {
  const ColumnView *x = view(op.getData());
  const Known *indices = known_.find(op.getIndices());
  auto numbers = known_.integers(op.getIndices());
  int64_t rank = x ? x->dims.size() : 0, axis = op.getAxis();
  axis = axis < 0 ? axis + rank : axis;
  if (!x || !indices || !numbers || axis < 0 || axis >= rank)
    return nullptr;
  auto result = select(*x, axis, *numbers);
  if (result && indices->dims.empty())
    result->dims.erase(result->dims.begin() + axis);
  return result;
}

/// Columns written at constant places of dimension 0.
std::unique_ptr<ColumnView> ColumnViews::scatter(onnx::ScatterNDOp op) {
  const ColumnView *data = view(op.getData()), *updates = view(op.getUpdates());
  const Known *indices = known_.find(op.getIndices());
  if (!data || !updates || !indices || op.getReduction() != "none" || indices->dims.size() != 2 ||
      !indices->dims[1].isConstant(1) || data->dims.empty() || updates->dims.size() != data->dims.size())
    return nullptr;
  auto count = indices->dims[0].constant();
  ColumnStride stride = strideOf(data->dims, 0);
  if (!count || !countsColumns(data->dims[0]) || !countsColumns(updates->dims[0]) ||
      strideOf(updates->dims, 0).count != *count || strideOf(updates->dims, 0).inner != stride.inner)
    return nullptr;
  auto result = std::make_unique<ColumnView>(*data);
  for (unsigned d = 1; d < data->dims.size(); ++d)
    if (!countsColumns(updates->dims[d]) || !countsColumns(data->dims[d])) {
      if (updates->dims[d] != data->dims[d])
        return nullptr;
    }
  known_.pool().setExtents({});
  for (int64_t i = 0; i < *count; ++i) {
    ElementRef at = known_.at(*indices, {SymExpr(i), SymExpr(0)});
    auto place = at && at->kind == Element::Kind::kInteger ? at->value.constant() : std::nullopt;
    if (place && *place < 0)
      *place += stride.count;
    if (!place || *place < 0 || *place >= stride.count)
      return nullptr;
    std::copy_n(updates->columns.begin() + i * stride.inner, stride.inner,
                result->columns.begin() + *place * stride.inner);
  }
  return result;
}

ElementRef ColumnViews::factor(const Known &known, const Parts &dims, int64_t column) {
  if (known.dims.size() > dims.size())
    return nullptr;
  SmallVector<SymExpr> index;
  size_t shift = dims.size() - known.dims.size();
  for (unsigned d = 0; d < known.dims.size(); ++d) {
    if (known.dims[d].isConstant(1)) {
      index.push_back(SymExpr(0));
      continue;
    }
    const auto &parts = dims[d + shift];
    ColumnStride stride = strideOf(dims, d + shift);
    if (countsColumns(parts)) {
      index.push_back(SymExpr(column / stride.inner % stride.count));
      continue;
    }
    SymExpr at(0);
    for (const Part &part : parts) {
      if (part.kind == Part::kBatch)
        at = at * interface_.batch + SymExpr::symbol(".b");
      else if (part.kind == Part::kToken)
        at = at * interface_.sequence + position();
      else
        return nullptr;
    }
    index.push_back(at);
  }
  ElementPool &pool = known_.pool();
  pool.setExtents({});
  pool.setExtent(".b", interface_.batch);
  pool.setExtent(".q", interface_.sequence);
  ElementRef result = known_.at(known, index);
  return result && !result->dependsOn(".b") ? result : nullptr;
}

std::unique_ptr<ColumnView> ColumnViews::scale(Operation *op) {
  if (isa<onnx::NegOp>(op)) {
    const ColumnView *x = view(op->getOperand(0));
    if (!x)
      return nullptr;
    auto result = std::make_unique<ColumnView>(*x);
    for (Column &column : result->columns)
      for (ColumnTerm &term : column)
        term.scale = -term.scale;
    return result;
  }
  bool second = known_.find(op->getOperand(1)) != nullptr;
  if (!second && (isa<onnx::DivOp>(op) || !known_.find(op->getOperand(0))))
    return nullptr;
  Value x = op->getOperand(second ? 0 : 1);
  const Known &known = *known_.find(op->getOperand(second ? 1 : 0));
  const ColumnView *from = view(x);
  auto extents = onnx::getDims(op->getResult(0).getType());
  auto dims = from && extents ? regroup(from->dims, *extents, interface_) : std::nullopt;
  if (!dims) // the factor has columns that the rows have not
    return nullptr;
  auto result = std::make_unique<ColumnView>(*from);
  result->dims = *dims;
  std::optional<double> common; // columns that are scaled each by its own number are for others to recover
  for (int64_t i = 0, n = result->columns.size(); i < n; ++i) {
    ElementRef factor = this->factor(known, *dims, i);
    if (!factor || factor->type != ElementType::kReal)
      return nullptr;
    if (auto number = factor->constant()) {
      if ((common && *common != *number) || (isa<onnx::DivOp>(op) && *number == 0))
        return nullptr;
      common = number;
      for (ColumnTerm &term : result->columns[i])
        term.scale = isa<onnx::DivOp>(op) ? term.scale / *number : term.scale * *number;
      continue;
    }
    if (!factor->dependsOn(".q") || isa<onnx::DivOp>(op))
      return nullptr;
    for (ColumnTerm &term : result->columns[i]) {
      term.factor = term.factor ? known_.pool().apply(ElementFn::kMul, {term.factor, factor}, factor->format) : factor;
      if (!term.factor)
        return nullptr;
    }
  }
  return result;
}

/// Sums of terms that the position weighs: rotations. Other sums are bases.
std::unique_ptr<ColumnView> ColumnViews::add(Operation *op) {
  if (known_.find(op->getOperand(0)) || known_.find(op->getOperand(1)) ||
      op->getOperand(0).getType() != op->getOperand(1).getType())
    return nullptr;
  // The operand that is no sum itself first: where its columns have no factors, as in a residual stream, the other one,
  // which may go back to the first layer, is not looked at.
  bool swap = isa_and_nonnull<onnx::AddOp>(op->getOperand(0).getDefiningOp());
  auto isTurned = [](const ColumnView *x) {
    return x && llvm::all_of(x->columns, [](const Column &column) {
             return llvm::all_of(column, [](const ColumnTerm &term) { return term.factor != nullptr; });
           });
  };
  if (!isTurned(view(op->getOperand(swap ? 1 : 0))) || !isTurned(view(op->getOperand(swap ? 0 : 1))))
    return nullptr;
  const ColumnView *a = view(op->getOperand(0)), *b = view(op->getOperand(1));
  if (a->dims != b->dims || a->columns.size() != b->columns.size())
    return nullptr;
  auto result = std::make_unique<ColumnView>(*a);
  for (auto [column, other] : llvm::zip(result->columns, b->columns)) {
    for (ColumnTerm term : other) {
      term.scale = isa<onnx::SubOp>(op) ? -term.scale : term.scale;
      column.push_back(term);
    }
    if (column.size() > 2)
      return nullptr;
  }
  return result;
}

void rotateColumns(std::vector<Column> &columns, int64_t begin, ArrayRef<ElementRef> cos, ArrayRef<ElementRef> sin,
                   bool interleaved) {
  int64_t half = cos.size();
  for (int64_t i = 0; i < half; ++i) {
    Column &a = columns[begin + (interleaved ? 2 * i : i)], &b = columns[begin + (interleaved ? 2 * i + 1 : i + half)];
    ColumnTerm x = a[0], y = b[0];
    auto weigh = [](ColumnTerm term, ElementRef factor, double sign) {
      term.factor = factor;
      term.scale *= sign;
      return term;
    };
    a = {weigh(x, cos[i], 1), weigh(y, sin[i], -1)};
    b = {weigh(y, cos[i], 1), weigh(x, sin[i], 1)};
  }
}

std::unique_ptr<ColumnView> ColumnViews::rotate(Operation *op) {
  RotaryPlaces places = *rotaryPlaces(op);
  const ColumnView *x = view(onnx::getInput(op, 0));
  if (!x)
    return nullptr;
  bool own = isa<onnx::MicrosoftRotaryEmbeddingOp>(op);
  if (own && !cast<onnx::MicrosoftRotaryEmbeddingOp>(op).getScale().isExactlyValue(1))
    return nullptr;
  auto attribute = [&](StringRef name) { return op->getAttrOfType<IntegerAttr>(name).getInt(); };
  Value positions = onnx::getInput(op, places.positions);
  SmallVector<std::vector<ElementRef>, 2> tables;
  for (unsigned table : {places.cos, places.sin}) {
    Value cache = onnx::getInput(op, table);
    std::optional<Known> rows;
    if (positions)
      rows = known_.rowsOf(cache, positions);
    else if (const Known *given = known_.find(cache))
      rows = *given;
    if (!rows || rows->dims.size() < 2 || rows->dims.size() > 3)
      return nullptr;
    // As if the table had the parts [batch, tokens, pairs].
    auto half = rows->dims.back().constant();
    if (!half || *half < 1 || *half > kMaxColumns)
      return nullptr;
    Parts parts = {{Part{Part::kBatch}}, {Part{Part::kToken}}, {Part{Part::kColumns, *half}}};
    tables.emplace_back();
    for (int64_t i = 0; i < *half; ++i) {
      tables.back().push_back(factor(*rows, parts, i));
      if (!tables.back().back())
        return nullptr;
    }
  }
  int64_t half = tables[0].size(), total = x->columns.size(), last = strideOf(x->dims, x->dims.size() - 1).count;
  bool flat = x->dims.size() == 3 && last == total; // [B, S, heads * d]
  int64_t heads = attribute("num_heads"), rotated = attribute("rotary_embedding_dim");
  if (rotated && rotated != 2 * half)
    return nullptr;
  int64_t headDim = flat ? heads > 0 ? total / heads : rotated ? 0 : 2 * half : last;
  if (tables[1].size() != tables[0].size() || headDim < 2 * half || headDim < 1 || total % headDim)
    return nullptr;
  auto result = std::make_unique<ColumnView>(*x);
  for (const Column &column : result->columns)
    if (column.size() != 1 || column[0].factor)
      return nullptr;
  for (int64_t begin = 0; begin < total; begin += headDim)
    rotateColumns(result->columns, begin, tables[0], tables[1], attribute("interleaved") != 0);
  return result;
}

} // namespace janus::recover

#include "lib/Recover/Attention/ColumnMaker.h"

#include <algorithm>
#include <cmath>

using namespace mlir;

namespace janus::recover {

namespace {

int64_t widthOf(Value rows) { return cast<RankedTensorType>(rows.getType()).getShape()[1]; }

} // namespace

unsigned ColumnMaker::addSource(Value rows) {
  for (unsigned i = 1; i < sources_.size(); ++i)
    if (sources_[i] == rows)
      return i;
  sources_.push_back(rows);
  return sources_.size() - 1;
}

unsigned ColumnMaker::baseSource(unsigned base) {
  if (auto it = baseSources_.find(base); it != baseSources_.end())
    return it->second;
  Value rows = rows_.lookup(views_.base(base));
  if (!rows)
    rows = form_.toRows(builder_, views_.base(base));
  return baseSources_[base] = rows ? addSource(rows) : 0;
}

std::pair<int64_t, int64_t> ColumnMaker::placeOf(const Column &column) {
  return std::minmax(column[0].column, column[1].column);
}

ColumnMaker::Turned ColumnMaker::turnedOf(const Column &column) {
  bool ordered = column[0].column < column[1].column;
  const ColumnTerm &a = column[ordered ? 0 : 1], &b = column[ordered ? 1 : 0];
  return {a.factor, b.factor, a.scale > 0, b.scale > 0};
}

bool ColumnMaker::solve(Pair &pair) {
  const Turned &u = pair.columns[0];
  if (pair.columns.size() == 1) { // the other column is not used: read it as the usual one of the two
    bool isFirst = u.plusA && !u.plusB;
    pair.cos = isFirst ? u.factorA : u.factorB, pair.sin = isFirst ? u.factorB : u.factorA;
    pair.sign = isFirst || u.plusA ? 1 : -1;
    pair.first = isFirst ? 0 : 2;
    return u.plusA || u.plusB || fail("a rotation with a negative cosine");
  }
  for (unsigned first : {0u, 1u}) {
    const Turned &a = pair.columns[first], &b = pair.columns[1 - first];
    if (a.plusA && b.plusB && a.plusB != b.plusA && equal(a.factorA, b.factorB) && equal(a.factorB, b.factorA)) {
      pair.cos = a.factorA, pair.sin = b.factorA, pair.sign = b.plusA ? 1 : -1, pair.first = first;
      return true;
    }
  }
  return fail("two columns that are mixed by no rotation");
}

bool ColumnMaker::collect(const Column &column, std::map<unsigned, Rotation> &rotations) {
  if (column.empty())
    return true;
  for (const ColumnTerm &term : column) {
    Rotation &rotation = rotations[term.base];
    rotation.low = std::min(rotation.low, term.column), rotation.high = std::max(rotation.high, term.column + 1);
  }
  Rotation &rotation = rotations[column[0].base];
  if (column.size() == 1) {
    if (!column[0].factor)
      return true;
    if (rotation.weight && rotation.weight != column[0].factor)
      return fail("columns that the position weighs differently");
    rotation.weight = column[0].factor;
    return true;
  }
  if (column[0].base != column[1].base || column[0].column == column[1].column || !column[0].factor ||
      !column[1].factor)
    return fail("a sum of two columns that is no rotation");
  Pair &pair = rotation.pairs[placeOf(column)];
  Turned turned = turnedOf(column);
  if (!llvm::is_contained(pair.columns, turned))
    pair.columns.push_back(turned);
  return pair.columns.size() <= 2 || fail("columns that are mixed in more than one way");
}

bool ColumnMaker::emitWeight(Location loc, Rotation &rotation) {
  // Every column times a number that the position chooses: a rotation by nothing.
  int64_t count = rotation.high - rotation.low;
  if (!rotation.pairs.empty() || count % 2)
    return fail("columns that the position weighs, besides a rotation or odd in number");
  Value x = arrange(loc, [&] {
    std::vector<Pick> picks;
    for (int64_t i = rotation.low; i < rotation.high; ++i)
      picks.push_back({rotation.plain, i});
    return picks;
  }());
  std::vector<ElementRef> weights(count / 2, rotation.weight);
  Value cos = tables_.make(builder_, loc, weights, 1);
  auto type = cos ? cast<RankedTensorType>(cos.getType()) : RankedTensorType();
  Value sin = cos ? tables_.makeZeros(builder_, loc, type) : Value();
  if (!sin)
    return fail("a weight by position whose numbers cannot be computed");
  Value y = moe::RotaryOp::create(builder_, loc, x.getType(), x, form_.argument(kPositions), cos, sin,
                                  builder_.getI64IntegerAttr(count), builder_.getI64IntegerAttr(count),
                                  builder_.getBoolAttr(false), builder_.getI64IntegerAttr(0));
  rotation.rotated = addSource(y);
  rotation.begin = rotation.low, rotation.end = rotation.high;
  return true;
}

bool ColumnMaker::emit(Location loc, unsigned base, Rotation &rotation) {
  rotation.plain = baseSource(base);
  if (!rotation.plain)
    return fail("its rows are not f32");
  if (rotation.weight)
    return emitWeight(loc, rotation);
  if (rotation.pairs.empty())
    return true;
  for (auto &[place, pair] : rotation.pairs)
    if (!solve(pair))
      return false;
  // Pairs in order, all equally far apart: one head after the other.
  std::vector<std::pair<std::pair<int64_t, int64_t>, Pair>> pairs(rotation.pairs.begin(), rotation.pairs.end());
  int64_t count = pairs.size(), distance = pairs[0].first.second - pairs[0].first.first, first = pairs[0].first.first;
  bool interleaved = distance == 1 && count > 1;
  int64_t half = interleaved ? 1 : distance, stride = interleaved ? 2 : 1;
  if (interleaved) // a head ends where the tables begin anew, or where the next pair is not the neighbour
    while (half < count && pairs[half].first.first == first + 2 * half &&
           !(pairs[half].second.cos == pairs[0].second.cos && pairs[half].second.sin == pairs[0].second.sin))
      ++half;
  interleaved &= half > 1; // a single pair is both
  if (count % half)
    return fail("a rotation of heads that differ");
  int64_t heads = count / half;
  int64_t headDim = heads > 1 ? pairs[half].first.first - first : rotation.high - rotation.low;
  for (int64_t i = 0; i < count; ++i) {
    int64_t expected = first + i / half * headDim + i % half * stride;
    const Pair &pair = pairs[i].second, &like = pairs[i % half].second;
    if (pairs[i].first != std::pair(expected, expected + distance) || pair.sign != pairs[0].second.sign ||
        !equal(pair.cos, like.cos) || !equal(pair.sin, like.sin))
      return fail("a rotation of heads that differ");
  }
  // Whole heads around what is used.
  int64_t begin = rotation.low, width = widthOf(sources_[rotation.plain]);
  if (first - begin + 2 * half > headDim || rotation.high > begin + heads * headDim)
    begin = first;
  if (begin + heads * headDim > width)
    begin = width - heads * headDim;
  int64_t offset = first - begin;
  if (begin < 0 || offset < 0 || offset + 2 * half > headDim || rotation.low < begin ||
      rotation.high > begin + heads * headDim)
    return fail("a rotation of heads that do not lie side by side");
  std::vector<Pick> picks;
  for (int64_t i = begin; i < begin + heads * headDim; ++i)
    picks.push_back({rotation.plain, i});
  Value x = arrange(loc, picks);
  std::vector<ElementRef> cos, sin;
  for (int64_t i = 0; i < half; ++i)
    cos.push_back(pairs[i].second.cos), sin.push_back(pairs[i].second.sin);
  Value cosTable = tables_.make(builder_, loc, cos, 1),
        sinTable = cosTable ? tables_.make(builder_, loc, sin, pairs[0].second.sign) : Value();
  if (!sinTable || cosTable.getType() != sinTable.getType())
    return fail("rotary tables whose numbers cannot be computed");
  Value y = moe::RotaryOp::create(builder_, loc, x.getType(), x, form_.argument(kPositions), cosTable, sinTable,
                                  builder_.getI64IntegerAttr(headDim), builder_.getI64IntegerAttr(2 * half),
                                  builder_.getBoolAttr(interleaved), builder_.getI64IntegerAttr(offset));
  rotation.rotated = addSource(y);
  rotation.begin = begin, rotation.end = begin + heads * headDim;
  return true;
}

std::optional<std::vector<Pick>> ColumnMaker::resolve(Location loc, ArrayRef<Column> columns, double &scale) {
  // One factor for all; signs belong to rotations.
  std::optional<double> common;
  for (const Column &column : columns)
    for (const ColumnTerm &term : column) {
      double size = std::fabs(term.scale);
      if ((common && *common != size) || (column.size() == 1 && term.scale < 0) || size == 0) {
        reason = "columns with different factors";
        return std::nullopt;
      }
      common = size;
    }
  scale = common.value_or(1.0);
  std::map<unsigned, Rotation> rotations;
  for (const Column &column : columns)
    if (!collect(column, rotations))
      return std::nullopt;
  for (auto &[base, rotation] : rotations)
    if (!emit(loc, base, rotation))
      return std::nullopt;
  std::vector<Pick> picks;
  for (const Column &column : columns) {
    if (column.empty()) {
      picks.push_back({});
      continue;
    }
    const Rotation &rotation = rotations[column[0].base];
    bool turned = column.size() == 2 || column[0].factor;
    int64_t at = column[0].column;
    if (column.size() == 2) {
      auto place = placeOf(column);
      const Pair &pair = rotation.pairs.at(place);
      unsigned number = llvm::find(pair.columns, turnedOf(column)) - pair.columns.begin();
      at = number == pair.first ? place.first : place.second;
    } else if (!turned && rotation.rotated && at >= rotation.begin && at < rotation.end) {
      // Columns that the rotation passes on are taken from it, so that heads stay whole.
      turned = llvm::none_of(rotation.pairs,
                             [&](const auto &entry) { return entry.first.first == at || entry.first.second == at; });
    }
    picks.push_back(turned ? Pick{rotation.rotated, at - rotation.begin} : Pick{rotation.plain, at});
  }
  return picks;
}

Value ColumnMaker::arrange(Location loc, ArrayRef<Pick> picks) {
  SmallVector<int64_t> runs; // operand, offset, count
  SmallVector<Value> operands;
  SmallVector<unsigned> numbers;
  for (const Pick &pick : picks) {
    if (!pick.source) {
      reason = "columns of zeros";
      return nullptr;
    }
    unsigned operand = llvm::find(numbers, pick.source) - numbers.begin();
    if (operand == numbers.size()) {
      numbers.push_back(pick.source);
      operands.push_back(sources_[pick.source]);
    }
    if (!runs.empty() && runs[runs.size() - 3] == operand && runs[runs.size() - 2] + runs.back() == pick.column)
      ++runs.back();
    else
      runs.append({operand, pick.column, 1});
  }
  int64_t count = picks.size();
  if (runs.size() == 3) {
    if (runs[1] == 0 && count == widthOf(operands[0]))
      return operands[0];
    return moe::ColumnsOp::create(builder_, loc, form_.rowsType(count), operands[0],
                                  builder_.getI64IntegerAttr(runs[1]));
  }
  return moe::ArrangeOp::create(builder_, loc, form_.rowsType(count), operands, builder_.getDenseI64ArrayAttr(runs));
}

Value ColumnMaker::make(Location loc, ArrayRef<Column> columns) {
  double scale;
  auto picks = resolve(loc, columns, scale);
  if (!picks)
    return nullptr;
  if (scale != 1) {
    reason = "columns with a factor";
    return nullptr;
  }
  return arrange(loc, *picks);
}

} // namespace janus::recover

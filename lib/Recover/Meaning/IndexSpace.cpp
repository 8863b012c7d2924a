#include "lib/Recover/Meaning/IndexSpace.h"

using namespace mlir;

namespace janus::recover {

using onnx::SymExpr;

IndexSpace::IndexSpace() : one_(extent(SymExpr(1))) {}

Extent IndexSpace::extent(const SymExpr &expr) {
  auto constant = expr.constant();
  if (constant)
    if (auto it = constants_.find(*constant); it != constants_.end())
      return it->second;
  auto [it, inserted] = interned_.try_emplace(expr, static_cast<Extent>(exprs_.size()));
  if (inserted) {
    exprs_.push_back(expr);
    if (constant)
      constants_[*constant] = it->second;
  }
  return it->second;
}

std::optional<ArrayRef<Extent>> IndexSpace::extents(Type type) {
  auto it = types_.find(type);
  if (it == types_.end()) {
    auto dims = onnx::getDims(type);
    if (!dims)
      return std::nullopt;
    SmallVector<Extent, 4> result;
    for (const SymExpr &dim : *dims)
      result.push_back(extent(dim));
    it = types_.try_emplace(type, std::move(result)).first;
  }
  return ArrayRef<Extent>(it->second);
}

std::optional<int64_t> IndexSpace::constant(Extent extent) const { return exprs_[extent].constant(); }

Var IndexSpace::fresh(Extent extent, bool fixed) {
  vars_.push_back({extent, -1, {}, fixed, -1});
  return static_cast<Var>(vars_.size()) - 1;
}

Var IndexSpace::bundle(ArrayRef<Var> dim) {
  Dim parts = resolve(dim);
  if (parts.size() == 1)
    return parts[0];
  Var var = fresh(extentOf(parts));
  vars_[var].bound = parts;
  return var;
}

Var IndexSpace::freshList(Extent extent, PairList list) {
  Var var = fresh(extent);
  vars_[var].list = static_cast<int32_t>(lists_.size());
  lists_.push_back(std::move(list));
  return var;
}

const PairList *IndexSpace::list(Var var) const {
  int32_t index = vars_[find(var)].list;
  return index < 0 ? nullptr : &lists_[index];
}

Var IndexSpace::find(Var var) const {
  Var root = var;
  while (vars_[root].parent >= 0)
    root = vars_[root].parent;
  while (vars_[var].parent >= 0)
    var = std::exchange(vars_[var].parent, root);
  return root;
}

void IndexSpace::expand(Var var, Dim &out) const {
  var = find(var);
  if (vars_[var].bound.empty())
    out.push_back(var);
  for (Var part : vars_[var].bound)
    expand(part, out);
}

Dim IndexSpace::resolve(ArrayRef<Var> dim) const {
  Dim result;
  for (Var var : dim)
    expand(var, result);
  return result;
}

Axes IndexSpace::resolveAll(ArrayRef<Dim> axes) const {
  Axes result;
  for (const Dim &dim : axes)
    result.push_back(resolve(dim));
  return result;
}

Dim IndexSpace::flat(ArrayRef<Dim> axes) const {
  Dim result;
  for (const Dim &dim : axes)
    for (Var var : dim)
      expand(var, result);
  return result;
}

Extent IndexSpace::extentOfVar(Var var) const { return vars_[find(var)].extent; }

Extent IndexSpace::extentOf(ArrayRef<Var> dim) {
  Extent result = one_;
  for (Var var : dim)
    result = multiply(result, extentOfVar(var));
  return result;
}

std::optional<int64_t> IndexSpace::sizeOf(ArrayRef<Var> dim) { return constant(extentOf(dim)); }

Extent IndexSpace::multiply(Extent a, Extent b) {
  if (isOne(a) || isOne(b))
    return isOne(a) ? b : a;
  return extent(exprs_[a] * exprs_[b]);
}

std::optional<Extent> IndexSpace::divide(Extent a, Extent b) {
  if (a == b)
    return one_;
  if (isOne(b))
    return a;
  auto quotient = SymExpr::divideExactly(exprs_[a], exprs_[b]);
  if (!quotient || quotient->isConstant(0))
    return std::nullopt;
  return extent(*quotient);
}

bool IndexSpace::split(Var var, Extent major) {
  auto minor = divide(extentOfVar(var), major);
  if (!canSplit(var) || !minor || isOne(major) || isOne(*minor))
    return false;
  Var first = fresh(major), second = fresh(*minor);
  vars_[var].bound = {first, second};
  return true;
}

bool IndexSpace::align(ArrayRef<Var> a, ArrayRef<Var> b) {
  while (true) {
    Dim left = resolve(a), right = resolve(b);
    size_t same = 0;
    while (same < left.size() && same < right.size() && left[same] == right[same])
      ++same;
    if (same == left.size() && same == right.size())
      return true;
    if (same == left.size() || same == right.size())
      return false;
    Var x = left[same], y = right[same];
    Extent extentX = extentOfVar(x), extentY = extentOfVar(y);
    if (extentX == extentY) {
      if (!canSplit(x))
        std::swap(x, y);
      if (!canSplit(x))
        return false;
      vars_[x].parent = y;
    } else if (!split(x, extentY) && !split(y, extentX)) {
      return false;
    }
  }
}

std::optional<Axes> IndexSpace::regroup(ArrayRef<Dim> axes, ArrayRef<Extent> dims) {
  Dim rest = flat(axes);
  std::reverse(rest.begin(), rest.end()); // the next variable is the last
  Axes result;
  for (Extent wanted : dims) {
    Dim dim;
    while (!isOne(wanted)) {
      if (rest.empty())
        return std::nullopt;
      Var var = rest.pop_back_val();
      if (auto left = divide(wanted, extentOfVar(var))) {
        dim.push_back(var);
        wanted = *left;
        continue;
      }
      if (!split(var, wanted))
        return std::nullopt;
      Dim parts = resolve({var});
      dim.push_back(parts[0]);
      rest.push_back(parts[1]);
      wanted = one_;
    }
    result.push_back(dim);
  }
  if (!rest.empty())
    return std::nullopt;
  return result;
}

} // namespace janus::recover

// Which part of a value's dimensions counts rows, and which columns.
#include "lib/Recover/Attention/ColumnView.h"

using namespace mlir;

namespace janus::recover {

using onnx::SymExpr;

namespace {

SymExpr extentOf(const Part &part, const ModelInterface &interface) {
  switch (part.kind) {
  case Part::kBatch:
    return interface.batch;
  case Part::kToken:
  case Part::kKey:
    return interface.sequence;
  case Part::kColumns:
    return SymExpr(part.extent);
  }
  return SymExpr(1);
}

int64_t columnsOf(ArrayRef<Part> parts) {
  int64_t count = 1;
  for (const Part &part : parts)
    count *= part.kind == Part::kColumns ? part.extent : 1;
  return count;
}

} // namespace

ColumnStride strideOf(const Parts &dims, unsigned d) {
  ColumnStride result;
  for (unsigned i = 0; i < dims.size(); ++i)
    (i < d ? result.outer : i == d ? result.count : result.inner) *= columnsOf(dims[i]);
  return result;
}

bool countsColumns(ArrayRef<Part> parts) {
  return llvm::all_of(parts, [](const Part &part) { return part.kind == Part::kColumns; });
}

std::optional<Parts> regroup(const Parts &dims, ArrayRef<SymExpr> extents, const ModelInterface &interface) {
  SmallVector<Part> parts; // the next one last
  for (const auto &list : llvm::reverse(dims))
    parts.append(list.rbegin(), list.rend());
  Parts result;
  auto put = [&](Part part) { // columns next to each other are counted as one
    auto &list = result.back();
    if (part.kind == Part::kColumns && !list.empty() && list.back().kind == Part::kColumns)
      list.back().extent *= part.extent;
    else
      list.push_back(part);
  };
  for (const SymExpr &extent : extents) {
    result.emplace_back();
    SymExpr left = extent;
    while (!left.isConstant(1)) {
      if (parts.empty())
        return std::nullopt;
      Part part = parts.pop_back_val();
      if (part.kind == Part::kColumns && part.extent == 1)
        continue;
      if (auto quotient = SymExpr::divideExactly(left, extentOf(part, interface))) {
        left = *quotient;
        put(part);
        continue;
      }
      // A part that is cut in two.
      auto rest = left.constant();
      if (part.kind != Part::kColumns || !rest || *rest <= 0 || part.extent % *rest)
        return std::nullopt;
      parts.push_back({Part::kColumns, part.extent / *rest});
      put({Part::kColumns, *rest});
      left = SymExpr(1);
    }
  }
  for (const Part &part : parts)
    if (!extentOf(part, interface).isConstant(1))
      return std::nullopt;
  return result;
}

std::optional<Parts> rowMajorParts(Type type, const ModelInterface &interface) {
  auto dims = onnx::getDims(type);
  if (!dims || dims->empty())
    return std::nullopt;
  Parts result;
  unsigned next = 1;
  bool single = interface.batch.isConstant(1);
  Part batch{Part::kBatch}, tokens{Part::kToken};
  if (dims->size() > 1 && (*dims)[0] == interface.batch && (*dims)[1] == interface.sequence) {
    result.emplace_back();
    if (!single)
      result.back().push_back(batch);
    result.push_back({tokens});
    next = 2;
  } else if ((*dims)[0] == interface.batch * interface.sequence) {
    result.emplace_back();
    if (!single)
      result.back().push_back(batch);
    result.back().push_back(tokens);
  } else {
    return std::nullopt;
  }
  for (const SymExpr &dim : llvm::drop_begin(*dims, next)) {
    auto extent = dim.constant();
    if (!extent || *extent < 1)
      return std::nullopt;
    result.emplace_back();
    if (*extent != 1)
      result.back().push_back({Part::kColumns, *extent});
  }
  return result;
}

std::vector<int64_t> transposeColumns(const Parts &dims, ArrayRef<unsigned> permutation) {
  std::vector<int64_t> order = {0};
  // Row-major over the new order of dimensions, each with its old stride.
  for (unsigned j = 0; j < permutation.size(); ++j) {
    ColumnStride stride = strideOf(dims, permutation[j]);
    std::vector<int64_t> next;
    next.reserve(order.size() * stride.count);
    for (int64_t at : order)
      for (int64_t i = 0; i < stride.count; ++i)
        next.push_back(at + i * stride.inner);
    order = std::move(next);
  }
  return order;
}

} // namespace janus::recover

//===- ColumnMaker.h - columns in row form ----------------------*- C++ -*-===//
//
// Makes the values that views describe: rotations of bases as moe.rotary, then a choice of columns. A rotation acts
// where its columns lie in the base, whatever order they are written in afterwards.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RECOVER_ATTENTION_COLUMNMAKER_H
#define JANUS_RECOVER_ATTENTION_COLUMNMAKER_H

#include "lib/Recover/Attention/ColumnView.h"
#include "lib/Recover/Attention/PositionTable.h"
#include "lib/Recover/RowForm.h"

#include <map>

namespace janus::recover {

/// Column `column` of rows `source`; source 0 is a column of zeros.
struct Pick {
  unsigned source = 0;
  int64_t column = 0;
  friend bool operator==(const Pick &, const Pick &) = default;
  friend auto operator<=>(const Pick &, const Pick &) = default;
};

class ColumnMaker {
public:
  /// `rows`: row forms of bases that have no other.
  ColumnMaker(mlir::OpBuilder &builder, const RowForm &form, ColumnViews &views, PositionTables &tables,
              const llvm::DenseMap<mlir::Value, mlir::Value> &rows)
      : builder_(builder), form_(form), views_(views), tables_(tables), rows_(rows), sources_(1) {}

  /// Columns as picks, and the factor common to all of them. Rotations are made in front of the builder. Nothing when a
  /// column is no such thing: `reason` says why.
  std::optional<std::vector<Pick>> resolve(mlir::Location loc, llvm::ArrayRef<Column> columns, double &scale);
  /// The picked columns side by side: the source itself, moe.columns or moe.arrange.
  mlir::Value arrange(mlir::Location loc, llvm::ArrayRef<Pick> picks);
  /// Both, with a common factor of 1.
  mlir::Value make(mlir::Location loc, llvm::ArrayRef<Column> columns);
  mlir::Value source(unsigned number) const { return sources_[number]; }
  unsigned addSource(mlir::Value rows);

  std::string reason;

private:
  /// factorA * column a + factorB * column b, a < b, with their signs.
  struct Turned {
    ElementRef factorA, factorB;
    bool plusA, plusB;
    friend bool operator==(const Turned &, const Turned &) = default;
  };
  /// Columns a < b of a base that turn into each other: (a cos - b sin, b cos + a sin), sin with a sign.
  struct Pair {
    llvm::SmallVector<Turned, 2> columns;
    ElementRef cos = nullptr, sin = nullptr;
    double sign = 1;
    unsigned first = 0; // which of `columns` stands at a; 2: none
  };
  struct Rotation {
    std::map<std::pair<int64_t, int64_t>, Pair> pairs;
    ElementRef weight = nullptr; // all columns are weighed alike
    int64_t low = INT64_MAX, high = 0;
    // Once made:
    unsigned plain = 0, rotated = 0;
    int64_t begin = 0, end = 0; // columns that `rotated` holds
  };
  bool collect(const Column &column, std::map<unsigned, Rotation> &rotations);
  bool solve(Pair &pair);
  bool equal(ElementRef f, ElementRef g) { return tables_.equal(f, g); }
  static std::pair<int64_t, int64_t> placeOf(const Column &column);
  static Turned turnedOf(const Column &column);
  bool emit(mlir::Location loc, unsigned base, Rotation &rotation);
  bool emitWeight(mlir::Location loc, Rotation &rotation);
  unsigned baseSource(unsigned base);
  bool fail(const llvm::Twine &why) { return reason = why.str(), false; }

  mlir::OpBuilder &builder_;
  const RowForm &form_;
  ColumnViews &views_;
  PositionTables &tables_;
  const llvm::DenseMap<mlir::Value, mlir::Value> &rows_;
  llvm::SmallVector<mlir::Value> sources_;
  llvm::DenseMap<unsigned, unsigned> baseSources_;
};

} // namespace janus::recover

#endif // JANUS_RECOVER_ATTENTION_COLUMNMAKER_H

//===- PositionTable.h - formulas of the position as tables -----*- C++ -*-===//
#ifndef JANUS_RECOVER_ATTENTION_POSITIONTABLE_H
#define JANUS_RECOVER_ATTENTION_POSITIONTABLE_H

#include "lib/Recover/Attention/ElementExpr.h"
#include "lib/Recover/Attention/StoredNumbers.h"
#include "lib/Recover/RowForm.h"

#include <map>
#include <vector>

namespace janus::recover {

/// Numbers of a formula that depends on the position .q alone.
class PositionFunction {
public:
  /// Nothing when it depends on something else, or reads a table that cannot be read.
  static std::optional<PositionFunction> compile(ElementRef element, StoredNumbers &numbers);
  /// NaN where a table ends.
  double operator()(int64_t position);
  /// Positions for which every table that it reads has a row.
  int64_t positions() const { return positions_; }

private:
  struct Linear {
    int64_t slope = 0, offset = 0;
  };
  struct Step {
    Element::Kind kind;
    ElementFn fn;
    RealFormat format;
    double number = 0;
    Linear value;
    const StoredNumbers::Tensor *tensor = nullptr;
    llvm::SmallVector<Linear, 2> index;
    llvm::SmallVector<unsigned, 3> args;
  };
  std::optional<unsigned> add(ElementRef element, StoredNumbers &numbers);
  std::vector<Step> steps_;
  std::vector<double> values_;
  llvm::DenseMap<ElementRef, unsigned> done_;
  int64_t positions_ = INT64_MAX;
};

/// Weights whose row p holds formulas at position p; equal ones are made once.
class PositionTables {
public:
  PositionTables(const RowForm &form, int64_t context, StoredNumbers &numbers)
      : form_(form), context_(context), numbers_(numbers) {}

  /// [positions, factors.size()]: a view of the stored table that the formulas are rows of; else `sign` times their
  /// numbers for positions below the context, computed in the graph's arithmetic. Null when that cannot be done.
  mlir::Value make(mlir::OpBuilder &builder, mlir::Location loc, llvm::ArrayRef<ElementRef> factors, double sign);
  /// Are two formulas equal for every position below the context?
  bool equal(ElementRef a, ElementRef b);
  mlir::Value makeZeros(mlir::OpBuilder &builder, mlir::Location loc, mlir::RankedTensorType type);
  int64_t context() const { return context_; }
  StoredNumbers &numbers() { return numbers_; }

private:
  mlir::Value makeInline(mlir::OpBuilder &builder, mlir::Location loc, mlir::DenseElementsAttr values,
                         mlir::StringAttr &symbol);
  const RowForm &form_;
  int64_t context_;
  StoredNumbers &numbers_;
  std::map<std::pair<std::vector<ElementRef>, double>, mlir::StringAttr> made_;
  llvm::DenseMap<mlir::Type, mlir::StringAttr> zeros_;
  llvm::DenseMap<std::pair<ElementRef, ElementRef>, bool> equal_;
};

} // namespace janus::recover

#endif // JANUS_RECOVER_ATTENTION_POSITIONTABLE_H

//===- ElementExpr.h - one element of a known tensor ------------*- C++ -*-===//
//
// What an element is, as a formula of its own index and of the sizes: positions, masks, rotary tables, scales. A tensor
// with such a formula is known without the tokens' content. Formulas are immutable, shared, and simplified as they are
// made; equal formulas are one object, so equality is the pointer's.
//
// Index i of dimension d is the symbol `.d`; sizes are the symbols of the types. Integers are SymExpr, a comparison of
// integers is `e >= 0` or `e == 0`. What simplifying may use: an index lies in [0, extent), sizes that are declared
// positive are at least 1.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RECOVER_ATTENTION_ELEMENTEXPR_H
#define JANUS_RECOVER_ATTENTION_ELEMENTEXPR_H

#include "dialects/onnx/IR/SymExpr.h"
#include "mlir/IR/Value.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallVector.h"

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>

namespace janus::recover {

enum class ElementType : uint8_t { kInteger, kReal, kTruth };
enum class RealFormat : uint8_t { kF32, kF64, kF16, kBF16 };

/// What a kApply does to its arguments. Of integers only where SymExpr cannot say it.
enum class ElementFn : uint8_t {
  kNeg,
  kAbs,
  kCos,
  kSin,
  kExp,
  kLog,
  kSqrt,
  kReciprocal,
  kFloor,
  kCeil,
  kTanh,
  kIsNan,
  kToReal, // rounds to the format
  kToInteger,
  kToTruth, // is not 0
  kNot,
  kAnd,
  kOr,
  kSelect, // condition, if true, if false
  kAdd,
  kSub,
  kMul,
  kDiv,
  kPow,
  kMod,
  kMin,
  kMax,
  kLess,
  kEqual,
};
enum class ReduceFn : uint8_t { kSum, kMax, kMin };

struct Element;
using ElementRef = const Element *;

struct Element {
  enum class Kind : uint8_t { kInteger, kReal, kTruth, kAtLeast0, kEquals0, kStored, kApply, kReduce };
  Kind kind;
  ElementType type;
  RealFormat format = RealFormat::kF32; // of reals: what the graph computes in
  ElementFn fn{};                       // kApply
  ReduceFn reduce{};                    // kReduce: over `variable` in [0, value) of args[0]
  bool truth = false;
  double number = 0;
  onnx::SymExpr value; // kInteger, kAtLeast0, kEquals0, kReduce
  mlir::Value tensor;  // kStored: its element at `index`
  llvm::SmallVector<onnx::SymExpr, 2> index;
  llvm::SmallVector<ElementRef, 3> args;
  std::string variable;
  unsigned id = 0, size = 1, depth = 1; // size: the nodes when written as a tree
  std::set<std::string> symbols{};

  bool isInteger(int64_t n) const { return kind == Kind::kInteger && value.isConstant(n); }
  bool isReal(double n) const { return kind == Kind::kReal && number == n; }
  bool isTruth(bool b) const { return kind == Kind::kTruth && truth == b; }
  bool isApply(ElementFn f) const { return kind == Kind::kApply && fn == f; }
  /// The value of a number or truth that depends on nothing.
  std::optional<double> constant() const;
  bool dependsOn(const std::string &symbol) const { return symbols.count(symbol) != 0; }
};

/// `.d`
onnx::SymExpr indexSymbol(unsigned dimension);
std::string indexName(unsigned dimension);

/// Makes formulas and owns them.
class ElementPool {
public:
  using Substitution = std::map<std::string, onnx::SymExpr>;

  /// Sizes of at least 1.
  void declarePositive(const onnx::SymExpr &size);
  /// Extents of the index symbols from here on.
  void setExtents(llvm::ArrayRef<onnx::SymExpr> dims);
  void setExtent(const std::string &variable, const onnx::SymExpr &extent) { extents_[variable] = extent; }

  ElementRef integer(const onnx::SymExpr &value);
  ElementRef real(double number, RealFormat format = RealFormat::kF32);
  ElementRef truth(bool value);
  ElementRef atLeast0(const onnx::SymExpr &value);
  ElementRef equals0(const onnx::SymExpr &value);
  ElementRef stored(mlir::Value tensor, llvm::ArrayRef<onnx::SymExpr> index, ElementType type, RealFormat format);
  /// Null when the formula would grow too large, or an argument is null or of a type that `fn` does not take.
  ElementRef apply(ElementFn fn, llvm::ArrayRef<ElementRef> args, RealFormat format = RealFormat::kF32);
  ElementRef reduce(ReduceFn fn, ElementRef body, const std::string &variable, const onnx::SymExpr &extent);
  /// Integer quotient towards 0 and remainder with the divisor's sign; for the others `apply` decides.
  ElementRef divide(ElementRef a, ElementRef b, RealFormat format);
  ElementRef modulo(ElementRef a, ElementRef b, RealFormat format);

  /// All at once, simplified under the extents of now.
  ElementRef substitute(ElementRef element, const Substitution &values);
  onnx::SymExpr substitute(const onnx::SymExpr &value, const Substitution &values) const;

  /// Does it hold for every index within the extents and all sizes? False also when that cannot be told.
  bool isNonNegative(const onnx::SymExpr &value) const;
  /// Quotient and remainder of a non-negative value by a size.
  std::pair<onnx::SymExpr, onnx::SymExpr> divMod(const onnx::SymExpr &a, const onnx::SymExpr &b) const;

  static constexpr unsigned kMaxSize = 1u << 14, kMaxDepth = 256;

private:
  bool nonNegative(const onnx::SymExpr &value, unsigned depth) const;
  ElementRef intern(Element element);
  ElementRef fold(ElementFn fn, llvm::ArrayRef<ElementRef> args, RealFormat format);
  ElementRef foldSelect(ElementRef condition, ElementRef yes, ElementRef no);
  ElementRef foldLogic(ElementFn fn, llvm::ArrayRef<ElementRef> args);
  ElementRef foldCompare(ElementFn fn, ElementRef a, ElementRef b);
  ElementRef foldInteger(ElementFn fn, llvm::ArrayRef<ElementRef> args);
  ElementRef rebuild(ElementRef element, const Substitution &values, llvm::DenseMap<ElementRef, ElementRef> &done);
  /// A lower (upper) bound of a number, where one is known: what tells that a row sees a key.
  std::optional<double> bound(ElementRef element, bool lower);
  ElementRef atBestKey(ElementRef reduction);

  std::unordered_map<std::string, std::unique_ptr<Element>> elements_;
  std::map<std::string, onnx::SymExpr> extents_;
  Substitution ones_; // positive size -> size + 1
};

/// `fn` of numbers as the graph computes it, rounded to the format.
double applyReal(ElementFn fn, llvm::ArrayRef<double> args, RealFormat format);
double roundTo(double number, RealFormat format);

/// For remarks: short formulas in full, long ones cut.
std::string describe(ElementRef element);

} // namespace janus::recover

#endif // JANUS_RECOVER_ATTENTION_ELEMENTEXPR_H

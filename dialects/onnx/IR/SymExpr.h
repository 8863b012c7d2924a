//===- SymExpr.h - integers over named symbols ------------------*- C++ -*-===//
// A dimension or a small integer value: a polynomial with integer coefficients
// over atoms. An atom is a symbol (`S`) or a function of two expressions that a
// polynomial cannot express: floordiv, ceildiv, mod, min, max. Always in
// canonical form, so equal text means equal expression, and str() is what
// tensor encodings hold. LLVM-free, thread-compatible.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace janus::onnx {

class SymExpr {
public:
  SymExpr() = default;
  SymExpr(int64_t value);
  /// A symbol. Characters other than letters, digits, '_' and '.' become '_'.
  static SymExpr symbol(std::string_view name);
  /// Reads str()'s syntax: sums, differences and products of integers, symbols, parentheses and the five functions.
  static std::optional<SymExpr> parse(std::string_view text);
  /// A dimension name as found in a model: an integer, an expression, or a symbol of any spelling.
  static SymExpr fromDimParam(std::string_view text);

  std::optional<int64_t> constant() const;
  bool isConstant(int64_t value) const { return constant() == value; }
  /// The name when the expression is one symbol and nothing else.
  std::optional<std::string> asSymbol() const;
  std::string str() const;
  /// Symbols that occur anywhere, also inside functions.
  std::set<std::string> symbols() const;
  /// The expression with symbols replaced; symbols that are not in the map stay.
  SymExpr substitute(const std::map<std::string, SymExpr> &values) const;
  /// The same; besides, a function whose arguments are replaced already becomes what `simplify(name, a, b)` says, and
  /// stays where that is nothing.
  using Simplify = std::function<std::optional<SymExpr>(const std::string &, const SymExpr &, const SymExpr &)>;
  SymExpr substitute(const std::map<std::string, SymExpr> &values, const Simplify &simplify) const;
  /// The integer under an assignment of every symbol; nothing when a symbol is missing, on division by 0 or overflow.
  std::optional<int64_t> evaluate(const std::map<std::string, int64_t> &values) const;

  friend SymExpr operator+(const SymExpr &a, const SymExpr &b);
  friend SymExpr operator-(const SymExpr &a, const SymExpr &b);
  friend SymExpr operator*(const SymExpr &a, const SymExpr &b);
  friend bool operator==(const SymExpr &a, const SymExpr &b) { return a.terms_ == b.terms_; }
  friend bool operator<(const SymExpr &a, const SymExpr &b) { return a.terms_ < b.terms_; }

  /// Quotients round down (floordiv, mod) or up (ceildiv). Exact division of a polynomial is simplified.
  static SymExpr floordiv(const SymExpr &a, const SymExpr &b);
  static SymExpr ceildiv(const SymExpr &a, const SymExpr &b);
  static SymExpr mod(const SymExpr &a, const SymExpr &b);
  /// min and max take symbols to be sizes (at least 0), so min(S, S+1) is S and max(0, S) is S.
  static SymExpr min(const SymExpr &a, const SymExpr &b);
  static SymExpr max(const SymExpr &a, const SymExpr &b);
  /// a / b when that is a polynomial.
  static std::optional<SymExpr> divideExactly(const SymExpr &a, const SymExpr &b);
  /// a = quotient * b + rest, with every term of `a` that b divides in the quotient.
  static std::pair<SymExpr, SymExpr> divideTerms(const SymExpr &a, const SymExpr &b);
  /// True when the text is longer than kMaxText: such an expression is not worth carrying on.
  bool isLarge() const;
  static constexpr size_t kMaxText = 2048;
  /// True when the value cannot be negative for any symbols of at least 0.
  bool isNonNegative() const;

private:
  using Product = std::vector<std::string>; // sorted atoms in canonical text; empty: the constant term
  static SymExpr atom(std::string text);
  static SymExpr function(const char *name, const SymExpr &a, const SymExpr &b);
  void add(const Product &product, int64_t coefficient);
  /// Rebuilds the expression with every symbol replaced by f(its name) and functions by what `simplify` makes of them.
  std::optional<SymExpr> rebuild(const std::function<std::optional<SymExpr>(const std::string &)> &f,
                                 const Simplify &simplify = {}) const;
  std::map<Product, int64_t> terms_; // no zero coefficients
  friend class SymParser;
};

} // namespace janus::onnx

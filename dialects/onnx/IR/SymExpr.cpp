#include "dialects/onnx/IR/SymExpr.h"
#include <algorithm>
#include <cctype>

namespace janus::onnx {
namespace {
bool isNameChar(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.'; }
/// Polynomials longer than this, or overflowing coefficients, become one opaque atom.
constexpr size_t kMaxTerms = 256;
constexpr int kMaxDepth = 64;

int64_t negate(int64_t a) { return static_cast<int64_t>(-static_cast<uint64_t>(a)); }
/// b is not 0. The least integer by -1 would trap, so -1 stands apart.
int64_t floorDivide(int64_t a, int64_t b) { return b == -1 ? negate(a) : a / b - (a % b != 0 && (a < 0) != (b < 0)); }
} // namespace

SymExpr::SymExpr(int64_t value) { add({}, value); }

void SymExpr::add(const Product &product, int64_t coefficient) {
  if (!coefficient)
    return;
  auto [it, inserted] = terms_.try_emplace(product, coefficient);
  if (inserted)
    return;
  // Wraps on overflow, as the ints it stands for would; evaluate() checks.
  it->second = static_cast<int64_t>(static_cast<uint64_t>(it->second) + static_cast<uint64_t>(coefficient));
  if (!it->second)
    terms_.erase(it);
}

SymExpr SymExpr::atom(std::string text) {
  SymExpr result;
  result.add({std::move(text)}, 1);
  return result;
}

SymExpr SymExpr::symbol(std::string_view name) {
  std::string clean;
  for (char c : name)
    clean += isNameChar(c) ? c : '_';
  if (clean.empty() || std::isdigit(static_cast<unsigned char>(clean[0])))
    clean.insert(clean.begin(), '_');
  return atom(clean);
}

bool SymExpr::isLarge() const {
  size_t size = 0;
  for (const auto &[product, coefficient] : terms_) {
    size += 8;
    for (const std::string &atom : product)
      size += atom.size();
  }
  return size > kMaxText;
}

std::optional<int64_t> SymExpr::constant() const {
  if (terms_.empty())
    return 0;
  if (terms_.size() == 1 && terms_.begin()->first.empty())
    return terms_.begin()->second;
  return std::nullopt;
}

std::optional<std::string> SymExpr::asSymbol() const {
  if (terms_.size() != 1 || terms_.begin()->second != 1 || terms_.begin()->first.size() != 1)
    return std::nullopt;
  const std::string &name = terms_.begin()->first[0];
  return name.find('(') == std::string::npos ? std::optional(name) : std::nullopt;
}

std::string SymExpr::str() const {
  if (terms_.empty())
    return "0";
  std::string text;
  auto print = [&](const Product &product, int64_t coefficient) {
    std::string factors;
    for (const std::string &atom : product)
      factors += (factors.empty() ? "" : "*") + atom;
    std::string number = std::to_string(coefficient);
    if (!text.empty() && coefficient > 0)
      text += "+";
    if (product.empty())
      text += number;
    else if (coefficient == 1)
      text += factors;
    else
      text += (coefficient == -1 ? "-" : number + "*") + factors;
  };
  for (const auto &[product, coefficient] : terms_) // the constant comes last: past+S-1
    if (!product.empty())
      print(product, coefficient);
  if (auto it = terms_.find({}); it != terms_.end())
    print(it->first, it->second);
  return text;
}

SymExpr operator+(const SymExpr &a, const SymExpr &b) {
  SymExpr sum = a;
  for (const auto &[product, coefficient] : b.terms_)
    sum.add(product, coefficient);
  return sum;
}

SymExpr operator-(const SymExpr &a, const SymExpr &b) { return a + SymExpr(-1) * b; }

SymExpr operator*(const SymExpr &a, const SymExpr &b) {
  if (a.terms_.size() * b.terms_.size() > kMaxTerms && !a.constant() && !b.constant())
    return SymExpr::function("mul", a, b);
  SymExpr result;
  for (const auto &[left, i] : a.terms_)
    for (const auto &[right, j] : b.terms_) {
      SymExpr::Product product = left;
      product.insert(product.end(), right.begin(), right.end());
      std::sort(product.begin(), product.end());
      result.add(product, static_cast<int64_t>(static_cast<uint64_t>(i) * static_cast<uint64_t>(j)));
    }
  return result;
}

SymExpr SymExpr::function(const char *name, const SymExpr &a, const SymExpr &b) {
  return atom(std::string(name) + "(" + a.str() + "," + b.str() + ")");
}

std::optional<SymExpr> SymExpr::divideExactly(const SymExpr &a, const SymExpr &b) {
  if (a.terms_.empty() && !b.terms_.empty())
    return SymExpr(0);
  if (a == b && !a.terms_.empty())
    return SymExpr(1);
  if (b.terms_.empty())
    return std::nullopt;
  // Long division. Terms in the order (degree, atoms) keep their order under multiplication, so that the first term of
  // what is left is a multiple of the divisor's first term when the division comes out even.
  auto first = [](const SymExpr &e) {
    return std::min_element(e.terms_.begin(), e.terms_.end(), [](const auto &x, const auto &y) {
      return std::make_pair(y.first.size(), std::cref(x.first).get()) <
             std::make_pair(x.first.size(), std::cref(y.first).get());
    });
  };
  const auto divisor = first(b);
  SymExpr quotient, rest = a;
  for (size_t steps = a.terms_.size() * 4; !rest.terms_.empty(); --steps) {
    if (steps == 0 || rest.terms_.size() > 64 + a.terms_.size())
      return std::nullopt;
    const auto leading = first(rest);
    Product factor = leading->first;
    for (const std::string &atom : divisor->first) {
      auto it = std::find(factor.begin(), factor.end(), atom);
      if (it == factor.end())
        return std::nullopt;
      factor.erase(it);
    }
    int64_t part = floorDivide(leading->second, divisor->second);
    if (static_cast<uint64_t>(part) * static_cast<uint64_t>(divisor->second) != static_cast<uint64_t>(leading->second))
      return std::nullopt;
    SymExpr term;
    term.add(factor, part);
    quotient.add(factor, part);
    rest = rest - term * b;
  }
  return quotient;
}

std::pair<SymExpr, SymExpr> SymExpr::divideTerms(const SymExpr &a, const SymExpr &b) {
  SymExpr quotient, rest;
  for (const auto &[product, coefficient] : a.terms_) {
    SymExpr term;
    term.add(product, coefficient);
    auto part = divideExactly(term, b);
    (part ? quotient : rest) = (part ? quotient : rest) + (part ? *part : term);
  }
  return {quotient, rest};
}

SymExpr SymExpr::floordiv(const SymExpr &a, const SymExpr &b) {
  if (b.isConstant(0))
    return function("floordiv", a, b);
  if (a.constant() && b.constant())
    return floorDivide(*a.constant(), *b.constant());
  if (auto exact = divideExactly(a, b))
    return *exact;
  return function("floordiv", a, b);
}

SymExpr SymExpr::ceildiv(const SymExpr &a, const SymExpr &b) {
  if (b.isConstant(0))
    return function("ceildiv", a, b);
  if (a.constant() && b.constant())
    return negate(floorDivide(negate(*a.constant()), *b.constant()));
  if (auto exact = divideExactly(a, b))
    return *exact;
  return function("ceildiv", a, b);
}

SymExpr SymExpr::mod(const SymExpr &a, const SymExpr &b) {
  if (b.isConstant(0))
    return function("mod", a, b);
  if (a.constant() && b.constant())
    return SymExpr(*a.constant()) - SymExpr(floorDivide(*a.constant(), *b.constant())) * b;
  if (divideExactly(a, b))
    return 0;
  return function("mod", a, b);
}

bool SymExpr::isNonNegative() const {
  return std::all_of(terms_.begin(), terms_.end(), [](const auto &term) {
    return term.second > 0 && std::all_of(term.first.begin(), term.first.end(), [](const std::string &atom) {
             // An atom over non-negative parts is one itself.
             return atom.starts_with("max(0,") || atom.find('-') == std::string::npos;
           });
  });
}

/// Recursive descent over str()'s syntax.
class SymParser {
public:
  explicit SymParser(std::string_view text) : text_(text) {}
  std::optional<SymExpr> all() {
    auto expr = sum();
    skip();
    return expr && at_ == text_.size() ? expr : std::nullopt;
  }
  /// An atom's text: a symbol, or a function with its name and arguments.
  struct Call {
    std::string name;
    SymExpr a, b;
  };
  std::optional<Call> call() {
    Call result;
    result.name = name();
    if (!eat('('))
      return std::nullopt;
    auto a = sum();
    if (!a || !eat(','))
      return std::nullopt;
    auto b = sum();
    if (!b || !eat(')'))
      return std::nullopt;
    result.a = *a, result.b = *b;
    return result;
  }
  /// The min or max of both, in the one form that nested ones have: each choice once, none that another one settles.
  static SymExpr extreme(const char *name, const SymExpr &a, const SymExpr &b) {
    const bool least = std::string_view(name) == "min";
    auto settles = [&](const SymExpr &x, const SymExpr &y) { return (least ? y - x : x - y).isNonNegative(); };
    std::vector<SymExpr> choices, kept;
    collect(name, a, choices);
    collect(name, b, choices);
    for (const SymExpr &choice : choices) {
      if (std::any_of(kept.begin(), kept.end(), [&](const SymExpr &known) { return settles(known, choice); }))
        continue;
      std::erase_if(kept, [&](const SymExpr &known) { return settles(choice, known); });
      kept.push_back(choice);
    }
    std::sort(kept.begin(), kept.end());
    SymExpr result = kept.back();
    for (size_t i = kept.size() - 1; i-- > 0;)
      result = SymExpr::function(name, kept[i], result);
    return result;
  }
  static std::optional<SymExpr> apply(const std::string &name, const SymExpr &a, const SymExpr &b) {
    if (name == "floordiv")
      return SymExpr::floordiv(a, b);
    if (name == "ceildiv")
      return SymExpr::ceildiv(a, b);
    if (name == "mod")
      return SymExpr::mod(a, b);
    if (name == "min")
      return SymExpr::min(a, b);
    if (name == "max")
      return SymExpr::max(a, b);
    if (name == "mul")
      return a * b;
    return std::nullopt;
  }

private:
  static constexpr size_t kMaxNested = 160;
  /// What a nested min or max chooses from: of min(min(a, b), c) all three. Long ones stay whole: they are read anew at
  /// each level.
  static void collect(std::string_view name, const SymExpr &of, std::vector<SymExpr> &choices) {
    const std::string text = of.str();
    SymParser parser(text);
    auto call = text.size() <= kMaxNested && text.starts_with(name) ? parser.call() : std::nullopt;
    if (!call || call->name != name || parser.at_ != text.size()) {
      choices.push_back(of);
      return;
    }
    collect(name, call->a, choices);
    collect(name, call->b, choices);
  }

  void skip() {
    while (at_ < text_.size() && text_[at_] == ' ')
      ++at_;
  }
  bool eat(char c) {
    skip();
    if (at_ >= text_.size() || text_[at_] != c)
      return false;
    ++at_;
    return true;
  }
  std::string name() {
    skip();
    size_t begin = at_;
    while (at_ < text_.size() && isNameChar(text_[at_]))
      ++at_;
    return std::string(text_.substr(begin, at_ - begin));
  }
  std::optional<SymExpr> sum() {
    if (++depth_ > kMaxDepth)
      return std::nullopt;
    bool negative = eat('-');
    auto total = term();
    if (!total)
      return std::nullopt;
    if (negative)
      total = SymExpr(-1) * *total;
    for (bool minus; (minus = eat('-')) || eat('+');) {
      auto next = term();
      if (!next)
        return std::nullopt;
      total = minus ? *total - *next : *total + *next;
    }
    --depth_;
    return total;
  }
  std::optional<SymExpr> term() {
    auto product = factor();
    while (product && eat('*')) {
      auto next = factor();
      product = next ? std::optional(*product * *next) : std::nullopt;
    }
    return product;
  }
  std::optional<SymExpr> factor() {
    if (eat('(')) {
      auto inner = sum();
      return inner && eat(')') ? inner : std::nullopt;
    }
    size_t begin = (skip(), at_);
    std::string word = name();
    if (word.empty())
      return std::nullopt;
    if (std::all_of(word.begin(), word.end(), [](char c) { return std::isdigit(static_cast<unsigned char>(c)); })) {
      if (word.size() > 18)
        return std::nullopt;
      return SymExpr(static_cast<int64_t>(std::stoll(word)));
    }
    if (std::isdigit(static_cast<unsigned char>(word[0])))
      return std::nullopt;
    if (at_ < text_.size() && text_[at_] == '(') {
      at_ = begin;
      auto parsed = call();
      return parsed ? apply(parsed->name, parsed->a, parsed->b) : std::nullopt;
    }
    return SymExpr::symbol(word);
  }
  std::string_view text_;
  size_t at_ = 0;
  int depth_ = 0;
};

SymExpr SymExpr::min(const SymExpr &a, const SymExpr &b) { return SymParser::extreme("min", a, b); }
SymExpr SymExpr::max(const SymExpr &a, const SymExpr &b) { return SymParser::extreme("max", a, b); }

std::optional<SymExpr> SymExpr::parse(std::string_view text) { return SymParser(text).all(); }

SymExpr SymExpr::fromDimParam(std::string_view text) {
  if (text.find("//") != std::string_view::npos)
    return symbol(text);
  auto expr = parse(text);
  return expr ? *expr : symbol(text);
}

std::optional<SymExpr> SymExpr::rebuild(const std::function<std::optional<SymExpr>(const std::string &)> &f,
                                        const Simplify &simplify) const {
  SymExpr total;
  for (const auto &[product, coefficient] : terms_) {
    SymExpr term(coefficient);
    for (const std::string &text : product) {
      std::optional<SymExpr> value;
      if (text.find('(') == std::string::npos) {
        value = f(text);
      } else if (auto parsed = SymParser(text).call()) {
        auto a = parsed->a.rebuild(f, simplify), b = parsed->b.rebuild(f, simplify);
        if (a && b && simplify)
          value = simplify(parsed->name, *a, *b);
        if (a && b && !value)
          value = SymParser::apply(parsed->name, *a, *b);
      }
      if (!value)
        return std::nullopt;
      term = term * *value;
    }
    total = total + term;
  }
  return total;
}

std::set<std::string> SymExpr::symbols() const {
  std::set<std::string> names;
  rebuild([&](const std::string &name) -> std::optional<SymExpr> {
    names.insert(name);
    return symbol(name);
  });
  return names;
}

SymExpr SymExpr::substitute(const std::map<std::string, SymExpr> &values) const { return substitute(values, {}); }

SymExpr SymExpr::substitute(const std::map<std::string, SymExpr> &values, const Simplify &simplify) const {
  auto result = rebuild(
      [&](const std::string &name) -> std::optional<SymExpr> {
        auto it = values.find(name);
        return it == values.end() ? symbol(name) : it->second;
      },
      simplify);
  return result ? *result : *this;
}

std::optional<int64_t> SymExpr::evaluate(const std::map<std::string, int64_t> &values) const {
  int64_t total = 0;
  for (const auto &[product, coefficient] : terms_) {
    int64_t term = coefficient;
    for (const std::string &text : product) {
      std::optional<int64_t> value;
      if (auto it = values.find(text); it != values.end()) {
        value = it->second;
      } else if (auto parsed = text.find('(') == std::string::npos ? std::nullopt : SymParser(text).call()) {
        auto a = parsed->a.evaluate(values), b = parsed->b.evaluate(values);
        if (a && b && (*b != 0 || (parsed->name != "floordiv" && parsed->name != "ceildiv" && parsed->name != "mod")))
          value = SymParser::apply(parsed->name, *a, *b).value_or(SymExpr::symbol("x")).constant();
      }
      if (!value || __builtin_mul_overflow(term, *value, &term))
        return std::nullopt;
    }
    if (__builtin_add_overflow(total, term, &total))
      return std::nullopt;
  }
  return total;
}

} // namespace janus::onnx

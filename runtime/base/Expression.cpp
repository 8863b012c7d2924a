#include "runtime/base/Expression.h"

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include <algorithm>

namespace janus {
namespace {

bool IsWord(char c) { return absl::ascii_isalnum(c) || c == '_' || c == '.'; }

class Parser {
public:
  Parser(const std::string &text, const std::map<std::string, int64_t> &symbols) : text_(text), symbols_(symbols) {}

  absl::StatusOr<int64_t> Run() {
    const int64_t value = Sum(0);
    Skip();
    if (status_.ok() && position_ != text_.size())
      Fail(absl::StrCat("found '", text_.substr(position_), "' after the expression"));
    if (!status_.ok())
      return status_;
    return value;
  }

private:
  static constexpr int kMaxDepth = 64;

  int64_t Sum(int depth) {
    int64_t value = Product(depth);
    while (status_.ok()) {
      if (Take('+'))
        Checked(__builtin_add_overflow(value, Product(depth), &value));
      else if (Take('-'))
        Checked(__builtin_sub_overflow(value, Product(depth), &value));
      else
        break;
    }
    return value;
  }
  int64_t Product(int depth) {
    int64_t value = Primary(depth);
    while (status_.ok() && Take('*'))
      Checked(__builtin_mul_overflow(value, Primary(depth), &value));
    return value;
  }
  int64_t Primary(int depth) {
    if (depth > kMaxDepth)
      return Fail("nested too deeply");
    if (Take('-')) {
      int64_t value = Primary(depth + 1);
      Checked(__builtin_sub_overflow(int64_t{0}, value, &value));
      return value;
    }
    if (Take('(')) {
      const int64_t value = Sum(depth + 1);
      return Take(')') ? value : Fail("expected ')'");
    }
    Skip();
    const size_t begin = position_;
    while (position_ < text_.size() && IsWord(text_[position_]))
      ++position_;
    const std::string word = text_.substr(begin, position_ - begin);
    int64_t value;
    if (word.empty())
      return Fail(absl::StrCat("expected a number or a name at position ", begin));
    if (absl::SimpleAtoi(word, &value))
      return value;
    if (Take('('))
      return Function(word, depth);
    auto symbol = symbols_.find(word);
    return symbol == symbols_.end() ? Fail(absl::StrCat("symbol '", word, "' has no value")) : symbol->second;
  }
  int64_t Function(const std::string &name, int depth) {
    const int64_t a = Sum(depth + 1);
    if (!Take(','))
      return Fail("expected ','");
    const int64_t b = Sum(depth + 1);
    if (!Take(')'))
      return Fail("expected ')'");
    if (!status_.ok())
      return 0;
    if (name == "min")
      return std::min(a, b);
    if (name == "max")
      return std::max(a, b);
    if (b == 0 || (a == INT64_MIN && b == -1)) {
      status_ = absl::OutOfRangeError(absl::StrCat("expression '", text_, "': division by ", b));
      return 0;
    }
    const int64_t floor = a / b - (a % b != 0 && (a < 0) != (b < 0));
    if (name == "floordiv")
      return floor;
    if (name == "ceildiv")
      return floor + (a % b != 0);
    if (name == "mod") {
      const int64_t rest = a % b;
      return rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
    }
    return Fail(absl::StrCat("unknown function '", name, "'"));
  }

  void Skip() {
    while (position_ < text_.size() && text_[position_] == ' ')
      ++position_;
  }
  bool Take(char c) {
    Skip();
    if (position_ >= text_.size() || text_[position_] != c)
      return false;
    ++position_;
    return true;
  }
  int64_t Fail(const std::string &what) {
    if (status_.ok())
      status_ = absl::InvalidArgumentError(absl::StrCat("expression '", text_, "': ", what));
    return 0;
  }
  void Checked(bool overflow) {
    if (overflow && status_.ok())
      status_ = absl::OutOfRangeError(absl::StrCat("expression '", text_, "': does not fit 64 bits"));
  }

  const std::string &text_;
  const std::map<std::string, int64_t> &symbols_;
  size_t position_ = 0;
  absl::Status status_;
};

} // namespace

absl::StatusOr<int64_t> Evaluate(const std::string &text, const std::map<std::string, int64_t> &symbols) {
  return Parser(text, symbols).Run();
}

bool IsSymbol(const std::string &text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), IsWord) && !absl::ascii_isdigit(text.front());
}

} // namespace janus

// Meanings as text.
#include "lib/Recover/Meaning/Meaning.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace janus::recover {

namespace {

const char *nameOf(Fn fn) {
  static const char *const names[] = {"+",        "-",    "*",    "/",        "div",        "pow",  "mod", "min",
                                      "max",      "==",   "<",    "<=",       ">",          ">=",   "and", "or",
                                      "xor",      "neg",  "abs",  "sqrt",     "reciprocal", "exp",  "log", "sigmoid",
                                      "tanh",     "erf",  "relu", "softplus", "floor",      "ceil", "not", "isnan",
                                      "truncate", "bool", "sin",  "cos",      "sign",       "where"};
  return names[static_cast<int>(fn)];
}

class Printer {
public:
  Printer(Terms &terms, unsigned depth) : terms_(terms), depth_(depth), out_(text_) {}

  std::string print(const Meaning &meaning) {
    out_ << "[";
    llvm::interleaveComma(meaning.axes, out_, [&](const Dim &dim) { vars(dim); });
    out_ << "] ";
    term(meaning.term, depth_);
    return text_;
  }

private:
  void vars(ArrayRef<Var> dim) {
    llvm::interleave(
        terms_.space().resolve(dim), out_,
        [&](Var var) {
          const PairList *list = terms_.space().list(var);
          out_ << (list ? "l" : "i") << var;
        },
        ".");
  }

  void index(const Index &index) {
    if (index.kind == Index::kVar)
      vars(terms_.indexVars(index));
    else
      out_ << (index.kind == Index::kChosen ? "id" : "") << index.value;
  }

  void operands(T t, unsigned depth) {
    llvm::interleaveComma(t->operands, out_, [&](T operand) { term(operand, depth - 1); });
  }

  void term(T t, unsigned depth) {
    if (depth == 0 && !t->operands.empty()) {
      out_ << "...";
      return;
    }
    switch (t->kind) {
    case Term::kValue:
      out_ << "value" << t->id << "[";
      vars(t->vars);
      out_ << "]";
      return;
    case Term::kNumber:
      out_ << llvm::format("%g", t->number);
      return;
    case Term::kSize:
      out_ << terms_.space().expr(t->id).str();
      return;
    case Term::kWeight:
      out_ << "w" << t->id << "[";
      llvm::interleaveComma(t->indices, out_, [&](const Index &i) { index(i); });
      out_ << "]";
      return;
    case Term::kApply:
      out_ << "(" << nameOf(t->fn) << " ";
      operands(t, depth);
      out_ << ")";
      return;
    case Term::kSum:
    case Term::kMax:
    case Term::kSoftmax:
      out_ << (t->kind == Term::kSum ? "sum" : t->kind == Term::kMax ? "max" : "softmax") << "{";
      vars(t->vars);
      out_ << "}(";
      operands(t, depth);
      out_ << ")";
      return;
    case Term::kIndex:
      out_ << "index(";
      vars(t->vars);
      out_ << ")";
      return;
    case Term::kId:
      out_ << "id" << t->id;
      return;
    case Term::kPick:
      out_ << "pick" << t->id << "(";
      operands(t, depth);
      out_ << ")";
      return;
    case Term::kChosen:
      out_ << "chosen" << t->id << "(";
      index(t->indices[0]);
      out_ << ")";
      return;
    case Term::kDense:
      out_ << "dense" << t->id << "(";
      index(t->indices[0]);
      out_ << ", " << llvm::format("%g", t->number) << ", ";
      operands(t, depth);
      out_ << ")";
      return;
    case Term::kTable:
      out_ << "table" << t->id;
      return;
    case Term::kCount:
    case Term::kOffset:
      out_ << (t->kind == Term::kCount ? "count" : "offset") << t->id << "(";
      index(t->indices[0]);
      out_ << ")";
      return;
    case Term::kPlace:
    case Term::kInverse:
      out_ << (t->kind == Term::kPlace ? "place" : "inverse") << "(l" << t->vars[0] << ")";
      return;
    case Term::kRunning:
      out_ << "running" << t->id << "(";
      index(t->indices[0]);
      out_ << ")";
      return;
    case Term::kInSlot:
      out_ << "inslot" << t->id << "(";
      vars({t->vars[0]});
      out_ << ")";
      return;
    case Term::kSlotted:
      out_ << "slotted" << t->id << "(";
      index(t->indices[0]);
      out_ << ", ";
      operands(t, depth);
      out_ << ")";
      return;
    case Term::kFamily:
    case Term::kSwitch:
      out_ << (t->kind == Term::kFamily ? "family" : "switch") << "(";
      operands(t, depth);
      out_ << ")";
      return;
    }
  }

  Terms &terms_;
  unsigned depth_;
  std::string text_;
  llvm::raw_string_ostream out_;
};

} // namespace

std::string Interpreter::text(const Meaning &meaning, unsigned depth) { return Printer(terms_, depth).print(meaning); }

} // namespace janus::recover

#include "janus/Recover/Passes.h"
#include "lib/Recover/MatchExperts.h"
#include "lib/Recover/Meaning/Evaluate.h"
#include "lib/Recover/RowForm.h"

#include <cmath>

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_RECOVERACTIVATIONSPASS
#include "lib/Recover/Passes.h.inc"

namespace {

using recover::Dim;
using recover::Interpreter;
using recover::Meaning;
using recover::RowForm;
using recover::T;
using recover::Term;

struct RecoverActivations : impl::RecoverActivationsPassBase<RecoverActivations> {
  using Base::Base;

  void runOnOperation() override {
    func::FuncOp step = recover::findCandidate(getOperation());
    if (!step)
      return;
    RowForm form(step);
    Interpreter in(form);
    for (Operation &op : llvm::make_early_inc_range(step.front()))
      if (isa<onnx::OnnxDialect>(op.getDialect()) && op.getNumResults() == 1 && isRoot(in, op.getResult(0)))
        rewrite(in, form, op.getResult(0));
    recover::eraseDead(step);
  }

  /// Is the value the end of an elementwise expression? Sums of rows are none: each summand is an end.
  static bool isRoot(Interpreter &in, Value value) {
    auto isNumber = [&](Value operand) { return in.meaning(operand).term->kind == Term::kNumber; };
    return llvm::any_of(value.getUsers(), [&](Operation *user) {
      if (!isa<onnx::OnnxDialect>(user->getDialect()))
        return true;
      if (isa<onnx::AddOp, onnx::SubOp>(user) && llvm::none_of(user->getOperands(), isNumber))
        return true;
      return !recover::functionOf(user) && !isa<onnx::CastOp>(user);
    });
  }

  /// Values that the term is an elementwise function of; false when it is something else.
  bool collect(T term, SmallVectorImpl<T> &leaves, SmallVectorImpl<double> &numbers, DenseSet<T> &seen) {
    if (!seen.insert(term).second)
      return true;
    if (term->kind == Term::kNumber)
      return numbers.push_back(term->number), true;
    if (term->kind == Term::kValue || done_.contains(term))
      return leaves.push_back(term), leaves.size() <= 2;
    return term->kind == Term::kApply &&
           llvm::all_of(term->operands, [&](T operand) { return collect(operand, leaves, numbers, seen); });
  }

  static double run(T term, ArrayRef<T> leaves, ArrayRef<double> values) {
    for (auto [leaf, value] : llvm::zip(leaves, values))
      if (leaf == term)
        return value;
    if (term->kind == Term::kNumber)
      return term->number;
    SmallVector<double, 3> operands;
    for (T operand : term->operands)
      operands.push_back(run(operand, leaves, values));
    return recover::evaluate(term->fn, operands);
  }

  void rewrite(Interpreter &in, const RowForm &form, Value value) {
    Meaning meaning = in.meaning(value);
    if (meaning.term->kind != Term::kApply || !form.isWhole(value.getType()))
      return;
    SmallVector<T, 2> leaves;
    SmallVector<double> numbers;
    DenseSet<T> seen;
    if (!collect(meaning.term, leaves, numbers, seen) || leaves.empty())
      return;
    Dim columns = in.space().resolve(meaning.axes.back());
    auto isRow = [&](T leaf) { return in.terms().onlyOn(leaf, in.rowVars()); };
    auto f = [&](double a, double b) { return run(meaning.term, leaves, {a, b}); };
    OpBuilder builder(value.getContext());
    builder.setInsertionPointAfter(value.getDefiningOp());
    Location loc = value.getLoc();
    auto rows = [&](size_t i) {
      Value source = done_.lookup(leaves[i]);
      source = source ? source : in.valueOf(leaves[i]);
      return source ? form.toRows(builder, source) : Value();
    };
    Value result;
    if (leaves.size() == 2 && isRow(leaves[0]) != isRow(leaves[1])) {
      bool first = isRow(leaves[0]);
      if (!isGate([&](double x, double g) { return first ? f(g, x) : f(x, g); }))
        return;
      Value x = rows(first ? 1 : 0), gate = rows(first ? 0 : 1);
      if (!x || !gate || cast<RankedTensorType>(gate.getType()).getShape()[1] != 1)
        return;
      result = moe::GateOp::create(builder, loc, x.getType(), x, gate);
    } else {
      result = activate(builder, loc, leaves.size() == 2, f, numbers, rows);
    }
    if (!result || cast<RankedTensorType>(result.getType()).getShape()[1] != form.columns(value.getType()))
      return;
    Value back = form.fromRows(builder, result, value.getType());
    value.replaceAllUsesExcept(back, back.getDefiningOp());
    done_[meaning.term] = back;
  }

  static bool isGate(function_ref<double(double, double)> f) {
    recover::Samples samples(3);
    for (int i = 0; i < 48; ++i) {
      double x = samples.between(-4, 4), gate = samples.between(-6, 6);
      if (!(std::fabs(f(x, gate) - x / (1 + std::exp(-gate))) <= 2e-6))
        return false;
    }
    return true;
  }

  Value activate(OpBuilder &builder, Location loc, bool gated, function_ref<double(double, double)> f,
                 ArrayRef<double> numbers, function_ref<Value(size_t)> rows) {
    for (size_t gate : {0u, 1u}) {
      if (!gated && gate == 1)
        break;
      auto activation =
          recover::matchActivation([&](double g, double u) { return gate == 0 ? f(g, u) : f(u, g); }, gated, numbers);
      // What only hands on, adds or multiplies is no activation.
      if (!activation || activation->factor != 1 || activation->activation.kind == moe::ActivationKind::identity)
        continue;
      Value g = rows(gate), u = gated ? rows(1 - gate) : Value();
      if (!g || (gated && (!u || u.getType() != g.getType())))
        return nullptr;
      const recover::Activation &found = activation->activation;
      auto attribute = moe::ActivationAttr::get(&getContext(), found.kind, found.alpha, found.beta, found.limit);
      return moe::ActivateOp::create(builder, loc, g.getType(), g, u, attribute);
    }
    return nullptr;
  }

  DenseMap<T, Value> done_; // terms that were replaced
};
} // namespace
} // namespace janus

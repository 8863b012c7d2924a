#include "janus/Recover/Passes.h"
#include "lib/Recover/Meaning/Evaluate.h"
#include "lib/Recover/Meaning/Meaning.h"
#include "lib/Recover/RowForm.h"

#include <cmath>

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_RECOVERNORMFORMULASPASS
#include "lib/Recover/Passes.h.inc"

namespace {

using recover::Dim;
using recover::Fn;
using recover::Interpreter;
using recover::Meaning;
using recover::RowForm;
using recover::StoredWeight;
using recover::T;
using recover::Term;
using recover::Var;

/// What a formula is made of.
struct Parts {
  T squared = nullptr; // a sum of squares
  SmallVector<T, 2> vectors;
  SmallVector<double> numbers;
  DenseSet<T> seen;
};

struct RecoverNormFormulas : impl::RecoverNormFormulasPassBase<RecoverNormFormulas> {
  using Base::Base;

  void runOnOperation() override {
    func::FuncOp step = recover::findCandidate(getOperation());
    if (!step)
      return;
    RowForm form(step);
    Interpreter in(form);
    for (Operation &op : llvm::make_early_inc_range(step.front()))
      if (isa<onnx::OnnxDialect>(op.getDialect()) && op.getNumResults() == 1)
        rewrite(in, form, op.getResult(0));
    recover::eraseDead(step);
  }

  static bool isApply(T term, Fn fn) { return term->kind == Term::kApply && term->fn == fn; }

  /// The base of a square; null when the term is none.
  static T squareOf(T term) {
    if (isApply(term, Fn::kMul) && term->operands[0] == term->operands[1])
      return term->operands[0];
    if (isApply(term, Fn::kPow) && term->operands[1]->kind == Term::kNumber && term->operands[1]->number == 2)
      return term->operands[0];
    return nullptr;
  }

  /// Looks for one sum of squares, vectors and numbers; what else there is belongs to the normalised value.
  void collect(T term, Parts &parts, unsigned depth = 0) {
    if (depth > 16 || !parts.seen.insert(term).second)
      return;
    if (term->kind == Term::kNumber)
      parts.numbers.push_back(term->number);
    else if (term->kind == Term::kWeight)
      parts.vectors.push_back(term);
    else if (term->kind == Term::kSum && squareOf(term->operands[0]))
      parts.squared = parts.squared ? parts.squared : term;
    else if (term->kind == Term::kApply)
      for (T operand : term->operands)
        collect(operand, parts, depth + 1);
  }

  void rewrite(Interpreter &in, const RowForm &form, Value value) {
    T term = in.meaning(value).term;
    if (term->kind != Term::kApply)
      return;
    Parts found;
    collect(term, found);
    if (!found.squared)
      return;
    // The square is of x, or of x less its mean.
    T x = squareOf(found.squared->operands[0]);
    Dim along = in.space().resolve(found.squared->vars);
    bool centred = isApply(x, Fn::kSub) && in.terms().dependsOn(x->operands[0], along[0]) &&
                   !in.terms().dependsOn(x->operands[1], along[0]);
    if (centred)
      x = x->operands[0];
    Parts parts; // again, without what x is made of
    parts.seen.insert(x);
    collect(term, parts);
    auto size = in.space().sizeOf(along);
    Meaning meaning = in.meaning(value);
    if (!size || *size < 2 || *size > 1 << 16 || meaning.axes.empty() || parts.vectors.size() > 2 ||
        in.space().resolve(meaning.axes.back()) != along)
      return;
    for (T vector : parts.vectors)
      if (!in.terms().onlyOn(vector, along))
        return;
    // First the vector is the scale, then the shift.
    for (size_t scale = 0; scale <= parts.vectors.size(); ++scale)
      for (moe::NormKind kind : {moe::NormKind::rms, moe::NormKind::layer}) {
        int shift = -1;
        for (size_t i = 0; i < parts.vectors.size(); ++i)
          if (i != scale)
            shift = static_cast<int>(i);
        bool bias = shift >= 0;
        if ((parts.vectors.size() == 2 && scale == 2) || (bias && kind == moe::NormKind::rms))
          continue;
        for (double epsilon : epsilons(parts))
          if (agrees(in, term, x, along, parts, kind, scale, shift, epsilon))
            return replace(in, form, value, x, along, parts, kind, scale, shift, epsilon);
      }
  }

  static SmallVector<double> epsilons(const Parts &parts) {
    SmallVector<double> result;
    for (double number : parts.numbers)
      if (number > 0 && number < 0.01)
        result.push_back(number);
    result.push_back(0);
    return result;
  }

  bool agrees(Interpreter &in, T term, T x, ArrayRef<Var> along, const Parts &parts, moe::NormKind kind, size_t scale,
              int shift, double epsilon) {
    int64_t size = *in.space().sizeOf(along);
    SmallVector<Var> others;
    for (Var var : in.space().resolve(term->free))
      if (!llvm::is_contained(along, var))
        others.push_back(var);
    recover::Samples samples(5);
    for (double spread : {1.0, 0.01, 30.0}) { // small values tell epsilons apart
      std::vector<double> values, scales(size, 1), shifts(size, 0);
      recover::Evaluator run(in.terms(), others);
      for (int64_t i = 0; i < size; ++i)
        values.push_back(samples.between(-spread, spread) + spread / 3);
      run.given(x, along, values);
      for (auto [i, vector] : llvm::enumerate(parts.vectors)) {
        std::vector<double> numbers;
        for (int64_t c = 0; c < size; ++c)
          numbers.push_back(samples.between(-2, 2));
        run.given(vector, along, numbers);
        (i == scale ? scales : shifts) = numbers;
      }
      (void)shift;
      auto found = run.run(term, along);
      if (!found)
        return false;
      double mean = 0, square = 0;
      for (double v : values)
        mean += v / static_cast<double>(size);
      if (kind == moe::NormKind::rms)
        mean = 0;
      for (double v : values)
        square += (v - mean) * (v - mean) / static_cast<double>(size);
      for (int64_t i = 0; i < size; ++i) {
        double want = (values[i] - mean) / std::sqrt(square + epsilon) * scales[i] + shifts[i];
        if (!(std::fabs((*found)[i] - want) <= 1e-7 * (1 + std::fabs(want))))
          return false;
      }
    }
    return true;
  }

  void replace(Interpreter &in, const RowForm &form, Value value, T x, ArrayRef<Var> along, const Parts &parts,
               moe::NormKind kind, size_t scale, int shift, double epsilon) {
    Value source = in.valueOf(x);
    OpBuilder builder(value.getContext());
    builder.setInsertionPointAfter(value.getDefiningOp());
    Value rows = source ? form.toRows(builder, source) : Value();
    auto columns = form.columns(value.getType());
    if (!rows || !columns || cast<RankedTensorType>(rows.getType()).getShape()[1] != *columns)
      return;
    int64_t size = *in.space().sizeOf(along);
    auto vector = [&](size_t i) -> Value {
      if (i >= parts.vectors.size())
        return nullptr;
      auto stored = in.terms().weightOf(parts.vectors[i]->id).reshape({size});
      return stored ? stored->materialise(builder, form.symbols()) : Value();
    };
    Value gain = scale < parts.vectors.size()
                     ? vector(scale)
                     : StoredWeight::splat(builder, form.symbols(), value.getLoc(), size, 1.0f);
    Value offset = shift >= 0 ? vector(static_cast<size_t>(shift)) : Value();
    if (!gain || (shift >= 0 && !offset))
      return;
    Value y = moe::NormOp::create(builder, value.getLoc(), form.rowsType(*columns),
                                  moe::NormKindAttr::get(&getContext(), kind), rows, gain, offset,
                                  builder.getF32FloatAttr(static_cast<float>(epsilon)),
                                  builder.getI64IntegerAttr(size == *columns ? 0 : size));
    Value back = form.fromRows(builder, y, value.getType());
    value.replaceAllUsesExcept(back, back.getDefiningOp());
  }
};
} // namespace
} // namespace janus

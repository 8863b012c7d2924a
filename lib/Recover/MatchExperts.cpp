#include "lib/Recover/MatchExperts.h"

#include "lib/Recover/Meaning/Evaluate.h"

#include <cmath>

using namespace mlir;

namespace janus::recover {

namespace {

/// Reads one body; see readExpert.
class ExpertReader {
public:
  ExpertReader(Interpreter &in, const ExpertSource &source, std::string &reason)
      : terms_(in.terms()), space_(in.space()), source_(source), reason_(reason) {
    pairs_ = terms_.pairVars(source.choice);
    if (source.stacked)
      pairs_.append(terms_.indexVars(*source.stacked));
  }

  std::optional<ReadExpert> read(T body) {
    ReadExpert expert;
    SmallVector<T, 4> parts, rest;
    terms_.factors(body, parts);
    for (T part : parts)
      if (part->kind == Term::kNumber)
        expert.factor *= part->number;
      else
        rest.push_back(part);
    SmallVector<T> addends;
    flatten(terms_.product(rest), addends);
    T product = nullptr, bias = nullptr;
    for (T addend : addends) {
      addend = withoutNumber(addend);
      T &place = addend->kind == Term::kSum ? product : bias;
      if (place || (addend->kind != Term::kSum && addend->kind != Term::kWeight))
        return stop("it ends in no product by a weight with at most one bias");
      place = addend;
    }
    Split down;
    if (!product || !splitProduct(product, down))
      return stop("it ends in no product by a weight");
    inner_ = product->vars;
    Dim columns = otherVars(down.weight, inner_);
    if (!(expert.weights.down = orient(down.weight, {columns, inner_})) ||
        (bias && !(expert.weights.downBias = orient(bias, {columns}))))
      return stop("its second projection is no matrix for each expert");
    if (!collect(down.rest))
      return std::nullopt;
    if (products_.empty() || products_.size() > 2)
      return stop("its hidden values are not made of one or two products of its input by weights");
    expert.columns = columns;
    expert.weight = source_.weight;
    expert.input = products_[0].rest;
    for (const Split &split : products_)
      if (split.rest != expert.input)
        return stop("its projections read different inputs");
    if (inputFactor_ && (!biases_.empty() || bias))
      return stop("the weight scales the input of an expert with a bias");
    if (inputFactor_) {
      factor_ *= std::exchange(expert.factor, 1);
      expert.scaled = true;
      expert.weight = inputFactor_->kind == Term::kDense ? inputFactor_->operands[0] : inputFactor_;
      if (!countOutside(expert.weight))
        return stop("its input and its result are scaled by different weights");
    }
    if (!matchHidden(down.rest, expert))
      return std::nullopt;
    return expert;
  }

private:
  /// sum over vars of rest * weight
  struct Split {
    T product = nullptr, rest = nullptr, weight = nullptr;
  };

  std::nullopt_t stop(const Twine &reason) {
    if (reason_.empty())
      reason_ = reason.str();
    return std::nullopt;
  }

  /// A number in front of a sum belongs to what is summed.
  T withoutNumber(T addend) {
    if (addend->kind != Term::kApply || addend->fn != Fn::kMul)
      return addend;
    for (unsigned i : {0u, 1u})
      if (addend->operands[i]->kind == Term::kNumber && addend->operands[1 - i]->kind == Term::kSum) {
        factor_ *= addend->operands[i]->number;
        return addend->operands[1 - i];
      }
    return addend;
  }

  static void flatten(T term, SmallVectorImpl<T> &out) {
    if (term->kind == Term::kApply && term->fn == Fn::kAdd) {
      flatten(term->operands[0], out);
      flatten(term->operands[1], out);
    } else {
      out.push_back(term);
    }
  }

  /// A stored number that varies along more than what is summed over.
  bool isMatrix(T term, const Dim &summed) const {
    return term->kind == Term::kWeight &&
           llvm::any_of(space_.resolve(term->free), [&](Var var) { return !llvm::is_contained(summed, var); });
  }

  /// Factors, with products opened that hold the matrix.
  void flattenMatrix(T term, const Dim &summed, SmallVectorImpl<T> &out) const {
    auto holds = [&](auto &self, T t) -> bool {
      return isMatrix(t, summed) || (t->kind == Term::kApply && t->fn == Fn::kMul &&
                                     (self(self, t->operands[0]) || self(self, t->operands[1])));
    };
    SmallVector<T, 4> factors;
    terms_.factors(term, factors);
    for (T factor : factors)
      if (factor->kind == Term::kApply && holds(holds, factor))
        for (T operand : factor->operands)
          flattenMatrix(operand, summed, out);
      else
        out.push_back(factor);
  }

  bool splitProduct(T sum, Split &split) {
    SmallVector<T, 4> factors, rest;
    flattenMatrix(sum->operands[0], space_.resolve(sum->vars), factors);
    for (T factor : factors) {
      if (!isMatrix(factor, space_.resolve(sum->vars))) {
        rest.push_back(factor);
        continue;
      }
      if (split.weight)
        return false;
      split.weight = factor;
    }
    split.product = sum;
    split.rest = terms_.product(rest);
    return split.weight && !rest.empty();
  }

  bool isSelector(const Index &index) const { return source_.stacked && terms_.sameIndex(index, *source_.stacked); }

  /// Variables of a weight's indices but `without` and the selector.
  Dim otherVars(T weight, ArrayRef<Var> without) {
    Dim result, known = space_.resolve(without);
    for (const Index &index : weight->indices)
      if (index.kind == Index::kVar && !isSelector(index))
        for (Var var : terms_.indexVars(index))
          if (!llvm::is_contained(known, var))
            result.push_back(var);
    return result;
  }

  /// The stored tensor with the selector's dimension first and then those indexed by `order`.
  std::optional<StoredWeight> orient(T weight, ArrayRef<Dim> order) {
    StoredWeight stored = terms_.weightOf(weight->id);
    SmallVector<Index> indices(weight->indices);
    for (size_t d = indices.size(); d-- > 0;)
      if (indices[d].kind == Index::kNumber) {
        stored = stored.drop(static_cast<unsigned>(d), indices[d].value);
        indices.erase(indices.begin() + static_cast<int64_t>(d));
      }
    SmallVector<int64_t> permutation;
    auto find = [&](llvm::function_ref<bool(const Index &)> is) {
      auto it = llvm::find_if(indices, is);
      if (it != indices.end())
        permutation.push_back(it - indices.begin());
    };
    if (source_.stacked)
      find([&](const Index &index) { return isSelector(index); });
    for (const Dim &dim : order)
      find([&](const Index &index) { return terms_.indexVars(index) == space_.resolve(dim); });
    size_t wanted = order.size() + (source_.stacked ? 1 : 0);
    if (permutation.size() != wanted || indices.size() != wanted)
      return std::nullopt;
    stored = stored.transpose(permutation);
    return stored.isStorable() ? std::optional(stored) : std::nullopt;
  }

  /// Products, biases, numbers and the input's weight in the hidden term.
  bool collect(T term) {
    if (!seen_.insert(term).second)
      return true;
    if (term->kind != Term::kWeight && terms_.isRouted(term, source_.choice) && terms_.onlyOn(term, pairs_)) {
      if (inputFactor_ && inputFactor_ != term)
        return stop("its input has two weights"), false;
      inputFactor_ = term;
      return true;
    }
    switch (term->kind) {
    case Term::kNumber:
      constants_.push_back(term->number);
      return true;
    case Term::kSum: {
      Split split;
      if (!splitProduct(term, split) || otherVars(split.weight, term->vars) != space_.resolve(inner_))
        return stop("its first projection is no product of a row by a weight"), false;
      products_.push_back(split);
      return true;
    }
    case Term::kWeight:
      biases_.push_back(term);
      return true;
    case Term::kApply:
      return llvm::all_of(term->operands, [&](T operand) { return collect(operand); });
    default:
      return stop("between its projections is something else than an elementwise function of them"), false;
    }
  }

  /// How often the input's weight is a factor of the result, too: elementwise functions that are linear let it through.
  bool countOutside(T scaled) {
    double number = 1; // of the weight; outside it went with the expert's numbers
    auto split = [&](T weight, bool own) {
      SmallVector<T, 4> all, rest;
      if (weight)
        terms_.factors(weight, all);
      for (T factor : all)
        if (factor->kind != Term::kNumber)
          rest.push_back(factor);
        else if (own)
          number *= factor->number;
        else
          factor_ *= factor->number;
      return rest;
    };
    SmallVector<T, 4> own = split(scaled, true), outside = split(source_.weight, false);
    outside_ = own.empty() ? 0 : outside.size() / own.size();
    factor_ /= std::pow(number, outside_);
    return outside.size() == outside_ * own.size() && llvm::all_of(own, [&](T factor) {
             return llvm::count(outside, factor) == static_cast<ptrdiff_t>(outside_) * llvm::count(own, factor);
           });
  }

  double run(T term, const llvm::DenseMap<T, double> &known) {
    if (auto it = known.find(term); it != known.end())
      return it->second;
    if (term->kind == Term::kNumber)
      return term->number;
    SmallVector<double, 3> operands;
    for (T operand : term->operands)
      operands.push_back(run(operand, known));
    return evaluate(term->fn, operands);
  }

  /// Tries each role of the products and biases.
  bool matchHidden(T hidden, ReadExpert &expert) {
    size_t count = products_.size();
    if (biases_.size() > count)
      return stop("more biases than projections"), false;
    constexpr double kScale = 1.25; // a value of the input's weight
    for (size_t gate = 0; gate < count; ++gate) {
      // The bias of the gate, then of the up projection; biases_.size() for none.
      size_t none = biases_.size();
      for (size_t gateBias = 0; gateBias <= none; ++gateBias)
        for (size_t upBias = 0; upBias <= none; ++upBias) {
          size_t used = (gateBias < none) + (upBias < none);
          if (used != none || (used == 2 && gateBias == upBias) || (count == 1 && upBias < none))
            continue;
          auto f = [&](double g, double u) {
            // Part of a projection's value is its bias, and the input's weight scales the product.
            llvm::DenseMap<T, double> known;
            double scale = inputFactor_ ? kScale : 1;
            known[products_[gate].product] = (gateBias < none ? g - 0.75 : g) / scale;
            if (count == 2)
              known[products_[1 - gate].product] = (upBias < none ? u - 0.5 : u) / scale;
            if (gateBias < none)
              known[biases_[gateBias]] = 0.75;
            if (upBias < none)
              known[biases_[upBias]] = 0.5;
            if (inputFactor_)
              known[inputFactor_] = kScale;
            // What left the sum over the hidden values as a factor belongs to them.
            return factor_ * run(hidden, known) * std::pow(kScale, outside_);
          };
          auto activation = matchActivation(f, count == 2, constants_);
          if (!activation)
            continue;
          if (activation->factor != 1 && (inputFactor_ || expert.weights.downBias))
            continue;
          expert.activation = activation->activation;
          expert.factor *= activation->factor;
          auto project = [&](size_t i) { return orient(products_[i].weight, {inner_, products_[i].product->vars}); };
          if (!(expert.weights.gate = project(gate)) || (count == 2 && !(expert.weights.up = project(1 - gate))) ||
              (gateBias < none && !(expert.weights.gateBias = orient(biases_[gateBias], {inner_}))) ||
              (upBias < none && !(expert.weights.upBias = orient(biases_[upBias], {inner_}))))
            return stop("its first projection is no matrix for each expert"), false;
          return true;
        }
    }
    return stop("its activation is none of those known"), false;
  }

  Terms &terms_;
  IndexSpace &space_;
  const ExpertSource &source_;
  std::string &reason_;
  Dim inner_;
  SmallVector<Split> products_;
  SmallVector<T> biases_;
  SmallVector<double> constants_;
  Dim pairs_;
  T inputFactor_ = nullptr;
  double factor_ = 1;
  size_t outside_ = 0;
  llvm::DenseSet<T> seen_;
};

} // namespace

/// Does a term of this kind occur in what depends on choices?
static bool contains(T term, Term::Kind kind) {
  llvm::DenseSet<T> seen;
  SmallVector<T> stack{term};
  while (!stack.empty()) {
    T next = stack.pop_back_val();
    if (!seen.insert(next).second)
      continue;
    if (next->kind == kind)
      return true;
    if (next->kind == Term::kApply || next->kind == Term::kSum || next->kind == Term::kDense)
      stack.append(next->operands.begin(), next->operands.end());
  }
  return false;
}

bool spellsEach(const Mixture &mixture) {
  return contains(mixture.body, mixture.form == Mixture::kByChoice ? Term::kSwitch : Term::kFamily);
}

T expertBody(Interpreter &in, const Mixture &mixture, int64_t expert) {
  Terms &terms = in.terms();
  T body = mixture.form == Mixture::kByChoice
               ? terms.restrict(mixture.body, mixture.choice, expert)
               : terms.substitute(mixture.body, {{mixture.over}, expert, 1, 1, std::nullopt});
  return body ? terms.given(body, mixture.choice, Index::number(expert), /*masksOnly=*/true) : nullptr;
}

Index stackedBy(const Mixture &mixture) {
  return mixture.form == Mixture::kByChoice ? Index::chosen(mixture.choice) : Index::var(mixture.over);
}

std::optional<ReadExpert> readExpert(Interpreter &in, T body, const ExpertSource &source, std::string &reason) {
  return ExpertReader(in, source, reason).read(body);
}

} // namespace janus::recover

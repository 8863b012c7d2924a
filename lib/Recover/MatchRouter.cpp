#include "lib/Recover/MatchRouter.h"

#include "lib/Recover/Meaning/Evaluate.h"

#include <cmath>
#include <numeric>

using namespace mlir;

namespace janus::recover {

namespace {

// Rules of groups and of biases differ in few rows.
constexpr int kSamples = 24, kManySamples = 160, kFewestSamples = 6;
constexpr int64_t kMaxWidth = 4096;

/// One row's data: logits, and the values of each vector of the router.
struct Row {
  std::vector<double> logits;
  std::vector<std::vector<double>> vectors;
  std::map<int64_t, double> weights; // by expert chosen, as the graph computes them
};

/// Which vector does what; -1: none.
struct Roles {
  int bias = -1, selectBias = -1, expertScale = -1;
};

double scoreOf(moe::Score score, double logit) {
  switch (score) {
  case moe::Score::sigmoid:
    return 1 / (1 + std::exp(-logit));
  case moe::Score::sqrt_softplus:
    return std::sqrt(evaluate(Fn::kSoftplus, {logit}));
  default:
    return logit;
  }
}

/// Round by round the largest logit of those left, with its softmax over those near it.
std::map<int64_t, double> mixSparsely(std::vector<double> left, double jitter, int64_t k) {
  const std::vector<double> logits = left;
  std::map<int64_t, double> result;
  for (int64_t r = 0; r < k; ++r) {
    auto best = std::max_element(left.begin(), left.end());
    double top = *best, sum = 0;
    for (size_t e = 0; e < left.size(); ++e)
      if ((top - logits[e]) / std::max(std::fabs(logits[e]), top) <= 2 * jitter)
        sum += std::exp(left[e] - top);
    result[best - left.begin()] = 1 / sum;
    *best = -INFINITY;
  }
  return result;
}

/// What moe.route computes before renormalisation and scale: experts chosen and their scores.
std::map<int64_t, double> chooseBy(const RoutingRule &rule, const Roles &roles, const Row &row, int64_t k) {
  size_t width = row.logits.size();
  std::vector<double> scores(width), select(width);
  for (size_t e = 0; e < width; ++e)
    scores[e] = scoreOf(rule.score, row.logits[e] + (roles.bias >= 0 ? row.vectors[roles.bias][e] : 0));
  if (rule.score == moe::Score::sparse_mixer) {
    std::vector<double> logits = row.logits;
    for (size_t e = 0; e < width && roles.bias >= 0; ++e)
      logits[e] += row.vectors[roles.bias][e];
    return mixSparsely(std::move(logits), rule.jitter, k);
  }
  if (rule.score == moe::Score::softmax) {
    double top = *std::max_element(scores.begin(), scores.end()), sum = 0;
    for (double &score : scores)
      sum += score = std::exp(score - top);
    for (double &score : scores)
      score /= sum;
  }
  for (size_t e = 0; e < width; ++e)
    select[e] = scores[e] + (roles.selectBias >= 0 ? row.vectors[roles.selectBias][e] : 0);
  auto order = [](const std::vector<double> &values) {
    std::vector<size_t> result(values.size());
    std::iota(result.begin(), result.end(), 0);
    std::stable_sort(result.begin(), result.end(), [&](size_t a, size_t b) { return values[a] > values[b]; });
    return result;
  };
  if (rule.groups > 1) {
    size_t size = width / rule.groups;
    std::vector<double> groups;
    for (int64_t g = 0; g < rule.groups; ++g) {
      std::vector<double> members(select.begin() + static_cast<int64_t>(g * size),
                                  select.begin() + static_cast<int64_t>((g + 1) * size));
      std::sort(members.rbegin(), members.rend());
      groups.push_back(members[0] + (rule.groupScore == moe::GroupScore::top2_sum && size > 1 ? members[1] : 0));
    }
    std::vector<size_t> ranked = order(groups);
    for (size_t i = rule.keptGroups; i < ranked.size(); ++i)
      std::fill_n(select.begin() + static_cast<int64_t>(ranked[i] * size), size, rule.groupFill);
  }
  std::vector<size_t> ranked = order(select);
  std::map<int64_t, double> result;
  for (int64_t r = 0; r < k; ++r)
    result[static_cast<int64_t>(ranked[r])] =
        scores[ranked[r]] * (roles.expertScale >= 0 ? row.vectors[roles.expertScale][ranked[r]] : 1);
  return result;
}

bool sameExperts(const std::map<int64_t, double> &a, const std::map<int64_t, double> &b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](auto &x, auto &y) { return x.first == y.first; });
}

class RouterReader {
public:
  RouterReader(Interpreter &in, int32_t choice, T weight, std::string &reason)
      : terms_(in.terms()), space_(in.space()), in_(in), choice_(choice), weight_(weight), reason_(reason) {}

  std::optional<ReadRouter> read() {
    const Choice &made = terms_.choice(choice_);
    if (made.width > kMaxWidth)
      return stop("it chooses among too many");
    collectChoice(choice_);
    collect(weight_);
    if (!logits_)
      return stop("its scores are made of no product of the row by a weight");
    if (!reason_.empty())
      return std::nullopt;
    if (vectors_.size() > 3)
      return stop("more vectors than a router has");
    if (!sample())
      return std::nullopt;
    auto result = fit();
    if (!result)
      return stop("its scores are none of those known");
    result->k = made.k;
    if (!orient(*result))
      return stop("its weight is no matrix");
    return result;
  }

  std::optional<ReadRouter> readMixer() {
    T input = terms_.choice(choice_).input;
    collectChoice(choice_);
    bool plain = input == logits_;
    bool biased = input->kind == Term::kApply && input->fn == Fn::kAdd && vectors_.size() == 1 &&
                  llvm::is_contained(input->operands, logits_) &&
                  llvm::is_contained(input->operands, vectorTerms_.lookup(vectors_[0]));
    ReadRouter result;
    if (!logits_ || (!plain && !biased) || !orient(result))
      return stop("its logits are no product of the row by a weight");
    if (biased)
      result.bias = vectorOf(vectors_[0]);
    result.k = terms_.choice(choice_).k;
    result.rule.score = moe::Score::sparse_mixer;
    result.rule.jitter = 0.01;
    return result;
  }

private:
  std::nullopt_t stop(const Twine &reason) {
    if (reason_.empty())
      reason_ = reason.str();
    return std::nullopt;
  }

  void collectChoice(int32_t choice) {
    if (llvm::is_contained(choices_, choice))
      return;
    choices_.push_back(choice);
    collect(terms_.choice(choice).input);
    for (int32_t member : terms_.choice(choice).members)
      collectChoice(member);
    if (terms_.choice(choice).of >= 0)
      collectChoice(terms_.choice(choice).of);
  }

  /// Logits, vectors, numbers and choices that a term is made of.
  void collect(T term) {
    if (!seen_.insert(term).second)
      return;
    switch (term->kind) {
    case Term::kNumber:
      numbers_.push_back(term->number);
      return;
    case Term::kWeight:
      if (llvm::count_if(term->indices, [](const Index &i) { return i.kind != Index::kNumber; }) != 1 ||
          llvm::product_of(terms_.weightOf(term->id).shape()) != terms_.choice(choice_).width)
        return (void)stop("among its scores is a tensor that is not one number an expert");
      if (!llvm::is_contained(vectors_, term->id))
        vectors_.push_back(term->id);
      vectorTerms_.try_emplace(term->id, term);
      for (const Index &index : term->indices)
        if (index.kind == Index::kChosen)
          collectChoice(static_cast<int32_t>(index.value));
      return;
    case Term::kSum: {
      SmallVector<T, 4> factors;
      terms_.factors(term->operands[0], factors);
      bool product = llvm::any_of(factors, [&](T factor) {
        return factor->kind == Term::kWeight && factor->routed.empty() &&
               llvm::any_of(space_.resolve(term->vars), [&](Var var) { return terms_.dependsOn(factor, var); }) &&
               space_.resolve(factor->free).size() > term->vars.size();
      });
      if (product) {
        if (logits_ && logits_ != term)
          return (void)stop("scores of two products");
        logits_ = term;
        return;
      }
      break;
    }
    case Term::kValue:
      return (void)stop("its scores are made of what is not looked into");
    case Term::kId:
    case Term::kPick:
    case Term::kChosen:
    case Term::kDense:
    case Term::kTable:
    case Term::kSwitch:
      collectChoice(term->id);
      break;
    default:
      break;
    }
    for (T operand : term->operands)
      collect(operand);
  }

  /// Did the graph take the logarithm of a number below 0 among what this router decides?
  bool hasNoLogarithm(Evaluator &run) {
    return llvm::any_of(terms_.logarithms(), [&](T term) {
      if (llvm::none_of(choices_, [&](int32_t choice) { return terms_.isRouted(term, choice); }))
        return false;
      auto values = run.all(term);
      return values && llvm::any_of(*values, [](double value) { return value < 0; });
    });
  }

  /// Runs the graph's router on random rows.
  bool sample() {
    const Choice &made = terms_.choice(choice_);
    SmallVector<T, 4> factors;
    terms_.factors(logits_->operands[0], factors);
    Dim experts;
    for (Var var : space_.resolve(logits_->free))
      if (!llvm::is_contained(in_.rowVars(), var))
        experts.push_back(var);
    // In the order that makes up an expert's number.
    Dim over = space_.resolve({made.over});
    if (experts.size() != over.size() || !llvm::all_of(over, [&](Var v) { return llvm::is_contained(experts, v); }))
      return stop("its logits are not by expert"), false;
    Samples random(7);
    bool many = choices_.size() > 1 || !vectors_.empty();
    for (int s = 0, count = many ? kManySamples : kSamples; s < count; ++s) {
      Row row;
      double range = s % 2 ? 0.5 : 3;         // flat scores and steep ones
      double shift = s % 3 == 2 ? -1.0 : 0.0; // so that scores and biases add up to less than 0, too
      double level = s % 8 == 7 && choices_.size() > 1 ? random.between(-3, 3) : 0; // all near each other
      for (int64_t e = 0; e < made.width; ++e)
        row.logits.push_back(level != 0 ? level * random.between(0.95, 1.05) : random.between(-range, range));
      Evaluator run(terms_, in_.rowVars());
      run.given(logits_, over, row.logits);
      for (int32_t vector : vectors_) {
        std::vector<double> values;
        for (int64_t e = 0; e < made.width; ++e)
          values.push_back(s % 4 == 1 ? random.between(0.25, 1.25) : random.between(-0.5, 0.5) + shift);
        run.givenVector(vector, values);
        row.vectors.push_back(std::move(values));
      }
      auto experts = run.choose(choice_);
      auto weights = run.run(weight_, made.rank < 0 ? ArrayRef<Var>() : ArrayRef(made.rank));
      if (!experts || !weights || experts->size() != weights->size())
        return stop("its weights are not computed from its scores alone"), false;
      // A scale below 0 has no logarithm.
      if (llvm::any_of(*weights, [](double weight) { return !std::isfinite(weight); }) || hasNoLogarithm(run))
        continue;
      for (auto [expert, weight] : llvm::zip(*experts, *weights))
        row.weights[static_cast<int64_t>(expert)] = weight;
      rows_.push_back(std::move(row));
    }
    if (rows_.size() < kFewestSamples)
      return stop("its weights are no numbers"), false;
    return true;
  }

  /// Groups of experts, from a choice among parts of the experts' index.
  SmallVector<RoutingRule> groupings() const {
    SmallVector<RoutingRule> result{RoutingRule()};
    Dim over = space_.resolve({terms_.choice(choice_).over});
    for (int32_t other : choices_) {
      const Choice &made = terms_.choice(other);
      if (other == choice_ || over.size() < 2 || space_.resolve({made.over}) != Dim{over[0]})
        continue;
      for (moe::GroupScore score : {moe::GroupScore::top2_sum, moe::GroupScore::max})
        for (double fill : {-std::numeric_limits<double>::infinity(), 0.0}) {
          RoutingRule rule;
          rule.groups = made.width, rule.keptGroups = made.k;
          rule.groupScore = score, rule.groupFill = fill;
          result.push_back(rule);
        }
    }
    return result;
  }

  /// Ways to choose that are tried.
  SmallVector<RoutingRule> rules(bool plain) const {
    SmallVector<RoutingRule> result;
    for (RoutingRule rule : groupings())
      for (moe::Score score : {moe::Score::softmax, moe::Score::sigmoid, moe::Score::sqrt_softplus}) {
        rule.score = score;
        result.push_back(rule);
      }
    if (!plain || llvm::all_of(choices_, [&](int32_t choice) { return terms_.choice(choice).members.empty(); }))
      return result;
    for (double number : numbers_) // twice the jitter, or the jitter
      for (double jitter : {number / 2, number})
        if (number > 0 && number < 1) {
          RoutingRule rule;
          rule.score = moe::Score::sparse_mixer, rule.jitter = jitter;
          result.push_back(rule);
        }
    return result;
  }

  /// Renormalisation, scale and epsilon that explain the weights by the scores of the chosen.
  bool fitWeights(RoutingRule &rule, ArrayRef<std::map<int64_t, double>> scores) {
    auto agrees = [&] {
      for (auto [row, chosen] : llvm::zip(rows_, scores)) {
        double sum = 0;
        for (auto [expert, score] : chosen)
          sum += score;
        for (auto [expert, score] : chosen) {
          double value = rule.scale * (rule.renormalize ? score / (sum + rule.epsilon) : score);
          if (!(std::fabs(value - row.weights.at(expert)) <= 1e-6 * (1e-3 + std::fabs(value))))
            return false;
        }
      }
      return true;
    };
    // The nearest number of the graph, if one is near.
    auto snap = [&](double value, double tolerance) {
      for (double number : numbers_)
        if (std::fabs(number - value) <= tolerance)
          return number;
      return value;
    };
    auto [expert, score] = *scores[0].begin();
    rule.renormalize = false, rule.epsilon = 0;
    rule.scale = rows_[0].weights.at(expert) / score;
    rule.scale = std::fabs(rule.scale - 1) < 1e-9 ? 1 : snap(rule.scale, 1e-6 * std::fabs(rule.scale));
    if (agrees())
      return true;
    // score / weight = sum / scale + epsilon / scale: a line through the rows with the least and the greatest sum.
    rule.renormalize = true;
    double low[2] = {INFINITY, 0}, high[2] = {-INFINITY, 0};
    for (auto [row, chosen] : llvm::zip(rows_, scores)) {
      double sum = 0;
      for (auto [expert, score] : chosen)
        sum += score;
      double ratio = chosen.begin()->second / row.weights.at(chosen.begin()->first);
      if (sum < low[0])
        low[0] = sum, low[1] = ratio;
      if (sum > high[0])
        high[0] = sum, high[1] = ratio;
    }
    double slope = (high[1] - low[1]) / (high[0] - low[0]);
    rule.scale = 1 / slope;
    rule.epsilon = low[1] * rule.scale - low[0];
    if (!std::isfinite(rule.scale) || !std::isfinite(rule.epsilon) || rule.epsilon < -1e-9)
      return false;
    rule.scale = std::fabs(rule.scale - 1) < 1e-6 ? 1 : snap(rule.scale, 1e-5 * std::fabs(rule.scale));
    double epsilon = 0;
    for (double number : numbers_)
      if (number > 0 && number < 1e-2 && std::fabs(number - rule.epsilon) <= 1e-9)
        epsilon = std::max(epsilon, number);
    rule.epsilon = epsilon > 0 || std::fabs(rule.epsilon) < 1e-9 ? epsilon : rule.epsilon;
    return agrees();
  }

  std::optional<ReadRouter> fit() {
    auto count = static_cast<int>(vectors_.size());
    int64_t k = terms_.choice(choice_).k;
    // Each vector has one role.
    for (int bias = -1; bias < count; ++bias)
      for (int selectBias = -1; selectBias < count; ++selectBias)
        for (int expertScale = -1; expertScale < count; ++expertScale) {
          Roles roles{bias, selectBias, expertScale};
          std::vector<int> used(count);
          for (int role : {bias, selectBias, expertScale})
            if (role >= 0)
              ++used[role];
          if (llvm::any_of(used, [](int n) { return n != 1; }))
            continue;
          bool plain = selectBias < 0 && expertScale < 0;
          for (RoutingRule rule : rules(plain)) {
            bool mixer = rule.score == moe::Score::sparse_mixer;
            std::vector<std::map<int64_t, double>> scores;
            for (const Row &row : rows_) {
              scores.push_back(chooseBy(rule, roles, row, k));
              if (!sameExperts(scores.back(), row.weights))
                break;
            }
            if (scores.size() != rows_.size() || !sameExperts(scores.back(), rows_.back().weights) ||
                !fitWeights(rule, scores) || (mixer && (rule.renormalize || rule.scale != 1)))
              continue;
            ReadRouter result;
            result.rule = rule;
            auto vector = [&](int role) { return role < 0 ? std::nullopt : vectorOf(vectors_[role]); };
            result.bias = vector(bias), result.selectBias = vector(selectBias);
            result.expertScale = vector(expertScale);
            return result;
          }
        }
    return std::nullopt;
  }

  std::optional<StoredWeight> vectorOf(int32_t id) {
    T term = vectorTerms_.lookup(id);
    StoredWeight stored = terms_.weightOf(id);
    for (size_t d = term->indices.size(); d-- > 0;)
      if (term->indices[d].kind == Index::kNumber)
        stored = stored.drop(static_cast<unsigned>(d), term->indices[d].value);
    return stored;
  }

  /// The projection: [E, H] and what it reads.
  bool orient(ReadRouter &result) {
    SmallVector<T, 4> factors, rest;
    terms_.factors(logits_->operands[0], factors);
    T weight = nullptr;
    for (T factor : factors) {
      if (factor->kind != Term::kWeight)
        rest.push_back(factor);
      else if (std::exchange(weight, factor))
        return false;
    }
    if (!weight || rest.empty())
      return false;
    result.input = terms_.product(rest);
    StoredWeight stored = terms_.weightOf(weight->id);
    SmallVector<Index> indices(weight->indices);
    for (size_t d = indices.size(); d-- > 0;)
      if (indices[d].kind == Index::kNumber) {
        stored = stored.drop(static_cast<unsigned>(d), indices[d].value);
        indices.erase(indices.begin() + static_cast<int64_t>(d));
      }
    if (indices.size() != 2)
      return false;
    bool columnsFirst = terms_.indexVars(indices[0]) == space_.resolve(logits_->vars);
    if (!columnsFirst && terms_.indexVars(indices[1]) != space_.resolve(logits_->vars))
      return false;
    result.weight = columnsFirst ? stored.transpose({1, 0}) : stored;
    return result.weight->isStorable();
  }

  Terms &terms_;
  IndexSpace &space_;
  Interpreter &in_;
  int32_t choice_;
  T weight_;
  std::string &reason_;
  T logits_ = nullptr;
  SmallVector<int32_t> vectors_, choices_;
  llvm::DenseMap<int32_t, T> vectorTerms_;
  SmallVector<double> numbers_;
  llvm::DenseSet<T> seen_;
  std::vector<Row> rows_;
};

} // namespace

std::optional<ReadRouter> readRouter(Interpreter &in, int32_t choice, T weight, std::string &reason) {
  return RouterReader(in, choice, weight, reason).read();
}

std::optional<ReadRouter> readSparseMixer(Interpreter &in, int32_t choice, std::string &reason) {
  return RouterReader(in, choice, nullptr, reason).readMixer();
}

} // namespace janus::recover

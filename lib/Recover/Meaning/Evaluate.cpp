#include "lib/Recover/Meaning/Evaluate.h"

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace mlir;

namespace janus::recover {

double Samples::next() { // SplitMix64
  uint64_t z = state_ += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return static_cast<double>((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

namespace {
constexpr int64_t kMaxValues = 1 << 20;
} // namespace

Evaluator::Array Evaluator::shaped(ArrayRef<Var> vars) {
  Array array;
  array.vars = Dim(vars);
  array.strides.resize(vars.size());
  int64_t size = 1;
  for (size_t i = vars.size(); i-- > 0;) {
    array.strides[i] = size;
    auto extent = space_.sizeOf(vars.slice(i, 1));
    size = extent && size <= kMaxValues ? size * *extent : kMaxValues + 1;
  }
  if (size <= kMaxValues)
    array.values.resize(size);
  return array;
}

double Evaluator::at(const Array &array, const Env &env) const {
  int64_t index = 0;
  for (auto [var, stride] : llvm::zip(array.vars, array.strides))
    index += env.lookup(var) * stride;
  return array.values[index];
}

int64_t Evaluator::position(ArrayRef<Var> vars, const Env &env) const {
  int64_t index = 0;
  for (Var var : space_.resolve(vars))
    index = index * space_.sizeOf({var}).value_or(1) + env.lookup(var);
  return index;
}

bool Evaluator::each(ArrayRef<Var> vars, Env &env, llvm::function_ref<bool(Env &)> body) {
  if (vars.empty())
    return body(env);
  int64_t extent = space_.sizeOf(vars.take_front(1)).value_or(0);
  for (int64_t i = 0; i < extent; ++i) {
    env[vars[0]] = i;
    if (!each(vars.drop_front(), env, body))
      return false;
  }
  return true;
}

void Evaluator::given(T term, ArrayRef<Var> vars, std::vector<double> values) {
  Array array = shaped(space_.resolve(vars));
  array.values = std::move(values);
  arrays_[term] = std::move(array);
}

void Evaluator::givenVector(int32_t weight, std::vector<double> values) { weights_[weight] = std::move(values); }

Dim Evaluator::varsOf(T term) const {
  Dim result;
  for (Var var : space_.resolve(term->free))
    if (!llvm::is_contained(rows_, var) && !llvm::is_contained(result, var))
      result.push_back(var);
  return result;
}

const Evaluator::Array *Evaluator::evaluate(T term) {
  if (auto it = arrays_.find(term); it != arrays_.end())
    return &it->second;
  if (failed_.contains(term))
    return nullptr;
  Array array = shaped(varsOf(term));
  if (array.values.empty() || !fill(term, array)) {
    failed_.insert(term);
    return nullptr;
  }
  return &(arrays_[term] = std::move(array));
}

const Evaluator::Array *Evaluator::chosen(int32_t id) {
  if (auto it = choices_.find(id); it != choices_.end())
    return &it->second;
  const Choice &made = terms_.choice(id);
  const Array *input = evaluate(made.input);
  if (!input)
    return nullptr;
  Dim over = space_.resolve({made.over}), outer;
  for (Var var : input->vars)
    if (!llvm::is_contained(over, var))
      outer.push_back(var);
  Dim all = outer;
  if (made.rank >= 0)
    all.append(space_.resolve({made.rank}));
  Array result = shaped(all);
  Env env;
  int64_t next = 0;
  if (!made.members.empty()) {
    SmallVector<const Array *, 2> members;
    for (int32_t member : made.members)
      members.push_back(chosen(member));
    if (llvm::is_contained(members, nullptr))
      return nullptr;
    each(outer, env, [&](Env &env) {
      for (const Array *member : members)
        result.values[next++] = at(*member, env);
      return true;
    });
    return &(choices_[id] = std::move(result));
  }
  if (made.of >= 0) {
    const Array *all = chosen(made.of);
    Dim ranks = space_.resolve({terms_.choice(made.of).rank});
    if (!all || ranks.size() != 1)
      return nullptr;
    each(outer, env, [&](Env &env) {
      Env bound = env;
      bound[ranks[0]] = made.at;
      result.values[next++] = at(*all, bound);
      return true;
    });
    return &(choices_[id] = std::move(result));
  }
  each(outer, env, [&](Env &env) {
    std::vector<double> scores;
    each(over, env, [&](Env &env) {
      scores.push_back(at(*input, env));
      return true;
    });
    std::vector<int64_t> order(scores.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return scores[a] > scores[b]; });
    for (int64_t r = 0; r < made.k; ++r)
      result.values[next++] = static_cast<double>(order[r]);
    return true;
  });
  return &(choices_[id] = std::move(result));
}

bool Evaluator::fill(T term, Array &out) {
  SmallVector<const Array *, 3> operands;
  for (T operand : term->operands) {
    operands.push_back(evaluate(operand));
    if (!operands.back())
      return false;
  }
  const Array *ids = nullptr;
  const std::vector<double> *stored = nullptr;
  if (term->kind == Term::kWeight) { // a vector
    auto it = weights_.find(term->id);
    if (it == weights_.end())
      return false;
    stored = &it->second;
    for (const Index &index : term->indices)
      if (index.kind == Index::kChosen && !(ids = chosen(static_cast<int32_t>(index.value))))
        return false;
  }
  bool byChoice = llvm::is_contained({Term::kId, Term::kPick, Term::kChosen, Term::kDense, Term::kTable, Term::kSwitch},
                                     term->kind);
  if (byChoice && !(ids = chosen(term->id)))
    return false;
  // Sets the variables that a position along `vars` stands for.
  auto place = [&](ArrayRef<Var> vars, int64_t position, Env &env) {
    for (Var var : llvm::reverse(space_.resolve(vars))) {
      int64_t extent = *space_.sizeOf({var});
      env[var] = position % extent;
      position /= extent;
    }
  };
  Dim inner; // of sums and the like
  if (term->kind == Term::kSum || term->kind == Term::kMax || term->kind == Term::kSoftmax)
    for (Var var : space_.resolve(term->vars)) {
      if (!llvm::is_contained(operands[0]->vars, var))
        return false;
      inner.push_back(var);
    }
  Env env;
  int64_t next = 0;
  return each(out.vars, env, [&](Env &env) {
    double value = 0;
    switch (term->kind) {
    case Term::kNumber:
      value = term->number;
      break;
    case Term::kIndex:
      value = static_cast<double>(position(term->vars, env));
      break;
    case Term::kApply: {
      SmallVector<double, 3> numbers;
      for (const Array *operand : operands)
        numbers.push_back(at(*operand, env));
      value = janus::recover::evaluate(term->fn, numbers);
      break;
    }
    case Term::kSum:
    case Term::kMax:
    case Term::kSoftmax: {
      double sum = 0, top = -INFINITY, exps = 0;
      Env bound = env;
      each(inner, bound, [&](Env &bound) {
        double x = at(*operands[0], bound);
        sum += x, top = std::max(top, x);
        return true;
      });
      if (term->kind == Term::kSoftmax) {
        each(inner, bound, [&](Env &bound) { return exps += std::exp(at(*operands[0], bound) - top), true; });
        value = std::exp(at(*operands[0], env) - top) / exps;
      } else {
        value = term->kind == Term::kSum ? sum : top;
      }
      break;
    }
    case Term::kWeight: {
      int64_t i = 0;
      for (const Index &index : term->indices)
        i += index.kind == Index::kVar      ? position({static_cast<Var>(index.value)}, env)
             : index.kind == Index::kChosen ? static_cast<int64_t>(at(*ids, env))
                                            : index.value;
      value = (*stored)[i];
      break;
    }
    case Term::kId:
      value = at(*ids, env);
      break;
    case Term::kTable:
      value = terms_.tableOf(term)[static_cast<size_t>(at(*ids, env))];
      break;
    case Term::kSwitch:
      value = at(*operands[static_cast<size_t>(at(*ids, env))], env);
      break;
    case Term::kFamily:
      value = at(*operands[position(term->vars, env)], env);
      break;
    case Term::kPick: {
      Env bound = env;
      place({terms_.choice(term->id).over}, static_cast<int64_t>(at(*ids, env)), bound);
      value = at(*operands[0], bound);
      break;
    }
    case Term::kChosen:
    case Term::kDense: {
      const Index &index = term->indices[0];
      int64_t wanted = index.kind == Index::kVar ? position({static_cast<Var>(index.value)}, env) : index.value;
      if (term->kind == Term::kChosen) {
        value = static_cast<int64_t>(at(*ids, env)) == wanted;
        break;
      }
      const Choice &made = terms_.choice(term->id);
      value = term->number;
      Env bound = env;
      for (int64_t r = 0; r < made.k; ++r) {
        if (made.rank >= 0)
          place({made.rank}, r, bound);
        if (static_cast<int64_t>(at(*ids, bound)) == wanted)
          value = at(*operands[0], bound);
      }
      break;
    }
    default:
      return false;
    }
    out.values[next++] = value;
    return true;
  });
}

std::optional<std::vector<double>> Evaluator::run(T term, ArrayRef<Var> vars) {
  const Array *array = evaluate(term);
  Dim along = space_.resolve(vars);
  if (!array || llvm::any_of(array->vars, [&](Var var) { return !llvm::is_contained(along, var); }))
    return std::nullopt;
  std::vector<double> result;
  Env env;
  each(along, env, [&](Env &env) { return result.push_back(at(*array, env)), true; });
  return result;
}

std::optional<std::vector<double>> Evaluator::all(T term) {
  const Array *array = evaluate(term);
  return array ? std::optional(array->values) : std::nullopt;
}

std::optional<std::vector<double>> Evaluator::choose(int32_t choice) {
  const Array *array = chosen(choice);
  return array ? std::optional(array->values) : std::nullopt;
}

} // namespace janus::recover

#include "lib/Recover/PlainChoices.h"

#include "lib/Recover/MatchExperts.h"

using namespace mlir;

namespace janus::recover {

namespace {

constexpr size_t kMaxRead = 1u << 18; // operators that are read again, in all

/// Is the first expert of the mixture one?
bool isReadable(Interpreter &in, const Mixture &mixture) {
  std::string reason;
  ExpertSource source{mixture.choice, std::nullopt, mixture.weighted ? mixture.weight : nullptr};
  T body = mixture.body;
  if (mixture.form == Mixture::kEach) {
    std::optional<int64_t> twice;
    auto experts = in.mixtureList().experts(mixture, twice);
    if (experts.empty())
      return true;
    body = experts.begin()->second.body;
    source.weight = experts.begin()->second.weight;
  } else if (mixture.form == Mixture::kByChoice || mixture.form == Mixture::kByIndex) {
    if (spellsEach(mixture))
      body = expertBody(in, mixture, 0);
    else
      source.stacked = stackedBy(mixture);
  } else {
    return true;
  }
  return body && readExpert(in, body, source, reason);
}

/// Choices that mixtures that can be read rest on, and others that are no plain ones.
struct Choices {
  llvm::DenseSet<int32_t> kept;
  size_t readable = 0; // choices of mixtures
};

Choices examine(Interpreter &in) {
  Choices result;
  SmallVector<int32_t> stack;
  llvm::DenseSet<int32_t> read;
  for (const Mixture &mixture : in.mixtures()) {
    bool partial = !mixture.whole && mixture.form == Mixture::kEach && in.mixtureList().countOf(mixture) > 1;
    if (mixture.whole && isReadable(in, mixture) && read.insert(mixture.choice).second)
      ++result.readable;
    if (partial || read.contains(mixture.choice))
      stack.push_back(mixture.choice);
  }
  for (const Refusal &refusal : in.refusals())
    stack.push_back(refusal.choice);
  while (!stack.empty()) {
    int32_t choice = stack.pop_back_val();
    if (result.kept.insert(choice).second)
      llvm::append_range(stack, in.terms().restsOn(choice));
  }
  return result;
}

/// The first operator that makes a choice that nothing rests on.
Operation *firstPlain(Interpreter &in, const Choices &choices) {
  Operation *first = nullptr;
  llvm::DenseSet<Operation *> kept; // an order and the best of it have one maker
  for (int32_t choice : choices.kept)
    kept.insert(in.makerOf(choice));
  for (int32_t choice = 0; choice < in.terms().choiceCount(); ++choice) {
    Operation *maker = in.makerOf(choice);
    if (maker && !kept.contains(maker) && (!first || maker->isBeforeInBlock(first)))
      first = maker;
  }
  return first;
}

} // namespace

llvm::DenseSet<Operation *> plainChoices(const RowForm &form, Interpreter &in) {
  llvm::DenseSet<Operation *> plain;
  Choices choices = examine(in);
  size_t before = choices.readable, cost = 0;
  Operation *next = firstPlain(in, choices);
  if (!next)
    return plain;
  func::FuncOp step = form.step();
  size_t size = std::distance(step.front().begin(), step.front().end());
  for (; next && cost + size <= kMaxRead; cost += size) {
    plain.insert(next);
    Interpreter again(form, plain);
    choices = examine(again);
    next = firstPlain(again, choices);
  }
  return choices.readable > before ? plain : llvm::DenseSet<Operation *>();
}

} // namespace janus::recover

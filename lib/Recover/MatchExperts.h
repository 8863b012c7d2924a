//===- MatchExperts.h - experts out of the terms of a mixture ---*- C++ -*-===//
#ifndef JANUS_RECOVER_MATCHEXPERTS_H
#define JANUS_RECOVER_MATCHEXPERTS_H

#include "dialects/moe/IR/MoEOps.h"
#include "lib/Recover/Meaning/Meaning.h"

namespace janus::recover {

/// What lies between the first and the second projection.
struct Activation {
  moe::ActivationKind kind = moe::ActivationKind::identity;
  float alpha = 1, beta = 0, limit = std::numeric_limits<float>::infinity();
  bool gated = false;
  friend bool operator==(const Activation &, const Activation &) = default;
};

/// One expert: gate, up [I, H], down [H, I], biases [I], [I], [H]; or all of them, each with a first dimension E.
struct ExpertWeights {
  std::optional<StoredWeight> gate, up, down, gateBias, upBias, downBias;
};

/// An expert read from a term.
struct ReadExpert {
  ExpertWeights weights;
  Activation activation;
  T input = nullptr;  // of the row
  Dim columns;        // of the result
  T weight = nullptr; // of a pair: multiplies the input (if `scaled`) or the result; null when nothing does
  bool scaled = false;
  double factor = 1; // the hidden values are the activation's times this
};

/// What is read: an expert of `choice`, or all, whose weights `stacked` selects.
struct ExpertSource {
  int32_t choice;
  std::optional<Index> stacked;
  T weight; // of a pair, multiplies the result; null when there is none
};

/// Of a mixture by choice or by index: is each expert spelled out, or do all share one body?
bool spellsEach(const Mixture &mixture);
/// The body of one of the experts that are spelled out; null when they are not told apart.
T expertBody(Interpreter &in, const Mixture &mixture, int64_t expert);
/// What selects the weights in the body that all experts share.
Index stackedBy(const Mixture &mixture);

/// Reads an expert from `body`, a row's result; otherwise nothing, and `reason` says what it is not.
std::optional<ReadExpert> readExpert(Interpreter &in, T body, const ExpertSource &source, std::string &reason);

/// An activation, and what it is multiplied by.
struct ScaledActivation {
  Activation activation;
  double factor = 1;
};

/// The activation that agrees with `f` (gate, up -> hidden) at every sample point up to a factor, tried with the
/// numbers in `constants`; nothing when there is none.
std::optional<ScaledActivation> matchActivation(llvm::function_ref<double(double, double)> f, bool gated,
                                                llvm::ArrayRef<double> constants);

} // namespace janus::recover

#endif // JANUS_RECOVER_MATCHEXPERTS_H

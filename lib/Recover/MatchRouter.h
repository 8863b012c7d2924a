//===- MatchRouter.h - a router out of the terms of a choice ----*- C++ -*-===//
#ifndef JANUS_RECOVER_MATCHROUTER_H
#define JANUS_RECOVER_MATCHROUTER_H

#include "dialects/moe/IR/MoEOps.h"
#include "lib/Recover/Meaning/Meaning.h"

namespace janus::recover {

/// How scores become chosen experts and weights: the attributes of moe.route.
struct RoutingRule {
  moe::Score score = moe::Score::softmax;
  int64_t groups = 1, keptGroups = 1;
  moe::GroupScore groupScore = moe::GroupScore::max;
  double groupFill = -std::numeric_limits<double>::infinity();
  bool renormalize = false;
  double epsilon = 0, scale = 1, jitter = 0;
};

/// A router read from terms.
struct ReadRouter {
  RoutingRule rule;
  int64_t k = 0;
  T input = nullptr;                                   // of the row
  std::optional<StoredWeight> weight, bias;            // [E, H], [E]
  std::optional<StoredWeight> selectBias, expertScale; // [E]
};

/// Reads the router behind a choice whose pairs have `weight`; otherwise nothing, and `reason` says what it is not.
std::optional<ReadRouter> readRouter(Interpreter &in, int32_t choice, T weight, std::string &reason);

/// The same where the choice is a sparse mixer of the logits, with ONNX Runtime's jitter of 0.01.
std::optional<ReadRouter> readSparseMixer(Interpreter &in, int32_t choice, std::string &reason);

} // namespace janus::recover

#endif // JANUS_RECOVER_MATCHROUTER_H

//===- Cases.h - which instance fails when and how --------------*- C++ -*-===//
#ifndef JANUS_TEST_INTEGRATION_FAILURES_CASES_H
#define JANUS_TEST_INTEGRATION_FAILURES_CASES_H

#include "janus/Runtime/Runtime.h"

#include <string>
#include <vector>

namespace janus::failures {

struct Case {
  RuntimeOptions options; // with the faults
  int lost = 1;           // instances that are lost in it
  bool certain = true;    // whether they are: there may be no message at which one would fail
};
/// As options of janus-run.
std::string Describe(const Case &of);

/// Facts of a model.
struct Setting {
  int64_t experts = 0; // of the largest layer
  int layers = 0;
};

/// A run without faults: (1, 1).
RuntimeOptions Plain();

/// Every instance of three attention and three expert instances, at every phase
/// in which it has messages, of the first three steps, dead and silent, under
/// every scheme and gate side. Layers take turns.
std::vector<Case> AnyInstanceAtAnyPhase(const Setting &setting);
/// Instances that come back, some after all was stalled, and several that fail.
std::vector<Case> SeveralAndRestored(const Setting &setting);
/// Experts move all the time, and every instance fails at every message by which
/// they do, and at the start of every step, some of which are the first of an epoch.
std::vector<Case> WhileExpertsMove(const Setting &setting);

} // namespace janus::failures

#endif // JANUS_TEST_INTEGRATION_FAILURES_CASES_H

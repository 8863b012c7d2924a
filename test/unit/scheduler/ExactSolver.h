//===- ExactSolver.h - the smallest possible a_max --------------*- C++ -*-===//
//
// Independent of the scheduler: the smallest bound for which a maximum flow
// (expert -> its hosts -> sink, every host with the bound as its capacity)
// serves every expert, found by bisection. And, for small cases, all
// assignments tried.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_TEST_UNIT_SCHEDULER_EXACTSOLVER_H
#define JANUS_TEST_UNIT_SCHEDULER_EXACTSOLVER_H

#include <cstdint>
#include <vector>

namespace janus::scheduler {

/// hosts[i]: the instances that can serve the i-th activated expert; those with
/// none are left out.
int ExactOptimum(const std::vector<std::vector<int32_t>> &hosts, int instances);
/// The same by trying everything; for at most a million assignments.
int OptimumByTrying(const std::vector<std::vector<int32_t>> &hosts, int instances);

} // namespace janus::scheduler

#endif // JANUS_TEST_UNIT_SCHEDULER_EXACTSOLVER_H

//===- Forked.h - one process per instance ----------------------*- C++ -*-===//
#ifndef JANUS_TEST_UNIT_EXECUTOR_FORKED_H
#define JANUS_TEST_UNIT_EXECUTOR_FORKED_H

#include "test/unit/executor/Deployment.h"

#include "gtest/gtest.h"

#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

namespace janus::hand {

/// A process for each instance.
inline std::vector<pid_t> Fork(Deployment &deployment) {
  deployment.idle = [] { sched_yield(); };
  std::vector<pid_t> children;
  const Options &options = deployment.options;
  for (int i = 0; i < options.m + options.n; ++i) {
    const Address address =
        i < options.m ? Address{EndpointKind::kAttention, i} : Address{EndpointKind::kExpert, i - options.m};
    const pid_t child = fork();
    if (child == 0) {
      if (!deployment.Create([&](Address other) { return other == address; }).ok())
        _exit(2);
      deployment.executor.Run();
      _exit(0);
    }
    children.push_back(child);
  }
  return children;
}

inline void ExpectExits(const std::vector<pid_t> &children) {
  for (pid_t child : children) {
    int status = -1;
    EXPECT_EQ(waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
  }
}

} // namespace janus::hand

#endif // JANUS_TEST_UNIT_EXECUTOR_FORKED_H

//===- Support.h - a trace with two kinds of traffic -------------*- C++ -*-===//
#ifndef JANUS_TEST_UNIT_PLANNER_SUPPORT_H
#define JANUS_TEST_UNIT_PLANNER_SUPPORT_H

#include "runtime/trace/Trace.h"
#include "test/unit/trace/Support.h"

#include <memory>
#include <random>
#include <string>
#include <vector>

namespace janus::planner {

inline constexpr int64_t kExperts = 12, kLayers = 2, kRows = 8; // rows of a sequence

/// `each` sequences of "low", whose rows choose two experts of the lower half, then as many of "high/all".
inline std::unique_ptr<trace::Trace> TwoDomains(int each) {
  std::mt19937 random(3);
  std::string table = "start\tlen\tdomain\tphase\n", ids;
  for (int s = 0; s < 2 * each; ++s) {
    table += std::to_string(s * kRows) + "\t" + std::to_string(kRows) + "\t" + (s < each ? "low" : "high/all") +
             "\tdecode\n";
    for (int64_t i = 0; i < kRows * kLayers; ++i) {
      const int first = static_cast<int>(random() % 6), second = (first + 1 + static_cast<int>(random() % 5)) % 6;
      for (int id : {first, second})
        ids += static_cast<char>(id + (s < each ? 0 : 6));
    }
  }
  trace::TraceParts parts;
  parts.where = "T";
  parts.meta = R"({"experts": 12, "layer_ids": [0, 1]})";
  parts.data = trace::FromString(trace::Npy("|u1", std::to_string(2 * each * kRows) + ", 2, 2", ids));
  parts.sequences = trace::FromString(table);
  return *trace::ReadTrace(std::move(parts));
}

} // namespace janus::planner

#endif // JANUS_TEST_UNIT_PLANNER_SUPPORT_H

//===- TraceFile.h - which experts real models chose ------------*- C++ -*-===//
#ifndef JANUS_TEST_UNIT_SCHEDULER_TRACEFILE_H
#define JANUS_TEST_UNIT_SCHEDULER_TRACEFILE_H

#include <cstdint>
#include <string>
#include <vector>

namespace janus::scheduler {

/// A directory with meta.json, seqs.tsv (seq, start, len, ...) and topk.npy.gz
/// (uint8 [tokens, layers, k], data from byte 128).
struct TraceFile {
  std::string name;
  int64_t experts = 0, layers = 0, k = 0, tokens = 0;
  std::vector<uint8_t> ids;
  std::vector<std::pair<int64_t, int64_t>> sequences; // first token, tokens

  uint8_t id(int64_t token, int64_t layer, int64_t rank) const { return ids[(token * layers + layer) * k + rank]; }
};

/// Reads one; an empty string, or what is wrong with it.
std::string Read(const std::string &directory, TraceFile &trace);

} // namespace janus::scheduler

#endif // JANUS_TEST_UNIT_SCHEDULER_TRACEFILE_H

// scheduler-traces --traces DIR: a_max against the exact optimum on decode batches sampled from routing traces. Prints
// "skipped: no data" without a directory. Exit code 1 where the scheduler is not optimal.
#include "runtime/placement/Placement.h"
#include "test/unit/scheduler/Cases.h"
#include "test/unit/scheduler/ExactSolver.h"
#include "test/unit/scheduler/TraceFile.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>

namespace janus::scheduler {
namespace {

constexpr uint64_t kSeed = 1;
constexpr int kDraws = 3;

struct Sums {
  int64_t cases = 0, wrong = 0;
  double a_max = 0, greedy = 0, limit = 0;
};

/// Hosts of a layer's experts under a placement; every fourth draw loses an instance.
Case Hosts(const Placement &placement, int64_t instances, int lost) {
  Case result;
  result.instances = static_cast<int32_t>(instances);
  const ReplicaList table = placement.replicas(0);
  for (int32_t e = 0; e < table.experts; ++e) {
    result.hosts.emplace_back();
    for (int32_t r = table.begin[e]; r < table.begin[e + 1]; ++r)
      result.hosts.back().push_back(table.instance[r] == lost ? -1 : table.instance[r]);
  }
  return result;
}

void Check(const Case &input, const std::string &what, Sums &sums) {
  const Outcome outcome = Solve(input), greedy = Solve(input, Rule::kJanusGreedy);
  const auto hosts = input.ActivatedHosts();
  const int optimum = ExactOptimum(hosts, input.instances);
  const std::string trouble = Trouble(input, outcome);
  ++sums.cases;
  sums.a_max += outcome.result.a_max;
  sums.greedy += greedy.result.a_max;
  sums.limit += static_cast<double>((hosts.size() + input.instances - 1) / input.instances);
  if (!trouble.empty() || outcome.result.a_max != optimum) {
    if (++sums.wrong <= 5)
      std::printf("  %s: a_max %d, optimum %d%s%s\n", what.c_str(), outcome.result.a_max, optimum,
                  trouble.empty() ? "" : "; ", trouble.c_str());
  }
}

/// Batches of `batch` different sequences, each at a token of its own, over all layers.
void Sample(const TraceFile &trace, int64_t instances, int64_t slots, int64_t batch, std::mt19937_64 &random,
            Sums &sums) {
  const PlacementShape shape = {{trace.experts}, instances, slots};
  std::vector<std::pair<int64_t, int64_t>> sequences = trace.sequences;
  for (int draw = 0; draw < kDraws; ++draw) {
    const Placement placement = draw ? *Placement::Random(shape, random()) : *Placement::Even(shape);
    std::shuffle(sequences.begin(), sequences.end(), random);
    std::vector<int64_t> tokens;
    for (int64_t i = 0; i < batch; ++i)
      tokens.push_back(sequences[i].first + static_cast<int64_t>(random() % sequences[i].second));
    for (int64_t layer = 0; layer < trace.layers; ++layer) {
      Case input = Hosts(placement, instances, draw == 2 ? static_cast<int>(random() % instances) : -2);
      for (int64_t token : tokens)
        for (int64_t rank = 0; rank < trace.k; ++rank)
          input.ids.push_back(trace.id(token, layer, rank));
      Check(input,
            "n " + std::to_string(instances) + ", C " + std::to_string(slots) + ", B " + std::to_string(batch) +
                ", layer " + std::to_string(layer),
            sums);
    }
  }
}

bool Run(const TraceFile &trace) {
  std::mt19937_64 random(kSeed);
  Sums sums;
  for (int64_t instances : {2, 5, 8, 16}) {
    const int64_t fewest = MinimumSlots({trace.experts}, instances);
    for (int64_t slots : {fewest, fewest + 1, (fewest * 3 + 1) / 2})
      for (int64_t batch : {1, 4, 16, 64, 256})
        if (batch <= static_cast<int64_t>(trace.sequences.size()))
          Sample(trace, instances, slots, batch, random, sums);
  }
  std::printf("%s: %lld cases, mean a_max %.3f (greedy alone %.3f, limit %.3f), %lld not optimal\n", trace.name.c_str(),
              static_cast<long long>(sums.cases), sums.a_max / sums.cases, sums.greedy / sums.cases,
              sums.limit / sums.cases, static_cast<long long>(sums.wrong));
  return sums.wrong == 0;
}

int Main(const std::string &root) {
  std::vector<std::string> directories;
  std::error_code error;
  for (const auto &entry : std::filesystem::directory_iterator(root, error))
    if (std::filesystem::exists(entry.path() / "topk.npy.gz"))
      directories.push_back(entry.path());
  if (directories.empty()) {
    std::printf("skipped: no data (%s)\n", root.empty() ? "give --traces DIR" : root.c_str());
    return 0;
  }
  std::sort(directories.begin(), directories.end());
  bool well = true;
  std::printf("seed %llu\n", static_cast<unsigned long long>(kSeed));
  for (const std::string &directory : directories) {
    TraceFile trace;
    const std::string trouble = Read(directory, trace);
    if (!trouble.empty())
      std::fprintf(stderr, "%s\n", trouble.c_str());
    well &= trouble.empty() && Run(trace);
  }
  return well ? 0 : 1;
}

} // namespace
} // namespace janus::scheduler

int main(int argc, char **argv) {
  if (argc == 1 || (argc == 3 && std::strcmp(argv[1], "--traces") == 0))
    return janus::scheduler::Main(argc == 3 ? argv[2] : "");
  std::fprintf(stderr, "usage: %s [--traces DIR]\n", argv[0]);
  return 2;
}

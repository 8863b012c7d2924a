// janus-scheduler-bench: what a schedule costs beside a scalar loop over the same choices and beside an expert layer,
// and how far each rule is from the limit.
#include "benchmarks/scheduler/Measure.h"
#include "benchmarks/scheduler/Routing.h"
#include "runtime/executor/Assignments.h"
#include "runtime/executor/Scheduling.h"

#include "absl/strings/numbers.h"

#include <cmath>
#include <cstdio>
#include <cstring>

namespace janus::scheduler {
namespace {

constexpr uint64_t kSeed = 1;
constexpr Rule kRules[] = {Rule::kExact, Rule::kJanusGreedy, Rule::kMetroGreedy};

struct Options {
  int routings = 1000, repeats = 11;
};

Choices Of(const std::vector<uint16_t> &ids, int32_t k) {
  return {ids.data(), static_cast<int64_t>(ids.size()) / k, k};
}

void Print(const char *name, const std::vector<double> &ns, const std::vector<double> &ratios) {
  std::printf("| %-22s | %9.0f | %9.0f | %6.2f | %6.2f | %6.2f |\n", name, Median(ns), Quantile(ns, 1), Median(ratios),
              Quantile(ratios, 0.99), Quantile(ratios, 1));
}

/// The pairs of instance `id`, as an expert instance lists them.
void Group(executor::AssignmentBuilder &builder, const std::vector<int32_t> &slots, int64_t rows, int64_t k, int32_t id,
           int32_t per_instance) {
  builder.Begin(rows, k);
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t rank = 0; rank < k; ++rank) {
      const int32_t slot = slots[row * k + rank] - id * per_instance;
      if (slot >= 0 && slot < per_instance)
        builder.Add(row, rank, slot, static_cast<int32_t>(row), 0.5f);
    }
  builder.Build();
}

/// 4096 rows, 160 experts, 6 chosen, 16 instances, 216 slots: ratios to the scalar loop over many routings, with skews
/// from none to strong, over 20 placements.
void Cost(const Options &options) {
  constexpr int32_t kRows = 4096, kExperts = 160, kK = 6, kInstances = 16, kSlots = 216, kPer = 14;
  std::mt19937_64 random(kSeed);
  Bench bench;
  bench.Reserve(kExperts, kInstances, int64_t{kRows} * kK);
  executor::AssignmentBuilder builder(kRows, kK, kPer);
  std::vector<double> loop, mark, match, rewrite, call, group;
  std::vector<double> mark_ratio, match_ratio, rewrite_ratio, call_ratio, group_ratio;
  int repaired = 0;
  for (int i = 0; i < options.routings; ++i) {
    const Layout layout = MakeLayout(kExperts, kInstances, kSlots, random);
    ReplicaTable table, greedy;
    table.Set(layout.list());
    greedy.Set(layout.list(), nullptr, Rule::kJanusGreedy);
    const std::vector<uint16_t> ids = MakeRouting(kRows, kK, kExperts, 0.5 * (i % 5), random);
    const Choices choices = Of(ids, kK);
    const Pieces pieces = bench.Measure(table.view(), choices, options.repeats);
    repaired += bench.Measure(greedy.view(), choices, 1).result.a_max > pieces.result.a_max;
    const std::vector<int32_t> &slots = bench.Call(table.view(), choices);
    std::vector<double> grouping;
    for (int r = 0; r < 3; ++r) {
      const double begin = Nanoseconds();
      for (int32_t g = 0; g < kInstances; ++g)
        Group(builder, slots, kRows, kK, g, kPer);
      grouping.push_back((Nanoseconds() - begin) / kInstances);
    }
    const auto add = [&](std::vector<double> &ns, std::vector<double> &ratios, double value) {
      ns.push_back(value);
      ratios.push_back(value / pieces.loop);
    };
    loop.push_back(pieces.loop);
    add(mark, mark_ratio, pieces.mark);
    add(match, match_ratio, pieces.match);
    add(rewrite, rewrite_ratio, pieces.rewrite);
    add(call, call_ratio, pieces.call());
    add(group, group_ratio, Median(grouping));
  }
  std::printf("## One call: T = 4096, E = 160, k = 6, n = 16, 216 slots; %d routings, medians of %d runs each; greedy "
              "alone is worse in %d\n\n"
              "| piece                  | median ns |  worst ns | median |    p99 |  worst | ratio to the scalar loop\n"
              "|---|---|---|---|---|---|\n",
              options.routings, options.repeats, repaired);
  Print("scalar loop", loop, std::vector<double>(1, 1.0));
  Print("mark", mark, mark_ratio);
  Print("match", match, match_ratio);
  Print("rewrite", rewrite, rewrite_ratio);
  Print("mark + match + rewrite", call, call_ratio);
  Print("grouping, one instance", group, group_ratio);
}

/// One call beside the experts of a layer, with the caches as the layer leaves them; and all that eight instances of
/// one process do for a schedule: check and convert their ids, find out that one of them computed it.
void Share(const Options &options) {
  constexpr int32_t kInstances = 8, kSlots = 10, kK = ExpertLayer::kK, kExperts = ExpertLayer::kExperts;
  std::printf(
      "\n## One call beside one f32 expert layer of the bench model, all instances together, one core: 64 "
      "experts, 8 chosen, n = 8, 80 slots\n\n"
      "| batch | layer us | call us | %% | eight calls, a process each: %% | eight instances in one process: us | %% "
      "|\n|---|---|---|---|---|---|---|\n");
  ExpertLayer layer;
  Bench bench;
  bench.Reserve(kExperts, kInstances, 64 * kK);
  for (int64_t rows : {1, 8, 64}) {
    std::mt19937_64 random(kSeed);
    std::vector<double> shares, layers, calls, process_shares, processes;
    for (int i = 0; i < std::max(3, options.routings / 50); ++i) {
      const Placement placement = *Placement::Random({{kExperts}, kInstances, kSlots}, random());
      ReplicaTable table;
      table.Set(placement.replicas(0));
      executor::ScheduleMemo memo;
      std::vector<executor::Scheduler> schedulers(kInstances);
      for (executor::Scheduler &scheduler : schedulers) {
        scheduler.Bind(placement);
        scheduler.Reserve(64 * kK);
        scheduler.Share(memo);
      }
      const std::vector<uint16_t> ids = MakeRouting(rows, kK, kExperts, 0.25, random);
      const std::vector<int32_t> wide(ids.begin(), ids.end());
      const double of_layer = std::max(1.0, layer.Measure(ids, 3));
      std::vector<double> call, process;
      for (int r = 0; r < 5; ++r) {
        layer.Measure(ids, 1);
        double begin = Nanoseconds();
        bench.Call(table.view(), Of(ids, kK));
        call.push_back(Nanoseconds() - begin);
        (void)schedulers[0].Run(0, wide.data(), 1); // the memo holds another schedule
        layer.Measure(ids, 1);
        begin = Nanoseconds();
        for (executor::Scheduler &scheduler : schedulers)
          (void)scheduler.Run(0, wide.data(), static_cast<int64_t>(wide.size()));
        process.push_back(Nanoseconds() - begin);
      }
      layers.push_back(of_layer);
      calls.push_back(Median(call));
      processes.push_back(Median(process));
      shares.push_back(100 * Median(call) / of_layer);
      process_shares.push_back(100 * Median(process) / of_layer);
    }
    std::printf("| %5lld | %8.0f | %7.2f | %.3f | %.3f | %7.2f | %.3f |\n", static_cast<long long>(rows),
                Median(layers) / 1e3, Median(calls) / 1e3, Median(shares), kInstances * Median(shares),
                Median(processes) / 1e3, Median(process_shares));
  }
}

void Grid(const Options &options, int32_t experts, int32_t k, const std::vector<int64_t> &rows,
          const std::vector<int32_t> &instances, const std::vector<double> &redundancies) {
  std::printf(
      "\n## E = %d, k = %d: means over %d routings, skew 0.5\n\n"
      "|     T |    n | slots |   call ns | / loop | match ns: exact, greedy, METRO | a_max: exact, greedy, METRO "
      "| limit |\n|---|---|---|---|---|---|---|---|\n",
      experts, k, std::max(3, options.routings / 20));
  for (int64_t t : rows)
    for (int32_t n : instances)
      for (double redundancy : redundancies) {
        const auto slots = static_cast<int32_t>(experts * redundancy);
        std::mt19937_64 random(kSeed);
        Bench bench;
        bench.Reserve(experts, n, t * k);
        double match[3] = {}, a_max[3] = {}, call = 0, loop = 0, limit = 0;
        const int count = std::max(3, options.routings / 20);
        for (int i = 0; i < count; ++i) {
          const Layout layout = MakeLayout(experts, n, slots, random);
          const std::vector<uint16_t> ids = MakeRouting(t, k, experts, 0.5, random);
          for (int r = 0; r < 3; ++r) {
            ReplicaTable table;
            table.Set(layout.list(), nullptr, kRules[r]);
            const Pieces pieces = bench.Measure(table.view(), Of(ids, k), t > 10000 ? 3 : options.repeats);
            match[r] += pieces.match / count;
            a_max[r] += static_cast<double>(pieces.result.a_max) / count;
            if (r > 0)
              continue;
            call += pieces.call() / count;
            loop += pieces.loop / count;
            limit += std::ceil(static_cast<double>(pieces.result.activated) / n) / count;
          }
        }
        std::printf("| %5lld | %4d | %5d | %9.0f | %6.2f | %7.0f %7.0f %7.0f | %6.2f %6.2f %6.2f | %6.2f |\n",
                    static_cast<long long>(t), n, slots, call, call / loop, match[0], match[1], match[2], a_max[0],
                    a_max[1], a_max[2], limit);
        std::fflush(stdout);
      }
}

int Main(const Options &options) {
  std::printf("# janus-scheduler-bench, seed %llu\n\n", static_cast<unsigned long long>(kSeed));
  Cost(options);
  Share(options);
  Grid(options, 160, 6, {1, 16, 64, 512, 4096}, {8, 16, 32}, {1.0, 1.25, 1.5, 2.0});
  Grid(options, 1024, 16, {64, 4096, 65536}, {128, 1024}, {1.0, 1.25, 2.0});
  CudaTimes();
  return 0;
}

} // namespace
} // namespace janus::scheduler

int main(int argc, char **argv) {
  janus::scheduler::Options options;
  for (int i = 1; i < argc; ++i) {
    if (i + 1 < argc && std::strcmp(argv[i], "--routings") == 0 && absl::SimpleAtoi(argv[i + 1], &options.routings) &&
        options.routings > 0) {
      ++i;
    } else {
      std::fprintf(stderr,
                   "usage: %s [--routings N]   routings of the first table (default 1000; the others use fewer)\n",
                   argv[0]);
      return 2;
    }
  }
  return janus::scheduler::Main(options);
}

// janus-placement-goals --traces DIR: every policy over the grid of deployments, fitted on one half of the sequences
// and tested on the other; what docs/placement.md reports. Exit code 1 when a goal is missed.
#include "benchmarks/placement/CellStore.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>

namespace janus {
namespace {

struct Group {
  const char *name;
  double goal; // of the mean ratio; 0: none
};
constexpr Group kGroups[] = {{"25 % spare slots", 1.05}, {"50 % spare slots", 1.02}, {"the fewest slots", 0}};
constexpr int64_t kSpareOf[] = {25, 50, 0}; // as --spare names them

/// Cells that are not left out: -1 takes all.
struct Only {
  int64_t spare = -1, instances = -1, batch = -1;
  bool All() const { return instances < 0 && batch < 0; }
};

/// The groups' cells. Spare is (n C - E) / E; a C that has 50 % to spare counts there and not under 25 %. Where n does
/// not divide E, the fewest slots leave a few to spare.
std::vector<std::vector<Cell>> Grid(const Routing &routing, const Only &only) {
  std::vector<std::vector<Cell>> grid(std::size(kGroups));
  const int64_t e = routing.experts;
  for (int64_t n : {4, 6, 8, 12, 16})
    for (int64_t batch : {8, 16, 32, 64, 128}) {
      if ((only.instances >= 0 && n != only.instances) || (only.batch >= 0 && batch != only.batch) ||
          batch > std::ssize(routing.sequences[kTest]) || batch > std::ssize(routing.sequences[kFit]))
        continue;
      const Cell quarter = {n, (5 * e + 4 * n - 1) / (4 * n), batch}, half = {n, (3 * e + 2 * n - 1) / (2 * n), batch};
      if (quarter.slots < half.slots)
        grid[0].push_back(quarter);
      grid[1].push_back(half);
      grid[2].push_back({n, (e + n - 1) / n, batch});
    }
  return grid;
}

void PrintHead() {
  std::printf("\n| n | C | B | limit |");
  for (const char *policy : kPolicies)
    std::printf(" %s |", policy);
  std::printf("\n|---|---|---|---|");
  for (size_t p = 0; p < kPolicies.size(); ++p)
    std::printf("---|");
  std::printf("\n");
}

/// Of each baseline also how far it is from the search, with the interval.
void Print(const CellResult &result) {
  std::printf("| %lld | %lld | %lld | %.3f | %.4f |", static_cast<long long>(result.cell.instances),
              static_cast<long long>(result.cell.slots), static_cast<long long>(result.cell.batch), result.limit,
              result.Ratio(0));
  for (size_t p = 1; p < kPolicies.size(); ++p)
    std::printf(result.Beaten(p) ? " **%.4f: %+.4f ± %.4f** |" : " %.4f: %+.4f ± %.4f |", result.Ratio(p),
                result.difference[p], result.interval[p]);
  std::printf("\n");
  std::fflush(stdout);
}

struct Named {
  std::string trace;
  CellResult result;
};

/// The cells furthest above the limit, with what keeps them there.
void PrintWorst(std::vector<Named> results) {
  std::stable_sort(results.begin(), results.end(),
                   [](const Named &a, const Named &b) { return a.result.Ratio(0) > b.result.Ratio(0); });
  std::printf(
      "\nFurthest above the limit:\n\n| trace | n | C | B | search | on the steps it was fitted to | places taken, "
      "D / (n ceil(D / n)) | experts with one replica | steps above the limit | of these, stuck at one instance "
      "| instances stuck at, mean |\n|---|---|---|---|---|---|---|---|---|---|---|\n");
  for (size_t i = 0; i < std::min<size_t>(results.size(), 5); ++i) {
    const CellResult &r = results[i].result;
    std::printf("| %s | %lld | %lld | %lld | %.4f | %.4f | %.3f | %.2f | %.3f | %.2f | %.1f |\n",
                results[i].trace.c_str(), static_cast<long long>(r.cell.instances),
                static_cast<long long>(r.cell.slots), static_cast<long long>(r.cell.batch), r.Ratio(0), r.fit, r.filled,
                r.single, r.above, r.stuck_one, r.stuck_on);
  }
}

bool Summarise(const Group &group, const std::vector<Named> &results) {
  double mean = 0;
  int64_t beaten = 0;
  for (const auto &[trace, result] : results) {
    mean += result.Ratio(0) / static_cast<double>(results.size());
    for (size_t p = 1; p < kPolicies.size(); ++p)
      if (result.Beaten(p)) {
        ++beaten;
        std::printf("\n%s is better: %s, n %lld, C %lld, B %lld: %+.4f ± %.4f\n", kPolicies[p], trace.c_str(),
                    static_cast<long long>(result.cell.instances), static_cast<long long>(result.cell.slots),
                    static_cast<long long>(result.cell.batch), result.difference[p], result.interval[p]);
      }
  }
  if (results.empty())
    return true;
  PrintWorst(results);
  const bool met = beaten == 0 && (group.goal == 0 || mean <= group.goal);
  std::printf("\n**%s: mean of mean a_max / mean ceil(D / n) over %lld cells: %.4f", group.name,
              static_cast<long long>(results.size()), mean);
  if (group.goal > 0)
    std::printf(", goal %.2f", group.goal);
  std::printf("; comparisons in which a baseline is better by more than the interval: %lld of %lld. %s**\n",
              static_cast<long long>(beaten), static_cast<long long>(results.size()) * (std::ssize(kPolicies) - 1),
              met ? "Met." : "Missed.");
  return met;
}

int Refuse(const absl::Status &status) {
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return 2;
}

int Run(const std::string &root, const CellOptions &options, const Only &only, CellStore store) {
  std::vector<Routing> routings;
  for (const char *name : {"gpt_oss_20b", "deepseek_v2_lite_esft"}) {
    const std::string directory = absl::StrCat(root, "/", name);
    if (std::error_code error; !std::filesystem::exists(directory, error)) {
      std::printf("skipped: no data (%s)\n", root.empty() ? "give --traces DIR" : directory.c_str());
      return 0;
    }
    absl::StatusOr<Routing> routing = ReadRouting(directory);
    if (!routing.ok())
      return Refuse(routing.status());
    routings.push_back(*std::move(routing));
  }
  bool met = true;
  std::printf("%lld steps a layer, %lld seeds; fitted to %lld batches a layer and seed, %lld steps looked at",
              static_cast<long long>(options.test_steps), static_cast<long long>(options.seeds),
              static_cast<long long>(options.fit_steps), static_cast<long long>(options.work));
  if (options.window)
    std::printf(", drawn from the rows of %lld", static_cast<long long>(options.window));
  std::printf("\n");
  for (size_t g = 0; g < std::size(kGroups); ++g) {
    if (only.spare >= 0 && only.spare != kSpareOf[g])
      continue;
    std::vector<Named> results;
    std::printf("\n### With %s\n", kGroups[g].name);
    for (const Routing &routing : routings) {
      std::printf("\n%s, E %lld, k %lld, %lld layers: mean a_max / mean limit; of baselines, their a_max less ours\n",
                  routing.name.c_str(), static_cast<long long>(routing.experts), static_cast<long long>(routing.k),
                  static_cast<long long>(routing.layers));
      PrintHead();
      const std::vector<std::vector<Cell>> grid = Grid(routing, only);
      for (const Cell &cell : grid[g]) {
        if (!store.Find(routing.name, cell)) {
          const absl::StatusOr<CellResult> result = Measure(routing, cell, options);
          if (!result.ok())
            return Refuse(result.status());
          if (absl::Status status = store.Add(routing.name, *result); !status.ok())
            return Refuse(status);
        }
        results.push_back({routing.name, *store.Find(routing.name, cell)});
        Print(results.back().result);
      }
    }
    met &= Summarise({kGroups[g].name, only.All() ? kGroups[g].goal : 0}, results);
  }
  return met ? 0 : 1;
}

int Main(int argc, char **argv) {
  std::string root, cells;
  CellOptions options;
  Only only;
  const std::map<std::string, int64_t *> numbers = {
      {"--steps", &options.test_steps}, {"--fit-steps", &options.fit_steps}, {"--seeds", &options.seeds},
      {"--threads", &options.threads},  {"--work", &options.work},           {"--window", &options.window},
      {"--spare", &only.spare},         {"--instances", &only.instances},    {"--batch", &only.batch}};
  for (int i = 1; i < argc; i += 2) {
    const auto number = numbers.find(argv[i]);
    if (i + 1 < argc && std::strcmp(argv[i], "--traces") == 0)
      root = argv[i + 1];
    else if (i + 1 < argc && std::strcmp(argv[i], "--cells") == 0)
      cells = argv[i + 1];
    else if (i + 1 >= argc || number == numbers.end() || !absl::SimpleAtoi(argv[i + 1], number->second) ||
             *number->second < (number->second == &only.spare ? 0 : 1)) {
      std::fprintf(stderr,
                   "usage: %s [--traces DIR] [--cells FILE: those in it are not measured again, others are added] "
                   "[--spare 25|50|0] [--instances N] [--batch N] [--steps N] [--fit-steps N] [--seeds N] "
                   "[--threads N] [--work N] [--window N]\n",
                   argv[0]);
      return 2;
    }
  }
  if (options.seeds * options.test_steps < 2)
    options.test_steps = 2;
  if (cells.empty())
    return Run(root, options, only, CellStore());
  absl::StatusOr<CellStore> store = CellStore::Open(cells, options);
  return store.ok() ? Run(root, options, only, *std::move(store)) : Refuse(store.status());
}

} // namespace
} // namespace janus

int main(int argc, char **argv) { return janus::Main(argc, argv); }

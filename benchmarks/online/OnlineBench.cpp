//===- OnlineBench.cpp - what moving experts costs the steps --------------===//
//
//   janus-online-bench MODEL.janus [--experts N] [--slots C] [--threads T]
//                      [--batch B,...] [--steps S] [--rounds R]
//
// Two runtimes of one artifact run the same requests in turn, a step each, the
// first of a pair being now the one, now the other. Both count what steps choose
// and own their slots. One never moves an expert; the other
//   moves: always has a change under way, at the default rate (plan=random)
//   plans: makes plan after plan beside the steps, and moves what they say
// For each round of S pairs the p50 and p99 of the one over those of the other;
// of R rounds the median and the range. The counters' cost is that of the
// runtime that stays, as a share of its steps.
//
// Prints a table. Exit code 1: counting takes 1 % of a step or more, or the
// median ratio of p99 while experts move is above 1.25.
//
//===----------------------------------------------------------------------===//
#include "janus/Runtime/Runtime.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <sstream>
#include <string>
#include <vector>

namespace janus {
namespace {

constexpr int kPrompt = 8, kWarm = 24;
constexpr double kMostCounting = 0.01, kMostP99 = 1.25;

struct Arguments {
  std::string artifact;
  RuntimeOptions runtime;
  std::vector<int> batches = {1, 16, 64};
  int steps = 100, rounds = 5;
};

[[noreturn]] void Die(const std::string &what) {
  std::fprintf(stderr, "janus-online-bench: error: %s\n", what.c_str());
  std::exit(2);
}

template <typename T> T Check(absl::StatusOr<T> value) {
  if (!value.ok())
    Die(std::string(value.status().message()));
  return *std::move(value);
}

/// A runtime with requests that all run.
class Side {
public:
  Side(const Arguments &arguments, const std::string &rebalance) {
    RuntimeOptions options = arguments.runtime;
    options.rebalance = rebalance;
    runtime_ = Check(Runtime::Open(arguments.artifact, options));
  }

  void Submit(int batch, int new_tokens) {
    std::mt19937 random(batch); // the same on both sides
    std::uniform_int_distribution<int32_t> token(0, static_cast<int32_t>(runtime_->model().vocab) - 1);
    for (int i = 0; i < batch; ++i) {
      GenerateRequest request;
      for (int j = 0; j < kPrompt; ++j)
        request.prompt.push_back(token(random));
      request.max_new_tokens = new_tokens;
      request.temperature = 100; // nearly uniform, so that rows differ and routing spreads
      request.seed = random();
      ids_.push_back(Check(runtime_->Submit(std::move(request))));
    }
  }

  /// Milliseconds.
  double Step() {
    const auto begin = std::chrono::steady_clock::now();
    Check(runtime_->Step());
    const auto end = std::chrono::steady_clock::now();
    for (RequestId id : ids_)
      for (TokenEvent event; runtime_->Next(id, event);)
        continue;
    return std::chrono::duration<double, std::milli>(end - begin).count();
  }

  void Cancel() {
    RequestResult result;
    for (RequestId id : ids_)
      if (!runtime_->Cancel(id).ok() || !runtime_->Finish(id, result))
        Die("a request ended early: " + std::string(result.status.message()));
    ids_.clear();
  }

  RunReport report() const { return runtime_->report(); }

private:
  std::unique_ptr<Runtime> runtime_;
  std::vector<RequestId> ids_;
};

double Quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  const auto index = static_cast<size_t>(share * static_cast<double>(values.size()) + 0.999999);
  return values[std::clamp<size_t>(index, 1, values.size()) - 1];
}

std::string Range(const std::vector<double> &ratios) {
  char text[64];
  std::snprintf(text, sizeof(text), "%.2f (%.2f-%.2f)", Quantile(ratios, 0.5), Quantile(ratios, 0),
                Quantile(ratios, 1));
  return text;
}

/// Prints a row. False: a goal is missed; the goals are those of experts that move.
bool Measure(const Arguments &arguments, const char *name, int batch, bool goal, Side &still, Side &other) {
  for (Side *side : {&still, &other}) {
    side->Submit(batch, kWarm + arguments.steps * arguments.rounds + kPrompt);
    for (int i = 0; i < kWarm; ++i)
      side->Step();
  }
  const RunReport still_before = still.report(), before = other.report();
  std::vector<double> p50, p99, all, all_still;
  for (int round = 0; round < arguments.rounds; ++round) {
    std::vector<double> a, b;
    for (int i = 0; i < arguments.steps; ++i) {
      if (i % 2)
        a.push_back(still.Step());
      b.push_back(other.Step());
      if (i % 2 == 0)
        a.push_back(still.Step());
    }
    p50.push_back(Quantile(b, 0.5) / Quantile(a, 0.5));
    p99.push_back(Quantile(b, 0.99) / Quantile(a, 0.99));
    all_still.insert(all_still.end(), a.begin(), a.end());
    all.insert(all.end(), b.begin(), b.end());
  }
  const RunReport still_after = still.report(), after = other.report();
  still.Cancel();
  other.Cancel();
  const double counting = (still_after.rebalance.counting_ms - still_before.rebalance.counting_ms) /
                          (still_after.step_ms - still_before.step_ms);
  const int steps = arguments.steps * arguments.rounds;
  std::printf("| %s | %d | %.2f | %.2f | %s | %s | %.2f | %.2f | %.3f |\n", name, batch, Quantile(all_still, 0.5),
              Quantile(all_still, 0.99), Range(p50).c_str(), Range(p99).c_str(),
              Quantile(all, 0.99) / Quantile(all_still, 0.99),
              static_cast<double>(after.rebalance.moved_bytes - before.rebalance.moved_bytes) / steps / (1 << 20),
              100 * counting);
  std::fflush(stdout);
  return counting < kMostCounting && (!goal || Quantile(p99, 0.5) <= kMostP99);
}

std::vector<int> Numbers(const char *text) {
  std::vector<int> numbers;
  std::istringstream list(text);
  for (std::string one; std::getline(list, one, ',');)
    numbers.push_back(std::max(1, std::atoi(one.c_str())));
  return numbers;
}

Arguments Parse(int argc, char **argv) {
  Arguments a;
  a.runtime.experts = 4;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name.rfind("--", 0) != 0) {
      a.artifact = name;
      continue;
    }
    if (++i == argc)
      Die(name + " needs a value");
    if (name == "--experts")
      a.runtime.experts = std::atoi(argv[i]);
    else if (name == "--slots")
      a.runtime.slots = std::atoi(argv[i]);
    else if (name == "--threads")
      a.runtime.threads = std::atoi(argv[i]);
    else if (name == "--batch")
      a.batches = Numbers(argv[i]);
    else if (name == "--steps")
      a.steps = Numbers(argv[i]).at(0);
    else if (name == "--rounds")
      a.rounds = Numbers(argv[i]).at(0);
    else
      Die("unknown option " + name);
  }
  if (a.artifact.empty() || a.batches.empty())
    Die("usage: janus-online-bench MODEL.janus [options]; see the head of OnlineBench.cpp");
  return a;
}

int Main(int argc, char **argv) {
  Arguments arguments = Parse(argc, argv);
  RuntimeOptions &options = arguments.runtime;
  options.max_batch = *std::max_element(arguments.batches.begin(), arguments.batches.end());
  options.max_context = kPrompt + kWarm + arguments.steps * arguments.rounds + kPrompt;
  options.kv_memory = int64_t{1} << 30;
  std::printf(
      "| meanwhile | batch | still: p50 ms | p99 ms | p50, ratio | p99, ratio | p99 of all | MiB moved a step | "
      "counting, %% of a step |\n|---|---|---|---|---|---|---|---|---|\n");
  Side still(arguments, "every=1000000000");
  bool good = true;
  const struct {
    const char *name, *rebalance;
    bool goal;
  } others[] = {{"moves", "every=1,plan=random", true}, {"plans", "every=1,price=0", false}};
  for (const auto &how : others) {
    Side other(arguments, how.rebalance);
    for (int batch : arguments.batches)
      good &= Measure(arguments, how.name, batch, how.goal, still, other);
  }
  return good ? 0 : 1;
}

} // namespace
} // namespace janus

int main(int argc, char **argv) { return janus::Main(argc, argv); }

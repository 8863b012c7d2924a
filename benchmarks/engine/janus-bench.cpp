//===- janus-bench.cpp - decode and prefill speed of an artifact ----------===//
//
//   janus-bench MODEL.janus [--attention M] [--experts N] [--threads T]
//               [--scheme S] [--rounds R] [--batch B,...] [--prefill ROWS]
//
// Decode: B requests of 8 random tokens each, then 16 steps in which every
// request draws its token from the model at a high temperature, so that rows
// differ and routing spreads (feeding all rows one token would make them share
// experts). Prefill: one request of ROWS random tokens. One untimed round first
// touches every weight. Prints a JSON object a measurement; seconds are wall
// time of the steps alone.
//
//===----------------------------------------------------------------------===//
#include "janus/Runtime/Runtime.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <sstream>

namespace janus {
namespace {

using Clock = std::chrono::steady_clock;

struct Arguments {
  std::string artifact;
  RuntimeOptions runtime;
  int rounds = 3;
  std::vector<int> batches = {1, 64};
  int prefill = 512;
};

constexpr int kPrompt = 8, kSteps = 16;

[[noreturn]] void Die(const std::string &what) {
  std::fprintf(stderr, "janus-bench: error: %s\n", what.c_str());
  std::exit(1);
}

template <typename T> T Check(absl::StatusOr<T> value) {
  if (!value.ok())
    Die(std::string(value.status().message()));
  return *std::move(value);
}

class Bench {
public:
  explicit Bench(Runtime &runtime) : runtime_(runtime) {}

  /// Tokens per second of kSteps steps of `batch` requests.
  void Decode(int batch) {
    std::vector<RequestId> ids;
    for (int i = 0; i < batch; ++i)
      ids.push_back(Submit(kPrompt, kSteps + 1));
    std::vector<int> tokens(batch);
    int begun = 0;
    while (begun < batch) { // prompts
      Check(runtime_.Step());
      begun = 0;
      for (int i = 0; i < batch; ++i)
        begun += (tokens[i] += Drain(ids[i])) > 0;
    }
    const int64_t first = Total(tokens);
    const auto start = Clock::now();
    while (Total(tokens) < int64_t{batch} * (kSteps + 1)) {
      Check(runtime_.Step());
      for (int i = 0; i < batch; ++i)
        tokens[i] += Drain(ids[i]);
    }
    Report("decode", batch, Total(tokens) - first, start);
    Finish(ids);
  }

  void Prefill(int rows) {
    const std::vector<RequestId> ids = {Submit(rows, 1)};
    const auto start = Clock::now();
    while (!Drain(ids[0]))
      Check(runtime_.Step());
    Report("prefill", 1, rows, start);
    Finish(ids);
  }

private:
  RequestId Submit(int prompt, int new_tokens) {
    GenerateRequest request;
    std::uniform_int_distribution<int32_t> token(0, static_cast<int32_t>(runtime_.model().vocab) - 1);
    for (int i = 0; i < prompt; ++i)
      request.prompt.push_back(token(random_));
    request.max_new_tokens = new_tokens;
    request.temperature = 100; // nearly uniform
    request.seed = random_();
    return Check(runtime_.Submit(std::move(request)));
  }
  int Drain(RequestId id) {
    TokenEvent event;
    int count = 0;
    while (runtime_.Next(id, event))
      ++count;
    return count;
  }
  void Finish(const std::vector<RequestId> &ids) {
    RequestResult result;
    for (RequestId id : ids)
      if (!runtime_.Finish(id, result) || !result.status.ok())
        Die("a request failed: " + std::string(result.status.message()));
  }
  static int64_t Total(const std::vector<int> &tokens) {
    int64_t sum = 0;
    for (int t : tokens)
      sum += t;
    return sum;
  }
  static void Report(const char *what, int batch, int64_t tokens, Clock::time_point start) {
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    std::printf("{\"case\": \"%s\", \"batch\": %d, \"tokens\": %lld, \"seconds\": %.6f, \"tokens_per_s\": %.2f}\n",
                what, batch, static_cast<long long>(tokens), seconds, tokens / seconds);
    std::fflush(stdout);
  }

  Runtime &runtime_;
  std::mt19937 random_{1};
};

Arguments Parse(int argc, char **argv) {
  Arguments a;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name.rfind("--", 0) != 0) {
      a.artifact = name;
      continue;
    }
    if (++i == argc)
      Die(name + " needs a value");
    const char *value = argv[i];
    if (name == "--attention")
      a.runtime.attention = std::atoi(value);
    else if (name == "--experts")
      a.runtime.experts = std::atoi(value);
    else if (name == "--threads")
      a.runtime.threads = std::atoi(value);
    else if (name == "--scheme")
      a.runtime.scheme = value;
    else if (name == "--rounds")
      a.rounds = std::atoi(value);
    else if (name == "--prefill")
      a.prefill = std::atoi(value);
    else if (name == "--batch") {
      a.batches.clear();
      std::istringstream list(value);
      for (std::string one; std::getline(list, one, ',');)
        a.batches.push_back(std::atoi(one.c_str()));
    } else
      Die("unknown option " + name);
  }
  if (a.artifact.empty())
    Die("usage: janus-bench MODEL.janus [options]; see the head of janus-bench.cpp");
  return a;
}

int Main(int argc, char **argv) {
  Arguments arguments = Parse(argc, argv);
  const int warm = 64;
  for (int batch : arguments.batches)
    arguments.runtime.max_batch = std::max<int64_t>(arguments.runtime.max_batch, batch);
  arguments.runtime.max_context = std::max({kPrompt + kSteps + 1, arguments.prefill + 1, warm + 1});
  std::unique_ptr<Runtime> runtime = Check(Runtime::Open(arguments.artifact, arguments.runtime));
  Bench bench(*runtime);
  std::printf("{\"case\": \"warm-up\"}\n");
  bench.Prefill(std::max(arguments.prefill, warm));
  for (int round = 0; round < arguments.rounds; ++round) {
    std::printf("{\"case\": \"round\", \"round\": %d}\n", round);
    for (int batch : arguments.batches)
      bench.Decode(batch);
    if (arguments.prefill)
      bench.Prefill(arguments.prefill);
  }
  return 0;
}

} // namespace
} // namespace janus

int main(int argc, char **argv) { return janus::Main(argc, argv); }

//===- janus-equal-bytes.cpp - the same bytes however a model is run ------===//
//
// docs/equal-bytes.md. One process; each artifact is loaded once and bound for
// every row.
//
//===----------------------------------------------------------------------===//
#include "test/integration/equal_bytes/Generator.h"
#include "test/integration/equal_bytes/ModelCheck.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace janus::equal_bytes {
namespace {

constexpr char kHelp[] =
    R"(janus-equal-bytes [options] MODEL_DIR=ARTIFACT[,ARTIFACT]...

Runs the requests of MODEL_DIR/digests.json in many ways and compares the logits of every step, byte by byte, with
those of one attention and one expert instance, and these with the digests. A second artifact holds x86-64-v3 code only.

  --seed N           of the covering array and of what the axes leave open (default 1)
  --full             every row of the cross of the axes instead of an array that covers all triples of values
  --part I/N         the rows I, I + N, I + 2N, ... (from 0), of the cross in an order drawn from the seed
  --write-digests    writes the digests into MODEL_DIR/digests.json instead of comparing them; no rows are run
  --help             this text

Closes with 'N passed, N failed'. Exit code: 0 all passed, 1 some failed, 2 usage.
)";

struct Arguments {
  uint64_t seed = 1;
  bool full = false, write = false, help = false;
  uint64_t part = 0, parts = 1;
  struct Model {
    std::string folder;
    std::vector<std::string> artifacts;
  };
  std::vector<Model> models;
};

absl::StatusOr<Arguments> Parse(int argc, char **argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const std::string value = i + 1 < argc ? argv[i + 1] : "";
    if (argument == "--full") {
      arguments.full = true;
    } else if (argument == "--write-digests") {
      arguments.write = true;
    } else if (argument == "--help") {
      arguments.help = true;
    } else if (argument == "--seed") {
      if (!absl::SimpleAtoi(value, &arguments.seed))
        return absl::InvalidArgumentError(absl::StrCat("--seed: found '", value, "', expected a number"));
      ++i;
    } else if (argument == "--part") {
      const std::vector<std::string> numbers = absl::StrSplit(value, '/');
      if (numbers.size() != 2 || !absl::SimpleAtoi(numbers[0], &arguments.part) ||
          !absl::SimpleAtoi(numbers[1], &arguments.parts) || arguments.part >= arguments.parts)
        return absl::InvalidArgumentError(absl::StrCat("--part: found '", value, "', expected I/N with I below N"));
      ++i;
    } else {
      const std::vector<std::string> sides = absl::StrSplit(argument, absl::MaxSplits('=', 1));
      if (sides.size() != 2 || sides[0].empty() || sides[1].empty() || sides[0][0] == '-')
        return absl::InvalidArgumentError(
            absl::StrCat("found '", argument, "', expected an option or MODEL_DIR=ARTIFACT"));
      arguments.models.push_back({sides[0], absl::StrSplit(sides[1], ',')});
    }
  }
  if (arguments.models.empty() && !arguments.help)
    return absl::InvalidArgumentError("no model; expected MODEL_DIR=ARTIFACT");
  return arguments;
}

double Seconds(std::chrono::steady_clock::time_point since) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - since).count();
}

absl::Status CheckModel(const Arguments &arguments, const Arguments::Model &model, const std::string &scratch,
                        Report &report) {
  const auto start = std::chrono::steady_clock::now();
  absl::StatusOr<std::unique_ptr<ModelCheck>> opened = ModelCheck::Open(model.folder, model.artifacts, scratch);
  if (!opened.ok())
    return opened.status();
  ModelCheck &check = **opened;
  if (absl::Status status = check.First(arguments.write, report); !status.ok())
    return status;
  const Axes &axes = check.axes();
  std::string kernels;
  for (const std::string &name : axes.kernels())
    absl::StrAppend(&kernels, " ", name);
  std::printf("%s: %zu requests, kernels%s, digests %s\n", check.name().c_str(), check.requests(), kernels.c_str(),
              arguments.write ? "written" : "compared");
  if (arguments.write)
    return absl::OkStatus();

  const Constraint allowed = [&](const Row &row) { return axes.Allowed(row); };
  std::vector<Row> rows;
  if (arguments.full) {
    rows = Cross(axes.sizes(), [&](const Row &row) { return axes.InCross(row); });
    Generator(arguments.seed).Shuffle(rows); // each part is a sample of all
    std::printf("%s: %zu rows, the whole cross\n", check.name().c_str(), rows.size());
  } else {
    rows = CoverTriples(axes.sizes(), allowed, arguments.seed);
    const Coverage coverage = Count(axes.sizes(), allowed, rows);
    std::printf("%s: seed %llu, %zu rows, %lld triples covered, %lld missing\n", check.name().c_str(),
                static_cast<unsigned long long>(arguments.seed), rows.size(),
                static_cast<long long>(coverage.triples - coverage.missing), static_cast<long long>(coverage.missing));
    report.Check(check.name() + ", covering array", coverage.missing == 0,
                 absl::StrCat("found ", coverage.missing, " triples in no row, expected none"));
  }
  std::fflush(stdout);
  size_t ran = 0;
  const size_t of = (rows.size() + arguments.parts - 1 - arguments.part) / arguments.parts;
  Generator seeds(arguments.seed);
  auto printed = std::chrono::steady_clock::now();
  for (size_t i = 0; i < rows.size(); ++i) {
    const uint64_t seed = seeds.Next();
    if (i % arguments.parts != arguments.part)
      continue;
    check.Compare(rows[i], seed, report);
    ++ran;
    if (Seconds(printed) < (arguments.full ? 60 : 20) && ran < of)
      continue;
    printed = std::chrono::steady_clock::now();
    std::printf("%s: %zu of %zu rows, %.0f s, %lld checks failed so far\n", check.name().c_str(), ran, of,
                Seconds(start), static_cast<long long>(report.failed()));
    std::fflush(stdout);
  }
  const double alone = check.MeanRows(false), together = check.MeanRows(true);
  std::printf("%s: a step has %.1f rows alone, %.1f among others\n", check.name().c_str(), alone, together);
  const ModelCheck::Moved &moved = check.moved();
  std::printf("%s: experts moved in %lld runs: %lld epochs, %lld moves, %lld pieces from peers\n", check.name().c_str(),
              static_cast<long long>(moved.runs), static_cast<long long>(moved.epochs),
              static_cast<long long>(moved.moves), static_cast<long long>(moved.peer_pieces));
  report.Check(check.name() + ", experts that move", moved.epochs >= 2 * moved.runs && moved.peer_pieces > 0,
               "found less than two epochs a run, or none from peers");
  report.Check(check.name() + ", among others", together > alone, "found no more rows a step than alone");
  return absl::OkStatus();
}

int Main(int argc, char **argv) {
  absl::StatusOr<Arguments> arguments = Parse(argc, argv);
  if (!arguments.ok()) {
    std::fprintf(stderr, "janus-equal-bytes: %s; see --help\n", std::string(arguments.status().message()).c_str());
    return 2;
  }
  if (arguments->help) {
    std::fputs(kHelp, stdout);
    return 0;
  }
  std::string scratch = std::filesystem::temp_directory_path() / "janus-equal-bytes.XXXXXX";
  if (!mkdtemp(scratch.data())) {
    std::fprintf(stderr, "janus-equal-bytes: cannot make the folder '%s'\n", scratch.c_str());
    return 1;
  }
  Report report;
  for (size_t i = 0; i < arguments->models.size(); ++i) {
    const Arguments::Model &model = arguments->models[i];
    const std::string folder = absl::StrCat(scratch, "/", i);
    std::filesystem::create_directory(folder);
    if (absl::Status status = CheckModel(*arguments, model, folder, report); !status.ok())
      report.Check(model.folder, false, std::string(status.message()));
  }
  std::error_code ignored;
  if (report.failed() > 0)
    std::printf("routing traces are kept in %s\n", scratch.c_str());
  else
    std::filesystem::remove_all(scratch, ignored);
  std::printf("%lld passed, %lld failed\n", static_cast<long long>(report.passed()),
              static_cast<long long>(report.failed()));
  return report.failed() > 0 || report.passed() == 0;
}

} // namespace
} // namespace janus::equal_bytes

int main(int argc, char **argv) { return janus::equal_bytes::Main(argc, argv); }

#include "test/unit/scheduler/TraceFile.h"

#include "nlohmann/json.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <zlib.h>

namespace janus::scheduler {

std::string Read(const std::string &directory, TraceFile &trace) {
  trace.name = std::filesystem::path(directory).filename();
  std::ifstream meta_file(directory + "/meta.json");
  const nlohmann::json meta = nlohmann::json::parse(meta_file, nullptr, false);
  if (!meta.is_object())
    return directory + "/meta.json: found no JSON object";
  trace.experts = meta.value("experts", 0);
  trace.layers = meta.value("layers", 0);
  trace.k = meta.value("top_k", 0);
  trace.tokens = meta.value("tokens", 0);
  if (trace.experts < 1 || trace.experts > 256 || trace.layers < 1 || trace.k < 1 || trace.tokens < 1)
    return directory + "/meta.json: expected experts (at most 256), layers, top_k and tokens";

  const std::string path = directory + "/topk.npy.gz";
  gzFile file = gzopen(path.c_str(), "rb");
  if (!file)
    return path + ": cannot be read";
  char header[128];
  trace.ids.resize(trace.tokens * trace.layers * trace.k);
  const bool whole = gzread(file, header, sizeof header) == sizeof header &&
                     gzread(file, trace.ids.data(), trace.ids.size()) == static_cast<int>(trace.ids.size());
  gzclose(file);
  if (!whole)
    return path + ": expected " + std::to_string(trace.ids.size()) + " bytes behind the header";
  for (uint8_t id : trace.ids)
    if (id >= trace.experts)
      return path + ": found expert " + std::to_string(id) + " of " + std::to_string(trace.experts);

  std::ifstream sequences(directory + "/seqs.tsv");
  std::string line;
  std::getline(sequences, line); // the header
  while (std::getline(sequences, line)) {
    int64_t number, start, length;
    if (!(std::istringstream(line) >> number >> start >> length) || start < 0 || length < 1 ||
        start + length > trace.tokens)
      return directory + "/seqs.tsv: found '" + line + "', expected a sequence within " + std::to_string(trace.tokens) +
             " tokens";
    trace.sequences.emplace_back(start, length);
  }
  return trace.sequences.empty() ? directory + "/seqs.tsv: found no sequence" : "";
}

} // namespace janus::scheduler

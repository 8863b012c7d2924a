#include "runtime/artifact/Seal.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

#include <memory>
#include <xxhash.h>

namespace janus {
namespace {

constexpr size_t kDigits = 16;

/// Where the digits are; npos without room for them.
size_t FindDigits(const std::string &text) {
  const std::string key = "\"checksum\": \"";
  const size_t at = text.find(key);
  return at == std::string::npos || text.size() - at - key.size() < kDigits ? std::string::npos : at + key.size();
}

std::string Digits(const std::string &text, size_t at) {
  std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t *)> state(XXH3_createState(), XXH3_freeState);
  XXH3_64bits_reset(state.get());
  XXH3_64bits_update(state.get(), text.data(), at);
  XXH3_64bits_update(state.get(), kUnsealed, kDigits);
  XXH3_64bits_update(state.get(), text.data() + at + kDigits, text.size() - at - kDigits);
  return absl::StrFormat("%016x", XXH3_64bits_digest(state.get()));
}

} // namespace

std::string SealManifest(std::string text) {
  if (const size_t at = FindDigits(text); at != std::string::npos)
    text.replace(at, kDigits, Digits(text, at));
  return text;
}

absl::Status CheckSeal(const std::string &text) {
  const size_t at = FindDigits(text);
  if (at == std::string::npos)
    return absl::InvalidArgumentError("checksum: is missing; the manifest is damaged, compile the model again");
  const std::string found = text.substr(at, kDigits), expected = Digits(text, at);
  if (found != expected)
    return absl::DataLossError(absl::StrCat("checksum: found \"", found, "\", expected \"", expected,
                                            "\" from the manifest's bytes; the manifest was changed after it was "
                                            "written, compile the model again"));
  return absl::OkStatus();
}

} // namespace janus

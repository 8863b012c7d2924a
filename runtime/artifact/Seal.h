//===- Seal.h - the manifest's checksum of itself ---------------*- C++ -*-===//
//
// manifest.json begins with "checksum": "DIGITS", the XXH3-64 of its own bytes
// with these 16 digits as zeros, so that any changed byte is noticed.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_ARTIFACT_SEAL_H
#define JANUS_RUNTIME_ARTIFACT_SEAL_H

#include "absl/status/status.h"

#include <string>

namespace janus {

/// What a manifest is written with before it is sealed.
inline constexpr const char *kUnsealed = "0000000000000000";

/// Puts the right digits in the first "checksum" of a manifest's text; a text
/// without one stays as it is.
std::string SealManifest(std::string text);

/// OK when the digits are right. DataLoss or InvalidArgument names the field.
absl::Status CheckSeal(const std::string &text);

} // namespace janus

#endif // JANUS_RUNTIME_ARTIFACT_SEAL_H

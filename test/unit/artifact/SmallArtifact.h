//===- SmallArtifact.h - an artifact built by hand --------------*- C++ -*-===//
//
// Written after docs/artifact.md, with checksums of its own, so that the reader
// is not compared with the code that it shares with the compiler.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_TEST_UNIT_ARTIFACT_SMALLARTIFACT_H
#define JANUS_TEST_UNIT_ARTIFACT_SMALLARTIFACT_H

#include "runtime/artifact/Artifact.h"

#include "nlohmann/json.hpp"

#include <map>
#include <string>

namespace janus::small {

/// Three weights ("bias" rows.f32 [3, 5], "matrix" panel32.f32 [33, 2], "up" expert-up32.f32 of two experts), one role
/// "attention" whose program has one call, and the code of TestProgram.cpp for every target.
class SmallArtifact {
public:
  SmallArtifact();
  ~SmallArtifact();
  SmallArtifact(const SmallArtifact &) = delete;
  SmallArtifact &operator=(const SmallArtifact &) = delete;

  /// Writes the files and the manifest, sealed. Returns the directory.
  std::string Write();
  /// Writes them and opens the result.
  absl::StatusOr<std::unique_ptr<Artifact>> Open();
  /// Writes it; the message of the first error of opening it and reading all there is, or "".
  std::string ErrorOfAll();
  static std::string ErrorOf(const std::string &directory);
  /// The manifest's text as it would be written.
  std::string Text() const;
  /// Makes size and checksum of a code file in the manifest true again.
  void Resign(const std::string &file);
  /// Overwrites `bytes` of the code at the descriptor's `offset`.
  void PatchDescriptor(size_t offset, const void *data, size_t bytes);

  nlohmann::json manifest;
  std::map<std::string, std::string> files;
  nlohmann::json &program() { return manifest["programs"]["expert"]["attention"]; }

private:
  std::string directory_;
};

inline constexpr const char *kWeights = "weights/all.safetensors", *kCode = "attention.so";

/// Checksums: XXH3-64 in hex digits; of a text with its manifest checksum; of a program.
std::string Hash(const std::string &bytes);
std::string Sealed(std::string text);
nlohmann::json Signed(nlohmann::json program);

} // namespace janus::small

#endif // JANUS_TEST_UNIT_ARTIFACT_SMALLARTIFACT_H

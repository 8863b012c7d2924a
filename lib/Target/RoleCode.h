//===- RoleCode.h - machine code of one role for one CPU --------*- C++ -*-===//
#ifndef JANUS_LIB_TARGET_ROLECODE_H
#define JANUS_LIB_TARGET_ROLECODE_H

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "mlir/IR/BuiltinOps.h"
#include "runtime/program/Program.h"

#include <string>
#include <vector>

namespace janus {

/// A role program to be built.
struct RoleRequest {
  std::string role;   // "attention", "expert", "tensor"
  std::string target; // "x86-64-v3", "x86-64-v4"
  uint64_t hash = 0;  // Program::program_hash
  std::vector<FragmentDesc> fragments;
};

/// Bytes of an ELF object that defines `janus_program` and nothing else that is visible. `module` is after the lower
/// stage and is not changed.
absl::StatusOr<std::string> compileRole(mlir::ModuleOp module, const RoleRequest &request);

/// Links `object` (a file) into the shared object `output`. A reference to anything outside is an error. Not
/// thread-safe.
absl::Status linkRole(const std::string &object, const std::string &output);

} // namespace janus

#endif // JANUS_LIB_TARGET_ROLECODE_H

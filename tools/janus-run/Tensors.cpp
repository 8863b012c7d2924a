#include "tools/janus-run/Modes.h"
#include "tools/janus-run/Npy.h"

#include "absl/strings/str_cat.h"

#include <cerrno>
#include <cstring>
#include <sys/stat.h>

namespace janus::run {

absl::Status RunTensors(const Arguments &arguments) {
  std::vector<NamedTensor> inputs;
  for (const auto &[name, path] : arguments.inputs) {
    absl::StatusOr<NamedTensor> tensor = ReadNpy(path);
    if (!tensor.ok())
      return tensor.status();
    tensor->name = name;
    inputs.push_back(*std::move(tensor));
  }
  absl::StatusOr<std::vector<NamedTensor>> outputs =
      RunTensorProgram(arguments.artifact, inputs, arguments.runtime.threads, arguments.runtime.kernels);
  if (!outputs.ok())
    return outputs.status();
  if (mkdir(arguments.output_dir.c_str(), 0777) != 0 && errno != EEXIST)
    return absl::PermissionDeniedError(
        absl::StrCat("--output-dir: cannot make '", arguments.output_dir, "': ", std::strerror(errno)));
  for (const NamedTensor &tensor : *outputs) {
    std::string file = tensor.name; // an output's name may hold slashes; a file's may not
    for (char &c : file)
      if (c == '/')
        c = '_';
    if (absl::Status status = WriteNpy(absl::StrCat(arguments.output_dir, "/", file, ".npy"), tensor); !status.ok())
      return status;
  }
  return absl::OkStatus();
}

} // namespace janus::run

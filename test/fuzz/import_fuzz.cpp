// libFuzzer target: any bytes as a model. Finds crashes, hangs and memory that grows with what the bytes claim.
#include "lib/Import/Reader/Reader.h"
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  janus::onnx::Diagnostics diagnostics;
  janus::onnx::Limits limits;
  limits.graphBytes = size_t{1} << 24;
  std::string_view bytes(reinterpret_cast<const char *>(data), size);
  auto model = janus::onnx::readModel(bytes, "/nonexistent", "fuzz.onnx", diagnostics, limits);
  if (model.has_value() == diagnostics.hasErrors())
    std::abort(); // an answer and errors exclude each other
  if (!model)
    return 0;
  for (const auto &tensor : model->initializers)
    if (!tensor.file.empty() && (tensor.offset > size || tensor.length > size - tensor.offset))
      std::abort(); // a reference outside the bytes
  return 0;
}

// libFuzzer target: a model. Finds crashes, hangs and memory that grows with what the bytes claim. Bytes are mutated as
// bytes and, more often, as messages (ModelMutator.h), so that what lies behind the parser is reached.
#include "lib/Import/Reader/Reader.h"
#include "onnx/onnx-ml.pb.h"
#include "test/fuzz/ModelMutator.h"
#include <cstdlib>
#include <google/protobuf/stubs/logging.h>

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

namespace {
bool parse(const uint8_t *data, size_t size, onnx::ModelProto &model) {
  google::protobuf::LogSilencer silent;
  return model.ParseFromArray(data, static_cast<int>(size));
}

/// The size written, or 0 where it does not fit.
size_t write(const onnx::ModelProto &model, uint8_t *out, size_t maxSize) {
  size_t size = model.ByteSizeLong();
  return size <= maxSize && model.SerializeToArray(out, static_cast<int>(maxSize)) ? size : 0;
}
} // namespace

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize, unsigned seed) {
  std::mt19937 random(seed);
  onnx::ModelProto model;
  if (random() % 8 == 0 || !parse(data, size, model))
    return LLVMFuzzerMutate(data, size, maxSize);
  for (unsigned changes = 1 + random() % 4; changes; --changes)
    janus::fuzz::mutate(model, nullptr, random);
  size_t written = write(model, data, maxSize);
  return written ? written : LLVMFuzzerMutate(data, size, maxSize);
}

extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2, size_t size2,
                                            uint8_t *out, size_t maxOutSize, unsigned seed) {
  std::mt19937 random(seed);
  onnx::ModelProto model, donor;
  if (!parse(data1, size1, model) || !parse(data2, size2, donor))
    return 0;
  for (unsigned changes = 1 + random() % 4; changes; --changes)
    janus::fuzz::mutate(model, &donor, random);
  return write(model, out, maxOutSize);
}

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

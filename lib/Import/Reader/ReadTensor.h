//===- ReadTensor.h - TensorProto to Tensor ------------------------*- C++ -*-===//
// Private to the reader: the one header that shows protobuf classes.
#pragma once
#include "absl/status/status.h"
#include "lib/Import/Reader/ExternalData.h"
#include "lib/Import/Reader/Model.h"
#include "onnx/onnx-ml.pb.h"

namespace janus::onnx {

struct TensorSource {
  const std::string &modelFile; // name that references to bytes inside the model carry
  uint64_t modelBytes;
  ExternalData &external;
};

/// Fills `tensor` from `proto` (stripped by stripRawData). NotFound, OutOfRange and PermissionDenied concern external
/// data; InvalidArgument and Unimplemented the tensor itself. Messages do not name the tensor.
absl::Status readTensor(const ::onnx::TensorProto &proto, TensorSource source, Tensor &tensor);

} // namespace janus::onnx

// Small models for tests, through the official message classes: an independent writer for the reader under test.
#pragma once
#include "onnx/onnx-ml.pb.h"
#include <string>
#include <vector>

namespace janus::onnx::test {

/// A model of IR 10 and opset 22 with a graph: input x [S,4] and output y, both float.
::onnx::ModelProto emptyModel();
::onnx::NodeProto *addNode(::onnx::ModelProto &model, const std::string &type, const std::vector<std::string> &inputs,
                           const std::vector<std::string> &outputs);
::onnx::TensorProto *addInitializer(::onnx::ModelProto &model, const std::string &name, int type,
                                    const std::vector<int64_t> &dims);
/// External data of an initializer.
void setExternal(::onnx::TensorProto &tensor, const std::string &location, const std::string &offset,
                 const std::string &length);

/// A folder of its own, removed at the end.
class TemporaryFolder {
public:
  TemporaryFolder();
  ~TemporaryFolder();
  const std::string &path() const { return path_; }
  void write(const std::string &name, const std::string &bytes) const;

private:
  std::string path_;
};

} // namespace janus::onnx::test

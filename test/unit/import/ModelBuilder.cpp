#include "test/unit/import/ModelBuilder.h"
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace janus::onnx::test {

::onnx::ModelProto emptyModel() {
  ::onnx::ModelProto model;
  model.set_ir_version(10);
  auto *opset = model.add_opset_import();
  opset->set_version(22);
  auto *graph = model.mutable_graph();
  for (auto *value : {graph->add_input(), graph->add_output()}) {
    value->set_name(graph->output_size() ? "y" : "x");
    auto *type = value->mutable_type()->mutable_tensor_type();
    type->set_elem_type(::onnx::TensorProto::FLOAT);
    type->mutable_shape()->add_dim()->set_dim_param("S");
    type->mutable_shape()->add_dim()->set_dim_value(4);
  }
  graph->mutable_input(0)->set_name("x");
  graph->mutable_output(0)->set_name("y");
  return model;
}

::onnx::NodeProto *addNode(::onnx::ModelProto &model, const std::string &type, const std::vector<std::string> &inputs,
                           const std::vector<std::string> &outputs) {
  auto *node = model.mutable_graph()->add_node();
  node->set_op_type(type);
  for (const auto &input : inputs)
    node->add_input(input);
  for (const auto &output : outputs)
    node->add_output(output);
  return node;
}

::onnx::TensorProto *addInitializer(::onnx::ModelProto &model, const std::string &name, int type,
                                    const std::vector<int64_t> &dims) {
  auto *tensor = model.mutable_graph()->add_initializer();
  tensor->set_name(name);
  tensor->set_data_type(type);
  for (int64_t dim : dims)
    tensor->add_dims(dim);
  return tensor;
}

void setExternal(::onnx::TensorProto &tensor, const std::string &location, const std::string &offset,
                 const std::string &length) {
  tensor.set_data_location(::onnx::TensorProto::EXTERNAL);
  for (const auto &[key, value] :
       {std::pair<std::string, std::string>("location", location), {"offset", offset}, {"length", length}}) {
    auto *entry = tensor.add_external_data();
    entry->set_key(key);
    entry->set_value(value);
  }
}

TemporaryFolder::TemporaryFolder() {
  std::string pattern = (std::filesystem::temp_directory_path() / "janus-import-XXXXXX").string();
  if (!mkdtemp(pattern.data()))
    throw std::runtime_error("mkdtemp failed");
  path_ = pattern;
}
TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}
void TemporaryFolder::write(const std::string &name, const std::string &bytes) const {
  std::filesystem::create_directories((std::filesystem::path(path_) / name).parent_path());
  std::ofstream(std::filesystem::path(path_) / name, std::ios::binary) << bytes;
}
} // namespace janus::onnx::test

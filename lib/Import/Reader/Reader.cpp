#include "lib/Import/Reader/Reader.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "lib/Import/Reader/Functions.h"
#include "lib/Import/Reader/GraphChecks.h"
#include "lib/Import/Reader/MappedFile.h"
#include "lib/Import/Reader/ReadTensor.h"
#include "lib/Import/Reader/WireScan.h"
#include <filesystem>
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/stubs/logging.h>
#include <unordered_set>

namespace janus::onnx {
namespace {
namespace pb = google::protobuf;

/// Fields that the schema does not have, in a message and all below it.
int64_t countUnknown(const pb::Message &message) {
  const pb::Reflection *reflection = message.GetReflection();
  int64_t count = 0;
  const auto &unknown = reflection->GetUnknownFields(message);
  for (int i = 0; i < unknown.field_count(); ++i)
    count += unknown.field(i).number() != kRawOffsetField && unknown.field(i).number() != kRawLengthField;
  std::vector<const pb::FieldDescriptor *> fields;
  reflection->ListFields(message, &fields);
  for (const pb::FieldDescriptor *field : fields) {
    if (field->cpp_type() != pb::FieldDescriptor::CPPTYPE_MESSAGE)
      continue;
    if (!field->is_repeated())
      count += countUnknown(reflection->GetMessage(message, field));
    else
      for (int i = 0; i < reflection->FieldSize(message, field); ++i)
        count += countUnknown(reflection->GetRepeatedMessage(message, field, i));
  }
  return count;
}

std::string domainOf(const std::string &domain) { return domain == "ai.onnx" ? "" : domain; }

class GraphReader {
public:
  GraphReader(const ::onnx::ModelProto &proto, uint64_t modelBytes, Model &model, Diagnostics &diagnostics,
              const Limits &limits)
      : proto_(proto), model_(model), diagnostics_(diagnostics), limits_(limits), external_(model.folder),
        modelBytes_(modelBytes) {}

  void read(const NativeOperator &native) {
    readHeader();
    const auto &graph = proto_.graph();
    if (!proto_.has_graph() || graph.node_size() + graph.initializer_size() == 0)
      return diagnostics_.error(Code::File, "the file holds no graph; expects a serialized ONNX ModelProto");
    std::vector<Function> functions;
    functions.reserve(proto_.functions_size());
    for (const auto &function : proto_.functions())
      readFunction(function, functions.emplace_back());
    readGraph(graph, model_);
    if (nodes_ <= limits_.nodes && values_ <= limits_.values &&
        inlineFunctions(model_, functions, native, diagnostics_, limits_))
      checkAndSort(model_, diagnostics_);
  }

private:
  void readHeader() {
    model_.irVersion = proto_.ir_version();
    model_.producer = proto_.producer_name();
    if (!proto_.producer_version().empty())
      absl::StrAppend(&model_.producer, " ", proto_.producer_version());
    if (model_.irVersion < kMinIr || model_.irVersion > kMaxIr)
      diagnostics_.error(Code::Version,
                         absl::StrCat("model has IR version ", model_.irVersion, "; supported ", kMinIr, "..", kMaxIr));
    for (const auto &opset : proto_.opset_import())
      model_.opsets[domainOf(opset.domain())] = opset.version();
    auto standard = model_.opsets.find("");
    if (standard == model_.opsets.end())
      diagnostics_.error(Code::Version,
                         absl::StrCat("model imports no ai.onnx opset; supported from ", kMinOpset, " on"));
    else if (standard->second < kMinOpset)
      diagnostics_.error(Code::Version, absl::StrCat("model imports ai.onnx opset ", standard->second,
                                                     "; supported from ", kMinOpset, " on"));
    else if (standard->second > kMaxOpset)
      diagnostics_.warning(Code::Version, absl::StrCat("model imports ai.onnx opset ", standard->second,
                                                       "; its operators are read as those of opset ", kMaxOpset,
                                                       ", the newest known"));
    for (const auto &function : proto_.functions())
      called_.insert(domainOf(function.domain()) + "." + function.name());
  }

  void readFunction(const ::onnx::FunctionProto &proto, Function &function) {
    function.domain = domainOf(proto.domain());
    function.name = proto.name();
    function.overload = proto.overload();
    for (const auto &opset : proto.opset_import()) // of domains that only functions use
      if (!opset.domain().empty())
        model_.opsets.emplace(domainOf(opset.domain()), opset.version());
    function.inputs.assign(proto.input().begin(), proto.input().end());
    function.outputs.assign(proto.output().begin(), proto.output().end());
    function.attributes.assign(proto.attribute().begin(), proto.attribute().end());
    Node carrier; // attributes are read into nodes
    carrier.name = function.name, carrier.domain = function.domain, carrier.type = "function";
    for (const auto &attribute : proto.attribute_proto())
      readAttribute(attribute, carrier, 0);
    function.defaults = std::move(carrier.attributes);
    for (int i = 0; i < proto.node_size(); ++i)
      readNode(proto.node(i), i, function.nodes);
  }

  void readGraph(const ::onnx::GraphProto &proto, Graph &graph) {
    nodes_ += static_cast<size_t>(proto.node_size());
    values_ += static_cast<size_t>(proto.initializer_size()) + proto.input_size() + proto.output_size();
    if (nodes_ > limits_.nodes || values_ > limits_.values)
      return diagnostics_.error(Code::File, absl::StrCat("the graph has ", nodes_, " nodes and ", values_,
                                                         " inputs, outputs and initializers; supported: ",
                                                         limits_.nodes, " and ", limits_.values));
    graph.name = proto.name();
    readInitializers(proto, graph);
    std::unordered_set<std::string> initialized;
    for (const Tensor &tensor : graph.initializers)
      initialized.insert(tensor.name);
    bool inner = &graph != &model_; // the types of what flows in and out are those of the values around
    for (const auto &input : proto.input())
      if (!initialized.contains(input.name())) // before IR 4 initializers are listed among the inputs
        graph.inputs.push_back(inner ? nameOnly(input) : readValue(input, "input"));
    for (const auto &output : proto.output())
      graph.outputs.push_back(inner ? nameOnly(output) : readValue(output, "output"));
    graph.nodes.reserve(proto.node_size());
    for (int i = 0; i < proto.node_size(); ++i)
      readNode(proto.node(i), i, graph.nodes);
  }

  static ValueInfo nameOnly(const ::onnx::ValueInfoProto &proto) {
    ValueInfo value;
    value.name = proto.name();
    return value;
  }

  void readInitializers(const ::onnx::GraphProto &graph, Graph &out) {
    if (graph.sparse_initializer_size())
      diagnostics_.error(Code::Tensor, absl::StrCat(graph.sparse_initializer_size(),
                                                    " sparse initializers; supported: dense initializers"));
    out.initializers.reserve(graph.initializer_size());
    for (const auto &proto : graph.initializer()) {
      auto &tensor = out.initializers.emplace_back();
      tensor.name = proto.name();
      auto status = readTensor(proto, source(), tensor);
      tensor.usable = status.ok();
      if (!status.ok())
        diagnostics_.error(codeOf(status),
                           absl::StrCat("initializer '", absl::CHexEscape(proto.name()), "': ", status.message()));
    }
  }

  ValueInfo readValue(const ::onnx::ValueInfoProto &proto, const char *what) {
    ValueInfo value;
    value.name = proto.name();
    std::string shown = absl::StrCat("graph ", what, " '", absl::CHexEscape(value.name), "'");
    if (value.name.empty())
      diagnostics_.error(Code::Graph, absl::StrCat("a graph ", what, " has no name"));
    if (proto.type().value_case() != ::onnx::TypeProto::kTensorType) {
      diagnostics_.error(Code::Tensor, absl::StrCat(shown, " is not a tensor; supported: tensors of numbers and bool"));
      return value;
    }
    const auto &type = proto.type().tensor_type();
    value.type = type.elem_type();
    if (!bitsOf(value.type))
      diagnostics_.error(
          Code::Tensor, absl::StrCat(shown, " has element type ", nameOf(value.type), "; supported: numbers and bool"));
    value.ranked = type.has_shape();
    for (const auto &dim : type.shape().dim()) {
      auto &out = value.dims.emplace_back();
      if (dim.has_dim_value())
        out.extent = dim.dim_value();
      else
        out.symbol = dim.dim_param();
      uint64_t digits;
      if (!out.extent && parseDecimal(out.symbol, digits) && digits < (uint64_t{1} << 40))
        out.extent = static_cast<int64_t>(digits); // some exporters write extents as names
      if (out.extent && (*out.extent < 0 || *out.extent > (int64_t{1} << 40)))
        diagnostics_.error(Code::Graph, absl::StrCat(shown, " has a dimension of extent ", *out.extent));
    }
    return value;
  }

  void readNode(const ::onnx::NodeProto &proto, size_t index, std::vector<Node> &nodes) {
    Node &node = nodes.emplace_back();
    node.name = proto.name();
    node.domain = domainOf(proto.domain());
    node.type = proto.op_type();
    node.overload = proto.overload();
    node.index = index;
    auto opset = model_.opsets.find(node.domain);
    int64_t version = opset == model_.opsets.end() ? 0 : opset->second;
    if (static_cast<size_t>(proto.input_size()) + proto.output_size() > limits_.valuesPerNode ||
        static_cast<size_t>(proto.attribute_size()) > limits_.attributesPerNode)
      return diagnostics_.error(Code::File, node, version,
                                absl::StrCat("has more than ", limits_.valuesPerNode, " inputs and outputs or ",
                                             limits_.attributesPerNode, " attributes"));
    if (version == 0 && !called_.contains(node.domain + "." + node.type))
      diagnostics_.error(Code::Version, node, version, "its domain is not among the model's opset imports");
    node.inputs.assign(proto.input().begin(), proto.input().end());
    node.outputs.assign(proto.output().begin(), proto.output().end());
    for (auto *list : {&node.inputs, &node.outputs})
      while (!list->empty() && list->back().empty())
        list->pop_back();
    std::unordered_set<std::string> names;
    for (const auto &attribute : proto.attribute()) {
      if (!names.insert(attribute.name()).second)
        diagnostics_.error(Code::Graph, node, version,
                           absl::StrCat("attribute '", absl::CHexEscape(attribute.name()), "' is given twice"));
      readAttribute(attribute, node, version);
    }
  }

  void readAttribute(const ::onnx::AttributeProto &proto, Node &node, int64_t version) {
    Attribute &attribute = node.attributes.emplace_back();
    attribute.name = proto.name();
    using P = ::onnx::AttributeProto;
    if (!proto.ref_attr_name().empty()) {
      attribute.kind = Attribute::Kind::Reference, attribute.reference = proto.ref_attr_name();
      return;
    }
    switch (proto.type()) {
    case P::INT:
      attribute.kind = Attribute::Kind::Int, attribute.i = proto.i();
      break;
    case P::FLOAT:
      attribute.kind = Attribute::Kind::Float, attribute.f = proto.f();
      break;
    case P::STRING:
      attribute.kind = Attribute::Kind::String, attribute.s = proto.s();
      break;
    case P::INTS:
      attribute.kind = Attribute::Kind::Ints, attribute.ints.assign(proto.ints().begin(), proto.ints().end());
      break;
    case P::FLOATS:
      attribute.kind = Attribute::Kind::Floats, attribute.floats.assign(proto.floats().begin(), proto.floats().end());
      break;
    case P::STRINGS:
      attribute.kind = Attribute::Kind::Strings,
      attribute.strings.assign(proto.strings().begin(), proto.strings().end());
      break;
    case P::GRAPH:
      attribute.kind = Attribute::Kind::Graph;
      attribute.graph = std::make_shared<Graph>();
      readGraph(proto.g(), *attribute.graph);
      break;
    case P::TENSOR:
      attribute.kind = Attribute::Kind::Tensor;
      if (auto status = readTensor(proto.t(), source(), attribute.tensor); !(attribute.usable = status.ok()))
        diagnostics_.error(codeOf(status), node, version,
                           absl::StrCat("attribute '", absl::CHexEscape(attribute.name), "': ", status.message()));
      break;
    default:
      break;
    }
  }

  TensorSource source() { return {model_.file, modelBytes_, external_}; }
  static Code codeOf(const absl::Status &status) {
    bool outside = absl::IsNotFound(status) || absl::IsOutOfRange(status) || absl::IsPermissionDenied(status) ||
                   absl::IsUnavailable(status);
    return outside ? Code::ExternalData : Code::Tensor;
  }

  const ::onnx::ModelProto &proto_;
  Model &model_;
  Diagnostics &diagnostics_;
  const Limits &limits_;
  ExternalData external_;
  uint64_t modelBytes_;
  size_t nodes_ = 0, values_ = 0;          // in all graphs
  std::unordered_set<std::string> called_; // functions, "domain.name"
};
} // namespace

namespace {
/// What of the bytes could be read; nothing where the file as such is at fault.
std::optional<Model> readBytes(std::string_view bytes, const std::string &folder, const std::string &file,
                               Diagnostics &diagnostics, const Limits &limits, const NativeOperator &native) {
  auto fail = [&](std::string text) -> std::optional<Model> {
    diagnostics.error(Code::File, absl::StrCat("'", absl::CHexEscape(file), "': ", text));
    return std::nullopt;
  };
  if (bytes.empty())
    return fail("the file is empty; expects a serialized ONNX ModelProto");
  if (bytes.size() > limits.fileBytes)
    return fail(absl::StrCat("the file has ", bytes.size(), " bytes; supported: ", limits.fileBytes,
                             "; hint: store the weights as external data"));
  auto stripped = stripRawData(bytes, limits.graphBytes);
  if (!stripped.ok())
    return fail(absl::StrCat("truncated or corrupted: ", stripped.status().message()));
  pb::LogSilencer silent;
  ::onnx::ModelProto proto;
  pb::io::CodedInputStream stream(reinterpret_cast<const uint8_t *>(stripped->data()),
                                  static_cast<int>(stripped->size()));
  stream.SetRecursionLimit(limits.depth);
  if (!proto.ParseFromCodedStream(&stream) || !stream.ConsumedEntireMessage())
    return fail(
        absl::StrCat("truncated or corrupted: not a ModelProto, or messages nested deeper than ", limits.depth));
  stripped->clear();
  stripped->shrink_to_fit();
  Model model;
  model.folder = folder;
  model.file = file;
  model.unknownFields = countUnknown(proto);
  GraphReader(proto, bytes.size(), model, diagnostics, limits).read(native);
  return diagnostics.has(Code::File) ? std::nullopt : std::optional(std::move(model));
}
} // namespace

std::optional<Model> readModel(std::string_view bytes, const std::string &folder, const std::string &file,
                               Diagnostics &diagnostics, const Limits &limits, const NativeOperator &native) {
  std::optional<Model> model = readBytes(bytes, folder, file, diagnostics, limits, native);
  return diagnostics.hasErrors() ? std::nullopt : std::move(model);
}

std::optional<Model> readModel(const std::string &path, Diagnostics &diagnostics, const NativeOperator &native,
                               const Limits &limits) {
  std::optional<Model> model = readModelWithErrors(path, diagnostics, native, limits);
  return diagnostics.hasErrors() ? std::nullopt : std::move(model);
}

std::optional<Model> readModelWithErrors(const std::string &path, Diagnostics &diagnostics,
                                         const NativeOperator &native, const Limits &limits) {
  auto file = MappedFile::open(path);
  if (!file.ok()) {
    diagnostics.error(Code::File, std::string(file.status().message()));
    return std::nullopt;
  }
  std::filesystem::path where(path);
  return readBytes(file->bytes(), where.parent_path().string(), where.filename().string(), diagnostics, limits, native);
}
} // namespace janus::onnx

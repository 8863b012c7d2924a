#include "lib/Import/Reader/Reader.h"
#include "absl/strings/str_cat.h"
#include "test/unit/import/ModelBuilder.h"
#include <cstring>
#include <fstream>
#include <gmock/gmock.h>
#include <iterator>

namespace janus::onnx {
namespace {
using test::addInitializer;
using test::addNode;
using test::emptyModel;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using P = ::onnx::TensorProto;

std::string slurp(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::optional<Model> read(const ::onnx::ModelProto &proto, Diagnostics &diagnostics, const Limits &limits = {}) {
  return readModel(proto.SerializeAsString(), "/nonexistent-folder", "m.onnx", diagnostics, limits);
}

/// The text of the errors that reading gives.
std::string errorsOf(const ::onnx::ModelProto &proto, const Limits &limits = {}) {
  Diagnostics diagnostics;
  EXPECT_FALSE(read(proto, diagnostics, limits).has_value());
  return diagnostics.str();
}

TEST(Reader, ReadsEveryModelOfTheRepository) {
  for (std::string name : {"scribe", "gpt_oss_tiny", "qwen3_tiny"}) {
    Diagnostics diagnostics;
    auto model = readModel("models/" + name + "/model.onnx", diagnostics);
    ASSERT_TRUE(model.has_value()) << diagnostics.str();
    // The official classes parse the same file: same counts, same names in the same order.
    ::onnx::ModelProto proto;
    ASSERT_TRUE(proto.ParseFromString(slurp("models/" + name + "/model.onnx")));
    ASSERT_EQ(model->nodes.size(), static_cast<size_t>(proto.graph().node_size()));
    ASSERT_EQ(model->initializers.size(), static_cast<size_t>(proto.graph().initializer_size()));
    for (int i = 0; i < proto.graph().node_size(); ++i)
      EXPECT_EQ(model->nodes[i].name, proto.graph().node(i).name());
    EXPECT_EQ(model->unknownFields, 0);
  }
}

TEST(Reader, RawDataIsAReferenceToItsBytesInTheFile) {
  std::string bytes = slurp("models/scribe/model.onnx");
  ::onnx::ModelProto proto;
  ASSERT_TRUE(proto.ParseFromString(bytes));
  Diagnostics diagnostics;
  auto model = readModel(bytes, "models/scribe", "model.onnx", diagnostics);
  ASSERT_TRUE(model.has_value()) << diagnostics.str();
  int inside = 0;
  for (int i = 0; i < proto.graph().initializer_size(); ++i) {
    const auto &expected = proto.graph().initializer(i);
    const Tensor &tensor = model->initializers[i];
    EXPECT_TRUE(tensor.bytes.empty());
    if (expected.data_location() == P::EXTERNAL)
      continue;
    ++inside;
    EXPECT_EQ(tensor.file, "model.onnx");
    EXPECT_EQ(bytes.substr(tensor.offset, tensor.length), expected.raw_data());
  }
  EXPECT_GT(inside, 0);
}

// The reader's promise for truncated files: a clean error, wherever the cut is.
TEST(Reader, TruncationAnywhereIsAnError) {
  std::string bytes = slurp("models/scribe/model.onnx");
  ASSERT_GT(bytes.size(), 1000u);
  for (size_t length = 0; length < bytes.size(); length += 97) {
    Diagnostics diagnostics;
    auto model = readModel(std::string_view(bytes).substr(0, length), "models/scribe", "model.onnx", diagnostics);
    EXPECT_FALSE(model.has_value()) << "cut at byte " << length;
    EXPECT_THAT(diagnostics.str(), HasSubstr("error[JNS-ONNX-0")) << "cut at byte " << length;
  }
}

TEST(Reader, FlippedBytesNeverCrash) {
  std::string bytes = slurp("models/qwen3_tiny/model.onnx");
  for (size_t at = 0; at < bytes.size(); at += 13) {
    std::string changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ 0xff);
    Diagnostics diagnostics;
    auto model = readModel(changed, "models/qwen3_tiny", "model.onnx", diagnostics);
    EXPECT_EQ(model.has_value(), !diagnostics.hasErrors());
  }
}

TEST(Reader, TypedFieldsOfEveryWidth) {
  auto model = emptyModel();
  auto *f = addInitializer(model, "f", P::FLOAT, {2});
  f->add_float_data(1.5f), f->add_float_data(-2);
  auto *h = addInitializer(model, "h", P::FLOAT16, {2});
  h->add_int32_data(0x3c00), h->add_int32_data(0xc000);
  auto *b = addInitializer(model, "b", P::BOOL, {3});
  b->add_int32_data(1), b->add_int32_data(0), b->add_int32_data(1);
  auto *q = addInitializer(model, "q", P::UINT4, {3});
  q->add_int32_data(0x21), q->add_int32_data(0x03);
  auto *l = addInitializer(model, "l", P::INT64, {1});
  l->add_int64_data(-7);
  auto *u = addInitializer(model, "u", P::UINT32, {1});
  u->add_uint64_data(4000000000u);
  addNode(model, "Abs", {"x"}, {"y"});
  Diagnostics diagnostics;
  auto read = janus::onnx::read(model, diagnostics);
  ASSERT_TRUE(read.has_value()) << diagnostics.str();
  auto bytes = [&](size_t i) { return read->initializers[i].bytes; };
  float floats[2];
  ASSERT_EQ(bytes(0).size(), 8u);
  std::memcpy(floats, bytes(0).data(), 8);
  EXPECT_THAT(floats, ElementsAre(1.5f, -2.0f));
  EXPECT_EQ(bytes(1), std::string("\x00\x3c\x00\xc0", 4));
  EXPECT_EQ(bytes(2), std::string("\x01\x00\x01", 3));
  EXPECT_EQ(bytes(3), std::string("\x21\x03", 2));
  EXPECT_EQ(bytes(4), std::string("\xf9\xff\xff\xff\xff\xff\xff\xff", 8));
  EXPECT_EQ(bytes(5), std::string("\x00\x28\x6b\xee", 4));
}

TEST(Reader, ShapesThatWouldOverflowAreRefused) {
  for (std::vector<int64_t> dims :
       {std::vector<int64_t>{int64_t{1} << 62, 4}, {-1}, {int64_t{1} << 30, int64_t{1} << 30}, {0, int64_t{1} << 62}}) {
    auto model = emptyModel();
    addInitializer(model, "w", P::FLOAT, dims);
    addNode(model, "Abs", {"x"}, {"y"});
    EXPECT_THAT(errorsOf(model), HasSubstr("initializer 'w': dimension"));
  }
}

TEST(Reader, LimitsAreNamed) {
  auto model = emptyModel();
  for (int i = 0; i < 5; ++i)
    addNode(model, "Abs", {"x"}, {i ? "v" + std::to_string(i) : "y"});
  Limits limits;
  limits.nodes = 4;
  EXPECT_THAT(errorsOf(model, limits), HasSubstr("the graph has 5 nodes"));
  limits = {};
  limits.fileBytes = 10;
  EXPECT_THAT(errorsOf(model, limits), HasSubstr("supported: 10; hint: store the weights as external data"));
}

TEST(Reader, DeepNestingIsRefused) {
  auto model = emptyModel();
  auto *node = addNode(model, "If", {"x"}, {"y"});
  for (int depth = 0; depth < 60; ++depth) {
    auto *attribute = node->add_attribute();
    attribute->set_name("then_branch");
    attribute->set_type(::onnx::AttributeProto::GRAPH);
    node = attribute->mutable_g()->add_node();
  }
  EXPECT_THAT(errorsOf(model), HasSubstr("nested deeper than 64"));
}

TEST(Reader, UnknownFieldsAreCountedAndMarkersInTheFileAreIgnored) {
  auto model = emptyModel();
  auto *w = addInitializer(model, "w", P::FLOAT, {1});
  w->set_raw_data(std::string(4, '\1'));
  // The reader marks stripped bytes with these fields; a file must not be able to forge them.
  w->mutable_unknown_fields()->AddVarint(100001, 0);
  w->mutable_unknown_fields()->AddVarint(100002, 4);
  w->mutable_unknown_fields()->AddVarint(200, 1);
  model.mutable_unknown_fields()->AddLengthDelimited(300, "abc");
  addNode(model, "Abs", {"x"}, {"y"});
  std::string bytes = model.SerializeAsString();
  Diagnostics diagnostics;
  auto read = readModel(bytes, ".", "m.onnx", diagnostics);
  ASSERT_TRUE(read.has_value()) << diagnostics.str();
  EXPECT_EQ(read->unknownFields, 2);
  EXPECT_EQ(bytes.substr(read->initializers[0].offset, 4), std::string(4, '\1'));
}

TEST(Reader, NodesAreSortedAndCyclesNamed) {
  auto model = emptyModel();
  addNode(model, "Add", {"b", "x"}, {"y"})->set_name("last");
  addNode(model, "Abs", {"x"}, {"a"})->set_name("first");
  addNode(model, "Abs", {"a"}, {"b"})->set_name("second");
  Diagnostics diagnostics;
  auto read = janus::onnx::read(model, diagnostics);
  ASSERT_TRUE(read.has_value()) << diagnostics.str();
  EXPECT_EQ(read->nodes[0].name, "first");
  EXPECT_EQ(read->nodes[2].name, "last");
  EXPECT_EQ(read->nodes[2].index, 0u);
  addNode(model, "Abs", {"loop"}, {"loop"})->set_name("self");
  EXPECT_THAT(errorsOf(model), HasSubstr("node 'self' (ai.onnx.Abs, opset 22): lies on, or behind, a cycle"));
}

/// Well-formed and ill-formed sequences of table 3-7 of the Unicode standard.
TEST(Reader, NamesThatAreNotUtf8AreRefused) {
  auto named = [](const std::string &name) {
    auto model = emptyModel();
    auto *input = model.mutable_graph()->add_input();
    input->set_name(name);
    input->mutable_type()->mutable_tensor_type()->set_elem_type(P::FLOAT);
    addNode(model, "Identity", {name}, {"y"});
    return model;
  };
  for (const char *good : {"weight", "\u00e9", "\ud55c\uae00", "\U0001F600", "\U0010FFFF", "\uD7FF", "\u0800"}) {
    Diagnostics diagnostics;
    EXPECT_TRUE(read(named(good), diagnostics).has_value()) << good << diagnostics.str();
  }
  for (const char *bad : {"\xff", "a\x80", "\xc0\xaf", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
                          "\xf4\x90\x80\x80", "\xe2\x82", "\xc3", "\xf0\x9f\x98\x41"})
    EXPECT_THAT(errorsOf(named(bad)), HasSubstr("is not UTF-8"));
}

TEST(Reader, InitializersThatAreAlsoInputsAreNoInputs) {
  auto model = emptyModel();
  *model.mutable_graph()->add_input() = model.graph().input(0);
  model.mutable_graph()->mutable_input(1)->set_name("w");
  addInitializer(model, "w", P::FLOAT, {1})->add_float_data(1);
  addNode(model, "Add", {"x", "w"}, {"y"});
  Diagnostics diagnostics;
  auto read = janus::onnx::read(model, diagnostics);
  ASSERT_TRUE(read.has_value()) << diagnostics.str();
  EXPECT_EQ(read->inputs.size(), 1u);
}

/// A model that calls function 0, which calls function 1 `times` times, and so on; the last one adds.
::onnx::ModelProto nestedFunctions(int depth, int times) {
  auto model = emptyModel();
  auto *opset = model.add_opset_import();
  opset->set_domain("local"), opset->set_version(1);
  addNode(model, "F0", {"x"}, {"y"})->set_domain("local");
  for (int i = 0; i < depth; ++i) {
    auto *function = model.add_functions();
    function->set_domain("local"), function->set_name(absl::StrCat("F", i));
    function->add_input("a"), function->add_output("b");
    for (int k = 0; k < times; ++k) {
      auto *node = function->add_node();
      node->add_input(k ? absl::StrCat("t", k - 1) : "a");
      node->add_output(k + 1 == times ? "b" : absl::StrCat("t", k));
      node->set_op_type(i + 1 == depth ? "Abs" : absl::StrCat("F", i + 1));
      node->set_domain(i + 1 == depth ? "" : "local");
    }
  }
  return model;
}

TEST(Reader, FunctionsBecomeTheirBodies) {
  Diagnostics diagnostics;
  auto model = read(nestedFunctions(3, 2), diagnostics);
  ASSERT_TRUE(model.has_value()) << diagnostics.str();
  ASSERT_EQ(model->nodes.size(), 8u);
  std::string value = "x";
  for (const Node &node : model->nodes) { // a chain of values under names of their own
    EXPECT_EQ(node.type, "Abs");
    EXPECT_EQ(node.inputs[0], value);
    value = node.outputs[0];
  }
  EXPECT_EQ(value, "y");
}

TEST(Reader, FunctionsWithoutEndOrTooManyAreRefused) {
  EXPECT_THAT(errorsOf(nestedFunctions(10000, 1)), HasSubstr("to a depth of more than 64"));
  Limits limits;
  limits.nodes = 20'000;
  EXPECT_THAT(errorsOf(nestedFunctions(40, 2), limits), HasSubstr("there are more than 20000 nodes"));
  auto model = nestedFunctions(2, 1);
  model.mutable_functions(1)->mutable_node(0)->set_op_type("F0");
  model.mutable_functions(1)->mutable_node(0)->set_domain("local");
  EXPECT_THAT(errorsOf(model), HasSubstr("a function that calls itself has no end"));
}

TEST(Reader, AKnownOperatorIsNotReplacedByAFunctionOfItsName) {
  Diagnostics diagnostics;
  auto native = [](const std::string &domain, const std::string &type) { return domain == "local" && type == "F0"; };
  auto model = readModel(nestedFunctions(1, 1).SerializeAsString(), ".", "m.onnx", diagnostics, {}, native);
  ASSERT_TRUE(model.has_value()) << diagnostics.str();
  ASSERT_EQ(model->nodes.size(), 1u);
  EXPECT_EQ(model->nodes[0].type, "F0");
}

TEST(Reader, GraphsInsideNodesSeeTheValuesAround) {
  auto model = emptyModel();
  auto *branch = addNode(model, "If", {"late"}, {"y"});
  for (const char *name : {"then_branch", "else_branch"}) {
    auto *attribute = branch->add_attribute();
    attribute->set_name(name);
    attribute->set_type(::onnx::AttributeProto::GRAPH);
    auto *node = attribute->mutable_g()->add_node();
    node->set_op_type("Abs"), node->add_input("later"), node->add_output("z");
    attribute->mutable_g()->add_output()->set_name("z");
  }
  addNode(model, "Cast", {"x"}, {"late"});
  addNode(model, "Neg", {"x"}, {"later"});
  Diagnostics diagnostics;
  auto read = janus::onnx::read(model, diagnostics);
  ASSERT_TRUE(read.has_value()) << diagnostics.str();
  EXPECT_EQ(read->nodes.back().type, "If"); // behind what its graphs read
}

TEST(Diagnostics, OneEntryACauseAtMostTenNames) {
  Diagnostics diagnostics;
  for (int i = 0; i < 14; ++i) {
    Node node;
    node.name = "n" + std::to_string(i), node.domain = "com.microsoft", node.type = "Thing";
    diagnostics.error(Code::UnknownOperator, node, 1, "what");
  }
  diagnostics.error(Code::File, "other");
  ASSERT_EQ(diagnostics.all().size(), 2u);
  EXPECT_EQ(diagnostics.all()[0].str(),
            "error[JNS-ONNX-001]: nodes 'n0', 'n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7', 'n8', 'n9' and 4 more "
            "(com.microsoft.Thing, opset 1): what");
  EXPECT_EQ(diagnostics.all()[1].str(), "error[JNS-ONNX-004]: other");
}
} // namespace
} // namespace janus::onnx

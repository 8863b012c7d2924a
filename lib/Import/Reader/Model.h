//===- Model.h - an ONNX model as plain structs -------------------*- C++ -*-===//
// What the reader hands over: checked, in execution order, without protobuf. Weights are references into files.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace janus::onnx {

/// Numbers of ONNX's TensorProto.DataType that the reader itself names.
enum DataType : int32_t {
  kUndefined = 0,
  kFloat = 1,
  kUint8 = 2,
  kInt32 = 6,
  kInt64 = 7,
  kString = 8,
  kBool = 9,
  kFloat16 = 10,
  kLastDataType = 26
};

/// Bits a stored element takes; 0 for strings and unknown types.
int bitsOf(int32_t dataType);
/// "float", "int64", ...; "type 99" for a number without a name.
std::string nameOf(int32_t dataType);

/// A constant tensor. Its row-major little-endian bytes are `length` bytes at `offset` of `file` (relative to the
/// model's folder, checked to exist and to hold the range), or, when `file` is empty, `bytes`.
struct Tensor {
  std::string name;
  int32_t type = kUndefined;
  std::vector<int64_t> dims;
  std::string file;
  uint64_t offset = 0, length = 0;
  std::string bytes;
  bool usable = true; // false: it could not be read, which has been reported

  /// Number of elements; the reader has checked that it fits.
  int64_t elements() const;
};

/// A dimension of an input or output: an extent, a symbol as spelled in the model, or unknown.
struct Dim {
  std::optional<int64_t> extent;
  std::string symbol;
};
struct ValueInfo {
  std::string name;
  int32_t type = kUndefined;
  bool ranked = false;
  std::vector<Dim> dims;
};

struct Graph;
struct Attribute {
  enum class Kind { Int, Float, String, Ints, Floats, Strings, Tensor, Graph, Reference, Other };
  std::string name;
  Kind kind = Kind::Other;
  int64_t i = 0;
  float f = 0;
  std::string s;
  std::vector<int64_t> ints;
  std::vector<float> floats;
  std::vector<std::string> strings;
  Tensor tensor;
  std::shared_ptr<Graph> graph;
  bool usable = true;    // false: its tensor could not be read, which has been reported
  std::string reference; // inside a function: the attribute of the call whose value this one takes
};

struct Node {
  std::string name, domain, type;           // domain "ai.onnx" is written ""
  std::string overload;                     // of a model-local function
  size_t index = 0;                         // position in the file
  std::vector<std::string> inputs, outputs; // "" where absent; trailing absent ones removed
  std::vector<Attribute> attributes;
};

/// The graph of a model, or one inside a node, which sees the values around that node.
struct Graph {
  std::string name;
  std::vector<ValueInfo> inputs, outputs; // inputs without those that have an initializer
  std::vector<Tensor> initializers;
  std::vector<Node> nodes; // each after those whose outputs it reads
};

struct Model : Graph {
  std::string folder, file; // folder as given; file name within it
  int64_t irVersion = 0;
  std::string producer;
  std::map<std::string, int64_t> opsets; // by domain, "" for ai.onnx
  int64_t unknownFields = 0;             // fields of the file that the schema does not have
};

} // namespace janus::onnx

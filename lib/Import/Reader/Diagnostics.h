//===- Diagnostics.h - collected import errors --------------------*- C++ -*-===//
// Import reports every distinct cause at once, each with the nodes it concerns.
#pragma once
#include <cstdint>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace janus::onnx {

/// Codes of import errors (JNS-ONNX-NNN). Stable: tests and users refer to them.
enum class Code : int {
  UnknownOperator = 1, // an operator the importer does not have
  Version = 2,         // IR or opset version out of range
  ExternalData = 3,    // external file missing, short, or outside the model's folder
  File = 4,            // the file itself: unreadable, truncated, corrupted, over a limit
  Graph = 5,           // names defined twice or not at all, cycles, malformed values
  Tensor = 6,          // a tensor or attribute the importer cannot represent
  QuantLayout = 10,
  QuantType = 11,
  MoELayout = 12,
  Activation = 13,
  Routing = 14,
  PartialTrace = 20,
  NotRecovered = 21,
  UnequalExperts = 22,
  Attention = 30,
  ControlFlow = 40,
};

struct Node;

/// One cause. `nodes` holds at most 10 names, `count` how many nodes share the cause.
struct Diagnostic {
  Code code;
  bool warning = false;
  std::string where; // "com.microsoft.QMoE, opset 1", or empty when no node is concerned
  std::string text;  // "what; found VALUE; supported: ...; hint: ..."
  std::vector<std::string> nodes;
  size_t count = 0;
  /// `error[JNS-ONNX-001]: node 'NAME' (DOMAIN.OP, opset V): TEXT`
  std::string str() const;
};

/// Collects diagnostics; one cause is one entry however many nodes it concerns. At most kMaxCauses are kept.
class Diagnostics {
public:
  static constexpr size_t kMaxNodes = 10, kMaxCauses = 100;
  void error(Code code, std::string text) { add({code, false, "", std::move(text), {}, 0}); }
  void error(Code code, const Node &node, int64_t opset, std::string text) {
    atNode(code, false, node, opset, std::move(text));
  }
  void warning(Code code, std::string text) { add({code, true, "", std::move(text), {}, 0}); }
  void warning(Code code, const Node &node, int64_t opset, std::string text) {
    atNode(code, true, node, opset, std::move(text));
  }
  bool hasErrors() const { return errors_ > 0; }
  /// Whether an error of that code was reported.
  bool has(Code code) const;
  const std::vector<Diagnostic> &all() const { return all_; }
  /// How many further causes there are.
  size_t left() const { return left_; }
  /// All of them, a line each, and how many further causes there are.
  std::string str() const;

private:
  void atNode(Code code, bool warning, const Node &node, int64_t opset, std::string text);
  void add(Diagnostic diagnostic);
  std::vector<Diagnostic> all_;
  std::unordered_map<std::string, size_t> known_; // what makes a cause -> its index in all_
  std::set<Code> codes_;                          // of errors
  size_t errors_ = 0, left_ = 0;                  // errors; causes beyond kMaxCauses
};

/// The node's name, or "#INDEX" when it has none.
std::string displayName(const Node &node);

} // namespace janus::onnx

//===- PackedWeights.h - the packed weights of a module ---------*- C++ -*-===//
//
// What each call's weight table needs, as names of packed tensors.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_LIB_LOWERING_PACKEDWEIGHTS_H
#define JANUS_LIB_LOWERING_PACKEDWEIGHTS_H

#include "lib/Lowering/Fragments.h"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace janus::lowering {

/// A weight that a call takes: names of the weights that it is made of.
struct WeightUse {
  std::vector<std::string> parts;
  std::string layout;
  bool perExpert = false;
};

/// Collects the packed weights that the step functions use, then names them: the names of the weights they are made of,
/// joined by '+', and the layout when one weight is packed in several.
class PackedWeights {
public:
  /// All calls of a step function, before anything is named.
  void collect(mlir::func::FuncOp step);
  /// Names of the weight table of a call or moe.sequence, in the order of the table.
  std::vector<std::string> names(mlir::Operation *call) const;
  /// {name, layout, experts = true, parts = [@...], file}: sorted by file, within a file in order of first use.
  mlir::ArrayAttr describe(mlir::MLIRContext *context) const;

private:
  struct Packed {
    std::vector<std::string> parts;
    std::string layout;
    bool perExpert;
    int64_t layer;
    bool attention = false; // the attention role uses it
  };
  static std::string join(const std::vector<std::string> &parts);
  static std::vector<WeightUse> usesOf(mlir::Operation *call);
  std::string name(const std::vector<std::string> &parts, const std::string &layout) const;

  std::vector<Packed> packed;            // in order of first use
  std::map<std::string, size_t> indices; // parts and layout -> position in `packed`
  std::map<std::string, std::set<std::string>> layouts;
};

/// The fragment function a call refers to.
mlir::func::FuncOp calleeOf(mlir::func::CallOp call);

} // namespace janus::lowering

#endif // JANUS_LIB_LOWERING_PACKEDWEIGHTS_H

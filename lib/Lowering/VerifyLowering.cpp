#include "janus/Lowering/Passes.h"
#include "lib/Lowering/Fragments.h"
#include "runtime/program/Program.h"

#include "dialects/moe/IR/MoEOps.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_VERIFYLOWERINGPASS
#include "lib/Lowering/Passes.h.inc"

namespace {
using namespace lowering;
using nlohmann::json;

struct VerifyLowering : impl::VerifyLoweringPassBase<VerifyLowering> {
  void runOnOperation() override {
    if (failed(checkCode()) || failed(checkWeights()) || failed(checkPrograms()))
      signalPassFailure();
  }

  LogicalResult checkCode() {
    for (Operation &op : *getOperation().getBody()) {
      if (isa<FunctionOpInterface>(op) && !isa<LLVM::LLVMFuncOp>(op))
        return op.emitOpError("remains; after lower every function is an llvm.func");
      auto function = dyn_cast<LLVM::LLVMFuncOp>(op);
      if (!function)
        continue;
      if (function.isExternal())
        return function.emitOpError("is declared, not defined; code reaches the outside only through its Call");
      WalkResult result = function.walk([&](Operation *inner) {
        if (isa<LLVM::LLVMDialect>(inner->getDialect()))
          return WalkResult::advance();
        inner->emitOpError("remains; after lower every operation is of the LLVM dialect");
        return WalkResult::interrupt();
      });
      if (result.wasInterrupted())
        return failure();
    }
    return success();
  }

  LogicalResult checkWeights() {
    names.clear();
    auto weights = getOperation()->getAttrOfType<ArrayAttr>(kWeights);
    if (!weights)
      return success();
    for (auto weight : weights.getAsRange<DictionaryAttr>()) {
      names.insert(weight.getAs<StringAttr>("name").getValue());
      for (auto part : weight.getAs<ArrayAttr>("parts").getAsRange<FlatSymbolRefAttr>())
        if (!getOperation().lookupSymbol<moe::WeightOp>(part.getAttr()))
          return getOperation().emitError()
                 << "packed weight " << weight.get("name") << " is made of " << part << ", which does not exist";
    }
    return success();
  }

  LogicalResult checkPrograms() {
    auto text = getOperation()->getAttrOfType<StringAttr>(kPrograms);
    if (!text)
      return success();
    json programs = json::parse(text.getValue().begin(), text.getValue().end(), nullptr, /*allow_exceptions=*/false);
    if (!programs.is_object())
      return getOperation().emitError("janus.programs is not a JSON object");
    for (const auto &[side, roles] : programs.items())
      for (const auto &[role, object] : roles.items())
        if (failed(checkProgram(side + "." + role, object)))
          return failure();
    return success();
  }

  LogicalResult checkProgram(const std::string &where, const json &object) {
    absl::StatusOr<RoleProgram> program = ParseRoleProgram(object);
    if (!program.ok())
      return getOperation().emitError() << where << ": " << std::string(program.status().message());
    for (const FragmentDesc &fragment : program->fragments)
      for (const std::string &symbol : {fragment.name, fragment.name + ".workspace"})
        if (!getOperation().lookupSymbol<LLVM::LLVMFuncOp>(symbol))
          return getOperation().emitError() << where << ": fragment function @" << symbol << " does not exist";
    for (const Instruction &step : program->steps)
      for (const std::string &weight : step.weights)
        if (!names.contains(weight))
          return getOperation().emitError() << where << ": weight " << weight << " is not listed in janus.weights";
    return success();
  }

  llvm::StringSet<> names;
};
} // namespace
} // namespace janus

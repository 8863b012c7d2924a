#include "janus/Communication/Explain.h"
#include "janus/Communication/Passes.h"

#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_PRINTPLANPASS
#include "lib/Communication/Passes.h.inc"

namespace {
struct PrintPlan : impl::PrintPlanPassBase<PrintPlan> {
  using Base::Base;

  void runOnOperation() override {
    ExplainOptions options;
    options.json = json;
    if (!topology.empty()) {
      nlohmann::json parsed;
      if (std::string error = readTopology(topology, parsed); !error.empty()) {
        getOperation().emitError(error);
        return signalPassFailure();
      }
      options.topology = std::move(parsed);
    }
    llvm::outs() << explain(getOperation(), options);
    markAllAnalysesPreserved();
  }
};
} // namespace
} // namespace janus

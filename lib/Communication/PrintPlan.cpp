#include "janus/Communication/Explain.h"
#include "janus/Communication/Passes.h"

#include "llvm/Support/MemoryBuffer.h"
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
      auto file = llvm::MemoryBuffer::getFile(topology);
      if (!file)
        return fail("cannot read topology file '" + topology + "': " + file.getError().message());
      auto parsed = nlohmann::json::parse((*file)->getBuffer().str(), nullptr, /*allow_exceptions=*/false);
      if (parsed.is_discarded())
        return fail("topology file '" + topology + "' is not JSON");
      if (std::string error = topologyError(parsed); !error.empty())
        return fail(error);
      options.topology = std::move(parsed);
    }
    llvm::outs() << explain(getOperation(), options);
    markAllAnalysesPreserved();
  }

private:
  void fail(const std::string &message) {
    getOperation().emitError(message);
    signalPassFailure();
  }
};
} // namespace
} // namespace janus

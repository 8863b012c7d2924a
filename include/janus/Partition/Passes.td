//===- Passes.td - the partition stage ----------------------*- tablegen -*-===//
#ifndef JANUS_PARTITION_PASSES
#define JANUS_PARTITION_PASSES

include "mlir/Pass/PassBase.td"

def DropUnusedWeightsPass : Pass<"janus-drop-unused-weights", "::mlir::ModuleOp"> {
  let summary = "removes weights that nothing reads";
  let description = [{
    Before: every weight of the model file is a `moe.weight`, read or not. After: only those that a `moe.get_weight` names
    are left, so that no later stage packs, counts or maps bytes that no instance needs. A remark tells each removal.
    Weights that a function reads without using their values stay: canonicalisation removes such reads.
    ```
    moe.weight @used : tensor<8xf32> ...      ->  moe.weight @used : tensor<8xf32> ...
    moe.weight @unused : tensor<8xf32> ...
    ```
  }];
}

def SelectGateSidePass : Pass<"janus-select-gate-side", "::mlir::ModuleOp"> {
  let summary = "makes the step function of each gate side";
  let description = [{
    Before: one function `@step`. After: `@step_egate` (the router on the expert side), `@step_agate` (the router on the
    attention side) or, with `auto`, both, each with `janus.gate_side`. The bodies are those of `@step`, so that both sides
    come from the same IR. Nothing is placed yet. The suffix is there even when one side is chosen: tools need not guess.
    ```
    func.func @step(...)   ->   func.func @step_egate(...) attributes {janus.gate_side = "expert"}
                                func.func @step_agate(...) attributes {janus.gate_side = "attention"}
    ```
  }];
  let options = [Option<"gateSide", "gate-side", "std::string", "\"expert\"",
                        "where the router runs: expert (EGate), attention (AGate), auto (both step functions)">];
}

def AssignMeshesPass : Pass<"janus-assign-meshes", "::mlir::ModuleOp"> {
  let summary = "decides the mesh of every operation and records who chose it";
  let description = [{
    Writes `janus.mesh` and `janus.origin` on every operation of each step function except `moe.get_weight` (a weight is
    read wherever it is used). The decision is `MeshAnalysis` (MeshAnalysis.h); this pass only writes it down.

    An operation that already carries `janus.mesh` without an origin was placed by the user; that choice stands (origin
    `user`). Otherwise a rule by operation: embedding, norm, linear, rotary, attention, select, columns, combine, activate,
    add run on @attention, routed experts on @expert, the router where the gate side says. What lies between the router's
    linear layer and `moe.route` goes with it (origin `inferred: ...`). Nothing defaults: an operation without a rule is an
    error. Precondition: `--janus-select-gate-side`. A remark reports each layer's router and experts and each user choice.
    ```
    moe.route %logits {layer = 0, k = 2, ...}
    moe.route %logits {layer = 0, k = 2, janus.mesh = "expert", janus.origin = "rule: router (EGate)", ...}
    ```
  }];
}

def FormFragmentsPass : Pass<"janus-form-fragments", "::mlir::ModuleOp"> {
  let summary = "groups operations into janus.fragment, one for each run between mesh changes";
  let description = [{
    Precondition: `--janus-assign-meshes`. After: each step function is a list of fragments and a return; what crosses is
    an operand or a result; `moe.get_weight` stands inside each fragment that uses it. A fragment is as large as the data
    flow allows (FragmentPlan.h): the combine of layer l up to the experts' input of layer l + 1 is one fragment. The
    exception pays: what of an attention fragment the dispatch does not wait for (a shared expert) is a fragment of its own
    after it, so that it runs while activations are in flight. And a moe.sequence, which is called for each sequence of the
    step, is one by itself. Transfers are left to the next stage.
    ```
    %x, %h = janus.fragment @attention origin("rule: embedding, ...") (%ids) {layer = 0} : ... { ... }
    %y     = janus.fragment @expert origin("rule: router (EGate), routed experts") (%h) {layer = 0} : ... { ... }
    ```
  }];
  let dependentDialects = ["::janus::dist::JanusDialect"];
}

def VerifyPartitionPass : Pass<"janus-verify-partition", "::mlir::ModuleOp"> {
  let summary = "checks what holds after partition";
  let description = [{
    In each step function: (1) it has a gate side and every operation is in a fragment; (2) an expert fragment holds the
    routed experts of one layer, layers in order from 0; (3) the router is on the gate side; (4) only the experts' inputs
    cross to an expert fragment: the activations, under AGate ids and weights too, so that the residual stream stays with
    attention; (5) only the experts' output comes back; (6) what the function takes and returns is on the attention side;
    (7) a moe.sequence is a fragment by itself, on @attention. Private functions, which moe.sequence calls, are not looked at.
    Changes nothing.
  }];
}

#endif // JANUS_PARTITION_PASSES

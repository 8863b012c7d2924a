//===- Passes.td - the communicate stage --------------------*- tablegen -*-===//
#ifndef JANUS_COMMUNICATION_PASSES
#define JANUS_COMMUNICATION_PASSES

include "mlir/Pass/PassBase.td"

def InsertTransfersPass : Pass<"janus-insert-transfers", "::mlir::ModuleOp"> {
  let summary = "makes every edge between meshes an explicit transfer";
  let description = [{
    Before: fragments use values of fragments on the other mesh. After: what an expert fragment takes is the result of a
    `janus.dispatch`, and what it gives goes through the `janus.collect` with the same `transfer` number. Numbers are unique
    in the module, in program order. The dispatch stands right after the fragment that makes the activations, so that a
    fragment that does not wait for the experts runs in between.

    Under AGate the dispatch is `routed`, takes (activations, ids, weights), and a `janus.exchange` of the ids stands before
    it: the schedule needs the choices of the whole step. Each transfer carries all schemes that the runtime knows for its
    kind, with messages and bytes by phase (runtime/traffic, docs/transfers.md); which one is used is decided when the
    meshes are bound. Precondition: the partition stage. A remark reports each transfer.
    ```
    %x, %h = janus.fragment @attention ...
    %y = janus.fragment @expert (%h) ...
    =>
    %x, %h = janus.fragment @attention ...
    %h1 = janus.dispatch %h {layer = 0, transfer = 0, schemes = [...]}
    %y = janus.fragment @expert (%h1) ...
    %y1 = janus.collect %y {layer = 0, transfer = 0, schemes = [...]}
    ```
  }];
  let dependentDialects = ["::janus::dist::JanusDialect"];
}

def VerifyCommunicationPass : Pass<"janus-verify-communication", "::mlir::ModuleOp"> {
  let summary = "checks what holds after communicate";
  let description = [{
    (1) No value is used on another mesh than the one it is on: only a dispatch moves to @expert, only a collect comes back;
    (2) each dispatch has exactly one collect with its transfer number and layer, after it, and numbers are unique; (3) a
    dispatch is routed where the gate side is attention, and then its ids are exchanged before it; (4) every scheme is one
    the runtime knows for this kind of transfer, with the same phases and expressions. Holds after `schedule` too. Changes
    nothing.
  }];
}

def PrintPlanPass : Pass<"janus-print-plan", "::mlir::ModuleOp"> {
  let summary = "prints what the compiler decided: the report of janus-compile --explain";
  let description = [{
    To standard output: what was recovered, where each operation runs and why, transfers with the expressions of each
    scheme, memory by role; with a topology file (docs/topology.md) also predicted messages, bytes and times. Reads a module
    after the schedule stage, or after `janus-record-plan`, and changes nothing.
  }];
  let options = [Option<"json", "json", "bool", "false", "JSON in place of text">,
                 Option<"topology", "topology", "std::string", "\"\"", "a topology file to predict for">];
}

def RecordPlanPass : Pass<"janus-record-plan", "::mlir::ModuleOp"> {
  let summary = "keeps the report of janus-print-plan as the module attribute janus.plan";
  let description = [{
    Lowering takes fragments and transfers apart, and the plan with them. This keeps it, so that the artifact's plan.json and
    `janus-print-plan` are the same whichever dump a compilation goes on from. Before: a module after the schedule stage, or
    a tensor program after import. After: its `janus.plan` is the report as JSON text, without a prediction.
  }];
}

#endif // JANUS_COMMUNICATION_PASSES

//===- Passes.td - the schedule stage -----------------------*- tablegen -*-===//
#ifndef JANUS_SCHEDULE_PASSES
#define JANUS_SCHEDULE_PASSES

include "mlir/Pass/PassBase.td"

def InsertSchedulePass : Pass<"janus-insert-schedule", "::mlir::ModuleOp"> {
  let summary = "lets the expert side obtain its work from a schedule";
  let description = [{
    Adds `janus.placement @placement_<layer>` for each MoE layer, a `janus.schedule` for each layer and step function, and
    turns `moe.experts` over ids and weights into `janus.experts` over an assignment, whose result has one row per pair; the
    collect scatters it to [rows, k, H]. A schedule stands between fragments: it is an instruction of the runtime, which
    looks up the placement table; no placement is ever part of the code.

    EGate: the expert fragment is split into the router's and the experts', the schedule between them. AGate: the schedule
    stands on the attention side, over the exchanged ids, and the dispatch carries the assignment over.
    ```
    // EGate                                          // AGate
    %h1 = janus.dispatch %h                           %all = janus.exchange %e
    %e, %p = janus.fragment @expert (%h1)  // router  %w = janus.schedule %all, %p {placement = @placement_0}
    %w = janus.schedule %e, %p                        %h1, %w1 = janus.dispatch %h, %e, %p assignment %w {routed}
    %q = janus.fragment @expert (%h1, %w)  // experts %q = janus.fragment @expert (%h1, %w1)
    %y = janus.collect %q                             %y = janus.collect %q
    ```
    Precondition: the communicate stage. A remark reports each layer's schedule.
  }];
  let dependentDialects = ["::janus::dist::JanusDialect"];
}

def VerifySchedulePass : Pass<"janus-verify-schedule", "::mlir::ModuleOp"> {
  let summary = "checks what holds after schedule";
  let description = [{
    (1) No `moe.experts` is left; (2) each `janus.experts` gets its assignment through its fragment's inputs from a schedule
    of its layer (EGate) or from a routed dispatch that carries one (AGate); (3) each layer has one schedule in each step
    function, with as many experts as the layer's weights; (4) under AGate the schedule is over exchanged ids. Changes
    nothing.
  }];
}

#endif // JANUS_SCHEDULE_PASSES

// A user places operations by editing a dump of the recover stage.

// The norm before the router runs with the experts: the residual's value goes over in place of h, and nothing else does.
// RUN: sed 's/\(%h0 = moe.norm.*\){epsilon/\1{janus.mesh = "expert", epsilon/' %S/Inputs/tiny-model.mlir > %t.norm
// RUN: janus-opt %t.norm --janus-partition=gate-side=expert 2>/dev/null | FileCheck %s --check-prefix=NORM
// NORM: %[[A:.*]] = janus.fragment @attention {{.*}} {layer = 0 : i64} {{.*}} -> tensor<?x8xf32>
// NORM: janus.fragment @expert origin("user; rule: router (EGate), routed experts") (%[[A]]) {layer = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x2x8xf32>
// NORM: moe.norm {{.*}}janus.origin = "user"
// NORM: janus.fragment @attention {{.*}} (%{{.*}}, %[[A]], %arg1) {layer = 1 : i64}
// It goes through the later stages: the router's fragment yields the normalised rows for the experts.
// RUN: janus-opt %t.norm --janus-partition=gate-side=expert --janus-communicate --janus-schedule 2>/dev/null | FileCheck %s --check-prefix=LATER
// LATER: %[[H:.*]] = janus.dispatch
// LATER: %[[R:.*]]:3 = janus.fragment @expert origin("user; rule: router (EGate)") (%[[H]])
// LATER: %[[W:.*]] = janus.schedule %[[R]]#0, %[[R]]#1
// LATER: janus.fragment @expert origin("rule: routed experts") (%[[R]]#2, %[[W]])

// A choice that would take the residual stream over there and back is refused.
// RUN: sed 's/\(%o0 = moe.linear.*%x0\) :/\1 {janus.mesh = "expert"} :/' %S/Inputs/tiny-model.mlir > %t.residual
// RUN: not janus-opt %t.residual --janus-partition=gate-side=expert 2>&1 | FileCheck %s --check-prefix=RESIDUAL
// RESIDUAL: error: 'janus.fragment' op expects the routed experts of one layer in an expert fragment but found 0; a janus.mesh = "expert" elsewhere causes this

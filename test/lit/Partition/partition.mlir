// The whole partition stage on a model of two layers: what crosses between fragments, and in which order they stand.
// RUN: janus-opt %S/Inputs/tiny-model.mlir --janus-partition=gate-side=auto -o %t 2>/dev/null
// RUN: FileCheck %s < %t

// EGate: attention keeps the residual (#0) and sends h (#1); the router is with the experts.
// CHECK-LABEL: func.func @step_egate(
// CHECK: %[[A:.*]]:2 = janus.fragment @attention {{.*}} {layer = 0 : i64}
// CHECK: %[[E:.*]] = janus.fragment @expert origin("rule: router (EGate), routed experts") (%[[A]]#1) {layer = 0 : i64}
// CHECK: %[[B:.*]]:2 = janus.fragment @attention {{.*}} (%[[E]], %[[A]]#0, %arg1) {layer = 1 : i64}
// CHECK: %[[F:.*]] = janus.fragment @expert {{.*}} (%[[B]]#1) {layer = 1 : i64}
// CHECK: janus.fragment @attention {{.*}} (%[[F]], %[[B]]#0, %arg2) {layer = 1 : i64}
// CHECK-NOT: janus.fragment
// AGate: ids and weights go over too.
// CHECK-LABEL: func.func @step_agate(
// CHECK: %[[C:.*]]:4 = janus.fragment @attention
// CHECK: janus.fragment @expert origin("rule: routed experts") (%[[C]]#1, %[[C]]#2, %[[C]]#3) {layer = 0 : i64}

// The dump goes back in, as text and as bytecode; the stage's own check changes nothing.
// RUN: janus-opt %t --janus-verify-partition | diff %t -
// RUN: janus-opt %t --emit-bytecode -o %t.bc && janus-opt %t.bc | diff %t -
// RUN: janus-opt %t --janus-communicate -o /dev/null

// A two-layer model through partition, communicate and schedule: the exact shape that the lower stage reads, for both
// gate sides (docs/architecture.md). The dump, fed back in, verifies.
// RUN: janus-opt %S/../Partition/Inputs/tiny-model.mlir --janus-partition=gate-side=auto --janus-communicate --janus-schedule -o %t 2>/dev/null
// RUN: FileCheck %s < %t
// RUN: janus-opt %t --janus-verify-communication --janus-verify-schedule | diff %t -

// CHECK: janus.placement @placement_0 {experts = 4 : i64, layer = 0 : i64}
// CHECK: janus.placement @placement_1 {experts = 4 : i64, layer = 1 : i64}
// CHECK-LABEL: func.func @step_egate(
// CHECK: %[[A0:.*]]:2 = janus.fragment @attention origin("rule: embedding, norm, linear, rotary, attention") (%arg0, %arg1) {layer = 0 : i64}
// CHECK: %[[H0:.*]] = janus.dispatch %[[A0]]#1 {layer = 0 : i64, {{.*}}transfer = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32>
// CHECK: %[[R0:.*]]:2 = janus.fragment @expert origin("rule: router (EGate)") (%[[H0]]) {layer = 0 : i64} : (tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
// CHECK: moe.linear {{.*}}router
// CHECK: %[[IDS:.*]], %[[WEIGHTS:.*]] = moe.route
// CHECK-NEXT: janus.yield %[[IDS]], %[[WEIGHTS]]
// CHECK: %[[W0:.*]] = janus.schedule %[[R0]]#0, %[[R0]]#1 {experts = 4 : i64, k = 2 : i64, layer = 0 : i64, placement = @placement_0}
// CHECK: %[[P0:.*]] = janus.fragment @expert origin("rule: routed experts") (%[[H0]], %[[W0]]) {layer = 0 : i64} : (tensor<?x8xf32>, !janus.assignment) -> tensor<?x8xf32>
// CHECK-NEXT: ^bb0(%[[X:.*]]: tensor<?x8xf32>, %[[W:.*]]: !janus.assignment):
// CHECK-NEXT: moe.get_weight @l0.gate
// CHECK-NEXT: moe.get_weight @l0.up
// CHECK-NEXT: moe.get_weight @l0.down
// CHECK-NEXT: janus.experts %[[X]], %[[W]] gate
// CHECK: %[[Y0:.*]] = janus.collect %[[P0]] {layer = 0 : i64, {{.*}}transfer = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x2x8xf32>
// CHECK: %[[A1:.*]]:2 = janus.fragment @attention {{.*}} (%[[Y0]], %[[A0]]#0, %arg1) {layer = 1 : i64}
// CHECK: janus.dispatch %[[A1]]#1 {layer = 1 : i64, {{.*}}transfer = 1 : i64}
// CHECK: janus.fragment @expert
// CHECK: janus.schedule {{.*}}@placement_1
// CHECK: janus.fragment @expert
// CHECK: %[[Y1:.*]] = janus.collect
// CHECK: %[[Z:.*]] = janus.fragment @attention origin("rule: combine, norm, select, linear") (%[[Y1]], %[[A1]]#0, %arg2) {layer = 1 : i64}
// CHECK: return %[[Z]]

// AGate: schedule on the attention side over exchanged ids; the dispatch carries the assignment.
// CHECK-LABEL: func.func @step_agate(
// CHECK: %[[B0:.*]]:4 = janus.fragment @attention
// CHECK: janus.yield %{{.*}}, %[[H:.*]], %[[IDS:.*]], %[[WEIGHTS:.*]] :
// CHECK: %[[ALL:.*]] = janus.exchange %[[B0]]#2 {layer = 0 : i64
// CHECK-NEXT: %[[WORK:.*]] = janus.schedule %[[ALL]], %[[B0]]#3 {experts = 4 : i64, k = 2 : i64, layer = 0 : i64, placement = @placement_0}
// CHECK-NEXT: %[[D:.*]]:2 = janus.dispatch %[[B0]]#1, %[[B0]]#2, %[[B0]]#3 assignment %[[WORK]] {layer = 0 : i64, routed, {{.*}}transfer = 2 : i64} : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>) -> (tensor<?x8xf32>, !janus.assignment)
// CHECK-NEXT: %[[P:.*]] = janus.fragment @expert origin("rule: routed experts") (%[[D]]#0, %[[D]]#1) {layer = 0 : i64}
// CHECK: janus.experts
// CHECK: janus.collect %[[P]]
// CHECK: janus.fragment @attention

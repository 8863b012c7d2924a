// RUN: janus-opt %S/../Partition/Inputs/tiny-model.mlir --janus-partition=gate-side=auto --janus-communicate -o %t 2>/dev/null
// RUN: janus-opt %t --janus-insert-schedule -o %t.schedule 2>%t.remarks
// RUN: FileCheck %s < %t.schedule
// RUN: FileCheck %s --check-prefix=REMARK < %t.remarks

// One placement a layer, for both step functions.
// CHECK-COUNT-2: janus.placement @placement_
// CHECK-NOT: janus.placement

// EGate: the expert fragment is split; the schedule stands between router and experts, on what the router chose.
// CHECK-LABEL: func.func @step_egate(
// CHECK: %[[H:.*]] = janus.dispatch
// CHECK: %[[R:.*]]:2 = janus.fragment @expert origin("rule: router (EGate)") (%[[H]])
// CHECK-NOT: moe.experts
// CHECK: %[[W:.*]] = janus.schedule %[[R]]#0, %[[R]]#1 {experts = 4 : i64, k = 2 : i64, layer = 0 : i64, placement = @placement_0}
// CHECK: janus.fragment @expert origin("rule: routed experts") (%[[H]], %[[W]])
// CHECK: janus.experts {{.*}} : (tensor<?x8xf32>, !janus.assignment, {{.*}}) -> tensor<?x8xf32>
// CHECK: janus.collect {{.*}} : (tensor<?x8xf32>) -> tensor<?x2x8xf32>

// AGate: it stands before the dispatch, over the exchanged ids; the dispatch carries the assignment over.
// CHECK-LABEL: func.func @step_agate(
// CHECK: %[[ALL:.*]] = janus.exchange
// CHECK: %[[A:.*]] = janus.schedule %[[ALL]], %{{.*}} {experts = 4 : i64, k = 2 : i64, layer = 0 : i64, placement = @placement_0}
// CHECK: janus.dispatch {{.*}} assignment %[[A]] {{.*}}routed

// REMARK: remark: layer 0: 4 experts, 2 per row, scheduled on the expert side over @placement_0
// REMARK: remark: layer 1: 4 experts, 2 per row, scheduled on the attention side over @placement_1

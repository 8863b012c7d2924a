// A moe.sequence runs on @attention, in a fragment of its own: between two others where a fragment would be cut by it, and behind
// the dispatch where the experts do not wait for it. What it calls stays as it is.
// RUN: janus-opt %S/Inputs/sequences.mlir --janus-partition=gate-side=auto 2>/dev/null | FileCheck %s

// CHECK: func.func private @conv(
// CHECK: onnx.CausalConvWithState
// CHECK: func.func private @all(
// CHECK: func.func private @row(
// CHECK-LABEL: func.func @step_egate
// CHECK: %[[X:.*]] = janus.fragment @attention origin("rule: embedding")
// CHECK: %[[C:.*]] = janus.fragment @attention origin("rule: sequence") (%[[X]]) {layer = 0 : i64}
// CHECK: moe.get_weight @conv0
// CHECK: moe.sequence @conv
// CHECK-NEXT: janus.yield
// CHECK: %[[A:.*]] = janus.fragment @attention origin("rule: sequence") (%[[C]], %arg1)
// CHECK: moe.sequence @all(%{{.*}}, %{{.*}}) {history = 0 : i64}
// CHECK: %[[H:.*]] = janus.fragment @attention origin("rule: norm") (%[[A]])
// Not awaited by the experts, so behind what they wait for; one after the other.
// CHECK: %[[S:.*]] = janus.fragment @attention origin("rule: sequence") (%[[H]])
// CHECK: moe.sequence @conv(%{{.*}}, %{{.*}}) {state = 1 : i64}
// CHECK: %[[R:.*]] = janus.fragment @attention origin("rule: sequence") (%[[S]])
// CHECK: moe.sequence @row
// CHECK: %[[Y:.*]] = janus.fragment @expert {{.*}} (%[[H]])
// CHECK: janus.fragment @attention origin("rule: combine, select, linear") (%[[Y]], %[[R]], %[[A]], %arg2)

// CHECK-LABEL: func.func @step_agate
// CHECK-COUNT-4: moe.sequence

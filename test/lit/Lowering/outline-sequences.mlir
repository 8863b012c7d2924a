// RUN: janus-opt %S/../Partition/Inputs/sequences.mlir --janus-partition=gate-side=auto --janus-communicate --janus-schedule -o %t 2>/dev/null
// RUN: janus-opt %t --janus-outline-fragments | FileCheck %s

// The fragment is gone, its operation stands in the step function; weights are operands, so both convolutions call one function.
// CHECK-NOT: @conv(
// CHECK-LABEL: func.func @step_egate
// CHECK: %[[W0:.*]] = moe.get_weight @conv0
// CHECK: moe.sequence @sequence_0(%{{.*}}, %[[W0]]) {janus.layer = 0 : i64}
// CHECK: moe.sequence @sequence_1(%{{.*}}, %arg1) {history = 0 : i64, janus.layer = 0 : i64}
// CHECK: janus.dispatch
// CHECK: %[[W1:.*]] = moe.get_weight @conv1
// CHECK: moe.sequence @sequence_0(%{{.*}}, %[[W1]]) {janus.layer = 0 : i64, state = 1 : i64}
// CHECK: moe.sequence @sequence_2(
// Both gate sides share them.
// CHECK-LABEL: func.func @step_agate
// CHECK-COUNT-2: moe.sequence @sequence_0(
// CHECK: func.func private @sequence_0({{.*}}, %{{[^ ]*}}: tensor<8x1x3xf32>, %{{[^ ]*}}: tensor<1x8x2xf32>) {{.*}} attributes {janus.inputs = 2 : i64, janus.role = "attention", janus.sequence}
// CHECK: func.func private @sequence_2(
// CHECK-NOT: func.func private @{{conv|all|row|sequence_3}}(

// RUN: janus-opt %s --janus-drop-unused-weights 2>/dev/null | FileCheck %s
// RUN: janus-opt %s --janus-drop-unused-weights 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK

// A weight that a function reads stays, also when it is read twice.
// CHECK: moe.weight @used
moe.weight @used : tensor<8xf32> value dense<1.0> : tensor<8xf32>
// A weight that nothing reads goes, with a remark.
// CHECK-NOT: moe.weight @unused
// REMARK: remark: weight @unused is dropped: nothing reads it
// REMARK-NOT: @used
moe.weight @unused : tensor<8xf32> value dense<1.0> : tensor<8xf32>
// CHECK: func.func @step
func.func @step(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %w = moe.get_weight @used : tensor<8xf32>
  %0 = moe.norm rms %x, %w {epsilon = 1.0e-06 : f32} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %v = moe.get_weight @used : tensor<8xf32>
  %1 = moe.norm rms %0, %v {epsilon = 1.0e-06 : f32} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}

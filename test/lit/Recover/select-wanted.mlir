// RUN: janus-opt %s --janus-select-wanted -split-input-file | FileCheck %s

// The head and its norm run on wanted rows only: the selection moves up to the value that something else reads too.
// CHECK-LABEL: func.func private @step(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x4xf32>)
// CHECK: %[[SUM:.*]] = moe.add %[[X]], %[[X]]
// CHECK: %[[S:.*]] = moe.select %[[SUM]], %{{.*}} : (tensor<?x4xf32>, tensor<?xi32>) -> tensor<?x4xf32>
// CHECK: %[[N:.*]] = moe.norm rms %[[S]],
// CHECK: %[[C:.*]] = moe.columns %[[N]]
// CHECK: %[[L:.*]] = moe.linear %[[C]],
// CHECK: return %[[L]]
!ids = tensor<?xi32>
func.func private @step(%i: !ids, %p: !ids, %wanted: !ids, %g: tensor<4xf32>, %w: tensor<8x2xf32>, %x: tensor<?x4xf32>) -> tensor<?x8xf32> attributes {moe.rows = "S"} {
  %0 = moe.add %x, %x : tensor<?x4xf32>
  %1 = moe.norm rms %0, %g {epsilon = 1.0e-6 : f32} : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %2 = moe.columns %1 {offset = 2 : i64} : (tensor<?x4xf32>) -> tensor<?x2xf32>
  %3 = moe.linear %2, %w : (tensor<?x2xf32>, tensor<8x2xf32>) -> tensor<?x8xf32>
  return %3 : tensor<?x8xf32>
}

// -----

// It stays below a linear layer with a residual, which takes two values by row.
// CHECK-LABEL: func.func private @step(
// CHECK: %[[L:.*]] = moe.linear {{.*}} residual
// CHECK: %[[S:.*]] = moe.select %[[L]],
// CHECK: return %[[S]]
!ids = tensor<?xi32>
func.func private @step(%i: !ids, %p: !ids, %wanted: !ids, %w: tensor<4x4xf32>, %x: tensor<?x4xf32>) -> tensor<?x4xf32> attributes {moe.rows = "S"} {
  %0 = moe.linear %x, %w residual %x : (tensor<?x4xf32>, tensor<4x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// -----

// A result that is still in the graph's form is left: --janus-finish-recovery says why.
// CHECK-LABEL: func.func private @step(
// CHECK-NOT: moe.select
!ids = tensor<?xi32>
func.func private @step(%i: !ids, %p: !ids, %wanted: !ids, %x: tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>) -> tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>> attributes {moe.rows = "B*S"} {
  return %x : tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
}

// RUN: janus-opt %s --janus-fuse-epilogues -split-input-file | FileCheck %s

// The sum of a linear layer, on either side, becomes its residual. What is beside the experts and has no other use is
// their shared branch, and its residual theirs.
// CHECK-LABEL: func.func private @step(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x4xf32>, %[[W:[a-z0-9]+]]: tensor<4x4xf32>, %[[Y:[a-z0-9]+]]: tensor<?x2x4xf32>)
// CHECK: %[[A:.*]] = moe.linear %[[X]], %[[W]] residual %[[X]]
// CHECK: %[[B:.*]] = moe.linear %[[A]], %[[W]] :
// CHECK: %[[C:.*]] = moe.combine %[[Y]] shared %[[B]] residual %[[A]]
// CHECK-NOT: moe.add
// CHECK: return %[[C]]
func.func private @step(%x: tensor<?x4xf32>, %w: tensor<4x4xf32>, %y: tensor<?x2x4xf32>) -> tensor<?x4xf32> attributes {moe.rows = "S"} {
  %0 = moe.linear %x, %w : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
  %1 = moe.add %0, %x : tensor<?x4xf32>
  %2 = moe.linear %1, %w : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
  %3 = moe.add %1, %2 : tensor<?x4xf32>
  %4 = moe.combine %y : (tensor<?x2x4xf32>) -> tensor<?x4xf32>
  %5 = moe.add %4, %3 : tensor<?x4xf32>
  return %5 : tensor<?x4xf32>
}

// -----

// Of two candidates the later one takes the other as its residual, wherever they stand in the add.
// CHECK-LABEL: func.func private @step(
// CHECK: %[[FIRST:.*]] = moe.linear %[[X:.*]], %[[W:[a-z0-9]+]] :
// CHECK: moe.linear %[[X]], %[[W]] residual %[[FIRST]]
func.func private @step(%x: tensor<?x4xf32>, %w: tensor<4x4xf32>) -> tensor<?x4xf32> attributes {moe.rows = "S"} {
  %first = moe.linear %x, %w : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
  %later = moe.linear %x, %w : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
  %0 = moe.add %later, %first : tensor<?x4xf32>
  return %0 : tensor<?x4xf32>
}

// -----

// Left alone: a linear layer that something else reads, one that has a residual, a router, and sums of other values.
// CHECK-LABEL: func.func private @step(
// CHECK-COUNT-4: moe.add
func.func private @step(%x: tensor<?x4xf32>, %w: tensor<4x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) attributes {moe.rows = "S"} {
  %shared = moe.linear %x, %w : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
  %0 = moe.add %shared, %x : tensor<?x4xf32>
  %full = moe.linear %0, %w residual %shared : (tensor<?x4xf32>, tensor<4x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %1 = moe.add %full, %0 : tensor<?x4xf32>
  %router = moe.linear %1, %w {layer = 0 : i64, router} : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
  %2 = moe.add %router, %1 : tensor<?x4xf32>
  %3 = moe.add %x, %2 : tensor<?x4xf32>
  return %3, %shared : tensor<?x4xf32>, tensor<?x4xf32>
}

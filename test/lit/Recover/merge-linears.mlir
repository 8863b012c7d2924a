// RUN: janus-opt %s --janus-merge-linears -split-input-file | FileCheck %s

// Query, key and value of one input: their weights one after the other, columns in place of the results.
// CHECK: moe.weight @[[W:.*]] : tensor<8x4xf32> views [#moe.view<"q", f32, offset = 0, shape = [4, 4], strides = [1, 4]>, #moe.view<"k", f32, offset = 0, shape = [2, 4], strides = [1, 2]>, #moe.view<"v", f32, offset = 0, shape = [2, 4], strides = [1, 2]>]
// CHECK-LABEL: func.func private @step(
// CHECK-SAME: %[[X:[a-z0-9]+]]: tensor<?x4xf32>)
// CHECK: %[[WV:.*]] = moe.get_weight @[[W]]
// CHECK: %[[Y:.*]] = moe.linear %[[X]], %[[WV]] : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
// CHECK-DAG: %[[Q:.*]] = moe.columns %[[Y]] {offset = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x4xf32>
// CHECK-DAG: %[[K:.*]] = moe.columns %[[Y]] {offset = 4 : i64} : (tensor<?x8xf32>) -> tensor<?x2xf32>
// CHECK-DAG: %[[V:.*]] = moe.columns %[[Y]] {offset = 6 : i64} : (tensor<?x8xf32>) -> tensor<?x2xf32>
// CHECK: return %[[Q]], %[[K]], %[[V]]
moe.weight @q : tensor<4x4xf32> views [#moe.view<"q", f32, offset = 0, shape = [4, 4], strides = [1, 4]>]
moe.weight @k : tensor<2x4xf32> views [#moe.view<"k", f32, offset = 0, shape = [2, 4], strides = [1, 2]>]
moe.weight @v : tensor<2x4xf32> views [#moe.view<"v", f32, offset = 0, shape = [2, 4], strides = [1, 2]>]
func.func private @step(%x: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x2xf32>, tensor<?x2xf32>) attributes {moe.rows = "S"} {
  %wq = moe.get_weight @q : tensor<4x4xf32>
  %wk = moe.get_weight @k : tensor<2x4xf32>
  %wv = moe.get_weight @v : tensor<2x4xf32>
  %q = moe.linear %x, %wq : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
  %k = moe.linear %x, %wk : (tensor<?x4xf32>, tensor<2x4xf32>) -> tensor<?x2xf32>
  %v = moe.linear %x, %wv : (tensor<?x4xf32>, tensor<2x4xf32>) -> tensor<?x2xf32>
  return %q, %k, %v : tensor<?x4xf32>, tensor<?x2xf32>, tensor<?x2xf32>
}

// -----

// Biases go with their weights, in the same order.
// CHECK-LABEL: module {
// CHECK-DAG: : tensor<4x4xf32> views [#moe.view<"q", {{.*}}>, #moe.view<"k", {{.*}}>]
// CHECK-DAG: : tensor<4xf32> views [#moe.view<"qb", {{.*}}>, #moe.view<"kb", {{.*}}>]
// CHECK: moe.linear %{{.*}}, %{{.*}} bias %{{.*}} : (tensor<?x4xf32>, tensor<4x4xf32>, tensor<4xf32>)
// CHECK-NOT: moe.linear
moe.weight @q : tensor<2x4xf32> views [#moe.view<"q", f32, offset = 0, shape = [2, 4], strides = [1, 2]>]
moe.weight @qb : tensor<2xf32> views [#moe.view<"qb", f32, offset = 0, shape = [2], strides = [1]>]
moe.weight @k : tensor<2x4xf32> views [#moe.view<"k", f32, offset = 0, shape = [2, 4], strides = [1, 2]>]
moe.weight @kb : tensor<2xf32> views [#moe.view<"kb", f32, offset = 0, shape = [2], strides = [1]>]
func.func private @step(%x: tensor<?x4xf32>) -> tensor<?x2xf32> attributes {moe.rows = "S"} {
  %wq = moe.get_weight @q : tensor<2x4xf32>
  %bq = moe.get_weight @qb : tensor<2xf32>
  %wk = moe.get_weight @k : tensor<2x4xf32>
  %bk = moe.get_weight @kb : tensor<2xf32>
  %q = moe.linear %x, %wq bias %bq : (tensor<?x4xf32>, tensor<2x4xf32>, tensor<2xf32>) -> tensor<?x2xf32>
  %k = moe.linear %x, %wk bias %bk : (tensor<?x4xf32>, tensor<2x4xf32>, tensor<2xf32>) -> tensor<?x2xf32>
  %s = moe.add %q, %k : tensor<?x2xf32>
  return %s : tensor<?x2xf32>
}

// -----

// Left alone: a router, a layer with a residual, one with a bias beside one without, an inline weight, another input.
// CHECK-LABEL: module {
// CHECK-COUNT-6: moe.linear
// CHECK-NOT: moe.columns
moe.weight @w : tensor<4x4xf32> views [#moe.view<"w", f32, offset = 0, shape = [4, 4], strides = [1, 4]>]
moe.weight @inline : tensor<4x4xf32> value dense<0.5> : tensor<4x4xf32>
moe.weight @b : tensor<4xf32> views [#moe.view<"b", f32, offset = 0, shape = [4], strides = [1]>]
func.func private @step(%x: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) attributes {moe.rows = "S"} {
  %w = moe.get_weight @w : tensor<4x4xf32>
  %i = moe.get_weight @inline : tensor<4x4xf32>
  %b = moe.get_weight @b : tensor<4xf32>
  %0 = moe.linear %x, %w : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
  %1 = moe.linear %x, %w {layer = 0 : i64, router} : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
  %2 = moe.linear %x, %w residual %0 : (tensor<?x4xf32>, tensor<4x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %3 = moe.linear %x, %w bias %b : (tensor<?x4xf32>, tensor<4x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  %4 = moe.linear %x, %i : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
  %5 = moe.linear %3, %w residual %4 : (tensor<?x4xf32>, tensor<4x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  %6 = moe.add %2, %5 : tensor<?x4xf32>
  return %1, %6 : tensor<?x4xf32>, tensor<?x4xf32>
}

// -----

// Quantised weights are merged with those of the same blocks, and with no others.
// CHECK-LABEL: module {
// CHECK: : tensor<4x32xf32, #moe.blocks<bits = 4, size = 32, zeros = middle>> views [#moe.quantised<{{.*}}"q"{{.*}}>, #moe.quantised<{{.*}}"k"{{.*}}>]
// CHECK: moe.linear %{{.*}} : (tensor<?x32xf32>, tensor<4x32xf32, #moe.blocks<bits = 4, size = 32, zeros = middle>>) -> tensor<?x4xf32>
// CHECK: moe.linear %{{.*}} : (tensor<?x32xf32>, tensor<2x32xf32, #moe.blocks<bits = 4, size = 16, zeros = middle>>) -> tensor<?x2xf32>
!a = tensor<2x32xf32, #moe.blocks<bits = 4, size = 32, zeros = middle>>
!b = tensor<2x32xf32, #moe.blocks<bits = 4, size = 16, zeros = middle>>
moe.weight @q : tensor<2x32xf32, #moe.blocks<bits = 4, size = 32, zeros = middle>> views [#moe.quantised<integers = #moe.view<"q", ui4, offset = 0, shape = [2, 32], strides = [32, 1]>, scales = #moe.view<"q", f32, offset = 32, shape = [2, 1], strides = [1, 1]>>]
moe.weight @k : tensor<2x32xf32, #moe.blocks<bits = 4, size = 32, zeros = middle>> views [#moe.quantised<integers = #moe.view<"k", ui4, offset = 0, shape = [2, 32], strides = [32, 1]>, scales = #moe.view<"k", f32, offset = 32, shape = [2, 1], strides = [1, 1]>>]
moe.weight @v : tensor<2x32xf32, #moe.blocks<bits = 4, size = 16, zeros = middle>> views [#moe.quantised<integers = #moe.view<"v", ui4, offset = 0, shape = [2, 32], strides = [32, 1]>, scales = #moe.view<"v", f32, offset = 32, shape = [2, 2], strides = [2, 1]>>]
func.func private @step(%x: tensor<?x32xf32>) -> (tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>) attributes {moe.rows = "S"} {
  %wq = moe.get_weight @q : !a
  %wk = moe.get_weight @k : !a
  %wv = moe.get_weight @v : !b
  %q = moe.linear %x, %wq : (tensor<?x32xf32>, !a) -> tensor<?x2xf32>
  %k = moe.linear %x, %wk : (tensor<?x32xf32>, !a) -> tensor<?x2xf32>
  %v = moe.linear %x, %wv : (tensor<?x32xf32>, !b) -> tensor<?x2xf32>
  return %q, %k, %v : tensor<?x2xf32>, tensor<?x2xf32>, tensor<?x2xf32>
}

// RUN: janus-opt %s --janus-recover-embedding -split-input-file | FileCheck %s

// The table becomes a weight, the tokens the step's ids; the graph's shape comes back by a conversion. An f16 table with
// its cast, and tokens behind casts and reshapes, mean the same.
// CHECK-LABEL: module {
// CHECK: moe.weight @[[TABLE:.*]] : tensor<16x8xf32> views [#moe.view<"d", f16, offset = 64, shape = [16, 8], strides = [8, 1]>]
// CHECK: func.func private @step(%[[IDS:[a-z0-9]+]]: tensor<?xi32>,
// CHECK: %[[W:.*]] = moe.get_weight @[[TABLE]]
// CHECK: %[[ROWS:.*]] = moe.embedding %[[IDS]], %[[W]] : (tensor<?xi32>, tensor<16x8xf32>) -> tensor<?x8xf32>
// CHECK: %[[X:.*]] = builtin.unrealized_conversion_cast %[[ROWS]] : tensor<?x8xf32> to tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
// CHECK: return %[[X]]
!ids = tensor<?xi32>
!tokens = tensor<?x?xi64, #onnx.dims<"B", "S">>
!x = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
onnx.initializer @table : tensor<16x8xf16> = #onnx.range<"d", f16, offset = 64, length = 256>
func.func private @step(%i: !ids, %p: !ids, %w: !ids, %tokens: !tokens) -> !x attributes {moe.rows = "B*S", moe.tokens = 3 : i64} {
  %half = onnx.initializer_value @table : tensor<16x8xf16>
  %table = onnx.Cast(%half) {to = 1 : i64} : (tensor<16x8xf16>) -> tensor<16x8xf32>
  %narrow = onnx.Cast(%tokens) {to = 6 : i64} : (!tokens) -> tensor<?x?xi32, #onnx.dims<"B", "S">>
  %x = onnx.Gather(%table, %narrow) {axis = 0 : i64} : (tensor<16x8xf32>, tensor<?x?xi32, #onnx.dims<"B", "S">>) -> !x
  return %x : !x
}

// -----

// A table gathered by something else than the tokens stays.
// CHECK-LABEL: module {
// CHECK: func.func private @step
// CHECK: onnx.Gather
// CHECK-NOT: moe.embedding
!ids = tensor<?xi32>
!tokens = tensor<?x?xi64, #onnx.dims<"B", "S">>
!x = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
onnx.initializer @table : tensor<16x8xf32> = #onnx.range<"d", f32, offset = 0, length = 512>
func.func private @step(%i: !ids, %p: !ids, %w: !ids, %tokens: !tokens, %kinds: !tokens) -> !x attributes {moe.rows = "B*S", moe.tokens = 3 : i64} {
  %table = onnx.initializer_value @table : tensor<16x8xf32>
  %x = onnx.Gather(%table, %kinds) {axis = 0 : i64} : (tensor<16x8xf32>, !tokens) -> !x
  return %x : !x
}

// -----

// So does a gather of columns.
// CHECK-LABEL: module {
// CHECK: func.func private @step
// CHECK: onnx.Gather
// CHECK-NOT: moe.embedding
!ids = tensor<?xi32>
!tokens = tensor<?xi64, #onnx.dims<"S">>
onnx.initializer @table : tensor<16x8xf32> = #onnx.range<"d", f32, offset = 0, length = 512>
func.func private @step(%i: !ids, %p: !ids, %w: !ids, %tokens: !tokens) -> tensor<16x?xf32, #onnx.dims<16, "S">> attributes {moe.rows = "S", moe.tokens = 3 : i64} {
  %table = onnx.initializer_value @table : tensor<16x8xf32>
  %x = onnx.Gather(%table, %tokens) {axis = 1 : i64} : (tensor<16x8xf32>, !tokens) -> tensor<16x?xf32, #onnx.dims<16, "S">>
  return %x : tensor<16x?xf32, #onnx.dims<16, "S">>
}

// -----

// A quantised table keeps its integers and scales.
// CHECK-LABEL: module {
// CHECK: moe.weight @[[TABLE:.*]] : tensor<16x32xf32, #moe.blocks<bits = 8, size = 16, zeros = middle>> views [#moe.quantised<integers = #moe.view<"d", ui8, offset = 64, shape = [16, 32], strides = [32, 1]>, scales = #moe.view<"d", f32, offset = 1024, shape = [16, 2], strides = [2, 1]>>]
// CHECK: %[[W:.*]] = moe.get_weight @[[TABLE]]
// CHECK: moe.embedding %{{.*}}, %[[W]] : (tensor<?xi32>, tensor<16x32xf32, #moe.blocks<bits = 8, size = 16, zeros = middle>>) -> tensor<?x32xf32>
!ids = tensor<?xi32>
!tokens = tensor<?x?xi64, #onnx.dims<"B", "S">>
!x = tensor<?x?x32xf32, #onnx.dims<"B", "S", 32>>
onnx.initializer @q : tensor<16x32xui8> = #onnx.range<"d", ui8, offset = 64, length = 512>
onnx.initializer @s : tensor<16x2xf32> = #onnx.range<"d", f32, offset = 1024, length = 128>
func.func private @step(%i: !ids, %p: !ids, %w: !ids, %tokens: !tokens) -> !x attributes {moe.rows = "B*S", moe.tokens = 3 : i64} {
  %q = onnx.initializer_value @q : tensor<16x32xui8>
  %s = onnx.initializer_value @s : tensor<16x2xf32>
  %x = onnx.GatherBlockQuantized(%q, %tokens, %s) {bits = 8 : i64, block_size = 16 : i64, gather_axis = 0 : i64, quantize_axis = 1 : i64} : (tensor<16x32xui8>, !tokens, tensor<16x2xf32>) -> !x
  return %x : !x
}

// -----

// Integers of 4 bits with a sign: without zero points the middle, which is 0 as stored.
// CHECK-LABEL: module {
// CHECK: moe.weight @[[TABLE:.*]] : tensor<16x32xf32, #moe.blocks<bits = 4, size = 16, zeros = middle>> views [#moe.quantised<integers = #moe.view<"d", i4, offset = 64, shape = [16, 32], strides = [32, 1]>, scales = #moe.view<"d", f32, offset = 1024, shape = [16, 2], strides = [2, 1]>>]
// CHECK: moe.embedding
!ids = tensor<?xi32>
!tokens = tensor<?x?xi64, #onnx.dims<"B", "S">>
!x = tensor<?x?x32xf32, #onnx.dims<"B", "S", 32>>
onnx.initializer @q : tensor<16x32xi4> = #onnx.range<"d", i4, offset = 64, length = 256>
onnx.initializer @s : tensor<16x2xf32> = #onnx.range<"d", f32, offset = 1024, length = 128>
func.func private @step(%i: !ids, %p: !ids, %w: !ids, %tokens: !tokens) -> !x attributes {moe.rows = "B*S", moe.tokens = 3 : i64} {
  %q = onnx.initializer_value @q : tensor<16x32xi4>
  %s = onnx.initializer_value @s : tensor<16x2xf32>
  %x = onnx.GatherBlockQuantized(%q, %tokens, %s) {bits = 4 : i64, block_size = 16 : i64, gather_axis = 0 : i64, quantize_axis = 1 : i64} : (tensor<16x32xi4>, !tokens, tensor<16x2xf32>) -> !x
  return %x : !x
}

// -----

// Without a sign the zero point is 0, which is no middle: it is written down.
// CHECK-LABEL: module {
// CHECK: moe.weight @{{.*}} : tensor<16x16xf32, #moe.blocks<bits = 4, size = 16, zeros = integers>> views [#moe.quantised<integers = #moe.view<"d", ui4, offset = 64, shape = [16, 16], strides = [16, 1]>, scales = #moe.view<"d", f32, offset = 1024, shape = [16, 1], strides = [1, 0]>, zeros = dense<0> : tensor<16x1xui8>>]
// CHECK: moe.embedding
!ids = tensor<?xi32>
!tokens = tensor<?x?xi64, #onnx.dims<"B", "S">>
!x = tensor<?x?x16xf32, #onnx.dims<"B", "S", 16>>
onnx.initializer @q : tensor<16x16xui4> = #onnx.range<"d", ui4, offset = 64, length = 128>
onnx.initializer @s : tensor<16x1xf32> = #onnx.range<"d", f32, offset = 1024, length = 64>
func.func private @step(%i: !ids, %p: !ids, %w: !ids, %tokens: !tokens) -> !x attributes {moe.rows = "B*S", moe.tokens = 3 : i64} {
  %q = onnx.initializer_value @q : tensor<16x16xui4>
  %s = onnx.initializer_value @s : tensor<16x1xf32>
  %x = onnx.GatherBlockQuantized(%q, %tokens, %s) {bits = 4 : i64, block_size = 16 : i64, gather_axis = 0 : i64, quantize_axis = 1 : i64} : (tensor<16x16xui4>, !tokens, tensor<16x1xf32>) -> !x
  return %x : !x
}

// -----

// Zero points of 4 bits lie as the integers do.
// CHECK-LABEL: module {
// CHECK: zeros = integers>> views [#moe.quantised<integers = #moe.view<"d", i4, {{.*}}>, scales = #moe.view<{{.*}}>, zeros = #moe.view<"d", i4, offset = 2048, shape = [16, 2], strides = [2, 1]>>]
// CHECK: moe.embedding
!ids = tensor<?xi32>
!tokens = tensor<?x?xi64, #onnx.dims<"B", "S">>
!x = tensor<?x?x32xf32, #onnx.dims<"B", "S", 32>>
onnx.initializer @q : tensor<16x32xi4> = #onnx.range<"d", i4, offset = 64, length = 256>
onnx.initializer @s : tensor<16x2xf32> = #onnx.range<"d", f32, offset = 1024, length = 128>
onnx.initializer @z : tensor<16x2xi4> = #onnx.range<"d", i4, offset = 2048, length = 16>
func.func private @step(%i: !ids, %p: !ids, %w: !ids, %tokens: !tokens) -> !x attributes {moe.rows = "B*S", moe.tokens = 3 : i64} {
  %q = onnx.initializer_value @q : tensor<16x32xi4>
  %s = onnx.initializer_value @s : tensor<16x2xf32>
  %z = onnx.initializer_value @z : tensor<16x2xi4>
  %x = onnx.GatherBlockQuantized(%q, %tokens, %s, %z) {bits = 4 : i64, block_size = 16 : i64, gather_axis = 0 : i64, quantize_axis = 1 : i64} : (tensor<16x32xi4>, !tokens, tensor<16x2xf32>, tensor<16x2xi4>) -> !x
  return %x : !x
}

// -----

// A table along whose columns blocks lie holds no rows of tokens.
// CHECK-LABEL: module {
// CHECK: onnx.GatherBlockQuantized
// CHECK-NOT: moe.embedding
!ids = tensor<?xi32>
!tokens = tensor<?xi64, #onnx.dims<"S">>
!x = tensor<16x?xf32, #onnx.dims<16, "S">>
onnx.initializer @q : tensor<16x32xi4> = #onnx.range<"d", i4, offset = 64, length = 256>
onnx.initializer @s : tensor<1x32xf32> = #onnx.range<"d", f32, offset = 1024, length = 128>
func.func private @step(%i: !ids, %p: !ids, %w: !ids, %tokens: !tokens) -> !x attributes {moe.rows = "S", moe.tokens = 3 : i64} {
  %q = onnx.initializer_value @q : tensor<16x32xi4>
  %s = onnx.initializer_value @s : tensor<1x32xf32>
  %x = onnx.GatherBlockQuantized(%q, %tokens, %s) {bits = 4 : i64, block_size = 16 : i64, gather_axis = 1 : i64, quantize_axis = 0 : i64} : (tensor<16x32xi4>, !tokens, tensor<1x32xf32>) -> !x
  return %x : !x
}

// -----

// A table of bytes that DequantizeLinear makes numbers, with one scale for all.
// CHECK-LABEL: module {
// CHECK: moe.weight @{{.*}} : tensor<16x32xf32, #moe.blocks<bits = 8, size = 32, zeros = middle>> views [#moe.quantised<integers = #moe.view<"d", i8, offset = 64, shape = [16, 32], strides = [32, 1]>, scales = dense<5.000000e-01> : tensor<16x1xf32>>]
// CHECK: moe.embedding
!ids = tensor<?xi32>
!tokens = tensor<?x?xi64, #onnx.dims<"B", "S">>
!x = tensor<?x?x32xf32, #onnx.dims<"B", "S", 32>>
onnx.initializer @q : tensor<16x32xi8> = #onnx.range<"d", i8, offset = 64, length = 512>
func.func private @step(%i: !ids, %p: !ids, %w: !ids, %tokens: !tokens) -> !x attributes {moe.rows = "B*S", moe.tokens = 3 : i64} {
  %q = onnx.initializer_value @q : tensor<16x32xi8>
  %s = onnx.constant dense<0.5> : tensor<f32>
  %table = onnx.DequantizeLinear(%q, %s) : (tensor<16x32xi8>, tensor<f32>) -> tensor<16x32xf32>
  %x = onnx.Gather(%table, %tokens) {axis = 0 : i64} : (tensor<16x32xf32>, !tokens) -> !x
  return %x : !x
}

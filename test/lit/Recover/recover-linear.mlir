// RUN: janus-opt %s --janus-recover-linear -split-input-file | FileCheck %s

// A MatMul by a stored [K, N] is a linear layer of a weight [N, K]: strides turn it, nothing is copied, f16 stays f16.
// A vector [N] added on the right is its bias.
// CHECK-LABEL: module {
// CHECK: moe.weight @"moe:w" : tensor<6x4xf32> views [#moe.view<"d", f16, offset = 64, shape = [6, 4], strides = [1, 6]>]
// CHECK: moe.weight @"moe:b" : tensor<6xf32> views [#moe.view<"d", f32, offset = 112, shape = [6], strides = [1]>]
// CHECK: %[[X:.*]] = builtin.unrealized_conversion_cast %{{.*}} to tensor<?x4xf32>
// CHECK: %[[W:.*]] = moe.get_weight @"moe:w"
// CHECK: %[[B:.*]] = moe.get_weight @"moe:b"
// CHECK: %[[Y:.*]] = moe.linear %[[X]], %[[W]] bias %[[B]] : (tensor<?x4xf32>, tensor<6x4xf32>, tensor<6xf32>) -> tensor<?x6xf32>
// CHECK: %[[Z:.*]] = builtin.unrealized_conversion_cast %[[Y]]
// CHECK-NOT: onnx.Add
// CHECK: return %[[Z]]
!x = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!y = tensor<?x?x6xf32, #onnx.dims<"B", "S", 6>>
onnx.initializer @w : tensor<4x6xf32> = #onnx.range<"d", f16, offset = 64, length = 48>
onnx.initializer @b : tensor<6xf32> = #onnx.range<"d", f32, offset = 112, length = 24>
func.func private @step(%x: !x) -> !y attributes {moe.rows = "B*S"} {
  %w = onnx.initializer_value @w : tensor<4x6xf32>
  %b = onnx.initializer_value @b : tensor<6xf32>
  %0 = onnx.MatMul(%x, %w) : (!x, tensor<4x6xf32>) -> !y
  %1 = onnx.Add(%0, %b) : (!y, tensor<6xf32>) -> !y
  return %1 : !y
}

// -----

// So is one on the left, as [1, 1, N].
// CHECK-LABEL: module {
// CHECK: moe.linear %{{.*}}, %{{.*}} bias %{{.*}} : (tensor<?x4xf32>, tensor<6x4xf32>, tensor<6xf32>)
// CHECK-NOT: onnx.Add
!x = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!y = tensor<?x?x6xf32, #onnx.dims<"B", "S", 6>>
onnx.initializer @w : tensor<4x6xf32> = #onnx.range<"d", f16, offset = 64, length = 48>
onnx.initializer @b : tensor<6xf32> = #onnx.range<"d", f32, offset = 112, length = 24>
func.func private @step(%x: !x) -> !y attributes {moe.rows = "B*S"} {
  %w = onnx.initializer_value @w : tensor<4x6xf32>
  %b = onnx.initializer_value @b : tensor<6xf32>
  %axes = onnx.constant dense<[0, 1]> : tensor<2xi64>
  %wide = onnx.Unsqueeze(%b, %axes) : (tensor<6xf32>, tensor<2xi64>) -> tensor<1x1x6xf32>
  %0 = onnx.MatMul(%x, %w) : (!x, tensor<4x6xf32>) -> !y
  %1 = onnx.Add(%wide, %0) : (tensor<1x1x6xf32>, !y) -> !y
  return %1 : !y
}

// -----

// A sum that something else reads too is no bias.
// CHECK-LABEL: module {
// CHECK: moe.linear %{{[^ ]*}}, %{{[^ ]*}} :
// CHECK: onnx.Add
!x = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!y = tensor<?x?x6xf32, #onnx.dims<"B", "S", 6>>
onnx.initializer @w : tensor<4x6xf32> = #onnx.range<"d", f16, offset = 64, length = 48>
onnx.initializer @b : tensor<6xf32> = #onnx.range<"d", f32, offset = 112, length = 24>
func.func private @step(%x: !x) -> !y attributes {moe.rows = "B*S"} {
  %w = onnx.initializer_value @w : tensor<4x6xf32>
  %b = onnx.initializer_value @b : tensor<6xf32>
  %0 = onnx.MatMul(%x, %w) : (!x, tensor<4x6xf32>) -> !y
  %1 = onnx.Add(%0, %b) : (!y, tensor<6xf32>) -> !y
  %2 = onnx.Mul(%0, %1) : (!y, !y) -> !y
  return %2 : !y
}

// -----

// A second vector finds the place taken.
// CHECK-LABEL: module {
// CHECK: moe.linear %{{.*}} bias
// CHECK: onnx.Add
!x = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!y = tensor<?x?x6xf32, #onnx.dims<"B", "S", 6>>
onnx.initializer @w : tensor<4x6xf32> = #onnx.range<"d", f16, offset = 64, length = 48>
onnx.initializer @b : tensor<6xf32> = #onnx.range<"d", f32, offset = 112, length = 24>
func.func private @step(%x: !x) -> !y attributes {moe.rows = "B*S"} {
  %w = onnx.initializer_value @w : tensor<4x6xf32>
  %b = onnx.initializer_value @b : tensor<6xf32>
  %0 = onnx.MatMul(%x, %w) : (!x, tensor<4x6xf32>) -> !y
  %1 = onnx.Add(%0, %b) : (!y, tensor<6xf32>) -> !y
  %2 = onnx.Add(%1, %b) : (!y, tensor<6xf32>) -> !y
  return %2 : !y
}

// -----

// A stored [N, K] behind a Transpose, and a tied table used as head, keep the file's order.
// CHECK-LABEL: module {
// CHECK: moe.weight @"moe:t" : tensor<6x4xf32> views [#moe.view<"d", f32, offset = 0, shape = [6, 4], strides = [4, 1]>]
// CHECK: moe.linear
!x = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!y = tensor<?x?x6xf32, #onnx.dims<"B", "S", 6>>
onnx.initializer @w : tensor<4x6xf32> = #onnx.range<"d", f16, offset = 64, length = 48>
onnx.initializer @b : tensor<6xf32> = #onnx.range<"d", f32, offset = 112, length = 24>
onnx.initializer @t : tensor<6x4xf32> = #onnx.range<"d", f32, offset = 0, length = 96>
func.func private @step(%x: !x) -> !y attributes {moe.rows = "B*S"} {
  %t = onnx.initializer_value @t : tensor<6x4xf32>
  %w = onnx.Transpose(%t) {perm = array<i64: 1, 0>} : (tensor<6x4xf32>) -> tensor<4x6xf32>
  %0 = onnx.MatMul(%x, %w) : (!x, tensor<4x6xf32>) -> !y
  return %0 : !y
}

// -----

// Gemm, with transB and its third input as bias; its rows are flat.
// CHECK-LABEL: module {
// CHECK: moe.weight @"moe:t" : tensor<6x4xf32> views [#moe.view<"d", f32, offset = 0, shape = [6, 4], strides = [4, 1]>]
// CHECK: moe.linear %{{.*}}, %{{.*}} bias
!x = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!y = tensor<?x?x6xf32, #onnx.dims<"B", "S", 6>>
onnx.initializer @w : tensor<4x6xf32> = #onnx.range<"d", f16, offset = 64, length = 48>
onnx.initializer @b : tensor<6xf32> = #onnx.range<"d", f32, offset = 112, length = 24>
onnx.initializer @t : tensor<6x4xf32> = #onnx.range<"d", f32, offset = 0, length = 96>
func.func private @step(%x: !x) -> tensor<?x6xf32, #onnx.dims<"B*S", 6>> attributes {moe.rows = "B*S"} {
  %t = onnx.initializer_value @t : tensor<6x4xf32>
  %b = onnx.initializer_value @b : tensor<6xf32>
  %shape = onnx.constant dense<[-1, 4]> : tensor<2xi64>
  %flat = onnx.Reshape(%x, %shape) : (!x, tensor<2xi64>) -> tensor<?x4xf32, #onnx.dims<"B*S", 4>>
  %0 = onnx.Gemm(%flat, %t, %b) {transB = 1 : i64} : (tensor<?x4xf32, #onnx.dims<"B*S", 4>>, tensor<6x4xf32>, tensor<6xf32>) -> tensor<?x6xf32, #onnx.dims<"B*S", 6>>
  return %0 : tensor<?x6xf32, #onnx.dims<"B*S", 6>>
}

// -----

// Gemm with a factor, or with A transposed, is no linear layer.
// CHECK-LABEL: module {
// CHECK-NOT: moe.linear
// CHECK: onnx.Gemm({{.*}}alpha = 5.0
// CHECK: onnx.Gemm({{.*}}beta = 5.0
!x = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!y = tensor<?x?x6xf32, #onnx.dims<"B", "S", 6>>
onnx.initializer @w : tensor<4x6xf32> = #onnx.range<"d", f16, offset = 64, length = 48>
onnx.initializer @b : tensor<6xf32> = #onnx.range<"d", f32, offset = 112, length = 24>
func.func private @step(%x: !x) -> tensor<?x6xf32, #onnx.dims<"B*S", 6>> attributes {moe.rows = "B*S"} {
  %w = onnx.initializer_value @w : tensor<4x6xf32>
  %b = onnx.initializer_value @b : tensor<6xf32>
  %shape = onnx.constant dense<[-1, 4]> : tensor<2xi64>
  %flat = onnx.Reshape(%x, %shape) : (!x, tensor<2xi64>) -> tensor<?x4xf32, #onnx.dims<"B*S", 4>>
  %0 = onnx.Gemm(%flat, %w) {alpha = 0.5 : f32} : (tensor<?x4xf32, #onnx.dims<"B*S", 4>>, tensor<4x6xf32>) -> tensor<?x6xf32, #onnx.dims<"B*S", 6>>
  %1 = onnx.Gemm(%flat, %w, %b) {beta = 0.5 : f32} : (tensor<?x4xf32, #onnx.dims<"B*S", 4>>, tensor<4x6xf32>, tensor<6xf32>) -> tensor<?x6xf32, #onnx.dims<"B*S", 6>>
  %2 = onnx.Add(%0, %1) : (tensor<?x6xf32, #onnx.dims<"B*S", 6>>, tensor<?x6xf32, #onnx.dims<"B*S", 6>>) -> tensor<?x6xf32, #onnx.dims<"B*S", 6>>
  return %2 : tensor<?x6xf32, #onnx.dims<"B*S", 6>>
}

// -----

// A product of two activations stays.
// CHECK-LABEL: module {
// CHECK-NOT: moe.linear
// CHECK: onnx.MatMul
!x = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!y = tensor<?x?x6xf32, #onnx.dims<"B", "S", 6>>
onnx.initializer @w : tensor<4x6xf32> = #onnx.range<"d", f16, offset = 64, length = 48>
onnx.initializer @b : tensor<6xf32> = #onnx.range<"d", f32, offset = 112, length = 24>
func.func private @step(%x: !x) -> tensor<?x?x?xf32, #onnx.dims<"B", "S", "S">> attributes {moe.rows = "B*S"} {
  %t = onnx.Transpose(%x) {perm = array<i64: 0, 2, 1>} : (!x) -> tensor<?x4x?xf32, #onnx.dims<"B", 4, "S">>
  %0 = onnx.MatMul(%x, %t) : (!x, tensor<?x4x?xf32, #onnx.dims<"B", 4, "S">>) -> tensor<?x?x?xf32, #onnx.dims<"B", "S", "S">>
  return %0 : tensor<?x?x?xf32, #onnx.dims<"B", "S", "S">>
}

// -----

// A product by the head of each row's piece is no linear layer of the row.
// CHECK-LABEL: module {
// CHECK-NOT: moe.linear
// CHECK: onnx.MatMul
!x = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!y = tensor<?x?x6xf32, #onnx.dims<"B", "S", 6>>
onnx.initializer @w : tensor<4x6xf32> = #onnx.range<"d", f16, offset = 64, length = 48>
onnx.initializer @b : tensor<6xf32> = #onnx.range<"d", f32, offset = 112, length = 24>
onnx.initializer @v : tensor<2x6xf32> = #onnx.range<"d", f32, offset = 0, length = 48>
func.func private @step(%x: !x) -> tensor<?x?x2x6xf32, #onnx.dims<"B", "S", 2, 6>> attributes {moe.rows = "B*S"} {
  %w = onnx.initializer_value @v : tensor<2x6xf32>
  %shape = onnx.constant dense<[0, 0, 2, 2]> : tensor<4xi64>
  %cut = onnx.Reshape(%x, %shape) : (!x, tensor<4xi64>) -> tensor<?x?x2x2xf32, #onnx.dims<"B", "S", 2, 2>>
  %0 = onnx.MatMul(%cut, %w) : (tensor<?x?x2x2xf32, #onnx.dims<"B", "S", 2, 2>>, tensor<2x6xf32>) -> tensor<?x?x2x6xf32, #onnx.dims<"B", "S", 2, 6>>
  return %0 : tensor<?x?x2x6xf32, #onnx.dims<"B", "S", 2, 6>>
}

// -----

// MatMulNBits: the weight's type says how its numbers are stored, its view where. Rows of 48 lie in two blocks of 32
// integers, two to a byte; the zero points of a row fill a byte.
// CHECK-LABEL: module {
// CHECK: moe.weight @[[W:.*]] : tensor<6x48xf32, #moe.blocks<bits = 4, size = 32, zeros = integers>> views [#moe.quantised<integers = #moe.view<"d", ui4, offset = 64, shape = [6, 48], strides = [64, 1]>, scales = #moe.view<"d", f32, offset = 512, shape = [6, 2], strides = [2, 1]>, zeros = #moe.view<"d", ui4, offset = 1024, shape = [6, 2], strides = [2, 1]>>]
// CHECK: moe.weight @[[B:.*]] : tensor<6xf32> views
// CHECK: %[[WV:.*]] = moe.get_weight @[[W]] : tensor<6x48xf32, #moe.blocks<bits = 4, size = 32, zeros = integers>>
// CHECK: %[[BV:.*]] = moe.get_weight @[[B]]
// CHECK: moe.linear %{{.*}}, %[[WV]] bias %[[BV]] : (tensor<?x48xf32>, tensor<6x48xf32, #moe.blocks<bits = 4, size = 32, zeros = integers>>, tensor<6xf32>) -> tensor<?x6xf32>
!x = tensor<?x?x48xf32, #onnx.dims<"B", "S", 48>>
!y = tensor<?x?x6xf32, #onnx.dims<"B", "S", 6>>
onnx.initializer @q : tensor<6x2x16xui8> = #onnx.range<"d", ui8, offset = 64, length = 192>
onnx.initializer @s : tensor<12xf32> = #onnx.range<"d", f32, offset = 512, length = 48>
onnx.initializer @z : tensor<6x1xui8> = #onnx.range<"d", ui8, offset = 1024, length = 6>
onnx.initializer @b : tensor<6xf32> = #onnx.range<"d", f32, offset = 2048, length = 24>
func.func private @step(%i: tensor<?xi32>, %p: tensor<?xi32>, %w: tensor<?xi32>, %x: !x) -> !y attributes {moe.rows = "B*S"} {
  %q = onnx.initializer_value @q : tensor<6x2x16xui8>
  %s = onnx.initializer_value @s : tensor<12xf32>
  %z = onnx.initializer_value @z : tensor<6x1xui8>
  %b = onnx.initializer_value @b : tensor<6xf32>
  %y = onnx.MatMulNBits(%x, %q, %s, %z, none, %b) {K = 48 : i64, N = 6 : i64, bits = 4 : i64, block_size = 32 : i64} : (!x, tensor<6x2x16xui8>, tensor<12xf32>, tensor<6x1xui8>, tensor<6xf32>) -> !y
  return %y : !y
}

// -----

// Integers that the graph holds inline become one a byte; zero points may be numbers of the type of the scales.
// CHECK-LABEL: module {
// CHECK: moe.weight @{{.*}} : tensor<2x16xf32, #moe.blocks<bits = 4, size = 16, zeros = numbers>> views [#moe.quantised<integers = dense<{{\[\[}}1, 2, 1, 2, {{.*}}], [4, 3, 4, 3, {{.*}}]]> : tensor<2x16xui8>, scales = #moe.view<"d", f16, offset = 0, shape = [2, 1], strides = [1, 0]>, zeros = dense<{{.*}}> : tensor<2x1xf32>>]
// CHECK: moe.linear
!x = tensor<?x?x16xf32, #onnx.dims<"B", "S", 16>>
!y = tensor<?x?x2xf32, #onnx.dims<"B", "S", 2>>
onnx.initializer @s : tensor<2xf16> = #onnx.range<"d", f16, offset = 0, length = 4>
func.func private @step(%i: tensor<?xi32>, %p: tensor<?xi32>, %w: tensor<?xi32>, %x: !x) -> !y attributes {moe.rows = "B*S"} {
  %q = onnx.constant dense<[[[33, 33, 33, 33, 33, 33, 33, 33]], [[52, 52, 52, 52, 52, 52, 52, 52]]]> : tensor<2x1x8xui8>
  %half = onnx.initializer_value @s : tensor<2xf16>
  %s = onnx.Cast(%half) {to = 1 : i64} : (tensor<2xf16>) -> tensor<2xf32>
  %z = onnx.constant dense<[7.5, 8.0]> : tensor<2xf32>
  %y = onnx.MatMulNBits(%x, %q, %s, %z) {K = 16 : i64, N = 2 : i64, bits = 4 : i64, block_size = 16 : i64} : (!x, tensor<2x1x8xui8>, tensor<2xf32>, tensor<2xf32>) -> !y
  return %y : !y
}

// -----

// Columns in another order (g_idx) are not understood.
// CHECK-LABEL: module {
// CHECK: onnx.MatMulNBits
// CHECK-NOT: moe.linear
!x = tensor<?x?x16xf32, #onnx.dims<"B", "S", 16>>
!y = tensor<?x?x2xf32, #onnx.dims<"B", "S", 2>>
onnx.initializer @q : tensor<2x1x8xui8> = #onnx.range<"d", ui8, offset = 64, length = 16>
onnx.initializer @s : tensor<2xf32> = #onnx.range<"d", f32, offset = 0, length = 8>
onnx.initializer @g : tensor<16xi32> = #onnx.range<"d", i32, offset = 128, length = 64>
func.func private @step(%i: tensor<?xi32>, %p: tensor<?xi32>, %w: tensor<?xi32>, %x: !x) -> !y attributes {moe.rows = "B*S"} {
  %q = onnx.initializer_value @q : tensor<2x1x8xui8>
  %s = onnx.initializer_value @s : tensor<2xf32>
  %g = onnx.initializer_value @g : tensor<16xi32>
  %y = onnx.MatMulNBits(%x, %q, %s, none, %g) {K = 16 : i64, N = 2 : i64, bits = 4 : i64, block_size = 16 : i64} : (!x, tensor<2x1x8xui8>, tensor<2xf32>, tensor<16xi32>) -> !y
  return %y : !y
}

// -----

// Stored integers that DequantizeLinear makes numbers, [K, N] in blocks along K: the product's columns are rows of a
// view that steps from row to row of the file, and so are those of scales and zero points.
// CHECK-LABEL: module {
// CHECK: moe.weight @{{.*}} : tensor<6x48xf32, #moe.blocks<bits = 4, size = 16, zeros = integers>> views [#moe.quantised<integers = #moe.view<"d", ui4, offset = 64, shape = [6, 48], strides = [1, 6]>, scales = #moe.view<"d", f32, offset = 512, shape = [6, 3], strides = [1, 6]>, zeros = #moe.view<"d", ui4, offset = 1024, shape = [6, 3], strides = [1, 6]>>]
// CHECK: moe.linear %{{.*}}, %{{.*}} : (tensor<?x48xf32>, tensor<6x48xf32, #moe.blocks<bits = 4, size = 16, zeros = integers>>) -> tensor<?x6xf32>
!x = tensor<?x?x48xf32, #onnx.dims<"B", "S", 48>>
!y = tensor<?x?x6xf32, #onnx.dims<"B", "S", 6>>
onnx.initializer @q : tensor<48x6xui4> = #onnx.range<"d", ui4, offset = 64, length = 144>
onnx.initializer @s : tensor<3x6xf32> = #onnx.range<"d", f32, offset = 512, length = 72>
onnx.initializer @z : tensor<3x6xui4> = #onnx.range<"d", ui4, offset = 1024, length = 9>
func.func private @step(%i: tensor<?xi32>, %p: tensor<?xi32>, %w: tensor<?xi32>, %x: !x) -> !y attributes {moe.rows = "B*S"} {
  %q = onnx.initializer_value @q : tensor<48x6xui4>
  %s = onnx.initializer_value @s : tensor<3x6xf32>
  %z = onnx.initializer_value @z : tensor<3x6xui4>
  %m = onnx.DequantizeLinear(%q, %s, %z) {axis = 0 : i64, block_size = 16 : i64} : (tensor<48x6xui4>, tensor<3x6xf32>, tensor<3x6xui4>) -> tensor<48x6xf32>
  %y = onnx.MatMul(%x, %m) : (!x, tensor<48x6xf32>) -> !y
  return %y : !y
}

// -----

// One scale for each column of the product, behind a transpose: one block a row. A bias may be integers, too.
// CHECK-LABEL: module {
// CHECK: moe.weight @[[W:.*]] : tensor<6x48xf32, #moe.blocks<bits = 8, size = 48, zeros = middle>> views [#moe.quantised<integers = #moe.view<"d", i8, offset = 64, shape = [6, 48], strides = [48, 1]>, scales = #moe.view<"d", f32, offset = 512, shape = [6, 1], strides = [1, 0]>>]
// CHECK: moe.weight @[[B:.*]] : tensor<6xf32, #moe.blocks<bits = 8, size = 1, zeros = integers>> views [#moe.quantised<integers = #moe.view<"d", ui8, offset = 1024, shape = [6], strides = [1]>, scales = dense<5.000000e-01> : tensor<6xf32>, zeros = dense<0> : tensor<6xui8>>]
// CHECK: moe.linear %{{.*}}, %{{.*}} bias %{{.*}} : (tensor<?x48xf32>, tensor<6x48xf32, #moe.blocks<bits = 8, size = 48, zeros = middle>>, tensor<6xf32, #moe.blocks<bits = 8, size = 1, zeros = integers>>) -> tensor<?x6xf32>
!x = tensor<?x?x48xf32, #onnx.dims<"B", "S", 48>>
!y = tensor<?x?x6xf32, #onnx.dims<"B", "S", 6>>
onnx.initializer @q : tensor<6x48xi8> = #onnx.range<"d", i8, offset = 64, length = 288>
onnx.initializer @s : tensor<6xf32> = #onnx.range<"d", f32, offset = 512, length = 24>
onnx.initializer @b : tensor<6xui8> = #onnx.range<"d", ui8, offset = 1024, length = 6>
func.func private @step(%i: tensor<?xi32>, %p: tensor<?xi32>, %w: tensor<?xi32>, %x: !x) -> !y attributes {moe.rows = "B*S"} {
  %q = onnx.initializer_value @q : tensor<6x48xi8>
  %s = onnx.initializer_value @s : tensor<6xf32>
  %b = onnx.initializer_value @b : tensor<6xui8>
  %half = onnx.constant dense<0.5> : tensor<f32>
  %m = onnx.DequantizeLinear(%q, %s) {axis = 0 : i64} : (tensor<6x48xi8>, tensor<6xf32>) -> tensor<6x48xf32>
  %t = onnx.Transpose(%m) {perm = [1, 0]} : (tensor<6x48xf32>) -> tensor<48x6xf32>
  %p1 = onnx.MatMul(%x, %t) : (!x, tensor<48x6xf32>) -> !y
  %v = onnx.DequantizeLinear(%b, %half) : (tensor<6xui8>, tensor<f32>) -> tensor<6xf32>
  %y = onnx.Add(%p1, %v) : (!y, tensor<6xf32>) -> !y
  return %y : !y
}

// -----

// Integers that the model takes as an input, and scales that are computed, are no stored weight.
// CHECK-LABEL: module {
// CHECK: onnx.DequantizeLinear
// CHECK: onnx.MatMul
// CHECK-NOT: moe.linear
!x = tensor<?x?x16xf32, #onnx.dims<"B", "S", 16>>
!y = tensor<?x?x2xf32, #onnx.dims<"B", "S", 2>>
onnx.initializer @q : tensor<16x2xi8> = #onnx.range<"d", i8, offset = 64, length = 32>
func.func private @step(%i: tensor<?xi32>, %p: tensor<?xi32>, %w: tensor<?xi32>, %x: !x, %s: tensor<2xf32>) -> !y attributes {moe.rows = "B*S"} {
  %q = onnx.initializer_value @q : tensor<16x2xi8>
  %m = onnx.DequantizeLinear(%q, %s) {axis = 1 : i64} : (tensor<16x2xi8>, tensor<2xf32>) -> tensor<16x2xf32>
  %y = onnx.MatMul(%x, %m) : (!x, tensor<16x2xf32>) -> !y
  return %y : !y
}

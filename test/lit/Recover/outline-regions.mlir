// RUN: janus-opt %s --janus-find-rows --janus-bind-interface --janus-forget-past --janus-outline-regions -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// A convolution over tokens that sees no later ones, with pads on both sides and what is behind cut off.
// CHECK-LABEL: func.func private @region(
// CHECK-SAME: tensor<?x4xf32, #onnx.dims<"S", 4>>, %{{.*}}: tensor<4x1x3xf32>) -> tensor<?x4xf32, #onnx.dims<"S", 4>>
// CHECK: onnx.Conv
// CHECK: onnx.Slice
// CHECK-LABEL: func.func private @step(
// CHECK: moe.sequence @region(%{{.*}}, %{{.*}}) {history = 0 : i64, moe.stopped = "onnx.Transpose: mixes rows of input 0, 2 leading dimensions of 3"}
!i = tensor<?xi32>
!x = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!t = tensor<?x4x?xf32, #onnx.dims<"B", 4, "S">>
!wide = tensor<?x4x?xf32, #onnx.dims<"B", 4, "S+2">>
func.func private @step(%i: !i, %p: !i, %w: !i, %tokens: tensor<?x?xi64, #onnx.dims<"B", "S">>) -> !x {
  %table = onnx.initializer_value @table : tensor<16x4xf32>
  %kernel = onnx.initializer_value @kernel : tensor<4x1x3xf32>
  %x = onnx.Gather(%table, %tokens) {axis = 0 : i64} : (tensor<16x4xf32>, tensor<?x?xi64, #onnx.dims<"B", "S">>) -> !x
  // expected-remark @below {{kept as it is, 4 operators, called with all rows of its sequence}}
  %t = onnx.Transpose(%x) {perm = array<i64: 0, 2, 1>} : (!x) -> !t
  %c = onnx.Conv(%t, %kernel) {group = 4 : i64, pads = array<i64: 2, 2>} : (!t, tensor<4x1x3xf32>) -> !wide
  %zero = onnx.constant dense<0> : tensor<1xi64>
  %last = onnx.constant dense<2> : tensor<1xi64>
  %size = onnx.Shape(%x) {start = 1 : i64, end = 2 : i64} : (!x) -> tensor<1xi64>
  %cut = onnx.Slice(%c, %zero, %size, %last) : (!wide, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> !t
  %y = onnx.Transpose(%cut) {perm = array<i64: 0, 2, 1>} : (!t) -> !x
  return %y : !x
}
onnx.initializer @table : tensor<16x4xf32> = #onnx.range<"d", f32, offset = 0, length = 256>
onnx.initializer @kernel : tensor<4x1x3xf32> = #onnx.range<"d", f32, offset = 256, length = 48>

// -----

// The same with pads on both sides and nothing cut: it sees the next row. The graph stays as it was.
// CHECK-NOT: moe.sequence
!i = tensor<?xi32>
!x = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!t = tensor<?x4x?xf32, #onnx.dims<"B", 4, "S">>
func.func private @step(%i: !i, %p: !i, %w: !i, %tokens: tensor<?x?xi64, #onnx.dims<"B", "S">>) -> !x {
  %table = onnx.initializer_value @table : tensor<16x4xf32>
  %kernel = onnx.initializer_value @kernel : tensor<4x1x3xf32>
  %x = onnx.Gather(%table, %tokens) {axis = 0 : i64} : (tensor<16x4xf32>, tensor<?x?xi64, #onnx.dims<"B", "S">>) -> !x
  %t = onnx.Transpose(%x) {perm = array<i64: 0, 2, 1>} : (!x) -> !t
  %c = onnx.Conv(%t, %kernel) {group = 4 : i64, pads = array<i64: 1, 1>} : (!t, tensor<4x1x3xf32>) -> !t
  // expected-remark @below {{not recovered: onnx.Transpose: a row may depend on later ones: onnx.Transpose its row depends on rows up to 1 behind it}}
  %y = onnx.Transpose(%c) {perm = array<i64: 0, 2, 1>} : (!t) -> !x
  return %y : !x
}
onnx.initializer @table : tensor<16x4xf32> = #onnx.range<"d", f32, offset = 0, length = 256>
onnx.initializer @kernel : tensor<4x1x3xf32> = #onnx.range<"d", f32, offset = 256, length = 48>

// -----

// Sums that run forwards keep the order, those over all tokens do not.
// CHECK-LABEL: func.func private @region(
// CHECK: onnx.CumSum
// CHECK-LABEL: func.func private @step(
// CHECK: moe.sequence @region(
// CHECK: onnx.ReduceMax
!i = tensor<?xi32>
!x = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!one = tensor<?x1x4xf32, #onnx.dims<"B", 1, 4>>
func.func private @step(%i: !i, %p: !i, %w: !i, %tokens: tensor<?x?xi64, #onnx.dims<"B", "S">>) -> !x {
  %table = onnx.initializer_value @table : tensor<16x4xf32>
  %axis = onnx.constant dense<1> : tensor<i64>
  %axes = onnx.constant dense<1> : tensor<1xi64>
  %x = onnx.Gather(%table, %tokens) {axis = 0 : i64} : (tensor<16x4xf32>, tensor<?x?xi64, #onnx.dims<"B", "S">>) -> !x
  // expected-remark @below {{kept as it is, 1 operators, called with all rows of its sequence: onnx.CumSum: mixes rows}}
  %s = onnx.CumSum(%x, %axis) {exclusive = 0 : i64, reverse = 0 : i64} : (!x, tensor<i64>) -> !x
  // expected-remark @below {{not recovered: onnx.ReduceMax: a row may depend on later ones: onnx.ReduceMax mixes all rows of input 0}}
  %m = onnx.ReduceMax(%s, %axes) {keepdims = 1 : i64} : (!x, tensor<1xi64>) -> !one
  %y = onnx.Add(%s, %m) : (!x, !one) -> !x
  return %y : !x
}
onnx.initializer @table : tensor<16x4xf32> = #onnx.range<"d", f32, offset = 0, length = 256>

// -----

// A sum backwards.
// CHECK-NOT: moe.sequence
!i = tensor<?xi32>
!x = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
func.func private @step(%i: !i, %p: !i, %w: !i, %tokens: tensor<?x?xi64, #onnx.dims<"B", "S">>) -> !x {
  %table = onnx.initializer_value @table : tensor<16x4xf32>
  %axis = onnx.constant dense<1> : tensor<i64>
  %x = onnx.Gather(%table, %tokens) {axis = 0 : i64} : (tensor<16x4xf32>, tensor<?x?xi64, #onnx.dims<"B", "S">>) -> !x
  // expected-remark @below {{onnx.CumSum: a row may depend on later ones: onnx.CumSum mixes all rows of input 0}}
  %s = onnx.CumSum(%x, %axis) {exclusive = 0 : i64, reverse = 1 : i64} : (!x, tensor<i64>) -> !x
  return %s : !x
}
onnx.initializer @table : tensor<16x4xf32> = #onnx.range<"d", f32, offset = 0, length = 256>

// -----

// A linear attention with a decay by distance: scores times a lower triangle, no softmax. Its triangle is made again.
// CHECK-LABEL: func.func private @region(
// CHECK-SAME: -> tensor<?x4xf32, #onnx.dims<"S", 4>>
// CHECK: onnx.Range
// CHECK: onnx.LessOrEqual
// CHECK-LABEL: func.func private @step(
// CHECK: moe.sequence @region(%{{[^,]*}}) {history
!i = tensor<?xi32>
!x = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!t = tensor<?x4x?xf32, #onnx.dims<"B", 4, "S">>
!scores = tensor<?x?x?xf32, #onnx.dims<"B", "S", "S">>
func.func private @step(%i: !i, %p: !i, %w: !i, %tokens: tensor<?x?xi64, #onnx.dims<"B", "S">>) -> !x {
  %table = onnx.initializer_value @table : tensor<16x4xf32>
  %zero = onnx.constant dense<0> : tensor<i64>
  %one = onnx.constant dense<1> : tensor<i64>
  %first = onnx.constant dense<0> : tensor<1xi64>
  %second = onnx.constant dense<1> : tensor<1xi64>
  %size = onnx.Shape(%tokens) {start = 1 : i64, end = 2 : i64} : (tensor<?x?xi64, #onnx.dims<"B", "S">>) -> tensor<1xi64>
  %count = onnx.Squeeze(%size, %first) : (tensor<1xi64>, tensor<1xi64>) -> tensor<i64>
  %range = onnx.Range(%zero, %count, %one) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64, #onnx.dims<"S">>
  %q = onnx.Unsqueeze(%range, %second) : (tensor<?xi64, #onnx.dims<"S">>, tensor<1xi64>) -> tensor<?x1xi64, #onnx.dims<"S", 1>>
  %k = onnx.Unsqueeze(%range, %first) : (tensor<?xi64, #onnx.dims<"S">>, tensor<1xi64>) -> tensor<1x?xi64, #onnx.dims<1, "S">>
  %seen = onnx.LessOrEqual(%k, %q) : (tensor<1x?xi64, #onnx.dims<1, "S">>, tensor<?x1xi64, #onnx.dims<"S", 1>>) -> tensor<?x?xi1, #onnx.dims<"S", "S">>
  %triangle = onnx.Cast(%seen) {to = 1 : i64} : (tensor<?x?xi1, #onnx.dims<"S", "S">>) -> tensor<?x?xf32, #onnx.dims<"S", "S">>
  %x = onnx.Gather(%table, %tokens) {axis = 0 : i64} : (tensor<16x4xf32>, tensor<?x?xi64, #onnx.dims<"B", "S">>) -> !x
  // expected-remark @below {{kept as it is, 4 operators, called with all rows of its sequence}}
  %t = onnx.Transpose(%x) {perm = array<i64: 0, 2, 1>} : (!x) -> !t
  %s = onnx.MatMul(%x, %t) : (!x, !t) -> !scores
  %m = onnx.Mul(%triangle, %s) : (tensor<?x?xf32, #onnx.dims<"S", "S">>, !scores) -> !scores
  %y = onnx.MatMul(%m, %x) : (!scores, !x) -> !x
  return %y : !x
}
onnx.initializer @table : tensor<16x4xf32> = #onnx.range<"d", f32, offset = 0, length = 256>

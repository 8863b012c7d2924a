// RUN: janus-opt %s --janus-outline-regions=rows=true -split-input-file 2>/dev/null | FileCheck %s

// An edge that is no row of f32 inside: TopK's indices are in the region. What is not recovered beside it is in it, too;
// what a moe operator yields and takes stays outside.
// CHECK-LABEL: func.func private @region(
// CHECK-SAME: %{{.*}}: tensor<?x4xf32, #onnx.dims<"S", 4>>) -> tensor<?x4xf32, #onnx.dims<"S", 4>>
// CHECK: onnx.TopK
// CHECK: onnx.GatherElements
// CHECK: onnx.Softsign
// CHECK-LABEL: func.func private @step(
// CHECK: %[[X:.*]] = moe.embedding
// CHECK-NOT: onnx.TopK
// CHECK: %[[Y:.*]] = moe.sequence @region(%[[X]]) {moe.stopped = "onnx.TopK: no pass recovers this use of the operator"}
!i = tensor<?xi32>
!x = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!k = tensor<?x?x4xi64, #onnx.dims<"B", "S", 4>>
func.func private @step(%i: !i, %p: !i, %w: !i, %tokens: tensor<?x?xi64, #onnx.dims<"B", "S">>) -> !x attributes {moe.rows = "B*S", moe.tokens = 3 : i64} {
  %table = moe.get_weight @table : tensor<16x4xf32>
  %rows = moe.embedding %i, %table : (!i, tensor<16x4xf32>) -> tensor<?x4xf32>
  %x = builtin.unrealized_conversion_cast %rows : tensor<?x4xf32> to !x
  %four = onnx.constant dense<4> : tensor<1xi64>
  %v:2 = onnx.TopK(%x, %four) {axis = -1 : i64, largest = 1 : i64, sorted = 1 : i64} : (!x, tensor<1xi64>) -> (!x, !k)
  %g = onnx.GatherElements(%x, %v#1) {axis = -1 : i64} : (!x, !k) -> !x
  %y = onnx.Softsign(%g) : (!x) -> !x
  return %y : !x
}
moe.weight @table : tensor<16x4xf32> value dense<0.5> : tensor<16x4xf32>

// -----

// What is left of a kind whose other edge no cut by rows has: it keeps the reason.
// CHECK-LABEL: func.func private @step(
// CHECK: onnx.TopK{{.*}}moe.reason = "no region of rows around it: reads input 1 of the model, of type [B, 3] of i64, which is no rows"
!i = tensor<?xi32>
!x = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!k = tensor<?x?x1xi64, #onnx.dims<"B", "S", 1>>
func.func private @step(%i: !i, %p: !i, %w: !i, %tokens: tensor<?x?xi64, #onnx.dims<"B", "S">>, %other: tensor<?x3xi64, #onnx.dims<"B", 3>>) -> !x attributes {moe.rows = "B*S", moe.tokens = 3 : i64} {
  %table = moe.get_weight @table : tensor<16x4xf32>
  %rows = moe.embedding %i, %table : (!i, tensor<16x4xf32>) -> tensor<?x4xf32>
  %x = builtin.unrealized_conversion_cast %rows : tensor<?x4xf32> to !x
  %one = onnx.constant dense<1> : tensor<1xi64>
  %v:2 = onnx.TopK(%x, %one) {axis = -1 : i64, largest = 1 : i64, sorted = 1 : i64} : (!x, tensor<1xi64>) -> (tensor<?x?x1xf32, #onnx.dims<"B", "S", 1>>, !k)
  %m = onnx.ReduceMax(%other, %one) {keepdims = 1 : i64} : (tensor<?x3xi64, #onnx.dims<"B", 3>>, tensor<1xi64>) -> tensor<?x1xi64, #onnx.dims<"B", 1>>
  %n = onnx.Unsqueeze(%m, %one) : (tensor<?x1xi64, #onnx.dims<"B", 1>>, tensor<1xi64>) -> tensor<?x1x1xi64, #onnx.dims<"B", 1, 1>>
  %d = onnx.Sub(%v#1, %n) : (!k, tensor<?x1x1xi64, #onnx.dims<"B", 1, 1>>) -> !k
  %f = onnx.Cast(%d) {to = 1 : i64} : (!k) -> tensor<?x?x1xf32, #onnx.dims<"B", "S", 1>>
  %y = onnx.Mul(%x, %f) : (!x, tensor<?x?x1xf32, #onnx.dims<"B", "S", 1>>) -> !x
  return %y : !x
}
moe.weight @table : tensor<16x4xf32> value dense<0.5> : tensor<16x4xf32>

// -----

// A way leads out through an operator that is recovered and in again: a function for each output, with what it needs.
// CHECK-LABEL: func.func private @region(
// CHECK: %[[V:.*]], %{{.*}} = onnx.TopK
// CHECK-NOT: onnx.ScatterElements
// CHECK-LABEL: func.func private @region_0(
// CHECK: onnx.TopK
// CHECK: onnx.ScatterElements
// CHECK-LABEL: func.func private @step(
// CHECK: %[[A:.*]] = moe.sequence @region(%[[X:.*]]) {moe.stopped = "onnx.TopK: no pass recovers this use of the operator"}
// CHECK: moe.map %{{.*}} {formula = [0, "tanh"]}
// CHECK: moe.sequence @region_0(%{{.*}}, %{{.*}}) : (tensor<?x4xf32>, tensor<?x2xf32>) -> tensor<?x4xf32>
!i = tensor<?xi32>
!x = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!v = tensor<?x?x2xf32, #onnx.dims<"B", "S", 2>>
!k = tensor<?x?x2xi64, #onnx.dims<"B", "S", 2>>
func.func private @step(%i: !i, %p: !i, %w: !i, %tokens: tensor<?x?xi64, #onnx.dims<"B", "S">>) -> !x attributes {moe.rows = "B*S", moe.tokens = 3 : i64} {
  %table = moe.get_weight @table : tensor<16x4xf32>
  %rows = moe.embedding %i, %table : (!i, tensor<16x4xf32>) -> tensor<?x4xf32>
  %x = builtin.unrealized_conversion_cast %rows : tensor<?x4xf32> to !x
  %two = onnx.constant dense<2> : tensor<1xi64>
  %t:2 = onnx.TopK(%x, %two) {axis = -1 : i64, largest = 1 : i64, sorted = 1 : i64} : (!x, tensor<1xi64>) -> (!v, !k)
  %a = builtin.unrealized_conversion_cast %t#0 : !v to tensor<?x2xf32>
  %m = moe.map %a {formula = [0, "tanh"]} : (tensor<?x2xf32>) -> tensor<?x2xf32>
  %b = builtin.unrealized_conversion_cast %m : tensor<?x2xf32> to !v
  %y = onnx.ScatterElements(%x, %t#1, %b) {axis = -1 : i64, reduction = "none"} : (!x, !k, !v) -> !x
  return %y : !x
}
moe.weight @table : tensor<16x4xf32> value dense<0.5> : tensor<16x4xf32>

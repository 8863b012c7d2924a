// RUN: janus-opt %s --janus-canonicalise-graph -split-input-file | FileCheck %s

// Operators that change nothing: the result has the operand's type. What nothing uses goes too.
// CHECK-LABEL: func.func private @step(
// CHECK-SAME: %[[X:.*]]: tensor<?x8xf32, #onnx.dims<"S", 8>>)
// CHECK-NEXT: return %[[X]]
!x = tensor<?x8xf32, #onnx.dims<"S", 8>>
func.func private @step(%x: !x) -> !x {
  %shape = onnx.constant dense<[0, 8]> : tensor<2xi64>
  %0 = onnx.Identity(%x) : (!x) -> !x
  %1 = onnx.Cast(%0) {to = 1 : i64} : (!x) -> !x
  %2 = onnx.Reshape(%1, %shape) : (!x, tensor<2xi64>) -> !x
  %3 = onnx.Expand(%2, %shape) : (!x, tensor<2xi64>) -> !x
  %4 = onnx.Transpose(%3) {perm = array<i64: 0, 1>} : (!x) -> !x
  %unused = onnx.Exp(%x) : (!x) -> !x
  return %4 : !x
}

// -----

// A transpose of equal extents keeps the type and moves elements: it stays, with perm or without.
// CHECK-LABEL: func.func private @step(
// CHECK: onnx.Transpose
// CHECK: onnx.Transpose
func.func private @step(%x: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %0 = onnx.Transpose(%x) {perm = array<i64: 1, 0>} : (tensor<4x4xf32>) -> tensor<4x4xf32>
  %1 = onnx.Transpose(%0) : (tensor<4x4xf32>) -> tensor<4x4xf32>
  return %1 : tensor<4x4xf32>
}

// -----

// A cast of a cast among integers is one cast; a cast to bool compares with 0 and keeps its operand.
// CHECK-LABEL: func.func private @step(
// CHECK-SAME: %[[X:.*]]: tensor<4xi64>)
// CHECK-NEXT: %[[NARROW:.*]] = onnx.Cast(%[[X]]) {{{.*}}to = 6 : i64} : (tensor<4xi64>) -> tensor<4xi32>
// CHECK-NEXT: onnx.Cast(%[[NARROW]]) {{{.*}}to = 9 : i64}
// CHECK-NEXT: return %{{.*}}, %[[X]]
func.func private @step(%x: tensor<4xi64>) -> (tensor<4xi1>, tensor<4xi64>) {
  %0 = onnx.Cast(%x) {to = 6 : i64} : (tensor<4xi64>) -> tensor<4xi32>
  %1 = onnx.Cast(%0) {to = 7 : i64} : (tensor<4xi32>) -> tensor<4xi64>
  %2 = onnx.Cast(%0) {to = 9 : i64} : (tensor<4xi32>) -> tensor<4xi1>
  return %2, %1 : tensor<4xi1>, tensor<4xi64>
}

// -----

// Through bool a number becomes 0 or 1: neither cast may go.
// CHECK-LABEL: func.func private @step(
// CHECK: %[[BOOL:.*]] = onnx.Cast({{.*}}) {{.*}}to = 9
// CHECK: onnx.Cast(%[[BOOL]]) {{.*}}to = 7
func.func private @step(%x: tensor<4xi64>) -> tensor<4xi64> {
  %0 = onnx.Cast(%x) {to = 9 : i64} : (tensor<4xi64>) -> tensor<4xi1>
  %1 = onnx.Cast(%0) {to = 7 : i64} : (tensor<4xi1>) -> tensor<4xi64>
  return %1 : tensor<4xi64>
}

// -----

// Casts of floating-point numbers round: both stay.
// CHECK-LABEL: func.func private @step(
// CHECK: onnx.Cast
// CHECK: onnx.Cast
func.func private @step(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = onnx.Cast(%x) {to = 10 : i64} : (tensor<4xf32>) -> tensor<4xf16>
  %1 = onnx.Cast(%0) {to = 1 : i64} : (tensor<4xf16>) -> tensor<4xf32>
  return %1 : tensor<4xf32>
}

// -----

// Only the candidate is rewritten: @main stays as the exporter wrote it.
// CHECK-LABEL: func.func @main(
// CHECK: onnx.Identity
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = onnx.Identity(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

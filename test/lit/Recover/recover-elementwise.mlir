// RUN: janus-opt %s --janus-recover-elementwise -split-input-file | FileCheck %s

// Operators that only feed each other are one formula: constants are numbers, a column is one number a row, a stored vector is an
// operand. What is used twice is computed once, and what is no row of numbers stays.
// CHECK-LABEL: func.func private @step(
// CHECK-DAG: %[[X:.*]] = builtin.unrealized_conversion_cast %{{.*}} : tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>> to tensor<?x8xf32>
// CHECK-DAG: %[[G:.*]] = builtin.unrealized_conversion_cast %{{.*}} : tensor<?x?x1xf32, #onnx.dims<"B", "S", 1>> to tensor<?x1xf32>
// CHECK: %[[V:.*]] = moe.get_weight
// CHECK: %[[Y:.*]] = moe.map %[[G]], %[[X]], %[[V]] {formula = [0, "sigmoid", 1, "mul", 2, "add", 5.000000e-01 : f32, "mul"]}
// CHECK: moe.map %[[Y]] {formula = [0, 0, "mul"]}
// CHECK: moe.map %[[Y]] {formula = [0, 0.000000e+00 : f32, "max"]}
// CHECK: onnx.Sin
!ids = tensor<?xi32>
!x = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
!one = tensor<?x?x1xf32, #onnx.dims<"B", "S", 1>>
func.func private @step(%i: !ids, %p: !ids, %w: !ids, %x: !x, %g: !one) -> (!x, !x, !x) attributes {moe.rows = "B*S", moe.tokens = 0 : i64} {
  %v = onnx.initializer_value @v : tensor<8xf32>
  %half = onnx.constant dense<0.5> : tensor<f32>
  %two = onnx.constant dense<2.0> : tensor<f32>
  %0 = onnx.Sigmoid(%g) : (!one) -> !one
  %1 = onnx.Mul(%0, %x) : (!one, !x) -> !x
  %2 = onnx.Add(%1, %v) : (!x, tensor<8xf32>) -> !x
  %3 = onnx.Mul(%2, %half) : (!x, tensor<f32>) -> !x
  %4 = onnx.Pow(%3, %two) : (!x, tensor<f32>) -> !x
  %5 = onnx.Relu(%3) : (!x) -> !x
  %6 = onnx.Sin(%5) : (!x) -> !x
  return %4, %5, %6 : !x, !x, !x
}
onnx.initializer @v : tensor<8xf32> = #onnx.range<"d", f32, offset = 0, length = 32>

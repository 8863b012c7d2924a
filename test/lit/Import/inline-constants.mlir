// RUN: janus-opt %s --janus-inline-constants | FileCheck %s

// Numbers that the model holds itself become constants where they are read, and the initializer goes; byte ranges stay; what
// nothing reads goes.
// CHECK-NOT: @small
// CHECK: onnx.initializer @w : tensor<4x8xf16>
// CHECK-NOT: @unused
onnx.initializer @w : tensor<4x8xf16> = #onnx.range<"d", f16, offset = 2, length = 64>
onnx.initializer @small : tensor<2xi64> = dense<[3, 4]> : tensor<2xi64>
onnx.initializer @unused : tensor<4x8xf16> = #onnx.range<"d", f16, offset = 2, length = 64>
func.func @main() {
  // CHECK: onnx.constant dense<[3, 4]> : tensor<2xi64>
  %0 = onnx.initializer_value @small : tensor<2xi64>
  // CHECK: onnx.initializer_value @w
  %1 = onnx.initializer_value @w : tensor<4x8xf16>
  // Every form of a Constant node.
  // CHECK: onnx.constant dense<[1, 2]> : tensor<2xi64>
  %2 = onnx.Constant() {value_ints = array<i64: 1, 2>} : () -> !onnx.unknown
  // CHECK: onnx.constant dense<1.500000e+00> : tensor<f32>
  %3 = onnx.Constant() {value_float = 1.5 : f32} : () -> !onnx.unknown
  // CHECK: onnx.constant dense<7> : tensor<i64>
  %4 = onnx.Constant() {value_int = 7 : i64} : () -> !onnx.unknown
  // CHECK: onnx.constant dense<[5.000000e-01, 2.500000e-01]> : tensor<2xf32>
  %5 = onnx.Constant() {value_floats = array<f32: 0.5, 0.25>} : () -> !onnx.unknown
  // CHECK: onnx.constant dense<true> : tensor<1x2xi1>
  %6 = onnx.Constant() {value = dense<true> : tensor<1x2xi1>} : () -> !onnx.unknown
  // CHECK: onnx.Exp(%{{.*}}) : (tensor<f32>)
  %7 = onnx.Exp(%3) : (!onnx.unknown) -> !onnx.unknown
  return
}

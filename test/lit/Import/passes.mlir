// RUN: janus-opt %s --janus-inline-constants --janus-fold-casts | FileCheck %s

// A small initializer becomes a constant; an unused one goes; f16 weights with a Cast read as f32.
// CHECK-NOT: @unused
// CHECK-NOT: @small
// CHECK: onnx.initializer @w.as.f32 : tensor<4x8xf32> = #onnx.range<"d", f16, offset = 2, length = 64>
// CHECK-NOT: onnx.initializer @w :
// CHECK: onnx.initializer @both.as.f32
// CHECK: onnx.initializer @both : tensor<2xf16>
onnx.initializer @w : tensor<4x8xf16> = #onnx.range<"d", f16, offset = 2, length = 64>
onnx.initializer @both : tensor<2xf16> = #onnx.range<"d", f16, offset = 100, length = 4>
onnx.initializer @small : tensor<2xi64> = dense<[3, 4]> : tensor<2xi64>
onnx.initializer @unused : tensor<4x8xf16> = #onnx.range<"d", f16, offset = 2, length = 64>
func.func @main() {
  // CHECK: onnx.constant dense<[3, 4]> : tensor<2xi64>
  %0 = onnx.initializer_value @small : tensor<2xi64>
  // CHECK: onnx.constant dense<[1, 2]> : tensor<2xi64>
  %1 = onnx.Constant() {value_ints = array<i64: 1, 2>} : () -> !onnx.unknown
  // CHECK: onnx.constant dense<1.500000e+00> : tensor<f32>
  %2 = onnx.Constant() {value_float = 1.5 : f32} : () -> !onnx.unknown
  %w = onnx.initializer_value @w : tensor<4x8xf16>
  // CHECK: %[[W:.*]] = onnx.initializer_value @w.as.f32 : tensor<4x8xf32>
  %x = onnx.Cast(%w) {to = 1 : i64} : (tensor<4x8xf16>) -> !onnx.unknown
  // CHECK: onnx.Transpose(%[[W]])
  %y = onnx.Transpose(%x) : (!onnx.unknown) -> !onnx.unknown
  %b = onnx.initializer_value @both : tensor<2xf16>
  %c = onnx.Cast(%b) {to = 1 : i64} : (tensor<2xf16>) -> !onnx.unknown
  // A cast that could round stays.
  // CHECK: onnx.Cast({{.*}}) {{.*}}to = 16
  %d = onnx.Cast(%b) {to = 16 : i64} : (tensor<2xf16>) -> !onnx.unknown
  return
}

// RUN: janus-opt %s --janus-fold-casts | FileCheck %s

// An f16 or bf16 weight with its Cast to f32 is one reference that reads as f32; the bytes stay where they are.
// CHECK: onnx.initializer @w.as.f32 : tensor<4x8xf32> = #onnx.range<"d", f16, offset = 2, length = 64>
// CHECK-NOT: onnx.initializer @w :
onnx.initializer @w : tensor<4x8xf16> = #onnx.range<"d", f16, offset = 2, length = 64>
// CHECK: onnx.initializer @brain.as.f32 : tensor<2xf32> = #onnx.range<"d", bf16, offset = 66, length = 4>
onnx.initializer @brain : tensor<2xbf16> = #onnx.range<"d", bf16, offset = 66, length = 4>
// Who reads the f16 numbers too keeps them.
// CHECK: onnx.initializer @both.as.f32
// CHECK: onnx.initializer @both : tensor<2xf16>
onnx.initializer @both : tensor<2xf16> = #onnx.range<"d", f16, offset = 100, length = 4>
// Numbers that the model holds itself, and numbers of another type, are left.
// CHECK: onnx.initializer @inline : tensor<2xf16> = dense
onnx.initializer @inline : tensor<2xf16> = dense<[1.0, 2.0]> : tensor<2xf16>
// CHECK: onnx.initializer @wide : tensor<2xf64>
onnx.initializer @wide : tensor<2xf64> = #onnx.range<"d", f64, offset = 104, length = 16>

func.func @main() {
  %w = onnx.initializer_value @w : tensor<4x8xf16>
  // CHECK: %[[W:.*]] = onnx.initializer_value @w.as.f32 : tensor<4x8xf32>
  %x = onnx.Cast(%w) {to = 1 : i64} : (tensor<4x8xf16>) -> !onnx.unknown
  // CHECK: onnx.Transpose(%[[W]])
  %y = onnx.Transpose(%x) : (!onnx.unknown) -> !onnx.unknown
  // Two casts of one weight share the reference.
  // CHECK-COUNT-2: onnx.initializer_value @brain.as.f32
  %br = onnx.initializer_value @brain : tensor<2xbf16>
  %b0 = onnx.Cast(%br) {to = 1 : i64} : (tensor<2xbf16>) -> !onnx.unknown
  %b1 = onnx.Cast(%br) {to = 1 : i64} : (tensor<2xbf16>) -> !onnx.unknown
  %b = onnx.initializer_value @both : tensor<2xf16>
  %c = onnx.Cast(%b) {to = 1 : i64} : (tensor<2xf16>) -> !onnx.unknown
  // A cast that could round stays.
  // CHECK: onnx.Cast({{.*}}) {{.*}}to = 16
  %d = onnx.Cast(%b) {to = 16 : i64} : (tensor<2xf16>) -> !onnx.unknown
  // CHECK: onnx.Cast
  %i = onnx.initializer_value @inline : tensor<2xf16>
  %j = onnx.Cast(%i) {to = 1 : i64} : (tensor<2xf16>) -> !onnx.unknown
  // CHECK: onnx.Cast
  %k = onnx.initializer_value @wide : tensor<2xf64>
  %l = onnx.Cast(%k) {to = 1 : i64} : (tensor<2xf64>) -> !onnx.unknown
  return
}

// RUN: janus-opt %s --janus-fuse-norms | FileCheck %s

// However the root and the quotient are spelled; the weight may be missing, or stored in a narrower type. A mean over another
// dimension is no norm.
// CHECK-LABEL: func.func private @step(
// CHECK: onnx.RMSNormalization(%{{.*}}, %{{.*}}) {axis = -1 : i64, epsilon = 9.99999997E-7 : f32
// CHECK: onnx.LayerNormalization(%{{.*}}, %{{.*}}, %{{.*}}) {axis = -1 : i64, epsilon = 9.99999974E-6 : f32
// CHECK: %[[MEAN:.*]] = onnx.ReduceMean
// CHECK-NOT: Normalization
!x = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
!m = tensor<?x?x1xf32, #onnx.dims<"B", "S", 1>>
!s = tensor<?x1x8xf32, #onnx.dims<"B", 1, 8>>
onnx.initializer @g : tensor<8xf16> = #onnx.range<"d", f16, offset = 0, length = 16>
onnx.initializer @b : tensor<8xf32> = #onnx.range<"d", f32, offset = 32, length = 32>
func.func private @step(%i: tensor<?xi32>, %p: tensor<?xi32>, %w: tensor<?xi32>, %x: !x, %z: !x) -> (!x, !x, !x) attributes {moe.rows = "B*S", moe.tokens = 0 : i64} {
  %eps = onnx.constant dense<1.0e-6> : tensor<f32>
  %eps5 = onnx.constant dense<1.0e-5> : tensor<f32>
  %two = onnx.constant dense<2.0> : tensor<f32>
  %half = onnx.constant dense<-0.5> : tensor<f32>
  %stored = onnx.initializer_value @g : tensor<8xf16>
  %g = onnx.Cast(%stored) {to = 1 : i64} : (tensor<8xf16>) -> tensor<8xf32>
  %b = onnx.initializer_value @b : tensor<8xf32>
  %0 = onnx.Pow(%x, %two) : (!x, tensor<f32>) -> !x
  %1 = onnx.ReduceMean(%0) {axes = array<i64: -1>, keepdims = 1 : i64} : (!x) -> !m
  %2 = onnx.Add(%eps, %1) : (tensor<f32>, !m) -> !m
  %3 = onnx.Pow(%2, %half) : (!m, tensor<f32>) -> !m
  %4 = onnx.Mul(%3, %x) : (!m, !x) -> !x
  %5 = onnx.Mul(%4, %g) : (!x, tensor<8xf32>) -> !x
  %6 = onnx.ReduceMean(%z) {axes = array<i64: 2>, keepdims = 1 : i64} : (!x) -> !m
  %7 = onnx.Sub(%z, %6) : (!x, !m) -> !x
  %8 = onnx.Mul(%7, %7) : (!x, !x) -> !x
  %9 = onnx.ReduceMean(%8) {axes = array<i64: -1>, keepdims = 1 : i64} : (!x) -> !m
  %10 = onnx.Add(%9, %eps5) : (!m, tensor<f32>) -> !m
  %11 = onnx.Sqrt(%10) : (!m) -> !m
  %12 = onnx.Div(%7, %11) : (!x, !m) -> !x
  %13 = onnx.Mul(%12, %b) : (!x, tensor<8xf32>) -> !x
  %14 = onnx.Add(%13, %b) : (!x, tensor<8xf32>) -> !x
  %15 = onnx.Mul(%z, %z) : (!x, !x) -> !x
  %16 = onnx.ReduceMean(%15) {axes = array<i64: 1>, keepdims = 1 : i64} : (!x) -> !s
  %17 = onnx.Add(%16, %eps) : (!s, tensor<f32>) -> !s
  %18 = onnx.Sqrt(%17) : (!s) -> !s
  %19 = onnx.Div(%z, %18) : (!x, !s) -> !x
  return %5, %14, %19 : !x, !x, !x
}

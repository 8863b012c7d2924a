// RUN: janus-opt %s --janus-recover-norm-formulas -split-input-file | FileCheck %s

// x / sqrt(eps + mean(x * x)) * g.
// CHECK-LABEL: func.func private @step
// CHECK-SAME: %[[X:[^:]*]]: tensor<?x4xf32>
// CHECK: %[[G:.*]] = moe.get_weight @"moe:g"
// CHECK: moe.norm {{ *}}rms %[[X]], %[[G]] {epsilon = 9.99999997E-7 : f32}
// CHECK-NOT: onnx.Sqrt
!r = tensor<?x4xf32, #onnx.dims<"n", 4>>
!c = tensor<?x1xf32, #onnx.dims<"n", 1>>
onnx.initializer @g : tensor<4xf32> = #onnx.range<"d", f32, offset = 0, length = 16>
func.func private @step(%i: tensor<?xi32>, %p: tensor<?xi32>, %ww: tensor<?xi32>, %x: tensor<?x4xf32>, %t: tensor<?xi64, #onnx.dims<"n">>) -> !r attributes {moe.rows = "n", moe.tokens = 4 : i64} {
  %xr = builtin.unrealized_conversion_cast %x : tensor<?x4xf32> to !r
  %g = onnx.initializer_value @g : tensor<4xf32>
  %q = onnx.Mul(%xr, %xr) : (!r, !r) -> !r
  %a = onnx.constant dense<[-1]> : tensor<1xi64>
  %m = onnx.ReduceMean(%q, %a) {keepdims = 1 : i64} : (!r, tensor<1xi64>) -> !c
  %eps = onnx.constant dense<1.0e-6> : tensor<f32>
  %v = onnx.Add(%eps, %m) : (tensor<f32>, !c) -> !c
  %s = onnx.Sqrt(%v) : (!c) -> !c
  %n = onnx.Div(%xr, %s) : (!r, !c) -> !r
  %y = onnx.Mul(%n, %g) : (!r, tensor<4xf32>) -> !r
  return %y : !r
}

// -----

// A sum in place of the mean is no normalisation.
// CHECK-LABEL: func.func private @step
// CHECK-NOT: moe.norm
// CHECK: onnx.Sqrt
!r = tensor<?x4xf32, #onnx.dims<"n", 4>>
!c = tensor<?x1xf32, #onnx.dims<"n", 1>>
onnx.initializer @g : tensor<4xf32> = #onnx.range<"d", f32, offset = 0, length = 16>
func.func private @step(%i: tensor<?xi32>, %p: tensor<?xi32>, %ww: tensor<?xi32>, %x: tensor<?x4xf32>, %t: tensor<?xi64, #onnx.dims<"n">>) -> !r attributes {moe.rows = "n", moe.tokens = 4 : i64} {
  %xr = builtin.unrealized_conversion_cast %x : tensor<?x4xf32> to !r
  %g = onnx.initializer_value @g : tensor<4xf32>
  %q = onnx.Mul(%xr, %xr) : (!r, !r) -> !r
  %a = onnx.constant dense<[-1]> : tensor<1xi64>
  %m = onnx.ReduceSum(%q, %a) {keepdims = 1 : i64} : (!r, tensor<1xi64>) -> !c
  %eps = onnx.constant dense<1.0e-6> : tensor<f32>
  %v = onnx.Add(%eps, %m) : (tensor<f32>, !c) -> !c
  %s = onnx.Sqrt(%v) : (!c) -> !c
  %n = onnx.Div(%xr, %s) : (!r, !c) -> !r
  %y = onnx.Mul(%n, %g) : (!r, tensor<4xf32>) -> !r
  return %y : !r
}

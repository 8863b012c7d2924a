// RUN: janus-opt %s --janus-recover-activations -split-input-file | FileCheck %s

// SiLU spelled as g / (1 + exp(-g)), times u.
// CHECK-LABEL: func.func private @step
// CHECK-SAME: %[[G:[^:]*]]: tensor<?x4xf32>, %[[U:[^:]*]]: tensor<?x4xf32>
// CHECK: moe.activate %[[G]] up %[[U]] {activation = #moe.activation<swiglu, alpha = 1.000000e+00 : f32, beta = 0.000000e+00
// CHECK-NOT: onnx.Exp
!r = tensor<?x4xf32, #onnx.dims<"n", 4>>
func.func private @step(%i: tensor<?xi32>, %p: tensor<?xi32>, %ww: tensor<?xi32>, %g: tensor<?x4xf32>, %u: tensor<?x4xf32>, %t: tensor<?xi64, #onnx.dims<"n">>) -> !r attributes {moe.rows = "n", moe.tokens = 5 : i64} {
  %gr = builtin.unrealized_conversion_cast %g : tensor<?x4xf32> to !r
  %ur = builtin.unrealized_conversion_cast %u : tensor<?x4xf32> to !r
  %n = onnx.Neg(%gr) : (!r) -> !r
  %e = onnx.Exp(%n) : (!r) -> !r
  %one = onnx.constant dense<1.0> : tensor<f32>
  %d = onnx.Add(%one, %e) : (tensor<f32>, !r) -> !r
  %s = onnx.Div(%gr, %d) : (!r, !r) -> !r
  %y = onnx.Mul(%ur, %s) : (!r, !r) -> !r
  return %y : !r
}

// -----

// exp(g) in place of exp(-g): the values are those of no activation.
// CHECK-LABEL: func.func private @step
// CHECK-NOT: moe.activate
// CHECK: onnx.Exp
!r = tensor<?x4xf32, #onnx.dims<"n", 4>>
func.func private @step(%i: tensor<?xi32>, %p: tensor<?xi32>, %ww: tensor<?xi32>, %g: tensor<?x4xf32>, %u: tensor<?x4xf32>, %t: tensor<?xi64, #onnx.dims<"n">>) -> !r attributes {moe.rows = "n", moe.tokens = 5 : i64} {
  %gr = builtin.unrealized_conversion_cast %g : tensor<?x4xf32> to !r
  %ur = builtin.unrealized_conversion_cast %u : tensor<?x4xf32> to !r
  %e = onnx.Exp(%gr) : (!r) -> !r
  %one = onnx.constant dense<1.0> : tensor<f32>
  %d = onnx.Add(%one, %e) : (tensor<f32>, !r) -> !r
  %s = onnx.Div(%gr, %d) : (!r, !r) -> !r
  %y = onnx.Mul(%ur, %s) : (!r, !r) -> !r
  return %y : !r
}

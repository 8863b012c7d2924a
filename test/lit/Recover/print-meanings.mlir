// RUN: janus-opt %s --janus-print-meanings -verify-diagnostics=only-expected -o /dev/null

!r = tensor<?x4xf32, #onnx.dims<"n", 4>>
func.func private @step(%i: tensor<?xi32>, %p: tensor<?xi32>, %ww: tensor<?xi32>, %g: tensor<?x4xf32>, %u: tensor<?x4xf32>, %t: tensor<?xi64, #onnx.dims<"n">>) -> !r attributes {moe.rows = "n", moe.tokens = 5 : i64} {
  %gr = builtin.unrealized_conversion_cast %g : tensor<?x4xf32> to !r
  %ur = builtin.unrealized_conversion_cast %u : tensor<?x4xf32> to !r
  // expected-remark @below {{onnx.Neg: [i0, i1] (neg value0[i0.i1])}}
  %n = onnx.Neg(%gr) : (!r) -> !r
  // expected-remark @below {{onnx.Exp: [i0, i1]}}
  %e = onnx.Exp(%n) : (!r) -> !r
  %one = onnx.constant dense<1.0> : tensor<f32>
  // expected-remark @below {{onnx.Add: [i0, i1]}}
  %d = onnx.Add(%one, %e) : (tensor<f32>, !r) -> !r
  // expected-remark @below {{onnx.Div: [i0, i1]}}
  %s = onnx.Div(%gr, %d) : (!r, !r) -> !r
  // expected-remark @below {{(* value1[i0.i1], (/ value0[i0.i1], (+ (exp (neg value0[i0.i1])), 1)))}}
  %y = onnx.Mul(%ur, %s) : (!r, !r) -> !r
  return %y : !r
}

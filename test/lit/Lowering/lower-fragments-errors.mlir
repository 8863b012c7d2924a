// RUN: janus-opt %s --janus-lower-fragments -verify-diagnostics

// An operation that the stage does not know.
func.func private @attention_0(%x: tensor<?x8xf32> {janus.rows = "rows"}) -> tensor<?x8xf32> attributes {janus.inputs = 1 : i64, janus.role = "attention"} {
  // expected-error @below {{has no lowering to rows}}
  %y = onnx.Exp(%x) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

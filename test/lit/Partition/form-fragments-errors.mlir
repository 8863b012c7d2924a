// RUN: janus-opt %s --janus-form-fragments -split-input-file -verify-diagnostics

// The pass that decides has to run first.
func.func @step_egate(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {janus.gate_side = "expert"} {
  // expected-error @below {{expects janus.mesh and janus.origin; run --janus-assign-meshes first}}
  %0 = moe.add %x, %x : tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

moe.weight @w : tensor<8x8xf32> value dense<0.5> : tensor<8x8xf32>
// expected-error @below {{expects the results of a step to be computed but @step_egate returns a weight}}
func.func @step_egate() -> tensor<8x8xf32> attributes {janus.gate_side = "expert"} {
  %0 = moe.get_weight @w : tensor<8x8xf32>
  return %0 : tensor<8x8xf32>
}

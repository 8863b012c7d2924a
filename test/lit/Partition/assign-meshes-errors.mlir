// RUN: janus-opt %s --janus-assign-meshes -split-input-file -verify-diagnostics

// Nothing defaults: an operation without a rule is an error, and every one is reported.
func.func @step_egate(%x: f32) -> f32 attributes {janus.gate_side = "expert"} {
  // expected-error @below {{has no rule that says where it runs; set janus.mesh = "attention" or "expert" on it}}
  %0 = arith.addf %x, %x : f32
  // expected-error @below {{has no rule that says where it runs}}
  %1 = arith.mulf %x, %x : f32
  return %0 : f32
}

// -----

func.func @step_egate(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {janus.gate_side = "expert"} {
  // expected-error @below {{expects janus.mesh = "attention" or "expert" but found "gpu"}}
  %0 = moe.add %x, %x {janus.mesh = "gpu"} : tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// expected-error @below {{expects the attribute janus.gate_side = "expert" or "attention" on @step_egate but found 'left'}}
func.func @step_egate(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {janus.gate_side = "left"} {
  return %x : tensor<?x8xf32>
}

// RUN: janus-opt %s --janus-outline-fragments -split-input-file -verify-diagnostics

// A step that is none.
// expected-error @below {{expects the arguments ids, positions and wanted but found 1 arguments}}
func.func @step_egate(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {janus.gate_side = "expert"} {
  return %x : tensor<?x8xf32>
}

// -----

// The partition stage has to run first.
moe.weight @w : tensor<8x8xf32> value dense<0.5> : tensor<8x8xf32>
func.func @step_egate(%i: tensor<?xi32>, %p: tensor<?xi32>, %w: tensor<?xi32>) -> tensor<?x8xf32> attributes {janus.gate_side = "expert"} {
  // expected-error @below {{expects to be inside a fragment; the partition stage puts it there}}
  %t = moe.get_weight @w : tensor<8x8xf32>
  %0 = moe.embedding %i, %t : (tensor<?xi32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

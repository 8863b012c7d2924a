// RUN: janus-opt %s --janus-build-programs -split-input-file -verify-diagnostics

// Fragments are outlined first.
moe.weight @w : tensor<8x8xf32> value dense<0.5> : tensor<8x8xf32>
func.func @step_egate(%i: tensor<?xi32>, %p: tensor<?xi32>, %w: tensor<?xi32>) -> tensor<?x8xf32> attributes {janus.gate_side = "expert"} {
  %t = moe.get_weight @w : tensor<8x8xf32>
  // expected-error @below {{is not known to role programs; run --janus-outline-fragments first}}
  %0 = moe.embedding %i, %t : (tensor<?xi32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// A step returns logits and nothing else.
func.func @step_egate(%i: tensor<?xi32>, %p: tensor<?xi32>, %w: tensor<?xi32>) attributes {janus.gate_side = "expert"} {
  // expected-error @below {{expects one result, the logits, but found 0}}
  return
}

// -----

// An expert function that takes what attention made, without a transfer.
func.func private @expert_0(%x: tensor<?xi32>) -> tensor<?xi32> attributes {janus.inputs = 1 : i64, janus.role = "expert"} {
  return %x : tensor<?xi32>
}
func.func @step_egate(%i: tensor<?xi32>, %p: tensor<?xi32>, %w: tensor<?xi32>) -> tensor<?xi32> attributes {janus.gate_side = "expert"} {
  // expected-error @below {{expects operands of its own mesh, but one crosses without a transfer}}
  %0 = call @expert_0(%i) {janus.layer = 0 : i64} : (tensor<?xi32>) -> tensor<?xi32>
  return %0 : tensor<?xi32>
}

// -----

// Two that keep one state.
func.func private @sequence_0(%x: tensor<?x8xf32>, %past: tensor<4xf32>) -> (tensor<?x8xf32>, tensor<4xf32>) attributes {janus.inputs = 1 : i64, janus.role = "attention", janus.sequence} {
  return %x, %past : tensor<?x8xf32>, tensor<4xf32>
}
func.func private @attention_0(%x: tensor<?xi32>) -> tensor<?x8xf32> attributes {janus.inputs = 1 : i64, janus.role = "attention"} {
  %y = call @attention_0(%x) : (tensor<?xi32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
func.func @step_egate(%i: tensor<?xi32>, %p: tensor<?xi32>, %w: tensor<?xi32>) -> tensor<?x8xf32> attributes {janus.gate_side = "expert"} {
  %x = call @attention_0(%i) {janus.layer = 0 : i64} : (tensor<?xi32>) -> tensor<?x8xf32>
  %0 = moe.sequence @sequence_0(%x) {janus.layer = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  // expected-error @below {{expects states of its own, but 0 is taken}}
  %1 = moe.sequence @sequence_0(%0) {janus.layer = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %1 : tensor<?x8xf32>
}

// -----

// States with a gap.
// expected-error @below {{expects moe.sequence to number states from 0 without gaps}}
module {
func.func private @sequence_0(%x: tensor<?xi32>, %past: tensor<4xf32>) -> (tensor<?x8xf32>, tensor<4xf32>) attributes {janus.inputs = 1 : i64, janus.role = "attention", janus.sequence} {
  %y:2 = call @sequence_0(%x, %past) : (tensor<?xi32>, tensor<4xf32>) -> (tensor<?x8xf32>, tensor<4xf32>)
  return %y#0, %y#1 : tensor<?x8xf32>, tensor<4xf32>
}
func.func @step_egate(%i: tensor<?xi32>, %p: tensor<?xi32>, %w: tensor<?xi32>) -> tensor<?x8xf32> attributes {janus.gate_side = "expert"} {
  %0 = moe.sequence @sequence_0(%i) {janus.layer = 0 : i64, state = 1 : i64} : (tensor<?xi32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}
}

// -----

// Rows that are not all of the step's.
func.func private @sequence_0(%x: tensor<?xi32>) -> tensor<?x8xf32> attributes {janus.inputs = 1 : i64, janus.role = "attention", janus.sequence} {
  %y = call @sequence_0(%x) : (tensor<?xi32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
func.func @step_egate(%i: tensor<?xi32>, %p: tensor<?xi32>, %w: tensor<?xi32>) -> tensor<?x8xf32> attributes {janus.gate_side = "expert"} {
  // expected-error @below {{expects weights, and rows of all of the step's tokens, on @attention}}
  %0 = moe.sequence @sequence_0(%w) {janus.layer = 0 : i64} : (tensor<?xi32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

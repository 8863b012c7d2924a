// RUN: janus-opt %s --janus-insert-transfers -split-input-file -verify-diagnostics

// EGate: something besides the activations crosses.
janus.mesh @attention
janus.mesh @expert
func.func @step_egate(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {janus.gate_side = "expert"} {
  %a = janus.fragment @attention origin("rule: add") (%x) {layer = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%v: tensor<?x8xf32>):
    janus.yield %v : tensor<?x8xf32>
  }
  // expected-error @below {{expects one value to cross from @attention but found 2; --janus-verify-partition tells why}}
  %b = janus.fragment @expert origin("user") (%a, %a) {layer = 0 : i64} : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%v: tensor<?x8xf32>, %w: tensor<?x8xf32>):
    janus.yield %v : tensor<?x8xf32>
  }
  return %b : tensor<?x8xf32>
}

// -----

// AGate: ids and weights are missing.
janus.mesh @attention
janus.mesh @expert
func.func @step_agate(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {janus.gate_side = "attention"} {
  %a = janus.fragment @attention origin("rule: add") (%x) {layer = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%v: tensor<?x8xf32>):
    janus.yield %v : tensor<?x8xf32>
  }
  // expected-error @below {{expects activations, ids and weights, and nothing else, to cross from @attention; --janus-verify-partition tells why}}
  %b = janus.fragment @expert origin("user") (%a) {layer = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%v: tensor<?x8xf32>):
    janus.yield %v : tensor<?x8xf32>
  }
  return %b : tensor<?x8xf32>
}

// -----

// More than the experts' output comes back.
janus.mesh @attention
janus.mesh @expert
func.func @step_egate(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {janus.gate_side = "expert"} {
  %a = janus.fragment @attention origin("rule: add") (%x) {layer = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%v: tensor<?x8xf32>):
    janus.yield %v : tensor<?x8xf32>
  }
  // expected-error @below {{expects one result to come back but found 2}}
  %b:2 = janus.fragment @expert origin("user") (%a) {layer = 0 : i64} : (tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  ^bb0(%v: tensor<?x8xf32>):
    janus.yield %v, %v : tensor<?x8xf32>, tensor<?x8xf32>
  }
  return %b#0 : tensor<?x8xf32>
}

// -----

// The experts take an argument of the step: nobody is there to send it.
janus.mesh @expert
func.func @step_egate(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {janus.gate_side = "expert"} {
  // expected-error @below {{expects its inputs to come from a fragment on @attention}}
  %b = janus.fragment @expert origin("user") (%x) {layer = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%v: tensor<?x8xf32>):
    janus.yield %v : tensor<?x8xf32>
  }
  return %b : tensor<?x8xf32>
}

// -----

// The pass has run.
janus.mesh @expert
func.func @step_egate(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {janus.gate_side = "expert"} {
  %h = janus.dispatch %x {layer = 0 : i64, transfer = 0 : i64, schemes = [#janus.scheme<"direct", [<"send", inter, messages = "1", bytes = "1">]>]} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  // expected-error @below {{has its transfers already; --janus-insert-transfers runs once}}
  %b = janus.fragment @expert origin("user") (%h) {layer = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%v: tensor<?x8xf32>):
    janus.yield %v : tensor<?x8xf32>
  }
  return %b : tensor<?x8xf32>
}

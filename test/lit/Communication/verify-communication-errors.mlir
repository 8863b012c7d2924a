// One case for each rule of --janus-verify-communication.
// RUN: janus-opt %s --janus-verify-communication -split-input-file -verify-diagnostics

// (1) a value crosses to the expert side without a dispatch, and comes back without a collect
janus.mesh @attention
janus.mesh @expert
func.func @step_egate(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {janus.gate_side = "expert"} {
  // expected-note @below {{the value is made here}}
  %a = janus.fragment @attention origin("rule: add") (%x) {layer = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%v: tensor<?x8xf32>):
    janus.yield %v : tensor<?x8xf32>
  }
  // expected-error @below {{uses on @expert a value that is on @attention; only janus.dispatch and janus.collect cross meshes}}
  // expected-note @below {{the value is made here}}
  %b = janus.fragment @expert origin("user") (%a) {layer = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%v: tensor<?x8xf32>):
    janus.yield %v : tensor<?x8xf32>
  }
  // expected-error @below {{uses on @attention a value that is on @expert}}
  return %b : tensor<?x8xf32>
}

// -----

// (2) a dispatch without its return, (4) with a scheme that no runtime knows
func.func @step_egate(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {janus.gate_side = "expert"} {
  // expected-error @below {{expects a janus.collect with transfer = 0 after it; each forward has its return}}
  // expected-error @below {{carries a scheme that the runtime does not know: #janus.scheme<"pigeon", [<"fly", inter, messages = "1", bytes = "1">]>}}
  // expected-note @below {{known are}}
  %0 = janus.dispatch %x {layer = 0 : i64, transfer = 0 : i64, schemes = [#janus.scheme<"pigeon", [<"fly", inter, messages = "1", bytes = "1">]>]} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %x : tensor<?x8xf32>
}

// -----

// (3) a dispatch that is not routed where the router is on the attention side
func.func @step_agate(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {janus.gate_side = "attention"} {
  // expected-error @below {{expects a dispatch with 'routed' where the gate side is 'attention'}}
  %0 = janus.dispatch %x {layer = 0 : i64, transfer = 0 : i64, schemes = [#janus.scheme<"direct", [<"send", inter, messages = "1", bytes = "1">]>]} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %x : tensor<?x8xf32>
}

// -----

// (1) an operation that is neither fragment nor transfer
func.func @step_egate(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {janus.gate_side = "expert"} {
  // expected-error @below {{stands outside of any fragment}}
  %0 = moe.add %x, %x : tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

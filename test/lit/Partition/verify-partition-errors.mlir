// One case for each rule of --janus-verify-partition; what a user choice can break is broken by a user choice.
// RUN: janus-opt %s --janus-verify-partition -split-input-file -verify-diagnostics

// (1) an operation outside of any fragment
func.func @step_egate(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {janus.gate_side = "expert"} {
  // expected-error @below {{stands outside of any fragment; run --janus-form-fragments}}
  %0 = moe.add %x, %x : tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

// -----

// (1) no gate side
// expected-error @below {{expects the attribute janus.gate_side = "expert" or "attention" on @step but found none; --janus-select-gate-side sets it}}
func.func @step(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  return %x : tensor<?x8xf32>
}

// -----

// (2) something else than routed experts on the expert side
janus.mesh @attention
janus.mesh @expert
func.func @step_egate(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {janus.gate_side = "expert"} {
  %a = janus.fragment @attention origin("rule: add") (%x) {layer = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%v: tensor<?x8xf32>):
    %0 = moe.add %v, %v : tensor<?x8xf32>
    janus.yield %0 : tensor<?x8xf32>
  }
  // expected-error @below {{expects the routed experts of one layer in an expert fragment but found 0; a janus.mesh = "expert" elsewhere causes this}}
  %b = janus.fragment @expert origin("user") (%a) {layer = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%v: tensor<?x8xf32>):
    %0 = moe.add %v, %v : tensor<?x8xf32>
    janus.yield %0 : tensor<?x8xf32>
  }
  // (6) what the step returns is on the attention side; the error stands at the fragment that makes it.
  %c = janus.fragment @attention origin("rule: add") (%b) {layer = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%v: tensor<?x8xf32>):
    janus.yield %v : tensor<?x8xf32>
  }
  return %c : tensor<?x8xf32>
}

// -----

// (2) layers out of order, (4) the residual crosses, (5) more than the experts' output comes back
janus.mesh @attention
janus.mesh @expert
moe.weight @up : tensor<4x6x8xf32> value dense<0.5> : tensor<4x6x8xf32>
moe.weight @down : tensor<4x8x6xf32> value dense<0.5> : tensor<4x8x6xf32>
func.func @step_agate(%x: tensor<?x8xf32>, %i: tensor<?x2xi32>, %w: tensor<?x2xf32>) -> tensor<?x8xf32> attributes {janus.gate_side = "attention"} {
  %a:4 = janus.fragment @attention origin("rule: add") (%x, %i, %w) {layer = 0 : i64} : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>) -> (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<?x8xf32>) {
  ^bb0(%v: tensor<?x8xf32>, %vi: tensor<?x2xi32>, %vw: tensor<?x2xf32>):
    janus.yield %v, %vi, %vw, %v : tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<?x8xf32>
  }
  // expected-error @below {{expects layer 0, the next one, but found layer 1}}
  // expected-error @below {{expects 3 values (activations, ids, weights) to cross from @attention but found 4; the residual stream stays with attention}}
  // expected-error @below {{expects the experts' output, and nothing else, to come back; found 2 results}}
  %b:2 = janus.fragment @expert origin("rule: routed experts") (%a#0, %a#1, %a#2, %a#3) {layer = 1 : i64} : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<?x8xf32>) -> (tensor<?x2x8xf32>, tensor<?x8xf32>) {
  ^bb0(%v: tensor<?x8xf32>, %vi: tensor<?x2xi32>, %vw: tensor<?x2xf32>, %r: tensor<?x8xf32>):
    %u = moe.get_weight @up : tensor<4x6x8xf32>
    %d = moe.get_weight @down : tensor<4x8x6xf32>
    %y = moe.experts %v, %vi, %vw gate %u down %d {activation = #moe.activation<relu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 0x7F800000 : f32>, layer = 1 : i64}
      : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<4x6x8xf32>, tensor<4x8x6xf32>) -> tensor<?x2x8xf32>
    janus.yield %y, %r : tensor<?x2x8xf32>, tensor<?x8xf32>
  }
  %c = janus.fragment @attention origin("rule: combine") (%b#0, %b#1) {layer = 1 : i64} : (tensor<?x2x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%v: tensor<?x2x8xf32>, %r: tensor<?x8xf32>):
    %z = moe.combine %v residual %r : (tensor<?x2x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
    janus.yield %z : tensor<?x8xf32>
  }
  return %c : tensor<?x8xf32>
}

// -----

// (3) the router on the other side, (6) the step's result on the expert side
janus.mesh @attention
janus.mesh @expert
moe.weight @router : tensor<4x8xf32> value dense<0.5> : tensor<4x8xf32>
func.func @step_egate(%x: tensor<?x8xf32>) -> tensor<?x2xf32> attributes {janus.gate_side = "expert"} {
  %a = janus.fragment @attention origin("user") (%x) {layer = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x4xf32> {
  ^bb0(%v: tensor<?x8xf32>):
    %wr = moe.get_weight @router : tensor<4x8xf32>
    // expected-error @below {{expects the router on @expert but found it on @attention; the gate side is 'expert'}}
    %l = moe.linear %v, %wr {layer = 0 : i64, router} : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
    janus.yield %l : tensor<?x4xf32>
  }
  // expected-error @below {{expects the routed experts of one layer in an expert fragment but found 0}}
  // expected-error @below {{returns a result of the step from the expert side}}
  %b = janus.fragment @expert origin("rule: router (EGate)") (%a) {layer = 0 : i64} : (tensor<?x4xf32>) -> tensor<?x2xf32> {
  ^bb0(%l: tensor<?x4xf32>):
    %e, %p = moe.route %l {k = 2 : i64, layer = 0 : i64, score = #moe.score<softmax>} : (tensor<?x4xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
    janus.yield %p : tensor<?x2xf32>
  }
  return %b : tensor<?x2xf32>
}

// -----

// (1) no step function at all
// expected-error @below {{expects a step function; run --janus-select-gate-side}}
module {}

// -----

// (2) routed experts that stayed with attention
janus.mesh @attention
moe.weight @up : tensor<4x6x8xf32> value dense<0.5> : tensor<4x6x8xf32>
moe.weight @down : tensor<4x8x6xf32> value dense<0.5> : tensor<4x8x6xf32>
func.func @step_agate(%x: tensor<?x8xf32>, %i: tensor<?x2xi32>, %w: tensor<?x2xf32>) -> tensor<?x2x8xf32> attributes {janus.gate_side = "attention"} {
  %a = janus.fragment @attention origin("user") (%x, %i, %w) {layer = 0 : i64} : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>) -> tensor<?x2x8xf32> {
  ^bb0(%v: tensor<?x8xf32>, %vi: tensor<?x2xi32>, %vw: tensor<?x2xf32>):
    %u = moe.get_weight @up : tensor<4x6x8xf32>
    %d = moe.get_weight @down : tensor<4x8x6xf32>
    // expected-error @below {{expects routed experts on @expert but found them on @attention}}
    %y = moe.experts %v, %vi, %vw gate %u down %d {activation = #moe.activation<relu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 0x7F800000 : f32>, layer = 0 : i64}
      : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<4x6x8xf32>, tensor<4x8x6xf32>) -> tensor<?x2x8xf32>
    janus.yield %y : tensor<?x2x8xf32>
  }
  return %a : tensor<?x2x8xf32>
}

// -----

// (4) an argument of the step, and a value of another expert fragment, go to the experts; (4) the choice is made there, not as
// attention sent it
janus.mesh @attention
janus.mesh @expert
moe.weight @up : tensor<4x6x8xf32> value dense<0.5> : tensor<4x6x8xf32>
moe.weight @down : tensor<4x8x6xf32> value dense<0.5> : tensor<4x8x6xf32>
func.func @step_agate(%x: tensor<?x8xf32>, %i: tensor<?x2xi32>, %w: tensor<?x2xf32>) -> tensor<?x8xf32> attributes {janus.gate_side = "attention"} {
  // expected-error @below {{takes an argument of the step directly; rows enter on the attention side}}
  // expected-note @below {{that fragment is here}}
  %a = janus.fragment @expert origin("rule: routed experts") (%x, %i, %w) {layer = 0 : i64} : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>) -> tensor<?x2x8xf32> {
  ^bb0(%v: tensor<?x8xf32>, %vi: tensor<?x2xi32>, %vw: tensor<?x2xf32>):
    %u = moe.get_weight @up : tensor<4x6x8xf32>
    %d = moe.get_weight @down : tensor<4x8x6xf32>
    %y = moe.experts %v, %vi, %vw gate %u down %d {activation = #moe.activation<relu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 0x7F800000 : f32>, layer = 0 : i64}
      : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<4x6x8xf32>, tensor<4x8x6xf32>) -> tensor<?x2x8xf32>
    janus.yield %y : tensor<?x2x8xf32>
  }
  %z:2 = janus.fragment @attention origin("rule: combine") (%i, %w) {layer = 1 : i64} : (tensor<?x2xi32>, tensor<?x2xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) {
  ^bb0(%vi: tensor<?x2xi32>, %vw: tensor<?x2xf32>):
    janus.yield %vi, %vw : tensor<?x2xi32>, tensor<?x2xf32>
  }
  // expected-error @below {{takes a value of another expert fragment}}
  %b = janus.fragment @expert origin("rule: routed experts") (%a, %z#0, %z#1) {layer = 1 : i64} : (tensor<?x2x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>) -> tensor<?x2x8xf32> {
  ^bb0(%y0: tensor<?x2x8xf32>, %vi: tensor<?x2xi32>, %vw: tensor<?x2xf32>):
    %v = moe.combine %y0 : (tensor<?x2x8xf32>) -> tensor<?x8xf32>
    %u = moe.get_weight @up : tensor<4x6x8xf32>
    %d = moe.get_weight @down : tensor<4x8x6xf32>
    // expected-error @below {{expects activations, ids and weights from @attention, unchanged}}
    %y = moe.experts %v, %vi, %vw gate %u down %d {activation = #moe.activation<relu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 0x7F800000 : f32>, layer = 1 : i64}
      : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<4x6x8xf32>, tensor<4x8x6xf32>) -> tensor<?x2x8xf32>
    janus.yield %y : tensor<?x2x8xf32>
  }
  %c = janus.fragment @attention origin("rule: combine") (%b) {layer = 1 : i64} : (tensor<?x2x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%y: tensor<?x2x8xf32>):
    %s = moe.combine %y : (tensor<?x2x8xf32>) -> tensor<?x8xf32>
    janus.yield %s : tensor<?x8xf32>
  }
  return %c : tensor<?x8xf32>
}

// -----

// (7) a function of a sequence's rows beside other operations
janus.mesh @attention
func.func private @f(%x: tensor<?x8xf32>) -> tensor<?x8xf32> { return %x : tensor<?x8xf32> }
func.func @step_egate(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {janus.gate_side = "expert"} {
  %a = janus.fragment @attention origin("rule: sequence, add") (%x) {layer = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%v: tensor<?x8xf32>):
    // expected-error @below {{expects a fragment of its own but found it beside 1 other operations; it is called for each sequence}}
    %0 = moe.sequence @f(%v) : (tensor<?x8xf32>) -> tensor<?x8xf32>
    %1 = moe.add %0, %v : tensor<?x8xf32>
    janus.yield %1 : tensor<?x8xf32>
  }
  return %a : tensor<?x8xf32>
}

// -----

// (7) and on @expert
janus.mesh @attention
janus.mesh @expert
func.func private @f(%x: tensor<?x8xf32>) -> tensor<?x8xf32> { return %x : tensor<?x8xf32> }
func.func @step_egate(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {janus.gate_side = "expert"} {
  %a = janus.fragment @attention origin("rule: add") (%x) {layer = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%v: tensor<?x8xf32>):
    %0 = moe.add %v, %v : tensor<?x8xf32>
    janus.yield %0 : tensor<?x8xf32>
  }
  // expected-error @below {{expects the routed experts of one layer in an expert fragment but found 0}}
  %b = janus.fragment @expert origin("user") (%a) {layer = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%v: tensor<?x8xf32>):
    // expected-error @below {{expects @attention, which knows which rows are of one sequence, but found it on @expert}}
    %0 = moe.sequence @f(%v) : (tensor<?x8xf32>) -> tensor<?x8xf32>
    janus.yield %0 : tensor<?x8xf32>
  }
  %c = janus.fragment @attention origin("rule: add") (%b) {layer = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%v: tensor<?x8xf32>):
    janus.yield %v : tensor<?x8xf32>
  }
  return %c : tensor<?x8xf32>
}

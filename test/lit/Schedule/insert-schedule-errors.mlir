// Preconditions of --janus-insert-schedule.
// RUN: janus-opt %s --janus-insert-schedule -split-input-file -verify-diagnostics
// RUN: janus-opt %S/../Partition/Inputs/tiny-model.mlir --janus-partition=gate-side=attention --janus-communicate -o %t 2>/dev/null

// The communicate stage has to run first.
// RUN: not janus-opt %S/../Partition/Inputs/tiny-model.mlir --janus-partition=gate-side=expert --janus-insert-schedule 2>&1 | FileCheck %s --check-prefix=FIRST
// FIRST: error: 'moe.experts' op expects its result, and nothing else, to go to a janus.collect; run --janus-insert-transfers first

// Under AGate nobody exchanges the ids.
// RUN: sed '/janus.exchange/d' %t | not janus-opt --janus-insert-schedule 2>&1 | FileCheck %s --check-prefix=EXCHANGE
// EXCHANGE: error: 'janus.dispatch' op expects a janus.exchange of its ids

// Under AGate the experts get their rows without a routed dispatch.
janus.mesh @expert
moe.weight @up : tensor<4x6x8xf32> value dense<0.5> : tensor<4x6x8xf32>
moe.weight @down : tensor<4x8x6xf32> value dense<0.5> : tensor<4x8x6xf32>
func.func @step_agate(%x: tensor<?x8xf32>, %i: tensor<?x2xi32>, %w: tensor<?x2xf32>) -> tensor<?x2x8xf32> attributes {janus.gate_side = "attention"} {
  %b = janus.fragment @expert origin("rule: routed experts") (%x, %i, %w) {layer = 0 : i64} : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>) -> tensor<?x2x8xf32> {
  ^bb0(%v: tensor<?x8xf32>, %vi: tensor<?x2xi32>, %vw: tensor<?x2xf32>):
    %u = moe.get_weight @up : tensor<4x6x8xf32>
    %d = moe.get_weight @down : tensor<4x8x6xf32>
    // expected-error @below {{expects its activations, ids and weights from a routed janus.dispatch; run --janus-insert-transfers first}}
    %y = moe.experts %v, %vi, %vw gate %u down %d {activation = #moe.activation<relu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 0x7F800000 : f32>, layer = 0 : i64}
      : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<4x6x8xf32>, tensor<4x8x6xf32>) -> tensor<?x2x8xf32>
    janus.yield %y : tensor<?x2x8xf32>
  }
  %c = janus.collect %b {layer = 0 : i64, transfer = 0 : i64, schemes = [#janus.scheme<"direct", [<"send", inter, messages = "1", bytes = "1">]>]} : (tensor<?x2x8xf32>) -> tensor<?x2x8xf32>
  return %c : tensor<?x2x8xf32>
}

// -----

// A weight that is computed would move with every placement.
janus.mesh @expert
moe.weight @down : tensor<4x8x6xf32> value dense<0.5> : tensor<4x8x6xf32>
func.func @step_egate(%x: tensor<?x8xf32>, %i: tensor<?x2xi32>, %w: tensor<?x2xf32>, %up: tensor<4x6x8xf32>) -> tensor<?x2x8xf32> attributes {janus.gate_side = "expert"} {
  %b = janus.fragment @expert origin("rule: routed experts") (%x, %i, %w, %up) {layer = 0 : i64} : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<4x6x8xf32>) -> tensor<?x2x8xf32> {
  ^bb0(%v: tensor<?x8xf32>, %vi: tensor<?x2xi32>, %vw: tensor<?x2xf32>, %u: tensor<4x6x8xf32>):
    %d = moe.get_weight @down : tensor<4x8x6xf32>
    // expected-error @below {{expects its weights from moe.get_weight in the same fragment}}
    %y = moe.experts %v, %vi, %vw gate %u down %d {activation = #moe.activation<relu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 0x7F800000 : f32>, layer = 0 : i64}
      : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<4x6x8xf32>, tensor<4x8x6xf32>) -> tensor<?x2x8xf32>
    janus.yield %y : tensor<?x2x8xf32>
  }
  %c = janus.collect %b {layer = 0 : i64, transfer = 0 : i64, schemes = [#janus.scheme<"direct", [<"send", inter, messages = "1", bytes = "1">]>]} : (tensor<?x2x8xf32>) -> tensor<?x2x8xf32>
  return %c : tensor<?x2x8xf32>
}

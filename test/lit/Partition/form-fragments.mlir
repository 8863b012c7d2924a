// RUN: janus-opt %S/Inputs/tiny-model.mlir --janus-partition=gate-side=auto 2>/dev/null | FileCheck %s
// RUN: janus-opt %s --janus-assign-meshes --janus-form-fragments --janus-verify-partition 2>/dev/null | FileCheck %s --check-prefix=SHARED

// One attention fragment between two expert fragments; only h goes over, only y comes back, the residual (#0) stays.
// CHECK: janus.mesh @attention
// CHECK: janus.mesh @expert
// CHECK-LABEL: func.func @step_egate
// CHECK: %[[A0:.*]]:2 = janus.fragment @attention origin("rule: embedding, norm, linear, rotary, attention") (%arg0, %arg1) {layer = 0 : i64}
// Weights are read inside, the rotary tables in each fragment.
// CHECK: moe.get_weight @embed
// CHECK: moe.get_weight @cos
// CHECK: %[[O0:.*]] = moe.linear {{.*}} residual
// CHECK: %[[H0:.*]] = moe.norm rms %[[O0]]
// CHECK-NEXT: janus.yield %[[O0]], %[[H0]]
// CHECK: %[[E0:.*]] = janus.fragment @expert origin("rule: router (EGate), routed experts") (%[[A0]]#1) {layer = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x2x8xf32>
// CHECK: moe.route
// CHECK: moe.experts
// CHECK: %[[A1:.*]]:2 = janus.fragment @attention origin("rule: combine, norm, linear, rotary, attention") (%[[E0]], %[[A0]]#0, %arg1) {layer = 1 : i64}
// CHECK: moe.get_weight @cos
// CHECK: %[[E1:.*]] = janus.fragment @expert {{.*}} (%[[A1]]#1) {layer = 1 : i64}
// The last fragment carries the last layer's number.
// CHECK: %[[Z:.*]] = janus.fragment @attention origin("rule: combine, norm, select, linear") (%[[E1]], %[[A1]]#0, %arg2) {layer = 1 : i64}
// CHECK-NOT: janus.fragment
// CHECK: return %[[Z]]

// AGate: activations, ids and weights go over; the router is in the attention fragment.
// CHECK-LABEL: func.func @step_agate
// CHECK: %[[B0:.*]]:4 = janus.fragment @attention origin("rule: embedding, norm, linear, rotary, attention, router (AGate)")
// CHECK: moe.route
// CHECK: janus.fragment @expert origin("rule: routed experts") (%[[B0]]#1, %[[B0]]#2, %[[B0]]#3) {layer = 0 : i64} : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>) -> tensor<?x2x8xf32>
// CHECK-NEXT: ^bb0
// CHECK-NOT: moe.route
// CHECK: janus.yield

moe.weight @router : tensor<4x8xf32> value dense<0.5> : tensor<4x8xf32>
moe.weight @up : tensor<4x6x8xf32> value dense<0.5> : tensor<4x6x8xf32>
moe.weight @down : tensor<4x8x6xf32> value dense<0.5> : tensor<4x8x6xf32>
moe.weight @embed : tensor<32x8xf32> value dense<0.5> : tensor<32x8xf32>
moe.weight @square : tensor<8x8xf32> value dense<1.0> : tensor<8x8xf32>

// A shared expert is not awaited by the dispatch: it is a fragment of its own, which runs while activations are in flight.
// SHARED-LABEL: func.func @step_egate
// SHARED: %[[X:.*]] = janus.fragment @attention origin("rule: embedding") (%arg0)
// SHARED: %[[S:.*]] = janus.fragment @attention origin("rule: linear") (%[[X]]) {layer = 0 : i64}
// SHARED: %[[Y:.*]] = janus.fragment @expert {{.*}} (%[[X]])
// SHARED: janus.fragment @attention origin("rule: combine") (%[[Y]], %[[S]], %[[X]]) {layer = 0 : i64}
func.func @step_egate(%ids: tensor<?xi32>) -> tensor<?x8xf32> attributes {janus.gate_side = "expert"} {
  %t = moe.get_weight @embed : tensor<32x8xf32>
  %h = moe.embedding %ids, %t : (tensor<?xi32>, tensor<32x8xf32>) -> tensor<?x8xf32>
  %wr = moe.get_weight @router : tensor<4x8xf32>
  %l = moe.linear %h, %wr {layer = 0 : i64, router} : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  %e, %p = moe.route %l {k = 2 : i64, layer = 0 : i64, score = #moe.score<softmax>} : (tensor<?x4xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  %u = moe.get_weight @up : tensor<4x6x8xf32>
  %d = moe.get_weight @down : tensor<4x8x6xf32>
  %y = moe.experts %h, %e, %p gate %u down %d {activation = #moe.activation<relu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 0x7F800000 : f32>, layer = 0 : i64}
    : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<4x6x8xf32>, tensor<4x8x6xf32>) -> tensor<?x2x8xf32>
  %ws = moe.get_weight @square : tensor<8x8xf32>
  %shared = moe.linear %h, %ws : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %z = moe.combine %y shared %shared residual %h : (tensor<?x2x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %z : tensor<?x8xf32>
}

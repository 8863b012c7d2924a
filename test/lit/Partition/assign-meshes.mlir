// RUN: janus-opt %s --janus-assign-meshes 2>/dev/null | FileCheck %s
// RUN: janus-opt %s --janus-assign-meshes --janus-assign-meshes 2>/dev/null | FileCheck %s
// RUN: janus-opt %s --janus-assign-meshes 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK

moe.weight @router : tensor<4x8xf32> value dense<0.5> : tensor<4x8xf32>
moe.weight @up : tensor<4x6x8xf32> value dense<0.5> : tensor<4x6x8xf32>
moe.weight @down : tensor<4x8x6xf32> value dense<0.5> : tensor<4x8x6xf32>
moe.weight @scale : tensor<8xf32> value dense<1.0> : tensor<8xf32>
moe.weight @square : tensor<8x8xf32> value dense<1.0> : tensor<8x8xf32>

// EGate: the router and what lies between it and the choice run on the expert side; the rest by its rule.
// CHECK-LABEL: func.func @step_egate
func.func @step_egate(%x: tensor<?x8xf32>, %b: tensor<?x4xf32>) -> tensor<?x8xf32> attributes {janus.gate_side = "expert"} {
  // A weight has no mesh: it is read where it is used.
  // CHECK: moe.get_weight @scale : tensor<8xf32>
  %s = moe.get_weight @scale : tensor<8xf32>
  // CHECK: moe.norm {{.*}}janus.mesh = "attention", janus.origin = "rule: norm"
  %h = moe.norm rms %x, %s {epsilon = 1.0e-06 : f32} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %wr = moe.get_weight @router : tensor<4x8xf32>
  // CHECK: moe.linear {{.*}}janus.mesh = "expert", janus.origin = "rule: router (EGate)"
  %l = moe.linear %h, %wr {layer = 0 : i64, router} : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  // CHECK: moe.add {{.*}}janus.mesh = "expert", janus.origin = "inferred: feeds the router (EGate)"
  %lb = moe.add %l, %b : tensor<?x4xf32>
  // CHECK: moe.route {{.*}}janus.mesh = "expert", janus.origin = "rule: router (EGate)"
  // REMARK: remark: 'moe.route' runs on @expert (rule: router (EGate))
  %e, %p = moe.route %lb {k = 2 : i64, layer = 0 : i64, score = #moe.score<softmax>} : (tensor<?x4xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  %u = moe.get_weight @up : tensor<4x6x8xf32>
  %d = moe.get_weight @down : tensor<4x8x6xf32>
  // CHECK: moe.experts {{.*}}janus.mesh = "expert", janus.origin = "rule: routed experts"
  // REMARK: remark: 'moe.experts' runs on @expert (rule: routed experts)
  %y = moe.experts %h, %e, %p gate %u down %d {activation = #moe.activation<relu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 0x7F800000 : f32>, layer = 0 : i64}
    : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<4x6x8xf32>, tensor<4x8x6xf32>) -> tensor<?x2x8xf32>
  // CHECK: moe.combine {{.*}}janus.mesh = "attention", janus.origin = "rule: combine"
  %z = moe.combine %y residual %x : (tensor<?x2x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %z : tensor<?x8xf32>
}

// AGate: the router stays beside attention.
// CHECK-LABEL: func.func @step_agate
func.func @step_agate(%x: tensor<?x8xf32>) -> tensor<?x2xf32> attributes {janus.gate_side = "attention"} {
  %wr = moe.get_weight @router : tensor<4x8xf32>
  // CHECK: moe.linear {{.*}}janus.mesh = "attention", janus.origin = "rule: router (AGate)"
  %l = moe.linear %x, %wr {layer = 0 : i64, router} : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  // CHECK: moe.route {{.*}}janus.mesh = "attention", janus.origin = "rule: router (AGate)"
  // REMARK: remark: 'moe.route' runs on @attention (rule: router (AGate))
  %e, %p = moe.route %l {k = 2 : i64, layer = 0 : i64, score = #moe.score<softmax>} : (tensor<?x4xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return %p : tensor<?x2xf32>
}

// A choice of the user stands, also when the pass runs again.
// CHECK-LABEL: func.func @user
func.func @user(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {janus.gate_side = "expert"} {
  %w = moe.get_weight @square : tensor<8x8xf32>
  // CHECK: moe.linear {{.*}}janus.mesh = "expert", janus.origin = "user"
  // REMARK: remark: 'moe.linear' runs on @expert (user)
  %y = moe.linear %x, %w {janus.mesh = "expert"} : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

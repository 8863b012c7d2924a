// RUN: janus-opt %s --janus-select-gate-side=gate-side=expert 2>/dev/null | FileCheck %s --check-prefix=EXPERT
// RUN: janus-opt %s --janus-select-gate-side=gate-side=attention 2>/dev/null | FileCheck %s --check-prefix=ATTENTION
// RUN: janus-opt %s --janus-select-gate-side=gate-side=auto 2>/dev/null | FileCheck %s --check-prefix=AUTO
// RUN: janus-opt %s --janus-select-gate-side=gate-side=auto 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK

// The suffix says the side, also where there is only one.
// EXPERT: func.func @step_egate({{.*}}) -> tensor<?x8xf32> attributes {janus.gate_side = "expert"}
// EXPERT-NOT: @step
// ATTENTION: func.func @step_agate({{.*}}) -> tensor<?x8xf32> attributes {janus.gate_side = "attention"}
// ATTENTION-NOT: @step
// Both sides come from the same body.
// AUTO: func.func @step_egate
// AUTO: moe.embedding
// AUTO: func.func @step_agate
// AUTO: moe.embedding
// REMARK: remark: the router runs on the expert side in @step_egate
// REMARK: remark: the router runs on the attention side in @step_agate
moe.weight @embed : tensor<32x8xf32> value dense<0.5> : tensor<32x8xf32>
func.func @step(%ids: tensor<?xi32>) -> tensor<?x8xf32> {
  %t = moe.get_weight @embed : tensor<32x8xf32>
  %x = moe.embedding %ids, %t : (tensor<?xi32>, tensor<32x8xf32>) -> tensor<?x8xf32>
  return %x : tensor<?x8xf32>
}

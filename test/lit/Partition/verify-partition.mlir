// What --janus-verify-partition lets pass, unchanged: a step without any layer of experts is one fragment.
// RUN: janus-opt %s > %t && janus-opt %t --janus-verify-partition | diff %t -
// RUN: FileCheck %s < %t

// CHECK: func.func @step_egate
janus.mesh @attention
func.func @step_egate(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {janus.gate_side = "expert"} {
  %a = janus.fragment @attention origin("rule: add") (%x) {layer = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%v: tensor<?x8xf32>):
    %0 = moe.add %v, %v : tensor<?x8xf32>
    janus.yield %0 : tensor<?x8xf32>
  }
  return %a : tensor<?x8xf32>
}

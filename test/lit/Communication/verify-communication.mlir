// What --janus-verify-communication lets pass, unchanged: fragments that stay on one mesh need no transfer.
// RUN: janus-opt %s > %t && janus-opt %t --janus-verify-communication | diff %t -
// RUN: FileCheck %s < %t

// CHECK: func.func @step_egate
janus.mesh @attention
func.func @step_egate(%x: tensor<?x8xf32>) -> tensor<?x8xf32> attributes {janus.gate_side = "expert"} {
  %a = janus.fragment @attention origin("rule: add") (%x) {layer = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%v: tensor<?x8xf32>):
    janus.yield %v : tensor<?x8xf32>
  }
  %b = janus.fragment @attention origin("rule: add") (%a) {layer = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%v: tensor<?x8xf32>):
    janus.yield %v : tensor<?x8xf32>
  }
  return %b : tensor<?x8xf32>
}

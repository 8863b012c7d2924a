// Rules of --janus-verify-schedule, broken by changing one line of the stage's own output.
// RUN: janus-opt %S/../Partition/Inputs/tiny-model.mlir --janus-partition=gate-side=auto --janus-communicate -o %t.before 2>/dev/null
// RUN: janus-opt %t.before --janus-schedule -o %t 2>/dev/null

// (1) experts over ids are left
// RUN: not janus-opt %t.before --janus-verify-schedule 2>&1 | FileCheck %s --check-prefix=LEFT
// LEFT: error: 'moe.experts' op expects janus.experts over an assignment after schedule; run --janus-insert-schedule

// (2) the assignment of layer 1's experts is layer 0's
// RUN: sed '0,/janus.schedule.*placement_1/s/layer = 1 : i64, placement = @placement_1/layer = 0 : i64, placement = @placement_0/' %t > %t.layer
// RUN: not janus-opt %t.layer --janus-verify-schedule 2>&1 | FileCheck %s --check-prefix=LAYER
// LAYER: error: 'janus.schedule' op expects one schedule of layer 0 in a step
// LAYER: note: another is here
// LAYER: error: 'janus.experts' op expects a schedule of layer 1 with 4 experts but found layer 0 with 4
// LAYER: note: the schedule is here

// (2) the assignment does not come from where the gate side makes it
// RUN: sed 's/gate_side = "expert"/gate_side = "attention"/' %t > %t.side
// RUN: not janus-opt %t.side --janus-verify-schedule 2>&1 | FileCheck %s --check-prefix=SIDE
// (4) nor are its ids exchanged
// SIDE: error: 'janus.schedule' op expects the ids of the whole step, from a janus.exchange, where the gate side is 'attention'
// SIDE: error: 'janus.experts' op expects its assignment from a routed janus.dispatch that carries one

// (3) a schedule of other experts than the layer has weights of
// RUN: sed 's/\(janus.placement @placement_0 {experts = \)4/\18/; s/\(janus.schedule.*experts = \)4\(.*@placement_0\)/\18\2/' %t > %t.experts
// RUN: not janus-opt %t.experts --janus-verify-schedule 2>&1 | FileCheck %s --check-prefix=EXPERTS
// EXPERTS: error: 'janus.experts' op expects a schedule of layer 0 with 4 experts but found layer 0 with 8

// (2) experts that stand outside of a fragment: their assignment comes through nobody's inputs
// RUN: not janus-opt %s --janus-verify-schedule 2>&1 | FileCheck %s --check-prefix=OUTSIDE
// OUTSIDE: error: 'janus.experts' op expects to stand in a fragment and to get its assignment through its inputs
func.func @step_egate(%x: tensor<?x8xf32>, %w: !janus.assignment, %u: tensor<4x6x8xf32>, %d: tensor<4x8x6xf32>) -> tensor<?x8xf32> attributes {janus.gate_side = "expert"} {
  %0 = janus.experts %x, %w gate %u down %d {activation = #moe.activation<relu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 7.0 : f32>, layer = 0 : i64} : (tensor<?x8xf32>, !janus.assignment, tensor<4x6x8xf32>, tensor<4x8x6xf32>) -> tensor<?x8xf32>
  return %0 : tensor<?x8xf32>
}

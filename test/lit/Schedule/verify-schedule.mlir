// Rules of --janus-verify-schedule, broken by changing one line of the stage's own output, and preconditions.
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

// The stage before has to run first.
// RUN: not janus-opt %S/../Partition/Inputs/tiny-model.mlir --janus-partition=gate-side=expert --janus-insert-schedule 2>&1 | FileCheck %s --check-prefix=FIRST
// FIRST: error: 'moe.experts' op expects its result, and nothing else, to go to a janus.collect; run --janus-insert-transfers first

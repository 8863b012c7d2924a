// What --janus-verify-schedule lets pass, unchanged, as text and as bytecode.
// RUN: janus-opt %S/../Partition/Inputs/tiny-model.mlir --janus-partition=gate-side=auto --janus-communicate --janus-schedule -o %t 2>/dev/null
// RUN: janus-opt %t --janus-verify-schedule | diff %t -
// RUN: janus-opt %t --emit-bytecode -o %t.bc && janus-opt %t.bc --janus-verify-schedule | diff %t -
// RUN: FileCheck %s < %t
// CHECK-COUNT-4: janus.schedule

// The whole communicate stage, and its check: a dump goes back in, as text and as bytecode, and the check changes nothing.
// RUN: janus-opt %S/../Partition/Inputs/tiny-model.mlir --janus-partition=gate-side=auto -o %t.partition 2>/dev/null
// RUN: janus-opt %t.partition --janus-communicate -o %t 2>/dev/null
// RUN: FileCheck %s < %t
// RUN: janus-opt %t --janus-verify-communication | diff %t -
// RUN: janus-opt %t --emit-bytecode -o %t.bc && janus-opt %t.bc | diff %t -
// RUN: janus-opt %t --janus-schedule -o /dev/null

// Two layers on two gate sides: four transfers, each with its return.
// CHECK: janus.dispatch {{.*}}transfer = 0 : i64
// CHECK: janus.collect {{.*}}transfer = 0 : i64
// CHECK: janus.dispatch {{.*}}transfer = 1 : i64
// CHECK: janus.collect {{.*}}transfer = 1 : i64
// CHECK: janus.exchange
// CHECK: janus.dispatch {{.*}}transfer = 2 : i64
// CHECK: janus.collect {{.*}}transfer = 2 : i64
// CHECK: janus.exchange
// CHECK: janus.dispatch {{.*}}transfer = 3 : i64
// CHECK: janus.collect {{.*}}transfer = 3 : i64

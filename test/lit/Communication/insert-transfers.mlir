// RUN: janus-opt %S/../Partition/Inputs/tiny-model.mlir --janus-partition=gate-side=auto --janus-communicate 2>/dev/null | FileCheck %s
// RUN: janus-opt %S/../Partition/Inputs/tiny-model.mlir --janus-partition=gate-side=auto --janus-insert-transfers 2>&1 >/dev/null | FileCheck %s --check-prefix=REMARK

// EGate: h goes over and the experts' output comes back, with the same number; the residual does not move.
// CHECK-LABEL: func.func @step_egate(
// CHECK: %[[A:.*]]:2 = janus.fragment @attention
// CHECK: %[[H:.*]] = janus.dispatch %[[A]]#1 {layer = 0 : i64, schemes = [#janus.scheme<"direct", [<"send", {{.*}}>]>{{.*}}], transfer = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32>
// CHECK-NEXT: %[[E:.*]] = janus.fragment @expert {{.*}} (%[[H]])
// CHECK: %[[Y:.*]] = janus.collect %[[E]] {layer = 0 : i64, schemes = [#janus.scheme<"direct", {{.*}}], transfer = 0 : i64} : (tensor<?x2x8xf32>) -> tensor<?x2x8xf32>
// CHECK-NEXT: janus.fragment @attention {{.*}} (%[[Y]], %[[A]]#0, %arg1)
// CHECK: janus.dispatch {{.*}}layer = 1 : i64{{.*}}transfer = 1 : i64
// CHECK: janus.collect {{.*}}layer = 1 : i64{{.*}}transfer = 1 : i64

// AGate: ids are exchanged, the dispatch is routed, numbers go on.
// CHECK-LABEL: func.func @step_agate(
// CHECK: %[[B:.*]]:4 = janus.fragment @attention
// CHECK: janus.exchange %[[B]]#2 {layer = 0 : i64, schemes = [#janus.scheme<"direct", [<"{{.*}}", control, {{.*}}>]>]}
// CHECK-NEXT: %[[D:.*]]:3 = janus.dispatch %[[B]]#1, %[[B]]#2, %[[B]]#3 {layer = 0 : i64, routed, {{.*}}transfer = 2 : i64}
// CHECK-NEXT: janus.fragment @expert {{.*}} (%[[D]]#0, %[[D]]#1, %[[D]]#2)
// CHECK: janus.collect {{.*}}transfer = 2 : i64
// CHECK: janus.collect {{.*}}transfer = 3 : i64

// REMARK: remark: layer 0, transfer 0: dispatch of 'tensor<?x8xf32>', return of 'tensor<?x2x8xf32>'; schemes direct
// REMARK: remark: layer 1, transfer 3: routed dispatch of 'tensor<?x8xf32>', 'tensor<?x2xi32>', 'tensor<?x2xf32>', return of

// RUN: janus-opt %S/../Partition/Inputs/tiny-model.mlir --janus-partition=gate-side=auto --janus-communicate --janus-schedule -o %t 2>/dev/null
// RUN: janus-opt %t --janus-outline-fragments | FileCheck %s

// A fragment is a function of its inputs and then its weights; the call says which layer and first cache it stands for. Both
// layers' routers and experts differ in weights alone: they share @expert_0 and @expert_1.
// CHECK-LABEL: func.func @step_egate(
// CHECK: %[[EMBED:.*]] = moe.get_weight @embed
// CHECK: call @attention_0(%arg0, %arg1, %[[EMBED]], {{.*}}) {janus.cache = 0 : i64, janus.layer = 0 : i64}
// CHECK: call @expert_0({{.*}}) {janus.layer = 0 : i64}
// CHECK: janus.schedule
// CHECK: call @expert_1({{.*}}) {janus.layer = 0 : i64}
// CHECK: call @attention_1({{.*}}) {janus.cache = 1 : i64, janus.layer = 1 : i64}
// CHECK: call @expert_0({{.*}}) {janus.layer = 1 : i64}
// CHECK: call @expert_1({{.*}}) {janus.layer = 1 : i64}
// CHECK: call @attention_2({{.*}}) {janus.layer = 1 : i64}
// CHECK-NOT: janus.fragment

// Under AGate the experts' fragment is the same, so it is shared with EGate; the attention fragments have the router.
// CHECK-LABEL: func.func @step_agate(
// CHECK: call @attention_3(
// CHECK: call @expert_1({{.*}}) {janus.layer = 0 : i64}
// CHECK: call @attention_4(
// CHECK: call @expert_1({{.*}}) {janus.layer = 1 : i64}
// CHECK: call @attention_2(

// Inside a function layers and caches count from 0. Arguments say which symbol counts their rows: an attention instance's own
// rows, the whole step's rows on the expert side, the wanted rows of the head.
// CHECK: func.func private @attention_0(%{{[^ ]*}}: tensor<?xi32> {janus.rows = "rows"}, %{{[^ ]*}}: tensor<?xi32> {janus.rows = "rows"}, %{{[^ ]*}}: tensor<32x8xf32>, {{.*}}attributes {janus.inputs = 2 : i64, janus.role = "attention"}
// CHECK: moe.attention {{.*}}cache = 0
// CHECK: func.func private @expert_0(%{{[^ ]*}}: tensor<?x8xf32> {janus.rows = "step_rows"}, {{.*}}attributes {janus.inputs = 1 : i64, janus.role = "expert"}
// CHECK: moe.route {{.*}}layer = 0
// CHECK: func.func private @expert_1(%{{[^ ]*}}: tensor<?x8xf32> {janus.rows = "step_rows"}, %{{[^ ]*}}: !janus.assignment, {{.*}}janus.inputs = 2 : i64
// CHECK: janus.experts {{.*}}layer = 0
// CHECK: func.func private @attention_1(%{{[^ ]*}}: tensor<?x2x8xf32> {janus.rows = "rows"},
// CHECK: moe.attention {{.*}}cache = 0
// CHECK: func.func private @attention_2({{.*}}, %{{[^ ]*}}: tensor<?xi32> {janus.rows = "wanted"},
// CHECK-NOT: @expert_2

// Every op, type and attribute survives text and bytecode.
// RUN: janus-opt %s | janus-opt | FileCheck %s
// RUN: janus-opt %s --emit-bytecode | janus-opt | FileCheck %s
// RUN: janus-opt %s --mlir-print-op-generic | janus-opt | FileCheck %s

// CHECK: janus.mesh @attention
janus.mesh @attention
// CHECK: janus.mesh @expert
janus.mesh @expert
// CHECK: janus.placement @placement_0 {experts = 4 : i64, layer = 0 : i64}
janus.placement @placement_0 {layer = 0 : i64, experts = 4 : i64}
moe.weight @scale : tensor<8xf32> value dense<1.0> : tensor<8xf32>
moe.weight @gate : tensor<4x6x8xf32> value dense<1.0> : tensor<4x6x8xf32>
moe.weight @down : tensor<4x8x6xf32> value dense<1.0> : tensor<4x8x6xf32>

#direct = #janus.scheme<"direct", [<"send", inter, messages = "m * n", bytes = "rows * n * H * 4">]>
#two = #janus.scheme<"two", [<"gather", intra, messages = "m", bytes = "rows * H * 4">, <"ids", control, messages = "1", bytes = "2">]>

// CHECK-LABEL: func.func @fragments
func.func @fragments(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK: %[[R:.*]] = janus.fragment @attention origin("rule: norm") (%{{.*}}) {layer = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32> {
  // CHECK: ^bb0(%{{.*}}: tensor<?x8xf32>):
  %0 = janus.fragment @attention origin("rule: norm") (%x) {layer = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%a: tensor<?x8xf32>):
    %w = moe.get_weight @scale : tensor<8xf32>
    %n = moe.norm rms %a, %w {epsilon = 1.0 : f32} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
    // CHECK: janus.yield %{{.*}} : tensor<?x8xf32>
    janus.yield %n : tensor<?x8xf32>
  }
  // A fragment without values.
  // CHECK: janus.fragment @expert origin("user") () {layer = 1 : i64} : () -> () {
  janus.fragment @expert origin("user") () {layer = 1 : i64} : () -> () {
  }
  return %0 : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @transfers
func.func @transfers(%x: tensor<?x8xf32>, %ids: tensor<?x2xi32>, %w: tensor<?x2xf32>) -> tensor<?x2x8xf32> {
  // CHECK: janus.dispatch %{{.*}} {layer = 0 : i64, schemes = [#janus.scheme<"direct", [<"send", inter, messages = "m * n", bytes = "rows * n * H * 4">]>], transfer = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %0 = janus.dispatch %x {layer = 0 : i64, transfer = 0 : i64, schemes = [#direct]} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: janus.exchange %{{.*}} {layer = 0 : i64, schemes = [#janus.scheme<"direct", {{.*}}>, #janus.scheme<"two", [<"gather", intra, messages = "m", bytes = "rows * H * 4">, <"ids", control, messages = "1", bytes = "2">]>]} : (tensor<?x2xi32>) -> tensor<?x2xi32>
  %1 = janus.exchange %ids {layer = 0 : i64, schemes = [#direct, #two]} : (tensor<?x2xi32>) -> tensor<?x2xi32>
  // CHECK: janus.schedule %{{.*}}, %{{.*}} {experts = 4 : i64, k = 2 : i64, layer = 0 : i64, placement = @placement_0} : (tensor<?x2xi32>, tensor<?x2xf32>) -> !janus.assignment
  %2 = janus.schedule %1, %w {layer = 0 : i64, experts = 4 : i64, k = 2 : i64, placement = @placement_0} : (tensor<?x2xi32>, tensor<?x2xf32>) -> !janus.assignment
  // CHECK: janus.dispatch %{{.*}}, %{{.*}}, %{{.*}} {layer = 0 : i64, routed, {{.*}}} : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>) -> (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>)
  %3:3 = janus.dispatch %x, %ids, %w {layer = 0 : i64, transfer = 1 : i64, routed, schemes = [#direct]} : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>) -> (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>)
  // CHECK: janus.dispatch %{{.*}}, %{{.*}}, %{{.*}} assignment %{{.*}} {layer = 0 : i64, routed, {{.*}}} : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>) -> (tensor<?x8xf32>, !janus.assignment)
  %4:2 = janus.dispatch %x, %ids, %w assignment %2 {layer = 0 : i64, transfer = 2 : i64, routed, schemes = [#direct]} : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>) -> (tensor<?x8xf32>, !janus.assignment)
  // CHECK: janus.fragment @expert {{.*}} : (tensor<?x8xf32>, !janus.assignment) -> tensor<?x8xf32>
  %5 = janus.fragment @expert origin("rule: routed experts") (%4#0, %4#1) {layer = 0 : i64} : (tensor<?x8xf32>, !janus.assignment) -> tensor<?x8xf32> {
  ^bb0(%a: tensor<?x8xf32>, %work: !janus.assignment):
    %g = moe.get_weight @gate : tensor<4x6x8xf32>
    %d = moe.get_weight @down : tensor<4x8x6xf32>
    // CHECK: janus.experts %{{.*}}, %{{.*}} gate %[[G:.*]] up %[[G]] down %{{.*}} {activation = {{.*}}, layer = 0 : i64} : (tensor<?x8xf32>, !janus.assignment, tensor<4x6x8xf32>, tensor<4x6x8xf32>, tensor<4x8x6xf32>) -> tensor<?x8xf32>
    %y = janus.experts %a, %work gate %g up %g down %d {activation = #moe.activation<swiglu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 0x7F800000 : f32>, layer = 0 : i64} : (tensor<?x8xf32>, !janus.assignment, tensor<4x6x8xf32>, tensor<4x6x8xf32>, tensor<4x8x6xf32>) -> tensor<?x8xf32>
    janus.yield %y : tensor<?x8xf32>
  }
  // CHECK: janus.collect %{{.*}} {layer = 0 : i64, schemes = {{.*}}, transfer = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x2x8xf32>
  %6 = janus.collect %5 {layer = 0 : i64, transfer = 0 : i64, schemes = [#direct]} : (tensor<?x8xf32>) -> tensor<?x2x8xf32>
  return %6 : tensor<?x2x8xf32>
}

// RUN: janus-opt %s --janus-recover-moe -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// SwiGLU with interleaved rows g0, u0, g1, u1, ...: gate and up are every second row, by strides; so are the biases. alpha,
// beta and limit are the activation's. The linear layer of the logits becomes the layer's router.
// CHECK-LABEL: module {
// CHECK-DAG: moe.weight @[[GATE:.*]] : tensor<4x3x4xf32> views [#moe.view<"d", f32, offset = 1000, shape = [4, 3, 4], strides = [24, 8, 1]>]
// CHECK-DAG: moe.weight @[[UP:.*]] : tensor<4x3x4xf32> views [#moe.view<"d", f32, offset = 1016, shape = [4, 3, 4], strides = [24, 8, 1]>]
// CHECK-DAG: moe.weight @[[DOWN:.*]] : tensor<4x4x3xf32> views [#moe.view<"d", f32, offset = 3000, shape = [4, 4, 3], strides = [12, 3, 1]>]
// CHECK-DAG: moe.weight @[[GB:.*]] : tensor<4x3xf32> views [#moe.view<"d", f32, offset = 2000, shape = [4, 3], strides = [6, 2]>]
// CHECK-DAG: moe.weight @[[UB:.*]] : tensor<4x3xf32> views [#moe.view<"d", f32, offset = 2004, shape = [4, 3], strides = [6, 2]>]
// CHECK-LABEL: func.func private @step
// CHECK-DAG: %[[GV:.*]] = moe.get_weight @[[GATE]]
// CHECK-DAG: %[[UV:.*]] = moe.get_weight @[[UP]]
// CHECK-DAG: %[[DV:.*]] = moe.get_weight @[[DOWN]]
// CHECK-DAG: %[[GBV:.*]] = moe.get_weight @[[GB]]
// CHECK-DAG: %[[UBV:.*]] = moe.get_weight @[[UB]]
// CHECK: %[[L:.*]] = moe.linear %[[H:.*]], %{{[^ ]*}} {layer = 0 : i64, router} : (tensor<?x4xf32>
// CHECK: %[[IDS:.*]], %[[WEIGHTS:.*]] = moe.route %[[L]] {k = 2 : i64, layer = 0 : i64, renormalize = true, score = #moe.score<softmax>}
// CHECK: %[[Y:.*]] = moe.experts %{{.*}}, %[[IDS]], %[[WEIGHTS]] gate %[[GV]] up %[[UV]] down %[[DV]] gate_bias %[[GBV]] up_bias %[[UBV]] down_bias %{{.*}} {activation = #moe.activation<swiglu, alpha = 1.702000e+00 : f32, beta = 1.000000e+00 : f32, limit = 7.000000e+00 : f32>, layer = 0 : i64}
// CHECK: %[[C:.*]] = moe.combine %[[Y]] : (tensor<?x2x4xf32>) -> tensor<?x4xf32>
// CHECK: %[[R:.*]] = builtin.unrealized_conversion_cast %[[C]] : tensor<?x4xf32> to tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
// CHECK: return %[[R]]
!x = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!flat = tensor<?x4xf32, #onnx.dims<"B*S", 4>>
!r = tensor<?x4xf32, #onnx.dims<"B*S", 4>>
onnx.initializer @router : tensor<4x4xf32> = #onnx.range<"d", f32, offset = 0, length = 64>
onnx.initializer @router_bias : tensor<4xf32> = #onnx.range<"d", f32, offset = 64, length = 16>
onnx.initializer @fc1 : tensor<4x6x4xf32> = #onnx.range<"d", f32, offset = 1000, length = 384>
onnx.initializer @fc1_bias : tensor<4x6xf32> = #onnx.range<"d", f32, offset = 2000, length = 96>
onnx.initializer @fc2 : tensor<4x4x3xf32> = #onnx.range<"d", f32, offset = 3000, length = 192>
onnx.initializer @fc2_bias : tensor<4x4xf32> = #onnx.range<"d", f32, offset = 4000, length = 64>
onnx.initializer @one : tensor<4x3x4xf32> = #onnx.range<"d", f32, offset = 5000, length = 192>
onnx.initializer @three : tensor<4x3x4xf32> = #onnx.range<"d", f32, offset = 6000, length = 192>
func.func private @step(%i: tensor<?xi32>, %p: tensor<?xi32>, %w: tensor<?xi32>, %x: !x, %flat: !flat, %t: tensor<?x?xi64, #onnx.dims<"B", "S">>) -> !x attributes {moe.rows = "B*S", moe.tokens = 5 : i64} {
  %router = onnx.initializer_value @router : tensor<4x4xf32>
  %fc1 = onnx.initializer_value @fc1 : tensor<4x6x4xf32>
  %fc1b = onnx.initializer_value @fc1_bias : tensor<4x6xf32>
  %fc2 = onnx.initializer_value @fc2 : tensor<4x4x3xf32>
  %fc2b = onnx.initializer_value @fc2_bias : tensor<4x4xf32>
  %one = onnx.initializer_value @one : tensor<4x3x4xf32>
  %three = onnx.initializer_value @three : tensor<4x3x4xf32>
  %0 = onnx.MatMul(%flat, %router) : (!flat, tensor<4x4xf32>) -> !r
  %1 = onnx.MoE(%x, %0, %fc1, %fc1b, %fc2, %fc2b) {activation_alpha = 1.702 : f32, activation_beta = 1.0 : f32, activation_type = "swiglu", k = 2 : i64, normalize_routing_weights = 1 : i64, swiglu_fusion = 1 : i64, swiglu_limit = 7.0 : f32} : (!x, !r, tensor<4x6x4xf32>, tensor<4x6xf32>, tensor<4x4x3xf32>, tensor<4x4xf32>) -> !x
  return %1 : !x
}

// -----

// SwiGLU with one half after the other, without biases and renormalisation, and a router with a bias.
// CHECK-LABEL: module {
// CHECK-DAG: moe.weight @[[GATE:.*]] : tensor<4x3x4xf32> views [#moe.view<"d", f32, offset = 1000, shape = [4, 3, 4], strides = [24, 4, 1]>]
// CHECK-DAG: moe.weight @[[UP:.*]] : tensor<4x3x4xf32> views [#moe.view<"d", f32, offset = 1048, shape = [4, 3, 4], strides = [24, 4, 1]>]
// CHECK-DAG: %[[GV:.*]] = moe.get_weight @[[GATE]]
// CHECK-DAG: %[[UV:.*]] = moe.get_weight @[[UP]]
// CHECK: moe.linear %{{.*}} bias %{{.*}} {layer = 0 : i64, router}
// CHECK: moe.route %{{.*}} {k = 1 : i64, layer = 0 : i64, score = #moe.score<softmax>}
// CHECK: moe.experts %{{.*}} gate %[[GV]] up %[[UV]] down %{{[^ ]*}} {activation = #moe.activation<swiglu, alpha = 1.000000e+00 : f32, beta = 0.000000e+00 : f32, limit = 0x7F800000 : f32>
!x = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!flat = tensor<?x4xf32, #onnx.dims<"B*S", 4>>
!r = tensor<?x4xf32, #onnx.dims<"B*S", 4>>
onnx.initializer @router : tensor<4x4xf32> = #onnx.range<"d", f32, offset = 0, length = 64>
onnx.initializer @router_bias : tensor<4xf32> = #onnx.range<"d", f32, offset = 64, length = 16>
onnx.initializer @fc1 : tensor<4x6x4xf32> = #onnx.range<"d", f32, offset = 1000, length = 384>
onnx.initializer @fc1_bias : tensor<4x6xf32> = #onnx.range<"d", f32, offset = 2000, length = 96>
onnx.initializer @fc2 : tensor<4x4x3xf32> = #onnx.range<"d", f32, offset = 3000, length = 192>
onnx.initializer @fc2_bias : tensor<4x4xf32> = #onnx.range<"d", f32, offset = 4000, length = 64>
onnx.initializer @one : tensor<4x3x4xf32> = #onnx.range<"d", f32, offset = 5000, length = 192>
onnx.initializer @three : tensor<4x3x4xf32> = #onnx.range<"d", f32, offset = 6000, length = 192>
func.func private @step(%i: tensor<?xi32>, %p: tensor<?xi32>, %w: tensor<?xi32>, %x: !x, %flat: !flat, %t: tensor<?x?xi64, #onnx.dims<"B", "S">>) -> !x attributes {moe.rows = "B*S", moe.tokens = 5 : i64} {
  %router = onnx.initializer_value @router : tensor<4x4xf32>
  %fc1 = onnx.initializer_value @fc1 : tensor<4x6x4xf32>
  %fc1b = onnx.initializer_value @fc1_bias : tensor<4x6xf32>
  %fc2 = onnx.initializer_value @fc2 : tensor<4x4x3xf32>
  %fc2b = onnx.initializer_value @fc2_bias : tensor<4x4xf32>
  %one = onnx.initializer_value @one : tensor<4x3x4xf32>
  %three = onnx.initializer_value @three : tensor<4x3x4xf32>
  %rb = onnx.initializer_value @router_bias : tensor<4xf32>
  %m = onnx.MatMul(%flat, %router) : (!flat, tensor<4x4xf32>) -> !r
  %0 = onnx.Add(%rb, %m) : (tensor<4xf32>, !r) -> !r
  %1 = onnx.MoE(%x, %0, %fc1, none, %fc2) {activation_type = "swiglu", k = 1 : i64, swiglu_fusion = 2 : i64} : (!x, !r, tensor<4x6x4xf32>, tensor<4x4x3xf32>) -> !x
  return %1 : !x
}

// -----

// Three projections: the third is up. Layers are numbered in order.
// CHECK-LABEL: module {
// CHECK-DAG: %[[GV:.*]] = moe.get_weight @"moe:one"
// CHECK-DAG: %[[UV:.*]] = moe.get_weight @"moe:three"
// CHECK: moe.route %{{.*}} layer = 0
// CHECK: moe.experts %{{.*}} gate %[[GV]] up %[[UV]] down %{{[^ ]*}} {activation = #moe.activation<swiglu, {{.*}}layer = 0
// CHECK: moe.route %{{.*}} layer = 1
// CHECK: moe.experts %{{.*}} {activation = #moe.activation<relu, {{.*}}layer = 1
!x = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!flat = tensor<?x4xf32, #onnx.dims<"B*S", 4>>
!r = tensor<?x4xf32, #onnx.dims<"B*S", 4>>
onnx.initializer @router : tensor<4x4xf32> = #onnx.range<"d", f32, offset = 0, length = 64>
onnx.initializer @router_bias : tensor<4xf32> = #onnx.range<"d", f32, offset = 64, length = 16>
onnx.initializer @fc1 : tensor<4x6x4xf32> = #onnx.range<"d", f32, offset = 1000, length = 384>
onnx.initializer @fc1_bias : tensor<4x6xf32> = #onnx.range<"d", f32, offset = 2000, length = 96>
onnx.initializer @fc2 : tensor<4x4x3xf32> = #onnx.range<"d", f32, offset = 3000, length = 192>
onnx.initializer @fc2_bias : tensor<4x4xf32> = #onnx.range<"d", f32, offset = 4000, length = 64>
onnx.initializer @one : tensor<4x3x4xf32> = #onnx.range<"d", f32, offset = 5000, length = 192>
onnx.initializer @three : tensor<4x3x4xf32> = #onnx.range<"d", f32, offset = 6000, length = 192>
func.func private @step(%i: tensor<?xi32>, %p: tensor<?xi32>, %w: tensor<?xi32>, %x: !x, %flat: !flat, %t: tensor<?x?xi64, #onnx.dims<"B", "S">>) -> !x attributes {moe.rows = "B*S", moe.tokens = 5 : i64} {
  %router = onnx.initializer_value @router : tensor<4x4xf32>
  %fc1 = onnx.initializer_value @fc1 : tensor<4x6x4xf32>
  %fc1b = onnx.initializer_value @fc1_bias : tensor<4x6xf32>
  %fc2 = onnx.initializer_value @fc2 : tensor<4x4x3xf32>
  %fc2b = onnx.initializer_value @fc2_bias : tensor<4x4xf32>
  %one = onnx.initializer_value @one : tensor<4x3x4xf32>
  %three = onnx.initializer_value @three : tensor<4x3x4xf32>
  %0 = onnx.MatMul(%flat, %router) : (!flat, tensor<4x4xf32>) -> !r
  %1 = onnx.MoE(%x, %0, %one, none, %fc2, none, %three) {activation_type = "silu", k = 2 : i64} : (!x, !r, tensor<4x3x4xf32>, tensor<4x4x3xf32>, tensor<4x3x4xf32>) -> !x
  %again = onnx.MatMul(%1, %router) : (!x, tensor<4x4xf32>) -> !x
  %shape = onnx.constant dense<[-1, 4]> : tensor<2xi64>
  %logits = onnx.Reshape(%again, %shape) : (!x, tensor<2xi64>) -> !r
  %2 = onnx.MoE(%1, %logits, %one, none, %fc2) {activation_type = "relu", k = 2 : i64} : (!x, !r, tensor<4x3x4xf32>, tensor<4x4x3xf32>) -> !x
  return %2 : !x
}

// -----

// swiglu_fusion 0 without third weights is taken as interleaved, with a warning. gelu is the tanh form.
// CHECK-LABEL: module {
// CHECK: views [#moe.view<"d", f32, offset = 1016, shape = [4, 3, 4], strides = [24, 8, 1]>]
// CHECK: moe.experts {{.*}}activation<swiglu
// CHECK: moe.experts {{.*}}activation<gelu_tanh
!x = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!flat = tensor<?x4xf32, #onnx.dims<"B*S", 4>>
!r = tensor<?x4xf32, #onnx.dims<"B*S", 4>>
onnx.initializer @router : tensor<4x4xf32> = #onnx.range<"d", f32, offset = 0, length = 64>
onnx.initializer @router_bias : tensor<4xf32> = #onnx.range<"d", f32, offset = 64, length = 16>
onnx.initializer @fc1 : tensor<4x6x4xf32> = #onnx.range<"d", f32, offset = 1000, length = 384>
onnx.initializer @fc1_bias : tensor<4x6xf32> = #onnx.range<"d", f32, offset = 2000, length = 96>
onnx.initializer @fc2 : tensor<4x4x3xf32> = #onnx.range<"d", f32, offset = 3000, length = 192>
onnx.initializer @fc2_bias : tensor<4x4xf32> = #onnx.range<"d", f32, offset = 4000, length = 64>
onnx.initializer @one : tensor<4x3x4xf32> = #onnx.range<"d", f32, offset = 5000, length = 192>
onnx.initializer @three : tensor<4x3x4xf32> = #onnx.range<"d", f32, offset = 6000, length = 192>
func.func private @step(%i: tensor<?xi32>, %p: tensor<?xi32>, %w: tensor<?xi32>, %x: !x, %flat: !flat, %t: tensor<?x?xi64, #onnx.dims<"B", "S">>) -> !x attributes {moe.rows = "B*S", moe.tokens = 5 : i64} {
  %router = onnx.initializer_value @router : tensor<4x4xf32>
  %fc1 = onnx.initializer_value @fc1 : tensor<4x6x4xf32>
  %fc1b = onnx.initializer_value @fc1_bias : tensor<4x6xf32>
  %fc2 = onnx.initializer_value @fc2 : tensor<4x4x3xf32>
  %fc2b = onnx.initializer_value @fc2_bias : tensor<4x4xf32>
  %one = onnx.initializer_value @one : tensor<4x3x4xf32>
  %three = onnx.initializer_value @three : tensor<4x3x4xf32>
  %0 = onnx.MatMul(%flat, %router) : (!flat, tensor<4x4xf32>) -> !r
  // expected-warning @below {{[JNS-ONNX-013] swiglu_fusion = 0 without third weights: treated as interleaved}}
  %1 = onnx.MoE(%x, %0, %fc1, none, %fc2) {activation_type = "swiglu", k = 1 : i64} : (!x, !r, tensor<4x6x4xf32>, tensor<4x4x3xf32>) -> !x
  %m2 = onnx.MatMul(%flat, %router) : (!flat, tensor<4x4xf32>) -> !r
  %2 = onnx.MoE(%1, %m2, %one, none, %fc2) {activation_type = "gelu", k = 1 : i64} : (!x, !r, tensor<4x3x4xf32>, tensor<4x4x3xf32>) -> !x
  return %2 : !x
}

// -----

// The sparse mixer, with ONNX Runtime's jitter.
// CHECK-LABEL: module {
// CHECK: moe.route %{{.*}} {jitter = 0.00999999977 : f32, k = 2 : i64, layer = 0 : i64, score = #moe.score<sparse_mixer>}
!x = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!flat = tensor<?x4xf32, #onnx.dims<"B*S", 4>>
!r = tensor<?x4xf32, #onnx.dims<"B*S", 4>>
onnx.initializer @router : tensor<4x4xf32> = #onnx.range<"d", f32, offset = 0, length = 64>
onnx.initializer @router_bias : tensor<4xf32> = #onnx.range<"d", f32, offset = 64, length = 16>
onnx.initializer @fc1 : tensor<4x6x4xf32> = #onnx.range<"d", f32, offset = 1000, length = 384>
onnx.initializer @fc1_bias : tensor<4x6xf32> = #onnx.range<"d", f32, offset = 2000, length = 96>
onnx.initializer @fc2 : tensor<4x4x3xf32> = #onnx.range<"d", f32, offset = 3000, length = 192>
onnx.initializer @fc2_bias : tensor<4x4xf32> = #onnx.range<"d", f32, offset = 4000, length = 64>
onnx.initializer @one : tensor<4x3x4xf32> = #onnx.range<"d", f32, offset = 5000, length = 192>
onnx.initializer @three : tensor<4x3x4xf32> = #onnx.range<"d", f32, offset = 6000, length = 192>
func.func private @step(%i: tensor<?xi32>, %p: tensor<?xi32>, %w: tensor<?xi32>, %x: !x, %flat: !flat, %t: tensor<?x?xi64, #onnx.dims<"B", "S">>) -> !x attributes {moe.rows = "B*S", moe.tokens = 5 : i64} {
  %router = onnx.initializer_value @router : tensor<4x4xf32>
  %fc1 = onnx.initializer_value @fc1 : tensor<4x6x4xf32>
  %fc1b = onnx.initializer_value @fc1_bias : tensor<4x6xf32>
  %fc2 = onnx.initializer_value @fc2 : tensor<4x4x3xf32>
  %fc2b = onnx.initializer_value @fc2_bias : tensor<4x4xf32>
  %one = onnx.initializer_value @one : tensor<4x3x4xf32>
  %three = onnx.initializer_value @three : tensor<4x3x4xf32>
  %0 = onnx.MatMul(%flat, %router) : (!flat, tensor<4x4xf32>) -> !r
  %1 = onnx.MoE(%x, %0, %one, none, %fc2) {activation_type = "relu", k = 2 : i64, use_sparse_mixer = 1 : i64} : (!x, !r, tensor<4x3x4xf32>, tensor<4x4x3xf32>) -> !x
  return %1 : !x
}

// -----

// Two layers that read one router's logits: each has the router.
// CHECK-LABEL: module {
// CHECK: moe.linear {{.*}} {layer = 0 : i64, router}
// CHECK: moe.linear {{.*}} {layer = 1 : i64, router}
!x = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!flat = tensor<?x4xf32, #onnx.dims<"B*S", 4>>
!r = tensor<?x4xf32, #onnx.dims<"B*S", 4>>
onnx.initializer @router : tensor<4x4xf32> = #onnx.range<"d", f32, offset = 0, length = 64>
onnx.initializer @router_bias : tensor<4xf32> = #onnx.range<"d", f32, offset = 64, length = 16>
onnx.initializer @fc1 : tensor<4x6x4xf32> = #onnx.range<"d", f32, offset = 1000, length = 384>
onnx.initializer @fc1_bias : tensor<4x6xf32> = #onnx.range<"d", f32, offset = 2000, length = 96>
onnx.initializer @fc2 : tensor<4x4x3xf32> = #onnx.range<"d", f32, offset = 3000, length = 192>
onnx.initializer @fc2_bias : tensor<4x4xf32> = #onnx.range<"d", f32, offset = 4000, length = 64>
onnx.initializer @one : tensor<4x3x4xf32> = #onnx.range<"d", f32, offset = 5000, length = 192>
onnx.initializer @three : tensor<4x3x4xf32> = #onnx.range<"d", f32, offset = 6000, length = 192>
func.func private @step(%i: tensor<?xi32>, %p: tensor<?xi32>, %w: tensor<?xi32>, %x: !x, %flat: !flat, %t: tensor<?x?xi64, #onnx.dims<"B", "S">>) -> !x attributes {moe.rows = "B*S", moe.tokens = 5 : i64} {
  %router = onnx.initializer_value @router : tensor<4x4xf32>
  %fc1 = onnx.initializer_value @fc1 : tensor<4x6x4xf32>
  %fc1b = onnx.initializer_value @fc1_bias : tensor<4x6xf32>
  %fc2 = onnx.initializer_value @fc2 : tensor<4x4x3xf32>
  %fc2b = onnx.initializer_value @fc2_bias : tensor<4x4xf32>
  %one = onnx.initializer_value @one : tensor<4x3x4xf32>
  %three = onnx.initializer_value @three : tensor<4x3x4xf32>
  %0 = onnx.MatMul(%flat, %router) : (!flat, tensor<4x4xf32>) -> !r
  %first = onnx.MoE(%x, %0, %one, none, %fc2) {activation_type = "relu", k = 2 : i64} : (!x, !r, tensor<4x3x4xf32>, tensor<4x4x3xf32>) -> !x
  %1 = onnx.MoE(%first, %0, %one, none, %fc2) {activation_type = "relu", k = 2 : i64} : (!x, !r, tensor<4x3x4xf32>, tensor<4x4x3xf32>) -> !x
  return %1 : !x
}

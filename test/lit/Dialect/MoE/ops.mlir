// Every operation and attribute once, with and without its optional parts; text and bytecode give the same again.
// RUN: janus-opt %s > %t && janus-opt %t | diff %t -
// RUN: janus-opt %s -emit-bytecode -o %t.bc && janus-opt %t.bc | diff %t -
// RUN: FileCheck %s < %t

// CHECK: moe.weight @table : tensor<8x4xf32> views [#moe.view<"m.data", f16, offset = 64, shape = [8, 4], strides = [1, 8]>]
moe.weight @table : tensor<8x4xf32> views [#moe.view<"m.data", f16, offset = 64, shape = [8, 4], strides = [1, 8]>]
// CHECK: moe.weight @parts : tensor<8x4xf32> views [#moe.view<{{.*}}>, #moe.view<"b.data", bf16, offset = 0, shape = [2, 4], strides = [4, 1]>]
moe.weight @parts : tensor<8x4xf32> views [#moe.view<"a.data", f32, offset = 0, shape = [6, 4], strides = [8, 2]>,
                                           #moe.view<"b.data", bf16, offset = 0, shape = [2, 4], strides = [4, 1]>]
// CHECK: moe.weight @ones : tensor<4xf32> value dense<1.000000e+00> : tensor<4xf32>
moe.weight @ones : tensor<4xf32> value dense<1.0> : tensor<4xf32>
// CHECK: moe.weight @quantised : tensor<8x64xf32, #moe.blocks<bits = 4, size = 32, zeros = middle>> views [#moe.quantised<integers = #moe.view<"q.data", ui4, offset = 0, shape = [8, 64], strides = [64, 1]>, scales = #moe.view<"q.data", f16, offset = 256, shape = [8, 2], strides = [2, 1]>>]
moe.weight @quantised : tensor<8x64xf32, #moe.blocks<bits = 4, size = 32, zeros = middle>> views [#moe.quantised<integers = #moe.view<"q.data", ui4, offset = 0, shape = [8, 64], strides = [64, 1]>, scales = #moe.view<"q.data", f16, offset = 256, shape = [8, 2], strides = [2, 1]>>]
// CHECK: moe.weight @inline : tensor<2x3xf32, #moe.blocks<bits = 8, size = 2, zeros = integers>> views [#moe.quantised<integers = dense<{{.*}}> : tensor<2x3xui8>, scales = dense<{{.*}}> : tensor<2x2xf32>, zeros = dense<128> : tensor<2x2xui8>>]
moe.weight @inline : tensor<2x3xf32, #moe.blocks<bits = 8, size = 2, zeros = integers>> views [#moe.quantised<integers = dense<[[1, 2, 3], [4, 5, 255]]> : tensor<2x3xui8>, scales = dense<[[0.5, 1.0], [2.0, -1.0]]> : tensor<2x2xf32>, zeros = dense<128> : tensor<2x2xui8>>]

// CHECK-LABEL: func.func @rows
func.func @rows(%ids: tensor<?xi32>, %wanted: tensor<?xi32>) -> tensor<?x4xf32> {
  // CHECK: moe.get_weight @table : tensor<8x4xf32>
  %table = moe.get_weight @table : tensor<8x4xf32>
  %g = moe.get_weight @ones : tensor<4xf32>
  // CHECK: moe.embedding %{{.*}}, %{{.*}} : (tensor<?xi32>, tensor<8x4xf32>) -> tensor<?x4xf32>
  %x = moe.embedding %ids, %table : (tensor<?xi32>, tensor<8x4xf32>) -> tensor<?x4xf32>
  // CHECK: moe.norm {{ ?}}rms %{{.*}}, %{{.*}} {epsilon = 9.99999974E-6 : f32} :
  %n = moe.norm rms %x, %g {epsilon = 1.0e-5 : f32} : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  // CHECK: moe.norm {{ ?}}layer %{{.*}}, %{{.*}} bias %{{.*}} {epsilon
  %m = moe.norm layer %n, %g bias %g {epsilon = 1.0e-5 : f32} : (tensor<?x4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  // CHECK: moe.linear %{{.*}}, %{{.*}} : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
  %y = moe.linear %m, %table : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
  // CHECK: moe.norm {{ ?}}rms %{{.*}}, %{{.*}} {epsilon = {{.*}} : f32, group = 4 : i64}
  %h = moe.norm rms %y, %g {epsilon = 1.0e-5 : f32, group = 4 : i64} : (tensor<?x8xf32>, tensor<4xf32>) -> tensor<?x8xf32>
  // CHECK: moe.columns %{{.*}} {offset = 4 : i64} : (tensor<?x8xf32>) -> tensor<?x4xf32>
  %c = moe.columns %h {offset = 4 : i64} : (tensor<?x8xf32>) -> tensor<?x4xf32>
  // CHECK: moe.activate %{{.*}} {activation = #moe.activation<relu2, alpha = 1.000000e+00 : f32, beta = 0.000000e+00 : f32, limit = 0x7F800000 : f32>}
  %a = moe.activate %c {activation = #moe.activation<relu2, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 0x7F800000 : f32>} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: moe.map %{{.*}} {formula = [0, "sigmoid", 5.000000e-01 : f32, "mul"]}
  %mapped = moe.map %a {formula = [0, "sigmoid", 0.5 : f32, "mul"]} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: moe.activate %{{.*}} up %{{.*}}
  %b = moe.activate %a up %c {activation = #moe.activation<swiglu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 7.0 : f32>} : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: moe.add %{{.*}}, %{{.*}} : tensor<?x4xf32>
  %s = moe.add %b, %x : tensor<?x4xf32>
  // CHECK: moe.select %{{.*}}, %{{.*}} : (tensor<?x4xf32>, tensor<?xi32>) -> tensor<?x4xf32>
  %w = moe.select %s, %wanted : (tensor<?x4xf32>, tensor<?xi32>) -> tensor<?x4xf32>
  return %w : tensor<?x4xf32>
}

// CHECK-LABEL: func.func @epilogue
func.func @epilogue(%x: tensor<?x4xf32>, %r: tensor<?x8xf32>, %w: tensor<8x4xf32>, %b: tensor<8xf32>) -> tensor<?x8xf32> {
  // CHECK: moe.linear %{{.*}}, %{{.*}} bias %{{.*}} residual %{{.*}} :
  %y = moe.linear %x, %w bias %b residual %r : (tensor<?x4xf32>, tensor<8x4xf32>, tensor<8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  // CHECK: moe.linear {{.*}} {layer = 0 : i64, router}
  %z = moe.linear %x, %w {layer = 0 : i64, router} : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// CHECK-LABEL: func.func @attention
func.func @attention(%q: tensor<?x8xf32>, %k: tensor<?x4xf32>, %v: tensor<?x2xf32>, %p: tensor<?xi32>, %t: tensor<16x2xf32>,
                     %s: tensor<2xf32>) -> tensor<?x4xf32> {
  // CHECK: moe.rotary {{.*}} {head_dim = 4 : i64, interleaved = true, rotary_dim = 4 : i64}
  %r = moe.rotary %q, %p, %t, %t {head_dim = 4 : i64, rotary_dim = 4 : i64, interleaved = true} : (tensor<?x8xf32>, tensor<?xi32>, tensor<16x2xf32>, tensor<16x2xf32>) -> tensor<?x8xf32>
  // CHECK: moe.attention %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} {cache = 0 : i64, head_dim = 4 : i64, heads = 2 : i64, kv_heads = 1 : i64, scale = 5.000000e-01 : f32, value_dim = 2 : i64}
  %a = moe.attention %r, %k, %v, %p {cache = 0 : i64, heads = 2 : i64, kv_heads = 1 : i64, head_dim = 4 : i64, value_dim = 2 : i64, scale = 0.5 : f32} : (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x2xf32>, tensor<?xi32>) -> tensor<?x4xf32>
  // CHECK: moe.attention {{.*}} sinks %{{.*}} {{{.*}}softcap = 3.000000e+01 : f32, value_dim = 2 : i64, window = 8 : i64}
  %b = moe.attention %r, %k, %v, %p sinks %s {cache = 1 : i64, heads = 2 : i64, kv_heads = 1 : i64, head_dim = 4 : i64, value_dim = 2 : i64, scale = 0.5 : f32, window = 8 : i64, softcap = 30.0 : f32} : (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x2xf32>, tensor<?xi32>, tensor<2xf32>) -> tensor<?x4xf32>
  return %b : tensor<?x4xf32>
}

// CHECK-LABEL: func.func @experts
func.func @experts(%x: tensor<?x4xf32>, %l: tensor<?x3xf32>, %sb: tensor<3xf32>, %g: tensor<3x6x4xf32>, %d: tensor<3x4x6xf32>,
                   %gb: tensor<3x6xf32>, %db: tensor<3x4xf32>) -> tensor<?x4xf32> {
  // CHECK: %{{.*}}, %{{.*}} = moe.route %{{.*}} bias %{{.*}} {epsilon = {{.*}}, k = 2 : i64, layer = 0 : i64, renormalize = true, scale = 2.500000e+00 : f32, score = #moe.score<sigmoid>}
  %e, %p = moe.route %l bias %sb {k = 2 : i64, layer = 0 : i64, renormalize = true, epsilon = 1.0e-6 : f32, scale = 2.5 : f32, score = #moe.score<sigmoid>} : (tensor<?x3xf32>, tensor<3xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  // CHECK: moe.experts {{.*}} gate %{{.*}} down %{{.*}} {activation = #moe.activation<gelu_tanh,
  %y = moe.experts %x, %e, %p gate %g down %d {layer = 0 : i64, activation = #moe.activation<gelu_tanh, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 0x7F800000 : f32>} : (tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<3x6x4xf32>, tensor<3x4x6xf32>) -> tensor<?x2x4xf32>
  // CHECK: moe.experts {{.*}} gate %{{.*}} up %{{.*}} down %{{.*}} gate_bias %{{.*}} up_bias %{{.*}} down_bias %{{.*}} {
  %z = moe.experts %x, %e, %p gate %g up %g down %d gate_bias %gb up_bias %gb down_bias %db {layer = 0 : i64, activation = #moe.activation<swiglu, alpha = 1.702 : f32, beta = 1.0 : f32, limit = 7.0 : f32>} : (tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<3x6x4xf32>, tensor<3x6x4xf32>, tensor<3x4x6xf32>, tensor<3x6xf32>, tensor<3x6xf32>, tensor<3x4xf32>) -> tensor<?x2x4xf32>
  // CHECK: moe.combine %{{.*}} : (tensor<?x2x4xf32>) -> tensor<?x4xf32>
  %s = moe.combine %y : (tensor<?x2x4xf32>) -> tensor<?x4xf32>
  // CHECK: moe.combine %{{.*}} shared %{{.*}} residual %{{.*}} :
  %c = moe.combine %z shared %s residual %x : (tensor<?x2x4xf32>, tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return %c : tensor<?x4xf32>
}

// Every kind of activation and of score.
// CHECK-LABEL: func.func @kinds
func.func @kinds(%g: tensor<?x4xf32>) -> (tensor<?x4xf32>, tensor<?x2xf32>, tensor<?x2xf32>) {
  // CHECK: activation<swiglu,
  %0 = moe.activate %g up %g {activation = #moe.activation<swiglu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 0x7F800000 : f32>} : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: activation<silu,
  %1 = moe.activate %0 {activation = #moe.activation<silu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 0x7F800000 : f32>} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: activation<gelu,
  %2 = moe.activate %1 {activation = #moe.activation<gelu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 0x7F800000 : f32>} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: activation<gelu_tanh,
  %3 = moe.activate %2 {activation = #moe.activation<gelu_tanh, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 0x7F800000 : f32>} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: activation<relu,
  %4 = moe.activate %3 {activation = #moe.activation<relu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 0x7F800000 : f32>} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: activation<relu2,
  %5 = moe.activate %4 {activation = #moe.activation<relu2, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 0x7F800000 : f32>} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: activation<identity,
  %6 = moe.activate %5 {activation = #moe.activation<identity, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 0x7F800000 : f32>} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  // CHECK: score<softmax>
  %e0, %p0 = moe.route %6 {k = 2 : i64, layer = 0 : i64, score = #moe.score<softmax>} : (tensor<?x4xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  // CHECK: score<softmax_selected>
  %e1, %p1 = moe.route %6 {k = 2 : i64, layer = 0 : i64, score = #moe.score<softmax_selected>} : (tensor<?x4xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return %6, %p0, %p1 : tensor<?x4xf32>, tensor<?x2xf32>, tensor<?x2xf32>
}

// A function of one sequence, with a state; with the history of its rows.
// CHECK-LABEL: func.func @sequences
func.func @sequences(%x: tensor<?x4xf32>, %p: tensor<?xi32>, %w: tensor<4x3xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>) {
  // CHECK: moe.sequence @mixer(%{{.*}}, %{{.*}}) {state = 1 : i64} : (tensor<?x4xf32>, tensor<4x3xf32>) -> tensor<?x4xf32>
  %0 = moe.sequence @mixer(%x, %w) {state = 1 : i64} : (tensor<?x4xf32>, tensor<4x3xf32>) -> tensor<?x4xf32>
  // CHECK: moe.sequence @whole(%{{.*}}, %{{.*}}) {history = 0 : i64} : (tensor<?x4xf32>, tensor<?xi32>) -> tensor<?x4xf32>
  %1 = moe.sequence @whole(%0, %p) {history = 0 : i64} : (tensor<?x4xf32>, tensor<?xi32>) -> tensor<?x4xf32>
  return %0, %1 : tensor<?x4xf32>, tensor<?x4xf32>
}
func.func private @mixer(%x: tensor<?x4xf32, #onnx.dims<"S", 4>>, %w: tensor<4x3xf32>, %past: tensor<1x4x2xf32>) -> (tensor<?x4xf32, #onnx.dims<"S", 4>>, tensor<1x4x2xf32>) {
  return %x, %past : tensor<?x4xf32, #onnx.dims<"S", 4>>, tensor<1x4x2xf32>
}
func.func private @whole(%x: tensor<?x4xf32, #onnx.dims<"S", 4>>, %p: tensor<?xi32, #onnx.dims<"S">>) -> tensor<?x4xf32, #onnx.dims<"S", 4>> {
  return %x : tensor<?x4xf32, #onnx.dims<"S", 4>>
}

// RUN: janus-opt %s --janus-recover-moe -split-input-file | FileCheck %s

// QMoE with interleaved rows: every second row of integers, scales and zero points. The logits come from MatMulNBits.
// CHECK-LABEL: module {
// CHECK-DAG: moe.weight @[[GATE:.*]] : tensor<4x16x32xf32, #moe.blocks<bits = 4, size = 16, zeros = integers>> views [#moe.quantised<integers = #moe.view<"d", ui4, offset = 1024, shape = [4, 16, 32], strides = [1024, 64, 1]>, scales = #moe.view<"d", f32, offset = 4096, shape = [4, 16, 2], strides = [64, 4, 1]>, zeros = #moe.view<"d", ui4, offset = 8192, shape = [4, 16, 2], strides = [64, 4, 1]>>]
// CHECK-DAG: moe.weight @[[UP:.*]] : tensor<4x16x32xf32, #moe.blocks<bits = 4, size = 16, zeros = integers>> views [#moe.quantised<integers = #moe.view<"d", ui4, offset = 1040, {{.*}}>, scales = #moe.view<"d", f32, offset = 4104, {{.*}}>, zeros = #moe.view<"d", ui4, offset = 8193, {{.*}}>>]
// CHECK-DAG: moe.weight @[[DOWN:.*]] : tensor<4x32x16xf32, #moe.blocks<bits = 4, size = 16, zeros = middle>> views [#moe.quantised<integers = #moe.view<"d", ui4, offset = 12288, shape = [4, 32, 16], strides = [512, 16, 1]>, scales = #moe.view<"d", f32, offset = 16384, shape = [4, 32, 1], strides = [32, 1, 0]>>]
// CHECK-DAG: %[[GV:.*]] = moe.get_weight @[[GATE]]
// CHECK-DAG: %[[UV:.*]] = moe.get_weight @[[UP]]
// CHECK-DAG: %[[DV:.*]] = moe.get_weight @[[DOWN]]
// CHECK: moe.linear %{{.*}} {layer = 0 : i64, router} : (tensor<?x32xf32>, tensor<4x32xf32, #moe.blocks<bits = 8, size = 16, zeros = middle>>) -> tensor<?x4xf32>
// CHECK: moe.route %{{.*}} {k = 2 : i64, layer = 0 : i64, renormalize = true, score = #moe.score<softmax>}
// CHECK: moe.experts %{{.*}} gate %[[GV]] up %[[UV]] down %[[DV]]
// CHECK-NOT: onnx.QMoE
!x = tensor<?x?x32xf32, #onnx.dims<"B", "S", 32>>
!flat = tensor<?x32xf32, #onnx.dims<"B*S", 32>>
!r = tensor<?x4xf32, #onnx.dims<"B*S", 4>>
onnx.initializer @rq : tensor<4x2x16xui8> = #onnx.range<"d", ui8, offset = 0, length = 128>
onnx.initializer @rs : tensor<8xf32> = #onnx.range<"d", f32, offset = 128, length = 32>
onnx.initializer @q1 : tensor<4x32x16xui8> = #onnx.range<"d", ui8, offset = 1024, length = 2048>
onnx.initializer @s1 : tensor<4x32x2xf32> = #onnx.range<"d", f32, offset = 4096, length = 1024>
onnx.initializer @z1 : tensor<4x32x1xui8> = #onnx.range<"d", ui8, offset = 8192, length = 128>
onnx.initializer @q2 : tensor<4x32x8xui8> = #onnx.range<"d", ui8, offset = 12288, length = 1024>
onnx.initializer @s2 : tensor<4x32x1xf32> = #onnx.range<"d", f32, offset = 16384, length = 512>
func.func private @step(%i: tensor<?xi32>, %p: tensor<?xi32>, %w: tensor<?xi32>, %x: !x, %flat: !flat, %t: tensor<?x?xi64, #onnx.dims<"B", "S">>) -> !x attributes {moe.rows = "B*S", moe.tokens = 5 : i64} {
  %rq = onnx.initializer_value @rq : tensor<4x2x16xui8>
  %rs = onnx.initializer_value @rs : tensor<8xf32>
  %q1 = onnx.initializer_value @q1 : tensor<4x32x16xui8>
  %s1 = onnx.initializer_value @s1 : tensor<4x32x2xf32>
  %z1 = onnx.initializer_value @z1 : tensor<4x32x1xui8>
  %q2 = onnx.initializer_value @q2 : tensor<4x32x8xui8>
  %s2 = onnx.initializer_value @s2 : tensor<4x32x1xf32>
  %0 = onnx.MatMulNBits(%flat, %rq, %rs) {K = 32 : i64, N = 4 : i64, bits = 8 : i64, block_size = 16 : i64} : (!flat, tensor<4x2x16xui8>, tensor<8xf32>) -> !r
  %1 = onnx.QMoE(%x, %0, %q1, %s1, none, %q2, %s2, none, none, none, none, %z1) {activation_type = "swiglu", k = 2 : i64, normalize_routing_weights = 1 : i64, swiglu_fusion = 1 : i64, expert_weight_bits = 4 : i64, block_size = 16 : i64} : (!x, !r, tensor<4x32x16xui8>, tensor<4x32x2xf32>, tensor<4x32x8xui8>, tensor<4x32x1xf32>, tensor<4x32x1xui8>) -> !x
  return %1 : !x
}

// -----

// router_weights: what is chosen by one thing is weighted by another. A scale for each row is one block.
// CHECK-LABEL: module {
// CHECK-DAG: moe.weight @[[GATE:.*]] : tensor<4x16x32xf32, #moe.blocks<bits = 8, size = 32, zeros = middle>> views [#moe.quantised<integers = #moe.view<"d", ui8, offset = 1024, shape = [4, 16, 32], strides = [1024, 32, 1]>, scales = #moe.view<"d", f32, offset = 16384, shape = [4, 16, 1], strides = [32, 1, 0]>>]
// CHECK: moe.route %{{.*}} bias %{{.*}} {k = 2 : i64, layer = 0 : i64, renormalize = true, score = #moe.score<sigmoid>}
// CHECK: moe.experts
// CHECK-NOT: onnx.QMoE
!x = tensor<?x?x32xf32, #onnx.dims<"B", "S", 32>>
!flat = tensor<?x32xf32, #onnx.dims<"B*S", 32>>
!r = tensor<?x4xf32, #onnx.dims<"B*S", 4>>
onnx.initializer @rw : tensor<32x4xf32> = #onnx.range<"d", f32, offset = 0, length = 512>
onnx.initializer @rb : tensor<4xf32> = #onnx.range<"d", f32, offset = 512, length = 16>
onnx.initializer @q1 : tensor<4x32x32xui8> = #onnx.range<"d", ui8, offset = 1024, length = 4096>
onnx.initializer @s1 : tensor<4x32xf32> = #onnx.range<"d", f32, offset = 16384, length = 512>
onnx.initializer @q2 : tensor<4x32x16xui8> = #onnx.range<"d", ui8, offset = 8192, length = 2048>
onnx.initializer @s2 : tensor<4x32xf32> = #onnx.range<"d", f32, offset = 20480, length = 512>
func.func private @step(%i: tensor<?xi32>, %p: tensor<?xi32>, %w: tensor<?xi32>, %x: !x, %flat: !flat, %t: tensor<?x?xi64, #onnx.dims<"B", "S">>) -> !x attributes {moe.rows = "B*S", moe.tokens = 5 : i64} {
  %rw = onnx.initializer_value @rw : tensor<32x4xf32>
  %rb = onnx.initializer_value @rb : tensor<4xf32>
  %q1 = onnx.initializer_value @q1 : tensor<4x32x32xui8>
  %s1 = onnx.initializer_value @s1 : tensor<4x32xf32>
  %q2 = onnx.initializer_value @q2 : tensor<4x32x16xui8>
  %s2 = onnx.initializer_value @s2 : tensor<4x32xf32>
  %0 = onnx.MatMul(%flat, %rw) : (!flat, tensor<32x4xf32>) -> !r
  %1 = onnx.Sigmoid(%0) : (!r) -> !r
  %2 = onnx.Add(%1, %rb) : (!r, tensor<4xf32>) -> !r
  %3 = onnx.QMoE(%x, %2, %q1, %s1, none, %q2, %s2, none, none, none, none, none, none, none, %1) {activation_type = "swiglu", k = 2 : i64, normalize_routing_weights = 1 : i64, swiglu_fusion = 2 : i64, expert_weight_bits = 8 : i64} : (!x, !r, tensor<4x32x32xui8>, tensor<4x32xf32>, tensor<4x32x16xui8>, tensor<4x32xf32>, !r) -> !x
  return %3 : !x
}

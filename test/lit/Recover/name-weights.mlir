// RUN: janus-opt %s --janus-name-weights -split-input-file | FileCheck %s

// By what reads them, in order of use, whatever the exporter called them; equal weights become one, unused ones go. Here the
// head is tied to the embedding.
// CHECK-NOT: @exporter
// CHECK: moe.weight @embed : tensor<16x8xf32>
// CHECK-NEXT: moe.weight @l0.attn_norm
// CHECK-NEXT: moe.weight @l0.qkv :
// CHECK-NEXT: moe.weight @l0.qkv_bias
// CHECK-NEXT: moe.weight @l0.q_norm
// CHECK-NEXT: moe.weight @rotary.cos
// CHECK-NEXT: moe.weight @rotary.sin
// CHECK-NEXT: moe.weight @l0.sinks
// CHECK-NEXT: moe.weight @l0.o :
// CHECK-NEXT: moe.weight @l0.ffn_norm
// CHECK-NEXT: moe.weight @l0.router
// CHECK-NEXT: moe.weight @l0.gate :
// CHECK-NEXT: moe.weight @l0.up :
// CHECK-NEXT: moe.weight @l0.down :
// CHECK-NEXT: moe.weight @l0.gate_bias
// CHECK-NEXT: moe.weight @l0.up_bias
// CHECK-NEXT: moe.weight @l0.down_bias
// CHECK-NEXT: moe.weight @final_norm
// CHECK-NEXT: func.func @step(
// CHECK: moe.get_weight @embed
// CHECK: moe.embedding
// CHECK: moe.linear %{{.*}}, %[[HEAD:.*]] : (tensor<?x8xf32>, tensor<16x8xf32>)
!ids = tensor<?xi32>
!x = tensor<?x8xf32>
module attributes {moe.model = {}} {
moe.weight @exporter.unused : tensor<8xf32> views [#moe.view<"m", f32, offset = 9999, shape = [8], strides = [1]>]
moe.weight @exporter.lm_head : tensor<16x8xf32> views [#moe.view<"m", f32, offset = 0, shape = [16, 8], strides = [8, 1]>]
moe.weight @exporter.embed : tensor<16x8xf32> views [#moe.view<"m", f32, offset = 0, shape = [16, 8], strides = [8, 1]>]
moe.weight @exporter.n0 : tensor<8xf32> views [#moe.view<"m", f32, offset = 1, shape = [8], strides = [1]>]
moe.weight @exporter.n1 : tensor<8xf32> views [#moe.view<"m", f32, offset = 2, shape = [8], strides = [1]>]
moe.weight @exporter.n2 : tensor<8xf32> views [#moe.view<"m", f32, offset = 3, shape = [8], strides = [1]>]
moe.weight @exporter.qn : tensor<4xf32> views [#moe.view<"m", f32, offset = 4, shape = [4], strides = [1]>]
moe.weight @exporter.w : tensor<16x8xf32> views [#moe.view<"m", f32, offset = 5, shape = [16, 8], strides = [8, 1]>]
moe.weight @exporter.wb : tensor<16xf32> views [#moe.view<"m", f32, offset = 6, shape = [16], strides = [1]>]
moe.weight @exporter.c : tensor<16x2xf32> views [#moe.view<"m", f32, offset = 7, shape = [16, 2], strides = [2, 1]>]
moe.weight @exporter.s : tensor<16x2xf32> views [#moe.view<"m", f32, offset = 8, shape = [16, 2], strides = [2, 1]>]
moe.weight @exporter.sink : tensor<2xf32> value dense<0.0> : tensor<2xf32>
moe.weight @exporter.o : tensor<8x8xf32> views [#moe.view<"m", f32, offset = 10, shape = [8, 8], strides = [8, 1]>]
moe.weight @exporter.r : tensor<4x8xf32> views [#moe.view<"m", f32, offset = 11, shape = [4, 8], strides = [8, 1]>]
moe.weight @exporter.a : tensor<4x6x8xf32> views [#moe.view<"m", f32, offset = 12, shape = [4, 6, 8], strides = [48, 8, 1]>]
moe.weight @exporter.b : tensor<4x6x8xf32> views [#moe.view<"m", f32, offset = 13, shape = [4, 6, 8], strides = [48, 8, 1]>]
moe.weight @exporter.d : tensor<4x8x6xf32> views [#moe.view<"m", f32, offset = 14, shape = [4, 8, 6], strides = [48, 6, 1]>]
moe.weight @exporter.ab : tensor<4x6xf32> views [#moe.view<"m", f32, offset = 15, shape = [4, 6], strides = [6, 1]>]
moe.weight @exporter.bb : tensor<4x6xf32> views [#moe.view<"m", f32, offset = 16, shape = [4, 6], strides = [6, 1]>]
moe.weight @exporter.db : tensor<4x8xf32> views [#moe.view<"m", f32, offset = 17, shape = [4, 8], strides = [8, 1]>]
func.func @step(%ids: !ids, %positions: !ids, %wanted: !ids) -> tensor<?x16xf32> {
  %embed = moe.get_weight @exporter.embed : tensor<16x8xf32>
  %x = moe.embedding %ids, %embed : (!ids, tensor<16x8xf32>) -> !x
  %n0 = moe.get_weight @exporter.n0 : tensor<8xf32>
  %n = moe.norm rms %x, %n0 {epsilon = 1.0e-6 : f32} : (!x, tensor<8xf32>) -> !x
  %w = moe.get_weight @exporter.w : tensor<16x8xf32>
  %wb = moe.get_weight @exporter.wb : tensor<16xf32>
  %qkv = moe.linear %n, %w bias %wb : (!x, tensor<16x8xf32>, tensor<16xf32>) -> tensor<?x16xf32>
  %q = moe.columns %qkv {offset = 0 : i64} : (tensor<?x16xf32>) -> !x
  %k = moe.columns %qkv {offset = 8 : i64} : (tensor<?x16xf32>) -> tensor<?x4xf32>
  %v = moe.columns %qkv {offset = 12 : i64} : (tensor<?x16xf32>) -> tensor<?x4xf32>
  %qn = moe.get_weight @exporter.qn : tensor<4xf32>
  %qq = moe.norm rms %q, %qn {epsilon = 1.0e-6 : f32, group = 4 : i64} : (!x, tensor<4xf32>) -> !x
  %c = moe.get_weight @exporter.c : tensor<16x2xf32>
  %s = moe.get_weight @exporter.s : tensor<16x2xf32>
  %qr = moe.rotary %qq, %positions, %c, %s {head_dim = 4 : i64, rotary_dim = 4 : i64} : (!x, !ids, tensor<16x2xf32>, tensor<16x2xf32>) -> !x
  %sink = moe.get_weight @exporter.sink : tensor<2xf32>
  %a = moe.attention %qr, %k, %v, %positions sinks %sink {cache = 0 : i64, heads = 2 : i64, kv_heads = 1 : i64, head_dim = 4 : i64, value_dim = 4 : i64, scale = 0.5 : f32} : (!x, tensor<?x4xf32>, tensor<?x4xf32>, !ids, tensor<2xf32>) -> !x
  %wo = moe.get_weight @exporter.o : tensor<8x8xf32>
  %o = moe.linear %a, %wo residual %x : (!x, tensor<8x8xf32>, !x) -> !x
  %n1 = moe.get_weight @exporter.n1 : tensor<8xf32>
  %h = moe.norm rms %o, %n1 {epsilon = 1.0e-6 : f32} : (!x, tensor<8xf32>) -> !x
  %wr = moe.get_weight @exporter.r : tensor<4x8xf32>
  %l = moe.linear %h, %wr {layer = 0 : i64, router} : (!x, tensor<4x8xf32>) -> tensor<?x4xf32>
  %e, %p = moe.route %l {k = 2 : i64, layer = 0 : i64, score = #moe.score<softmax>} : (tensor<?x4xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  %wg = moe.get_weight @exporter.a : tensor<4x6x8xf32>
  %wu = moe.get_weight @exporter.b : tensor<4x6x8xf32>
  %wd = moe.get_weight @exporter.d : tensor<4x8x6xf32>
  %bg = moe.get_weight @exporter.ab : tensor<4x6xf32>
  %bu = moe.get_weight @exporter.bb : tensor<4x6xf32>
  %bd = moe.get_weight @exporter.db : tensor<4x8xf32>
  %y = moe.experts %h, %e, %p gate %wg up %wu down %wd gate_bias %bg up_bias %bu down_bias %bd {activation = #moe.activation<swiglu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 7.0 : f32>, layer = 0 : i64} : (!x, tensor<?x2xi32>, tensor<?x2xf32>, tensor<4x6x8xf32>, tensor<4x6x8xf32>, tensor<4x8x6xf32>, tensor<4x6xf32>, tensor<4x6xf32>, tensor<4x8xf32>) -> tensor<?x2x8xf32>
  %x1 = moe.combine %y residual %o : (tensor<?x2x8xf32>, !x) -> !x
  %sel = moe.select %x1, %wanted : (!x, !ids) -> !x
  %n2 = moe.get_weight @exporter.n2 : tensor<8xf32>
  %f = moe.norm rms %sel, %n2 {epsilon = 1.0e-6 : f32} : (!x, tensor<8xf32>) -> !x
  %head = moe.get_weight @exporter.lm_head : tensor<16x8xf32>
  %logits = moe.linear %f, %head : (!x, tensor<16x8xf32>) -> tensor<?x16xf32>
  return %logits : tensor<?x16xf32>
}
}

// -----

// Nothing is named where no model was accepted.
// CHECK: moe.weight @exporter.table
moe.weight @exporter.table : tensor<16x8xf32> value dense<0.5> : tensor<16x8xf32>
func.func private @step(%ids: tensor<?xi32>) -> tensor<?x8xf32> attributes {moe.rows = "S"} {
  %t = moe.get_weight @exporter.table : tensor<16x8xf32>
  %x = moe.embedding %ids, %t : (tensor<?xi32>, tensor<16x8xf32>) -> tensor<?x8xf32>
  return %x : tensor<?x8xf32>
}

// A whole recovered model of two layers, as it goes to partition: layer 0 with separate q, k, v and query and key norms, layer 1
// with packed q, k, v, biases, sinks and a window. It round-trips, as text and as bytecode.
// RUN: janus-opt %s > %t && janus-opt %t | diff %t -
// RUN: janus-opt %s -emit-bytecode -o %t.bc && janus-opt %t.bc | diff %t -
// RUN: FileCheck %s < %t

// CHECK: moe.weight @l0.up : tensor<4x8x16xf32> views [#moe.view<"tiny.data", f32, offset = {{[0-9]+}}, shape = [4, 8, 16], strides = [256, 32, 1]>]
// CHECK-LABEL: func.func @step
// CHECK-COUNT-2: moe.combine
// CHECK: moe.select
module attributes {moe.model = {
    context = 64 : i64, hidden = 16 : i64, layers = 2 : i64, page_tokens = 32 : i64, vocab = 32 : i64,
    moe_layers = [{experts = 4 : i64, k = 2 : i64}, {experts = 4 : i64, k = 2 : i64}],
    kv_caches = [{head_dim = 8 : i64, kv_heads = 1 : i64, value_dim = 8 : i64, window = 0 : i64},
                 {head_dim = 8 : i64, kv_heads = 1 : i64, value_dim = 8 : i64, window = 4 : i64}]}} {
  moe.weight @embed : tensor<32x16xf32> views [#moe.view<"tiny.data", f32, offset = 0, shape = [32, 16], strides = [16, 1]>]
  moe.weight @cos : tensor<64x4xf32> views [#moe.view<"tiny.data", f32, offset = 2048, shape = [64, 4], strides = [4, 1]>]
  moe.weight @sin : tensor<64x4xf32> views [#moe.view<"tiny.data", f32, offset = 3072, shape = [64, 4], strides = [4, 1]>]
  moe.weight @l0.attn_norm : tensor<16xf32> views [#moe.view<"tiny.data", f32, offset = 4096, shape = [16], strides = [1]>]
  moe.weight @l0.q : tensor<16x16xf32> views [#moe.view<"tiny.data", f32, offset = 4160, shape = [16, 16], strides = [1, 16]>]
  moe.weight @l0.k : tensor<8x16xf32> views [#moe.view<"tiny.data", f32, offset = 5184, shape = [8, 16], strides = [1, 8]>]
  moe.weight @l0.v : tensor<8x16xf32> views [#moe.view<"tiny.data", f32, offset = 5696, shape = [8, 16], strides = [1, 8]>]
  moe.weight @l0.q_norm : tensor<8xf32> views [#moe.view<"tiny.data", f32, offset = 6208, shape = [8], strides = [1]>]
  moe.weight @l0.k_norm : tensor<8xf32> views [#moe.view<"tiny.data", f32, offset = 6240, shape = [8], strides = [1]>]
  moe.weight @l0.o : tensor<16x16xf32> views [#moe.view<"tiny.data", f32, offset = 6272, shape = [16, 16], strides = [1, 16]>]
  moe.weight @l0.moe_norm : tensor<16xf32> views [#moe.view<"tiny.data", f32, offset = 7296, shape = [16], strides = [1]>]
  moe.weight @l0.router : tensor<4x16xf32> views [#moe.view<"tiny.data", f32, offset = 7360, shape = [4, 16], strides = [1, 4]>]
  moe.weight @l0.gate : tensor<4x8x16xf32> views [#moe.view<"tiny.data", f32, offset = 7616, shape = [4, 8, 16], strides = [256, 32, 1]>]
  moe.weight @l0.up : tensor<4x8x16xf32> views [#moe.view<"tiny.data", f32, offset = 7680, shape = [4, 8, 16], strides = [256, 32, 1]>]
  moe.weight @l0.down : tensor<4x16x8xf32> views [#moe.view<"tiny.data", f32, offset = 11712, shape = [4, 16, 8], strides = [128, 8, 1]>]
  moe.weight @l1.attn_norm : tensor<16xf32> views [#moe.view<"tiny.data", f32, offset = 13760, shape = [16], strides = [1]>]
  moe.weight @l1.qkv : tensor<32x16xf32> views [#moe.view<"tiny.data", f32, offset = 13824, shape = [32, 16], strides = [1, 32]>]
  moe.weight @l1.qkv_bias : tensor<32xf32> views [#moe.view<"tiny.data", f32, offset = 15872, shape = [32], strides = [1]>]
  moe.weight @l1.sinks : tensor<2xf32> views [#moe.view<"tiny.data", f32, offset = 16000, shape = [2], strides = [1]>]
  moe.weight @l1.o : tensor<16x16xf32> views [#moe.view<"tiny.data", f32, offset = 16008, shape = [16, 16], strides = [1, 16]>]
  moe.weight @l1.o_bias : tensor<16xf32> views [#moe.view<"tiny.data", f32, offset = 17032, shape = [16], strides = [1]>]
  moe.weight @l1.moe_norm : tensor<16xf32> views [#moe.view<"tiny.data", f32, offset = 17096, shape = [16], strides = [1]>]
  moe.weight @l1.router : tensor<4x16xf32> views [#moe.view<"tiny.data", f32, offset = 17160, shape = [4, 16], strides = [1, 4]>]
  moe.weight @l1.router_bias : tensor<4xf32> views [#moe.view<"tiny.data", f32, offset = 17416, shape = [4], strides = [1]>]
  moe.weight @l1.gate : tensor<4x8x16xf32> views [#moe.view<"tiny.data", f32, offset = 17432, shape = [4, 8, 16], strides = [256, 32, 1]>]
  moe.weight @l1.up : tensor<4x8x16xf32> views [#moe.view<"tiny.data", f32, offset = 17496, shape = [4, 8, 16], strides = [256, 32, 1]>]
  moe.weight @l1.down : tensor<4x16x8xf32> views [#moe.view<"tiny.data", f32, offset = 21528, shape = [4, 16, 8], strides = [128, 8, 1]>]
  moe.weight @l1.gate_bias : tensor<4x8xf32> views [#moe.view<"tiny.data", f32, offset = 23576, shape = [4, 8], strides = [16, 2]>]
  moe.weight @l1.up_bias : tensor<4x8xf32> views [#moe.view<"tiny.data", f32, offset = 23580, shape = [4, 8], strides = [16, 2]>]
  moe.weight @l1.down_bias : tensor<4x16xf32> views [#moe.view<"tiny.data", f32, offset = 23832, shape = [4, 16], strides = [16, 1]>]
  moe.weight @final_norm : tensor<16xf32> views [#moe.view<"tiny.data", f32, offset = 24088, shape = [16], strides = [1]>]
  moe.weight @head : tensor<32x16xf32> views [#moe.view<"tiny.data", f32, offset = 24152, shape = [32, 16], strides = [1, 32]>]
  func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %wanted: tensor<?xi32>) -> tensor<?x32xf32> {
    %embed = moe.get_weight @embed : tensor<32x16xf32>
    %cos = moe.get_weight @cos : tensor<64x4xf32>
    %sin = moe.get_weight @sin : tensor<64x4xf32>
    %x0 = moe.embedding %ids, %embed : (tensor<?xi32>, tensor<32x16xf32>) -> tensor<?x16xf32>
    // layer 0
    %l0_attn_norm = moe.get_weight @l0.attn_norm : tensor<16xf32>
    %n0 = moe.norm rms %x0, %l0_attn_norm {epsilon = 1.0e-05 : f32} : (tensor<?x16xf32>, tensor<16xf32>) -> tensor<?x16xf32>
    %l0_q = moe.get_weight @l0.q : tensor<16x16xf32>
    %q0 = moe.linear %n0, %l0_q : (tensor<?x16xf32>, tensor<16x16xf32>) -> tensor<?x16xf32>
    %l0_k = moe.get_weight @l0.k : tensor<8x16xf32>
    %k0 = moe.linear %n0, %l0_k : (tensor<?x16xf32>, tensor<8x16xf32>) -> tensor<?x8xf32>
    %l0_v = moe.get_weight @l0.v : tensor<8x16xf32>
    %v0 = moe.linear %n0, %l0_v : (tensor<?x16xf32>, tensor<8x16xf32>) -> tensor<?x8xf32>
    %l0_q_norm = moe.get_weight @l0.q_norm : tensor<8xf32>
    %qn0 = moe.norm rms %q0, %l0_q_norm {epsilon = 1.0e-05 : f32, group = 8 : i64} : (tensor<?x16xf32>, tensor<8xf32>) -> tensor<?x16xf32>
    %l0_k_norm = moe.get_weight @l0.k_norm : tensor<8xf32>
    %kn0 = moe.norm rms %k0, %l0_k_norm {epsilon = 1.0e-05 : f32, group = 8 : i64} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
    %qr0 = moe.rotary %qn0, %positions, %cos, %sin {head_dim = 8 : i64, rotary_dim = 8 : i64} : (tensor<?x16xf32>, tensor<?xi32>, tensor<64x4xf32>, tensor<64x4xf32>) -> tensor<?x16xf32>
    %kr0 = moe.rotary %kn0, %positions, %cos, %sin {head_dim = 8 : i64, rotary_dim = 8 : i64} : (tensor<?x8xf32>, tensor<?xi32>, tensor<64x4xf32>, tensor<64x4xf32>) -> tensor<?x8xf32>
    %a0 = moe.attention %qr0, %kr0, %v0, %positions {cache = 0 : i64, head_dim = 8 : i64, heads = 2 : i64, kv_heads = 1 : i64, scale = 0.353553385 : f32, value_dim = 8 : i64} : (tensor<?x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x16xf32>
    %l0_o = moe.get_weight @l0.o : tensor<16x16xf32>
    %o0 = moe.linear %a0, %l0_o residual %x0 : (tensor<?x16xf32>, tensor<16x16xf32>, tensor<?x16xf32>) -> tensor<?x16xf32>
    %l0_moe_norm = moe.get_weight @l0.moe_norm : tensor<16xf32>
    %h0 = moe.norm rms %o0, %l0_moe_norm {epsilon = 1.0e-05 : f32} : (tensor<?x16xf32>, tensor<16xf32>) -> tensor<?x16xf32>
    %l0_router = moe.get_weight @l0.router : tensor<4x16xf32>
    %r0 = moe.linear %h0, %l0_router {layer = 0 : i64, router} : (tensor<?x16xf32>, tensor<4x16xf32>) -> tensor<?x4xf32>
    %e0, %p0 = moe.route %r0 {k = 2 : i64, layer = 0 : i64, renormalize = true, score = #moe.score<softmax>} : (tensor<?x4xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
    %l0_gate = moe.get_weight @l0.gate : tensor<4x8x16xf32>
    %l0_up = moe.get_weight @l0.up : tensor<4x8x16xf32>
    %l0_down = moe.get_weight @l0.down : tensor<4x16x8xf32>
    %y0 = moe.experts %h0, %e0, %p0 gate %l0_gate up %l0_up down %l0_down {activation = #moe.activation<swiglu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 0x7F800000 : f32>, layer = 0 : i64} : (tensor<?x16xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<4x8x16xf32>, tensor<4x8x16xf32>, tensor<4x16x8xf32>) -> tensor<?x2x16xf32>
    %x1 = moe.combine %y0 residual %o0 : (tensor<?x2x16xf32>, tensor<?x16xf32>) -> tensor<?x16xf32>
    // layer 1
    %l1_attn_norm = moe.get_weight @l1.attn_norm : tensor<16xf32>
    %n1 = moe.norm rms %x1, %l1_attn_norm {epsilon = 1.0e-05 : f32} : (tensor<?x16xf32>, tensor<16xf32>) -> tensor<?x16xf32>
    %l1_qkv = moe.get_weight @l1.qkv : tensor<32x16xf32>
    %l1_qkv_bias = moe.get_weight @l1.qkv_bias : tensor<32xf32>
    %qkv1 = moe.linear %n1, %l1_qkv bias %l1_qkv_bias : (tensor<?x16xf32>, tensor<32x16xf32>, tensor<32xf32>) -> tensor<?x32xf32>
    %q1 = moe.columns %qkv1 {offset = 0 : i64} : (tensor<?x32xf32>) -> tensor<?x16xf32>
    %k1 = moe.columns %qkv1 {offset = 16 : i64} : (tensor<?x32xf32>) -> tensor<?x8xf32>
    %v1 = moe.columns %qkv1 {offset = 24 : i64} : (tensor<?x32xf32>) -> tensor<?x8xf32>
    %qr1 = moe.rotary %q1, %positions, %cos, %sin {head_dim = 8 : i64, rotary_dim = 8 : i64} : (tensor<?x16xf32>, tensor<?xi32>, tensor<64x4xf32>, tensor<64x4xf32>) -> tensor<?x16xf32>
    %kr1 = moe.rotary %k1, %positions, %cos, %sin {head_dim = 8 : i64, rotary_dim = 8 : i64} : (tensor<?x8xf32>, tensor<?xi32>, tensor<64x4xf32>, tensor<64x4xf32>) -> tensor<?x8xf32>
    %l1_sinks = moe.get_weight @l1.sinks : tensor<2xf32>
    %a1 = moe.attention %qr1, %kr1, %v1, %positions sinks %l1_sinks {cache = 1 : i64, head_dim = 8 : i64, heads = 2 : i64, kv_heads = 1 : i64, scale = 0.353553385 : f32, value_dim = 8 : i64, window = 4 : i64} : (tensor<?x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>, tensor<?xi32>, tensor<2xf32>) -> tensor<?x16xf32>
    %l1_o = moe.get_weight @l1.o : tensor<16x16xf32>
    %l1_o_bias = moe.get_weight @l1.o_bias : tensor<16xf32>
    %o1 = moe.linear %a1, %l1_o bias %l1_o_bias residual %x1 : (tensor<?x16xf32>, tensor<16x16xf32>, tensor<16xf32>, tensor<?x16xf32>) -> tensor<?x16xf32>
    %l1_moe_norm = moe.get_weight @l1.moe_norm : tensor<16xf32>
    %h1 = moe.norm rms %o1, %l1_moe_norm {epsilon = 1.0e-05 : f32} : (tensor<?x16xf32>, tensor<16xf32>) -> tensor<?x16xf32>
    %l1_router = moe.get_weight @l1.router : tensor<4x16xf32>
    %l1_router_bias = moe.get_weight @l1.router_bias : tensor<4xf32>
    %r1 = moe.linear %h1, %l1_router bias %l1_router_bias {layer = 1 : i64, router} : (tensor<?x16xf32>, tensor<4x16xf32>, tensor<4xf32>) -> tensor<?x4xf32>
    %e1, %p1 = moe.route %r1 {k = 2 : i64, layer = 1 : i64, renormalize = true, score = #moe.score<softmax>} : (tensor<?x4xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
    %l1_gate = moe.get_weight @l1.gate : tensor<4x8x16xf32>
    %l1_up = moe.get_weight @l1.up : tensor<4x8x16xf32>
    %l1_down = moe.get_weight @l1.down : tensor<4x16x8xf32>
    %l1_gate_bias = moe.get_weight @l1.gate_bias : tensor<4x8xf32>
    %l1_up_bias = moe.get_weight @l1.up_bias : tensor<4x8xf32>
    %l1_down_bias = moe.get_weight @l1.down_bias : tensor<4x16xf32>
    %y1 = moe.experts %h1, %e1, %p1 gate %l1_gate up %l1_up down %l1_down gate_bias %l1_gate_bias up_bias %l1_up_bias down_bias %l1_down_bias {activation = #moe.activation<swiglu, alpha = 1.702 : f32, beta = 1.0 : f32, limit = 7.0 : f32>, layer = 1 : i64} : (tensor<?x16xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<4x8x16xf32>, tensor<4x8x16xf32>, tensor<4x16x8xf32>, tensor<4x8xf32>, tensor<4x8xf32>, tensor<4x16xf32>) -> tensor<?x2x16xf32>
    %x2 = moe.combine %y1 residual %o1 : (tensor<?x2x16xf32>, tensor<?x16xf32>) -> tensor<?x16xf32>
    // head
    %s = moe.select %x2, %wanted : (tensor<?x16xf32>, tensor<?xi32>) -> tensor<?x16xf32>
    %final_norm = moe.get_weight @final_norm : tensor<16xf32>
    %sn = moe.norm rms %s, %final_norm {epsilon = 1.0e-05 : f32} : (tensor<?x16xf32>, tensor<16xf32>) -> tensor<?x16xf32>
    %head = moe.get_weight @head : tensor<32x16xf32>
    %logits = moe.linear %sn, %head : (tensor<?x16xf32>, tensor<32x16xf32>) -> tensor<?x32xf32>
    return %logits : tensor<?x32xf32>
  }
}

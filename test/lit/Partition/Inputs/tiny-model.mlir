moe.weight @embed : tensor<32x8xf32> value dense<0.5> : tensor<32x8xf32>
moe.weight @cos : tensor<16x2xf32> value dense<0.5> : tensor<16x2xf32>
moe.weight @sin : tensor<16x2xf32> value dense<0.5> : tensor<16x2xf32>
moe.weight @l0.norm1 : tensor<8xf32> value dense<0.5> : tensor<8xf32>
moe.weight @l0.q : tensor<8x8xf32> value dense<0.5> : tensor<8x8xf32>
moe.weight @l0.k : tensor<4x8xf32> value dense<0.5> : tensor<4x8xf32>
moe.weight @l0.v : tensor<4x8xf32> value dense<0.5> : tensor<4x8xf32>
moe.weight @l0.o : tensor<8x8xf32> value dense<0.5> : tensor<8x8xf32>
moe.weight @l0.norm2 : tensor<8xf32> value dense<0.5> : tensor<8xf32>
moe.weight @l0.router : tensor<4x8xf32> value dense<0.5> : tensor<4x8xf32>
moe.weight @l0.gate : tensor<4x6x8xf32> value dense<0.5> : tensor<4x6x8xf32>
moe.weight @l0.up : tensor<4x6x8xf32> value dense<0.5> : tensor<4x6x8xf32>
moe.weight @l0.down : tensor<4x8x6xf32> value dense<0.5> : tensor<4x8x6xf32>
moe.weight @l1.norm1 : tensor<8xf32> value dense<0.5> : tensor<8xf32>
moe.weight @l1.q : tensor<8x8xf32> value dense<0.5> : tensor<8x8xf32>
moe.weight @l1.k : tensor<4x8xf32> value dense<0.5> : tensor<4x8xf32>
moe.weight @l1.v : tensor<4x8xf32> value dense<0.5> : tensor<4x8xf32>
moe.weight @l1.o : tensor<8x8xf32> value dense<0.5> : tensor<8x8xf32>
moe.weight @l1.norm2 : tensor<8xf32> value dense<0.5> : tensor<8xf32>
moe.weight @l1.router : tensor<4x8xf32> value dense<0.5> : tensor<4x8xf32>
moe.weight @l1.gate : tensor<4x6x8xf32> value dense<0.5> : tensor<4x6x8xf32>
moe.weight @l1.up : tensor<4x6x8xf32> value dense<0.5> : tensor<4x6x8xf32>
moe.weight @l1.down : tensor<4x8x6xf32> value dense<0.5> : tensor<4x8x6xf32>
moe.weight @norm : tensor<8xf32> value dense<0.5> : tensor<8xf32>
moe.weight @head : tensor<32x8xf32> value dense<0.5> : tensor<32x8xf32>

func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %wanted: tensor<?xi32>) -> tensor<?x32xf32>
    attributes {moe.model = {context = 16 : i64, hidden = 8 : i64, layers = 2 : i64, vocab = 32 : i64}} {
  %embed = moe.get_weight @embed : tensor<32x8xf32>
  %cos = moe.get_weight @cos : tensor<16x2xf32>
  %sin = moe.get_weight @sin : tensor<16x2xf32>
  %x0 = moe.embedding %ids, %embed : (tensor<?xi32>, tensor<32x8xf32>) -> tensor<?x8xf32>
  %l0_norm1 = moe.get_weight @l0.norm1 : tensor<8xf32>
  %n0 = moe.norm rms %x0, %l0_norm1 {epsilon = 1.0e-06 : f32} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %l0_q = moe.get_weight @l0.q : tensor<8x8xf32>
  %q0 = moe.linear %n0, %l0_q : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %l0_k = moe.get_weight @l0.k : tensor<4x8xf32>
  %k0 = moe.linear %n0, %l0_k : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  %l0_v = moe.get_weight @l0.v : tensor<4x8xf32>
  %v0 = moe.linear %n0, %l0_v : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  %qr0 = moe.rotary %q0, %positions, %cos, %sin {head_dim = 4 : i64, rotary_dim = 4 : i64} : (tensor<?x8xf32>, tensor<?xi32>, tensor<16x2xf32>, tensor<16x2xf32>) -> tensor<?x8xf32>
  %kr0 = moe.rotary %k0, %positions, %cos, %sin {head_dim = 4 : i64, rotary_dim = 4 : i64} : (tensor<?x4xf32>, tensor<?xi32>, tensor<16x2xf32>, tensor<16x2xf32>) -> tensor<?x4xf32>
  %a0 = moe.attention %qr0, %kr0, %v0, %positions {cache = 0 : i64, head_dim = 4 : i64, heads = 2 : i64, kv_heads = 1 : i64, scale = 5.0e-01 : f32, value_dim = 4 : i64}
      : (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  %l0_o = moe.get_weight @l0.o : tensor<8x8xf32>
  %o0 = moe.linear %a0, %l0_o residual %x0 : (tensor<?x8xf32>, tensor<8x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %l0_norm2 = moe.get_weight @l0.norm2 : tensor<8xf32>
  %h0 = moe.norm rms %o0, %l0_norm2 {epsilon = 1.0e-06 : f32} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %l0_router = moe.get_weight @l0.router : tensor<4x8xf32>
  %logits0 = moe.linear %h0, %l0_router {layer = 0 : i64, router} : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  %e0, %p0 = moe.route %logits0 {k = 2 : i64, layer = 0 : i64, renormalize = true, score = #moe.score<softmax>}
      : (tensor<?x4xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  %l0_gate = moe.get_weight @l0.gate : tensor<4x6x8xf32>
  %l0_up = moe.get_weight @l0.up : tensor<4x6x8xf32>
  %l0_down = moe.get_weight @l0.down : tensor<4x8x6xf32>
  %y0 = moe.experts %h0, %e0, %p0 gate %l0_gate up %l0_up down %l0_down
      {activation = #moe.activation<swiglu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 0x7F800000 : f32>, layer = 0 : i64}
      : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<4x6x8xf32>, tensor<4x6x8xf32>, tensor<4x8x6xf32>) -> tensor<?x2x8xf32>
  %x1 = moe.combine %y0 residual %o0 : (tensor<?x2x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %l1_norm1 = moe.get_weight @l1.norm1 : tensor<8xf32>
  %n1 = moe.norm rms %x1, %l1_norm1 {epsilon = 1.0e-06 : f32} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %l1_q = moe.get_weight @l1.q : tensor<8x8xf32>
  %q1 = moe.linear %n1, %l1_q : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
  %l1_k = moe.get_weight @l1.k : tensor<4x8xf32>
  %k1 = moe.linear %n1, %l1_k : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  %l1_v = moe.get_weight @l1.v : tensor<4x8xf32>
  %v1 = moe.linear %n1, %l1_v : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  %qr1 = moe.rotary %q1, %positions, %cos, %sin {head_dim = 4 : i64, rotary_dim = 4 : i64} : (tensor<?x8xf32>, tensor<?xi32>, tensor<16x2xf32>, tensor<16x2xf32>) -> tensor<?x8xf32>
  %kr1 = moe.rotary %k1, %positions, %cos, %sin {head_dim = 4 : i64, rotary_dim = 4 : i64} : (tensor<?x4xf32>, tensor<?xi32>, tensor<16x2xf32>, tensor<16x2xf32>) -> tensor<?x4xf32>
  %a1 = moe.attention %qr1, %kr1, %v1, %positions {cache = 1 : i64, head_dim = 4 : i64, heads = 2 : i64, kv_heads = 1 : i64, scale = 5.0e-01 : f32, value_dim = 4 : i64}
      : (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  %l1_o = moe.get_weight @l1.o : tensor<8x8xf32>
  %o1 = moe.linear %a1, %l1_o residual %x1 : (tensor<?x8xf32>, tensor<8x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %l1_norm2 = moe.get_weight @l1.norm2 : tensor<8xf32>
  %h1 = moe.norm rms %o1, %l1_norm2 {epsilon = 1.0e-06 : f32} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %l1_router = moe.get_weight @l1.router : tensor<4x8xf32>
  %logits1 = moe.linear %h1, %l1_router {layer = 1 : i64, router} : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  %e1, %p1 = moe.route %logits1 {k = 2 : i64, layer = 1 : i64, renormalize = true, score = #moe.score<softmax>}
      : (tensor<?x4xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  %l1_gate = moe.get_weight @l1.gate : tensor<4x6x8xf32>
  %l1_up = moe.get_weight @l1.up : tensor<4x6x8xf32>
  %l1_down = moe.get_weight @l1.down : tensor<4x8x6xf32>
  %y1 = moe.experts %h1, %e1, %p1 gate %l1_gate up %l1_up down %l1_down
      {activation = #moe.activation<swiglu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 0x7F800000 : f32>, layer = 1 : i64}
      : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<4x6x8xf32>, tensor<4x6x8xf32>, tensor<4x8x6xf32>) -> tensor<?x2x8xf32>
  %x2 = moe.combine %y1 residual %o1 : (tensor<?x2x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %norm = moe.get_weight @norm : tensor<8xf32>
  %xn = moe.norm rms %x2, %norm {epsilon = 1.0e-06 : f32} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %s = moe.select %xn, %wanted : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  %head = moe.get_weight @head : tensor<32x8xf32>
  %z = moe.linear %s, %head : (tensor<?x8xf32>, tensor<32x8xf32>) -> tensor<?x32xf32>
  return %z : tensor<?x32xf32>
}

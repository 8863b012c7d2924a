// Fused and quantised operators of ONNX Runtime's domain com.microsoft, beside attention. Where the standard has an operator of the same name, the op here is `onnx.microsoft.NAME`.
def Onnx_SkipSimplifiedLayerNormalizationOp : Onnx_Op<"SkipSimplifiedLayerNormalization", "com.microsoft", (ins Onnx_Tensor:$x, Onnx_Tensor:$skip, Onnx_Tensor:$gamma, Optional<Onnx_Tensor>:$bias),
    (ins DefaultValuedAttr<F32Attr, "1e-5f">:$epsilon), (outs Onnx_Tensor:$y, Optional<Onnx_Tensor>:$mean, Optional<Onnx_Tensor>:$inv_std, Optional<Onnx_Tensor>:$sum), "inferSkipNorm", "rowsSkipNorm"> {
  let summary = "sum = x + skip + bias; y = RMS normalisation of sum, times gamma";
  let description = [{ Example: `%y:2 = onnx.SkipSimplifiedLayerNormalization(%x, %s, %g) {epsilon = 1.0e-6 : f32} : (tensor<3x64xf32>, tensor<3x64xf32>, tensor<64xf32>) -> (tensor<3x64xf32>, none, none, tensor<3x64xf32>)` }];
}
def Onnx_SkipLayerNormalizationOp : Onnx_Op<"SkipLayerNormalization", "com.microsoft", (ins Onnx_Tensor:$x, Onnx_Tensor:$skip, Onnx_Tensor:$gamma, Optional<Onnx_Tensor>:$beta, Optional<Onnx_Tensor>:$bias),
    (ins DefaultValuedAttr<F32Attr, "1e-12f">:$epsilon), (outs Onnx_Tensor:$y, Optional<Onnx_Tensor>:$mean, Optional<Onnx_Tensor>:$inv_std, Optional<Onnx_Tensor>:$sum), "inferSkipNorm", "rowsSkipNorm"> {
  let summary = "sum = x + skip + bias; y = layer normalisation of sum, times gamma, plus beta";
  let description = [{ Example: `%y = onnx.SkipLayerNormalization(%x, %s, %g, %b) {epsilon = 1.0e-6 : f32} : (tensor<3x64xf32>, tensor<3x64xf32>, tensor<64xf32>, tensor<64xf32>) -> (tensor<3x64xf32>)` }];
}
def Onnx_MicrosoftRotaryEmbeddingOp : Onnx_Op<"microsoft.RotaryEmbedding", "com.microsoft", (ins Onnx_Tensor:$x, Onnx_Tensor:$position_ids, Onnx_Tensor:$cos_cache, Onnx_Tensor:$sin_cache),
    (ins DefaultValuedAttr<I64Attr, "0">:$interleaved, DefaultValuedAttr<I64Attr, "0">:$num_heads, DefaultValuedAttr<I64Attr, "0">:$rotary_embedding_dim, DefaultValuedAttr<F32Attr, "1.0f">:$scale,
         DefaultValuedAttr<I64Attr, "0">:$is_packed_batching), (outs Onnx_Tensor:$y), "inferRotary", "rowsRotary"> {
  let summary = "rotary position embedding of [B,heads,S,d] or [B,S,heads*d]; position_ids [B,S], or one offset for all";
  let description = [{ Example: `%y = onnx.microsoft.RotaryEmbedding(%x, %pos, %cos, %sin) {num_heads = 4 : i64} : (tensor<1x3x64xf32>, tensor<1x3xi64>, tensor<128x8xf32>, tensor<128x8xf32>) -> tensor<1x3x64xf32>` }];
}
def Onnx_MicrosoftGeluOp : Onnx_Op<"microsoft.Gelu", "com.microsoft", (ins Onnx_Tensor:$x), (ins), (outs Onnx_Tensor:$y), "inferSame", "rowsElementwise"> {
  let summary = "x * Phi(x)"; let description = [{ Example: `%y = onnx.microsoft.Gelu(%x) : (tensor<4xf32>) -> tensor<4xf32>` }];
}
def Onnx_BiasGeluOp : Onnx_Op<"BiasGelu", "com.microsoft", (ins Onnx_Tensor:$x, Onnx_Tensor:$bias), (ins), (outs Onnx_Tensor:$y), "inferBroadcast", "rowsElementwise"> {
  let summary = "Gelu of x + bias"; let description = [{ Example: `%y = onnx.BiasGelu(%x, %b) : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>` }];
}
def Onnx_FastGeluOp : Onnx_Op<"FastGelu", "com.microsoft", (ins Onnx_Tensor:$x, Optional<Onnx_Tensor>:$bias), (ins), (outs Onnx_Tensor:$y), "inferBroadcast", "rowsElementwise"> {
  let summary = "Gelu of x + bias by the tanh formula"; let description = [{ Example: `%y = onnx.FastGelu(%x, %b) : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>` }];
}
def Onnx_QuickGeluOp : Onnx_Op<"QuickGelu", "com.microsoft", (ins Onnx_Tensor:$x), (ins DefaultValuedAttr<F32Attr, "1.702f">:$alpha), (outs Onnx_Tensor:$y), "inferSame", "rowsElementwise"> {
  let summary = "x * sigmoid(alpha * x)"; let description = [{ Example: `%y = onnx.QuickGelu(%x) {alpha = 1.702 : f32} : (tensor<4xf32>) -> tensor<4xf32>` }];
}
def Onnx_FusedMatMulOp : Onnx_Op<"FusedMatMul", "com.microsoft", (ins Onnx_Tensor:$a, Onnx_Tensor:$b),
    (ins DefaultValuedAttr<F32Attr, "1.0f">:$alpha, DefaultValuedAttr<I64Attr, "0">:$transA, DefaultValuedAttr<I64Attr, "0">:$transB, DefaultValuedAttr<I64Attr, "0">:$transBatchA, DefaultValuedAttr<I64Attr, "0">:$transBatchB),
    (outs Onnx_Tensor:$y), "inferFusedMatMul", "rowsNone"> {
  let summary = "alpha * A * B, A and B transposed in their last two dimensions on request, or with the first dimension moved before the last (transBatch)";
  let description = [{ Example: `%y = onnx.FusedMatMul(%a, %b) {transB = 1 : i64} : (tensor<2x3x64xf32>, tensor<2x8x64xf32>) -> tensor<2x3x8xf32>` }];
}
def Onnx_MatMulNBitsOp : Onnx_Op<"MatMulNBits", "com.microsoft", (ins Onnx_Tensor:$a, Onnx_Tensor:$b, Onnx_Tensor:$scales, Optional<Onnx_Tensor>:$zero_points, Optional<Onnx_Tensor>:$g_idx, Optional<Onnx_Tensor>:$bias),
    (ins I64Attr:$K, I64Attr:$N, DefaultValuedAttr<I64Attr, "4">:$bits, I64Attr:$block_size, DefaultValuedAttr<I64Attr, "0">:$accuracy_level, DefaultValuedAttr<I64Attr, "0">:$weight_prepacked),
    (outs Onnx_Tensor:$y), "inferMatMulNBits", "rowsMatMulNBits"> {
  let summary = "A times the transpose of a quantised matrix [N,K], plus bias [N]";
  let description = [{
    b [N, blocks, block_size * bits / 8] bytes, the lower bits first, blocks = ceil(K / block_size); weight (q - zero point) * scale, scales [N * blocks]; zero_points packed
    as b along the blocks, or numbers of the type of a [N * blocks]; without: 2^(bits - 1).
    Example: `%y = onnx.MatMulNBits(%a, %b, %s) {K = 64 : i64, N = 8 : i64, bits = 4 : i64, block_size = 32 : i64} : (tensor<3x64xf32>, tensor<8x2x16xui8>, tensor<16xf32>) -> tensor<3x8xf32>`
  }];
}
def Onnx_GatherBlockQuantizedOp : Onnx_Op<"GatherBlockQuantized", "com.microsoft", (ins Onnx_Tensor:$data, Onnx_Tensor:$indices, Onnx_Tensor:$scales, Optional<Onnx_Tensor>:$zero_points),
    (ins DefaultValuedAttr<I64Attr, "0">:$gather_axis, DefaultValuedAttr<I64Attr, "1">:$quantize_axis, DefaultValuedAttr<I64Attr, "128">:$block_size, DefaultValuedAttr<I64Attr, "4">:$bits),
    (outs Onnx_Tensor:$y), "inferGatherBlockQuantized", "rowsGatherBlockQuantized"> {
  let summary = "slices of a quantised table along gather_axis, as numbers of the type of scales";
  let description = [{
    data of 4-bit integers, or bytes that hold 8 / bits of them, the lower bits first, along the last dimension; a block along quantize_axis has one scale. The zero point
    is, without zero_points, 0 for 4-bit types and 2^(bits - 1) for bytes.
    Example: `%y = onnx.GatherBlockQuantized(%d, %i, %s) {block_size = 32 : i64, bits = 4 : i64} : (tensor<16x32xui8>, tensor<1x3xi64>, tensor<16x2xf32>) -> tensor<1x3x64xf32>`
  }];
}
def Onnx_MoEOp : Onnx_Op<"MoE", "com.microsoft", (ins Onnx_Tensor:$input, Onnx_Tensor:$router_probs, Onnx_Tensor:$fc1_experts_weights, Optional<Onnx_Tensor>:$fc1_experts_bias, Onnx_Tensor:$fc2_experts_weights,
         Optional<Onnx_Tensor>:$fc2_experts_bias, Optional<Onnx_Tensor>:$fc3_experts_weights, Optional<Onnx_Tensor>:$fc3_experts_bias),
    (ins DefaultValuedAttr<StrAttr, "\"relu\"">:$activation_type, DefaultValuedAttr<I64Attr, "1">:$k, DefaultValuedAttr<I64Attr, "0">:$normalize_routing_weights, DefaultValuedAttr<I64Attr, "0">:$use_sparse_mixer,
         DefaultValuedAttr<I64Attr, "0">:$swiglu_fusion, DefaultValuedAttr<F32Attr, "1.0f">:$activation_alpha, DefaultValuedAttr<F32Attr, "0.0f">:$activation_beta, OptionalAttr<F32Attr>:$swiglu_limit),
    (outs Onnx_Tensor:$output), "inferMoE", "rowsMoE"> {
  let summary = "mixture of experts: softmax of the router logits, k best, weighted sum of their MLPs";
  let description = [{
    input [T,H] or [B,S,H]; router_probs [T,E] are logits; fc1 [E,f*I,H] with f = 2 for a fused SwiGLU (swiglu_fusion 1: rows g0,l0,g1,l1..; 2: all g, all l); fc2 [E,H,I]; fc3 [E,I,H]; biases [E, rows].
    Example: `%y = onnx.MoE(%x, %r, %w1, none, %w2) {activation_type = "swiglu", swiglu_fusion = 1 : i64, k = 2 : i64} : (tensor<3x64xf32>, tensor<3x8xf32>, tensor<8x64x64xf32>, tensor<8x64x32xf32>) -> tensor<3x64xf32>`
  }];
}
def Onnx_QMoEOp : Onnx_Op<"QMoE", "com.microsoft", (ins Onnx_Tensor:$input, Onnx_Tensor:$router_probs, Onnx_Tensor:$fc1_experts_weights, Onnx_Tensor:$fc1_scales, Optional<Onnx_Tensor>:$fc1_experts_bias,
         Onnx_Tensor:$fc2_experts_weights, Onnx_Tensor:$fc2_scales, Optional<Onnx_Tensor>:$fc2_experts_bias, Optional<Onnx_Tensor>:$fc3_experts_weights, Optional<Onnx_Tensor>:$fc3_scales, Optional<Onnx_Tensor>:$fc3_experts_bias,
         Optional<Onnx_Tensor>:$fc1_zero_points, Optional<Onnx_Tensor>:$fc2_zero_points, Optional<Onnx_Tensor>:$fc3_zero_points, Optional<Onnx_Tensor>:$router_weights,
         Optional<Onnx_Tensor>:$fc1_global_scale, Optional<Onnx_Tensor>:$fc2_global_scale, Optional<Onnx_Tensor>:$fc1_activation_scale, Optional<Onnx_Tensor>:$fc2_activation_scale,
         Optional<Onnx_Tensor>:$fc1_activation_block_scale, Optional<Onnx_Tensor>:$fc2_activation_block_scale),
    (ins DefaultValuedAttr<StrAttr, "\"relu\"">:$activation_type, DefaultValuedAttr<I64Attr, "1">:$k, DefaultValuedAttr<I64Attr, "0">:$normalize_routing_weights, DefaultValuedAttr<I64Attr, "0">:$use_sparse_mixer,
         DefaultValuedAttr<I64Attr, "0">:$swiglu_fusion, DefaultValuedAttr<F32Attr, "1.0f">:$activation_alpha, DefaultValuedAttr<F32Attr, "0.0f">:$activation_beta, OptionalAttr<F32Attr>:$swiglu_limit,
         DefaultValuedAttr<I64Attr, "4">:$expert_weight_bits, DefaultValuedAttr<I64Attr, "0">:$block_size, DefaultValuedAttr<StrAttr, "\"int\"">:$quant_type, OptionalAttr<I64Attr>:$weights_prepacked,
         DefaultValuedAttr<I64Attr, "0">:$accuracy_level),
    (outs Onnx_Tensor:$output), "inferQMoE", "rowsMoE"> {
  let summary = "MoE over quantised weights; router_weights, where present, are the weights of what router_probs select";
  let description = [{
    As MoE, with weights [E, rows, columns * bits / 8] of bytes, the lower bits first, scales [E, rows] or [E, rows, columns / block_size], and zero points packed as the weights along the blocks:
    weight (q - zero point) * scale, zero point 2^(bits - 1) without. router_weights [T,E] are gathered at the selected experts and, with normalize_routing_weights, divided by their sum; without them the
    weights are the softmax as in MoE.
    Example: `%y = onnx.QMoE(%x, %r, %w1, %s1, none, %w2, %s2) {activation_type = "silu", k = 2 : i64} : (tensor<3x64xf32>, tensor<3x8xf32>, tensor<8x32x32xui8>, tensor<8x32xf32>, tensor<8x64x16xui8>, tensor<8x64xf32>) -> tensor<3x64xf32>`
  }];
}

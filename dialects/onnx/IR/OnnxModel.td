// Linear algebra, normalisation and the fused operators of language models. B batch, S sequence, H hidden columns.
def Onnx_MatMulOp : Onnx_Op<"MatMul", "", (ins Onnx_Tensor:$a, Onnx_Tensor:$b), (ins), (outs Onnx_Tensor:$y), "inferMatMul", "rowsMatMul"> {
  let summary = "matrix product over the last two dimensions; leading dimensions broadcast";
  let description = [{ Example: `%y = onnx.MatMul(%x, %w) : (tensor<2x3x64xf32>, tensor<64x128xf32>) -> tensor<2x3x128xf32>` }];
}
def Onnx_GemmOp : Onnx_Op<"Gemm", "", (ins Onnx_Tensor:$a, Onnx_Tensor:$b, Optional<Onnx_Tensor>:$c),
    (ins DefaultValuedAttr<F32Attr, "1.0f">:$alpha, DefaultValuedAttr<F32Attr, "1.0f">:$beta, DefaultValuedAttr<I64Attr, "0">:$transA, DefaultValuedAttr<I64Attr, "0">:$transB), (outs Onnx_Tensor:$y), "inferGemm", "rowsGemm"> {
  let summary = "alpha * A * B + beta * C of matrices, A and B transposed on request";
  let description = [{ Example: `%y = onnx.Gemm(%a, %b, %c) {transB = 1 : i64} : (tensor<3x64xf32>, tensor<8x64xf32>, tensor<8xf32>) -> tensor<3x8xf32>` }];
}
def Onnx_LayerNormalizationOp : Onnx_Op<"LayerNormalization", "", (ins Onnx_Tensor:$x, Onnx_Tensor:$scale, Optional<Onnx_Tensor>:$bias),
    (ins DefaultValuedAttr<I64Attr, "-1">:$axis, DefaultValuedAttr<F32Attr, "1e-5f">:$epsilon, DefaultValuedAttr<I64Attr, "1">:$stash_type),
    (outs Onnx_Tensor:$y, Optional<Onnx_Tensor>:$mean, Optional<Onnx_Tensor>:$inv_std), "inferNorm", "rowsNorm"> {
  let summary = "(x - mean) / sqrt(variance + epsilon) * scale + bias over dimensions [axis, rank)";
  let description = [{ Example: `%y = onnx.LayerNormalization(%x, %g, %b) {epsilon = 1.0e-5 : f32} : (tensor<3x64xf32>, tensor<64xf32>, tensor<64xf32>) -> tensor<3x64xf32>` }];
}
def Onnx_RMSNormalizationOp : Onnx_Op<"RMSNormalization", "", (ins Onnx_Tensor:$x, Onnx_Tensor:$scale),
    (ins DefaultValuedAttr<I64Attr, "-1">:$axis, DefaultValuedAttr<F32Attr, "1e-5f">:$epsilon, DefaultValuedAttr<I64Attr, "1">:$stash_type), (outs Onnx_Tensor:$y), "inferNorm", "rowsNorm"> {
  let summary = "x / sqrt(mean(x^2) + epsilon) * scale over dimensions [axis, rank)";
  let description = [{ Example: `%y = onnx.RMSNormalization(%x, %g) {epsilon = 1.0e-6 : f32} : (tensor<3x64xf32>, tensor<64xf32>) -> tensor<3x64xf32>` }];
}
def Onnx_SimplifiedLayerNormalizationOp : Onnx_Op<"SimplifiedLayerNormalization", "", (ins Onnx_Tensor:$x, Onnx_Tensor:$scale),
    (ins DefaultValuedAttr<I64Attr, "-1">:$axis, DefaultValuedAttr<F32Attr, "1e-5f">:$epsilon, DefaultValuedAttr<I64Attr, "1">:$stash_type), (outs Onnx_Tensor:$y, Optional<Onnx_Tensor>:$inv_std), "inferNorm", "rowsNorm"> {
  let summary = "RMS normalisation as ONNX Runtime's exporters write it (domain ai.onnx, though no standard operator)";
  let description = [{ Example: `%y = onnx.SimplifiedLayerNormalization(%x, %g) {epsilon = 1.0e-6 : f32} : (tensor<3x64xf32>, tensor<64xf32>) -> tensor<3x64xf32>` }];
}
def Onnx_SkipSimplifiedLayerNormalizationOp : Onnx_Op<"SkipSimplifiedLayerNormalization", "com.microsoft", (ins Onnx_Tensor:$x, Onnx_Tensor:$skip, Onnx_Tensor:$gamma, Optional<Onnx_Tensor>:$bias),
    (ins DefaultValuedAttr<F32Attr, "1e-5f">:$epsilon), (outs Onnx_Tensor:$y, Optional<Onnx_Tensor>:$mean, Optional<Onnx_Tensor>:$inv_std, Optional<Onnx_Tensor>:$sum), "inferSkipNorm", "rowsSkipNorm"> {
  let summary = "sum = x + skip + bias; y = RMS normalisation of sum, times gamma";
  let description = [{ Example: `%y:2 = onnx.SkipSimplifiedLayerNormalization(%x, %s, %g) {epsilon = 1.0e-6 : f32} : (tensor<3x64xf32>, tensor<3x64xf32>, tensor<64xf32>) -> (tensor<3x64xf32>, none, none, tensor<3x64xf32>)` }];
}
def Onnx_RotaryEmbeddingOp : Onnx_Op<"RotaryEmbedding", "", (ins Onnx_Tensor:$x, Onnx_Tensor:$cos_cache, Onnx_Tensor:$sin_cache, Optional<Onnx_Tensor>:$position_ids),
    (ins DefaultValuedAttr<I64Attr, "0">:$interleaved, DefaultValuedAttr<I64Attr, "0">:$num_heads, DefaultValuedAttr<I64Attr, "0">:$rotary_embedding_dim), (outs Onnx_Tensor:$y), "inferSame", "rowsRotary"> {
  let summary = "rotary position embedding of [B,heads,S,d] or [B,S,heads*d]; caches [positions, rotary/2]";
  let description = [{ Example: `%y = onnx.RotaryEmbedding(%x, %cos, %sin, %pos) {num_heads = 4 : i64} : (tensor<1x3x64xf32>, tensor<128x8xf32>, tensor<128x8xf32>, tensor<1x3xi64>) -> tensor<1x3x64xf32>` }];
}
def Onnx_GroupQueryAttentionOp : Onnx_Op<"GroupQueryAttention", "com.microsoft",
    (ins Onnx_Tensor:$query, Optional<Onnx_Tensor>:$key, Optional<Onnx_Tensor>:$value, Optional<Onnx_Tensor>:$past_key, Optional<Onnx_Tensor>:$past_value, Onnx_Tensor:$seqlens_k, Onnx_Tensor:$total_sequence_length,
         Optional<Onnx_Tensor>:$cos_cache, Optional<Onnx_Tensor>:$sin_cache, Optional<Onnx_Tensor>:$position_ids, Optional<Onnx_Tensor>:$attention_bias, Optional<Onnx_Tensor>:$head_sink,
         Optional<Onnx_Tensor>:$k_scale, Optional<Onnx_Tensor>:$v_scale, Optional<Onnx_Tensor>:$q_norm_weight, Optional<Onnx_Tensor>:$k_norm_weight),
    (ins I64Attr:$num_heads, I64Attr:$kv_num_heads, DefaultValuedAttr<F32Attr, "0.0f">:$scale, DefaultValuedAttr<I64Attr, "0">:$do_rotary, DefaultValuedAttr<I64Attr, "0">:$rotary_interleaved,
         DefaultValuedAttr<I64Attr, "-1">:$local_window_size, DefaultValuedAttr<F32Attr, "0.0f">:$softcap, DefaultValuedAttr<I64Attr, "0">:$smooth_softmax, DefaultValuedAttr<I64Attr, "1">:$causal,
         DefaultValuedAttr<I64Attr, "0">:$qk_output, DefaultValuedAttr<StrAttr, "\"NONE\"">:$k_quant_type, DefaultValuedAttr<StrAttr, "\"NONE\"">:$v_quant_type, DefaultValuedAttr<I64Attr, "0">:$kv_cache_bit_width,
         DefaultValuedAttr<F32Attr, "1e-6f">:$qk_norm_epsilon, DefaultValuedAttr<I64Attr, "0">:$sliding_window_cache),
    (outs Onnx_Tensor:$output, Optional<Onnx_Tensor>:$present_key, Optional<Onnx_Tensor>:$present_value, Optional<Onnx_Tensor>:$output_qk), "inferGroupQueryAttention", "rowsAttention"> {
  let summary = "causal attention with shared key/value heads, rotary embedding and a key/value cache";
  let description = [{
    query [B,S,heads*d], or q, k and v packed [B,S,(heads+2*kv_heads)*d] when key is absent; past and present [B,kv_heads,P,d]; seqlens_k [B] is
    the number of valid positions less 1; window W keeps the last W keys including self (-1: all); head_sink adds exp(sink) to the softmax's sum.
    Example: `%y:3 = onnx.GroupQueryAttention(%q, none, none, %pk, %pv, %len, %total, %cos, %sin) {do_rotary = 1 : i64, num_heads = 4 : i64, kv_num_heads = 2 : i64} : (tensor<1x3x32xf32>, tensor<1x2x5x4xf32>, tensor<1x2x5x4xf32>, tensor<1xi32>, tensor<i32>, tensor<16x2xf32>, tensor<16x2xf32>) -> (tensor<1x3x16xf32>, tensor<1x2x8x4xf32>, tensor<1x2x8x4xf32>)`
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

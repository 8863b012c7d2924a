// Attention of the standard and of ONNX Runtime, and what keeps state beside it. B batch, S sequence, P past, T = P + S, H heads, d head size.
def Onnx_RotaryEmbeddingOp : Onnx_Op<"RotaryEmbedding", "", (ins Onnx_Tensor:$x, Onnx_Tensor:$cos_cache, Onnx_Tensor:$sin_cache, Optional<Onnx_Tensor>:$position_ids),
    (ins DefaultValuedAttr<I64Attr, "0">:$interleaved, DefaultValuedAttr<I64Attr, "0">:$num_heads, DefaultValuedAttr<I64Attr, "0">:$rotary_embedding_dim), (outs Onnx_Tensor:$y), "inferRotary", "rowsRotary"> {
  let summary = "rotary position embedding of [B,heads,S,d] or [B,S,heads*d]; caches [positions, rotary/2]";
  let description = [{ Example: `%y = onnx.RotaryEmbedding(%x, %cos, %sin, %pos) {num_heads = 4 : i64} : (tensor<1x3x64xf32>, tensor<128x8xf32>, tensor<128x8xf32>, tensor<1x3xi64>) -> tensor<1x3x64xf32>` }];
}
def Onnx_AttentionOp : Onnx_Op<"Attention", "", (ins Onnx_Tensor:$q, Onnx_Tensor:$k, Onnx_Tensor:$v, Optional<Onnx_Tensor>:$attn_mask, Optional<Onnx_Tensor>:$past_key, Optional<Onnx_Tensor>:$past_value, Optional<Onnx_Tensor>:$nonpad_kv_seqlen),
    (ins DefaultValuedAttr<I64Attr, "0">:$is_causal, OptionalAttr<I64Attr>:$q_num_heads, OptionalAttr<I64Attr>:$kv_num_heads, OptionalAttr<F32Attr>:$scale, DefaultValuedAttr<F32Attr, "0.0f">:$softcap,
         OptionalAttr<I64Attr>:$softmax_precision, DefaultValuedAttr<I64Attr, "0">:$qk_matmul_output_mode, DefaultValuedAttr<I64Attr, "-1">:$left_window_size, DefaultValuedAttr<I64Attr, "-1">:$right_window_size),
    (outs Onnx_Tensor:$y, Optional<Onnx_Tensor>:$present_key, Optional<Onnx_Tensor>:$present_value, Optional<Onnx_Tensor>:$qk_matmul_output), "inferAttention", "rowsAttention"> {
  let summary = "softmax(mask(softcap(scale Q K^T))) V over shared key/value heads";
  let description = [{
    q, k, v [B,H,S,d], or [B,S,H*d] with q_num_heads and kv_num_heads; v may have another head size. attn_mask broadcasts to [B,H,S,T]: bool keeps
    where true, numbers are added. past is put before k and v. is_causal keeps keys up to the query's own position, which starts at P, or at
    nonpad_kv_seqlen[b] - S. A window keeps `left` keys before that position and `right` behind it (-1: all). A row without a key is 0.
    Example: `%y = onnx.Attention(%q, %k, %v) {is_causal = 1 : i64} : (tensor<1x4x3x8xf32>, tensor<1x2x3x8xf32>, tensor<1x2x3x8xf32>) -> (tensor<1x4x3x8xf32>)`
  }];
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
def Onnx_MultiHeadAttentionOp : Onnx_Op<"MultiHeadAttention", "com.microsoft",
    (ins Onnx_Tensor:$query, Optional<Onnx_Tensor>:$key, Optional<Onnx_Tensor>:$value, Optional<Onnx_Tensor>:$bias, Optional<Onnx_Tensor>:$key_padding_mask, Optional<Onnx_Tensor>:$attention_bias,
         Optional<Onnx_Tensor>:$past_key, Optional<Onnx_Tensor>:$past_value, Optional<Onnx_Tensor>:$past_sequence_length, Optional<Onnx_Tensor>:$cache_indirection),
    (ins I64Attr:$num_heads, DefaultValuedAttr<F32Attr, "0.0f">:$scale, DefaultValuedAttr<I64Attr, "0">:$unidirectional, DefaultValuedAttr<F32Attr, "-10000.0f">:$mask_filter_value),
    (outs Onnx_Tensor:$output, Optional<Onnx_Tensor>:$present_key, Optional<Onnx_Tensor>:$present_value, Optional<Onnx_Tensor>:$qk), "inferMultiHeadAttention", "rowsAttention"> {
  let summary = "attention with as many key/value heads as query heads, and no rotary embedding";
  let description = [{
    query [B,S,H*d], key [B,T',H*d], value [B,T',H*dv]; or query packed [B,S,H,3,d] alone; or key packed [B,T',H,2,d]; or key and value as [B,H,T',d]. bias [2*H*d + H*dv]
    is added to query, key and value. key_padding_mask [B], [3*B+2], [B,T'] or [B,S,T]; attention_bias [B|1,H|1,S,T] is added to the scores; past and present [B,H,P,d].
    Example: `%y = onnx.MultiHeadAttention(%q, %k, %v) {num_heads = 4 : i64} : (tensor<1x3x32xf32>, tensor<1x3x32xf32>, tensor<1x3x32xf32>) -> (tensor<1x3x32xf32>)`
  }];
}
class Onnx_LinearAttention<string type, string domain> : Onnx_Op<type, domain, (ins Onnx_Tensor:$query, Onnx_Tensor:$key, Onnx_Tensor:$value, Optional<Onnx_Tensor>:$past_state, Optional<Onnx_Tensor>:$decay, Optional<Onnx_Tensor>:$beta),
    (ins I64Attr:$q_num_heads, I64Attr:$kv_num_heads, DefaultValuedAttr<StrAttr, "\"gated_delta\"">:$update_rule, DefaultValuedAttr<F32Attr, "0.0f">:$scale, DefaultValuedAttr<I64Attr, "64">:$chunk_size),
    (outs Onnx_Tensor:$output, Optional<Onnx_Tensor>:$present_state), "inferLinearAttention", "rowsAttention">;
def Onnx_LinearAttentionOp : Onnx_LinearAttention<"LinearAttention", ""> {
  let summary = "attention with a state [B, kv heads, d, dv] instead of a cache";
  let description = [{
    query [B,T,Hq*d], key [B,T,Hk*d], value [B,T,Hv*dv]; decay [B,T,Hkv*d] or [B,T,Hkv] in log space; beta [B,T,Hkv] or [B,T,1]. For each token: gated rules scale the state by exp(decay); delta
    rules add k (beta * (v - k S))^T, the others k v^T; the output is scale * q S.
    Example: `%y:2 = onnx.LinearAttention(%q, %k, %v) {q_num_heads = 2 : i64, kv_num_heads = 2 : i64, update_rule = "linear"} : (tensor<1x3x8xf32>, tensor<1x3x8xf32>, tensor<1x3x8xf32>) -> (tensor<1x3x8xf32>, tensor<1x2x4x4xf32>)`
  }];
}
def Onnx_MicrosoftLinearAttentionOp : Onnx_LinearAttention<"microsoft.LinearAttention", "com.microsoft"> {
  let summary = "LinearAttention under its name in com.microsoft";
  let description = [{ Example: `%y:2 = onnx.microsoft.LinearAttention(%q, %k, %v) {q_num_heads = 2 : i64, kv_num_heads = 2 : i64, update_rule = "linear"} : (tensor<1x3x8xf32>, tensor<1x3x8xf32>, tensor<1x3x8xf32>) -> (tensor<1x3x8xf32>, tensor<1x2x4x4xf32>)` }];
}
def Onnx_CausalConvWithStateOp : Onnx_Op<"CausalConvWithState", "", (ins Onnx_Tensor:$x, Onnx_Tensor:$weight, Optional<Onnx_Tensor>:$bias, Optional<Onnx_Tensor>:$past_state),
    (ins DefaultValuedAttr<StrAttr, "\"none\"">:$activation), (outs Onnx_Tensor:$y, Optional<Onnx_Tensor>:$present_state), "inferCausalConv", "rowsCausalConv"> {
  let summary = "depthwise convolution of x [B,C,S] over the last k positions, the first k - 1 from past_state [B,C,k-1]";
  let description = [{ weight [C,1,k]; activation none, silu or swish. Example: `%y:2 = onnx.CausalConvWithState(%x, %w, none, %p) : (tensor<1x4x8xf32>, tensor<4x1x3xf32>, tensor<1x4x2xf32>) -> (tensor<1x4x8xf32>, tensor<1x4x2xf32>)` }];
}
def Onnx_MicrosoftCausalConvWithStateOp : Onnx_Op<"microsoft.CausalConvWithState", "com.microsoft", (ins Onnx_Tensor:$x, Onnx_Tensor:$weight, Optional<Onnx_Tensor>:$bias, Optional<Onnx_Tensor>:$past_state),
    (ins DefaultValuedAttr<StrAttr, "\"none\"">:$activation, DefaultValuedAttr<I64Attr, "1">:$ndim, DefaultValuedAttr<I64Attr, "0">:$state_window), (outs Onnx_Tensor:$y, Optional<Onnx_Tensor>:$present_state), "inferCausalConv", "rowsCausalConv"> {
  let summary = "CausalConvWithState under its name in com.microsoft; ndim is 1";
  let description = [{ Example: `%y:2 = onnx.microsoft.CausalConvWithState(%x, %w) {ndim = 1 : i64} : (tensor<1x4x8xf32>, tensor<4x1x3xf32>) -> (tensor<1x4x8xf32>, tensor<1x4x2xf32>)` }];
}

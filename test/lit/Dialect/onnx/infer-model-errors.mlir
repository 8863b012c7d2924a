// What the shape rules of matrix products, normalisations and fused operators refuse, one case for each (dialects/onnx/IR/InferModel.cpp).
// RUN: janus-opt %s --janus-infer-shapes -split-input-file -verify-diagnostics

// A scalar is no matrix.
func.func @f(%a: tensor<f32>, %b: tensor<4xf32>) {
  // expected-error @below {{expects operands of rank 1 or more}}
  %0 = onnx.MatMul(%a, %b) : (tensor<f32>, tensor<4xf32>) -> !onnx.unknown
  return
}

// -----

// Inner extents are equal.
func.func @f(%a: tensor<4x8xf32>, %b: tensor<9x2xf32>) {
  // expected-error @below {{expects equal inner extents, found 8 and 9}}
  %0 = onnx.MatMul(%a, %b) : (tensor<4x8xf32>, tensor<9x2xf32>) -> !onnx.unknown
  return
}

// -----

// Leading extents broadcast.
func.func @f(%a: tensor<2x4x8xf32>, %b: tensor<3x8x2xf32>) {
  // expected-error @below {{expects equal or broadcast extents, found 2 and 3}}
  %0 = onnx.MatMul(%a, %b) : (tensor<2x4x8xf32>, tensor<3x8x2xf32>) -> !onnx.unknown
  return
}

// -----

// Gemm takes matrices: A.
func.func @f(%a: tensor<2x4x8xf32>, %b: tensor<8x2xf32>) {
  // expected-error @below {{expects A of rank 2, found rank 3}}
  %0 = onnx.Gemm(%a, %b) : (tensor<2x4x8xf32>, tensor<8x2xf32>) -> !onnx.unknown
  return
}

// -----

// And B.
func.func @f(%a: tensor<4x8xf32>, %b: tensor<8xf32>) {
  // expected-error @below {{expects B of rank 2, found rank 1}}
  %0 = onnx.Gemm(%a, %b) : (tensor<4x8xf32>, tensor<8xf32>) -> !onnx.unknown
  return
}

// -----

// Their inner extents are equal, transposed or not.
func.func @f(%a: tensor<4x8xf32>, %b: tensor<8x2xf32>) {
  // expected-error @below {{expects equal inner extents, found 8 and 2}}
  %0 = onnx.Gemm(%a, %b) {transB = 1 : i64} : (tensor<4x8xf32>, tensor<8x2xf32>) -> !onnx.unknown
  return
}

// -----

// A norm's axis is one of its input.
func.func @f(%x: tensor<4x8xf32>, %g: tensor<8xf32>) {
  // expected-error @below {{expects an axis in [-2, 2), found 2}}
  %0 = onnx.RMSNormalization(%x, %g) {axis = 2 : i64} : (tensor<4x8xf32>, tensor<8xf32>) -> !onnx.unknown
  return
}

// -----

// Its scale broadcasts to it.
func.func @f(%x: tensor<4x8xf32>, %g: tensor<7xf32>) {
  // expected-error @below {{expects equal or broadcast extents, found 8 and 7}}
  %0 = onnx.LayerNormalization(%x, %g) : (tensor<4x8xf32>, tensor<7xf32>) -> (!onnx.unknown)
  return
}

// -----

// A skip norm has columns.
func.func @f(%x: tensor<f32>, %g: tensor<8xf32>) {
  // expected-error @below {{expects an input of rank 1 or more}}
  %0 = onnx.SkipSimplifiedLayerNormalization(%x, %x, %g) : (tensor<f32>, tensor<f32>, tensor<8xf32>) -> (!onnx.unknown)
  return
}

// -----

// Its skip broadcasts.
func.func @f(%x: tensor<4x8xf32>, %s: tensor<3x8xf32>, %g: tensor<8xf32>) {
  // expected-error @below {{expects equal or broadcast extents, found 4 and 3}}
  %0 = onnx.SkipSimplifiedLayerNormalization(%x, %s, %g) : (tensor<4x8xf32>, tensor<3x8xf32>, tensor<8xf32>) -> (!onnx.unknown)
  return
}

// -----

// Its gamma is a vector.
func.func @f(%x: tensor<4x8xf32>, %g: tensor<1x8xf32>) {
  // expected-error @below {{expects gamma of rank 1, found rank 2}}
  %0 = onnx.SkipSimplifiedLayerNormalization(%x, %x, %g) : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<1x8xf32>) -> (!onnx.unknown)
  return
}

// -----

// Of a number a column.
func.func @f(%x: tensor<4x8xf32>, %g: tensor<7xf32>) {
  // expected-error @below {{expects equal columns of the input and gamma, found 8 and 7}}
  %0 = onnx.SkipSimplifiedLayerNormalization(%x, %x, %g) : (tensor<4x8xf32>, tensor<4x8xf32>, tensor<7xf32>) -> (!onnx.unknown)
  return
}

// -----

// A query is [B, S, columns].
func.func @f(%q: tensor<3x16xf32>, %len: tensor<2xi32>, %n: tensor<i32>) {
  // expected-error @below {{expects query of rank 3, found rank 2}}
  %0 = onnx.GroupQueryAttention(%q, %q, %q, none, none, %len, %n) {kv_num_heads = 2 : i64, num_heads = 4 : i64} : (tensor<3x16xf32>, tensor<3x16xf32>, tensor<3x16xf32>, tensor<2xi32>, tensor<i32>) -> (!onnx.unknown)
  return
}

// -----

// Query heads share key heads evenly.
func.func @f(%q: tensor<2x3x16xf32>, %len: tensor<2xi32>, %n: tensor<i32>) {
  // expected-error @below {{expects num_heads to be a multiple of kv_num_heads, found 4 and 3}}
  %0 = onnx.GroupQueryAttention(%q, none, none, none, none, %len, %n) {kv_num_heads = 3 : i64, num_heads = 4 : i64} : (tensor<2x3x16xf32>, tensor<2xi32>, tensor<i32>) -> (!onnx.unknown)
  return
}

// -----

// A key comes with a value.
func.func @f(%q: tensor<2x3x16xf32>, %len: tensor<2xi32>, %n: tensor<i32>, %k: tensor<2x3x8xf32>) {
  // expected-error @below {{expects key and value both present, or both absent for a packed query}}
  %0 = onnx.GroupQueryAttention(%q, %k, none, none, none, %len, %n) {kv_num_heads = 2 : i64, num_heads = 4 : i64} : (tensor<2x3x16xf32>, tensor<2x3x8xf32>, tensor<2xi32>, tensor<i32>) -> (!onnx.unknown)
  return
}

// -----

// A packed query holds heads + 2 kv_heads of them.
func.func @f(%q: tensor<2x3x16xf32>, %len: tensor<2xi32>, %n: tensor<i32>) {
  // expected-error @below {{expects query columns to be a multiple of 10 heads, found 16}}
  %0 = onnx.GroupQueryAttention(%q, none, none, none, none, %len, %n) {kv_num_heads = 1 : i64, num_heads = 8 : i64} : (tensor<2x3x16xf32>, tensor<2xi32>, tensor<i32>) -> (!onnx.unknown)
  return
}

// -----

// Keys are [B, S, columns].
func.func @f(%q: tensor<2x3x16xf32>, %len: tensor<2xi32>, %n: tensor<i32>, %k: tensor<2x3x2x4xf32>) {
  // expected-error @below {{expects key and value of rank 3, found rank 4}}
  %0 = onnx.GroupQueryAttention(%q, %k, %k, none, none, %len, %n) {kv_num_heads = 2 : i64, num_heads = 4 : i64} : (tensor<2x3x16xf32>, tensor<2x3x2x4xf32>, tensor<2x3x2x4xf32>, tensor<2xi32>, tensor<i32>) -> (!onnx.unknown)
  return
}

// -----

// Of the query's batch.
func.func @f(%q: tensor<2x3x16xf32>, %len: tensor<2xi32>, %n: tensor<i32>, %k: tensor<1x3x8xf32>) {
  // expected-error @below {{expects equal batch extents, found 1 and 2}}
  %0 = onnx.GroupQueryAttention(%q, %k, %k, none, none, %len, %n) {kv_num_heads = 2 : i64, num_heads = 4 : i64} : (tensor<2x3x16xf32>, tensor<1x3x8xf32>, tensor<1x3x8xf32>, tensor<2xi32>, tensor<i32>) -> (!onnx.unknown)
  return
}

// -----

// And its sequence.
func.func @f(%q: tensor<2x3x16xf32>, %len: tensor<2xi32>, %n: tensor<i32>, %k: tensor<2x4x8xf32>) {
  // expected-error @below {{expects equal sequence extents, found 4 and 3}}
  %0 = onnx.GroupQueryAttention(%q, %k, %k, none, none, %len, %n) {kv_num_heads = 2 : i64, num_heads = 4 : i64} : (tensor<2x3x16xf32>, tensor<2x4x8xf32>, tensor<2x4x8xf32>, tensor<2xi32>, tensor<i32>) -> (!onnx.unknown)
  return
}

// -----

// With kv_heads heads of the query's size.
func.func @f(%q: tensor<2x3x16xf32>, %len: tensor<2xi32>, %n: tensor<i32>) {
  // expected-error @below {{expects equal key or value columns, found 16 and 8}}
  %0 = onnx.GroupQueryAttention(%q, %q, %q, none, none, %len, %n) {kv_num_heads = 2 : i64, num_heads = 4 : i64} : (tensor<2x3x16xf32>, tensor<2x3x16xf32>, tensor<2x3x16xf32>, tensor<2xi32>, tensor<i32>) -> (!onnx.unknown)
  return
}

// -----

// A past is [B, kv_heads, P, d].
func.func @f(%q: tensor<2x3x16xf32>, %len: tensor<2xi32>, %n: tensor<i32>, %k: tensor<2x3x8xf32>) {
  // expected-error @below {{expects past of rank 4, found rank 3}}
  %0 = onnx.GroupQueryAttention(%q, %k, %k, %k, %k, %len, %n) {kv_num_heads = 2 : i64, num_heads = 4 : i64} : (tensor<2x3x16xf32>, tensor<2x3x8xf32>, tensor<2x3x8xf32>, tensor<2x3x8xf32>, tensor<2x3x8xf32>, tensor<2xi32>, tensor<i32>) -> (!onnx.unknown)
  return
}

// -----

// Of the query's batch.
func.func @f(%q: tensor<2x3x16xf32>, %len: tensor<2xi32>, %n: tensor<i32>, %k: tensor<2x3x8xf32>, %p: tensor<1x2x5x4xf32>) {
  // expected-error @below {{expects equal batch extents, found 1 and 2}}
  %0 = onnx.GroupQueryAttention(%q, %k, %k, %p, %p, %len, %n) {kv_num_heads = 2 : i64, num_heads = 4 : i64} : (tensor<2x3x16xf32>, tensor<2x3x8xf32>, tensor<2x3x8xf32>, tensor<1x2x5x4xf32>, tensor<1x2x5x4xf32>, tensor<2xi32>, tensor<i32>) -> (!onnx.unknown)
  return
}

// -----

// With kv_heads.
func.func @f(%q: tensor<2x3x16xf32>, %len: tensor<2xi32>, %n: tensor<i32>, %k: tensor<2x3x8xf32>, %p: tensor<2x4x5x4xf32>) {
  // expected-error @below {{expects equal key/value heads, found 4 and 2}}
  %0 = onnx.GroupQueryAttention(%q, %k, %k, %p, %p, %len, %n) {kv_num_heads = 2 : i64, num_heads = 4 : i64} : (tensor<2x3x16xf32>, tensor<2x3x8xf32>, tensor<2x3x8xf32>, tensor<2x4x5x4xf32>, tensor<2x4x5x4xf32>, tensor<2xi32>, tensor<i32>) -> (!onnx.unknown)
  return
}

// -----

// Of the query's head size.
func.func @f(%q: tensor<2x3x16xf32>, %len: tensor<2xi32>, %n: tensor<i32>, %k: tensor<2x3x8xf32>, %p: tensor<2x2x5x8xf32>) {
  // expected-error @below {{expects equal head columns, found 8 and 4}}
  %0 = onnx.GroupQueryAttention(%q, %k, %k, %p, %p, %len, %n) {kv_num_heads = 2 : i64, num_heads = 4 : i64} : (tensor<2x3x16xf32>, tensor<2x3x8xf32>, tensor<2x3x8xf32>, tensor<2x2x5x8xf32>, tensor<2x2x5x8xf32>, tensor<2xi32>, tensor<i32>) -> (!onnx.unknown)
  return
}

// -----

// Experts take rows, [T, H] or [B, S, H].
func.func @f(%x: tensor<64xf32>, %r: tensor<3x8xf32>, %w1: tensor<8x32x64xf32>, %w2: tensor<8x64x32xf32>) {
  // expected-error @below {{expects an input of rank 2 or 3, found rank 1}}
  %0 = onnx.MoE(%x, %r, %w1, none, %w2) {activation_type = "silu", k = 2 : i64} : (tensor<64xf32>, tensor<3x8xf32>, tensor<8x32x64xf32>, tensor<8x64x32xf32>) -> !onnx.unknown
  return
}

// -----

// Logits are [T, E].
func.func @f(%x: tensor<3x64xf32>, %r: tensor<1x3x8xf32>, %w1: tensor<8x32x64xf32>, %w2: tensor<8x64x32xf32>) {
  // expected-error @below {{expects router_probs of rank 2, found rank 3}}
  %0 = onnx.MoE(%x, %r, %w1, none, %w2) {activation_type = "silu", k = 2 : i64} : (tensor<3x64xf32>, tensor<1x3x8xf32>, tensor<8x32x64xf32>, tensor<8x64x32xf32>) -> !onnx.unknown
  return
}

// -----

// fc1 is [E, rows, H].
func.func @f(%x: tensor<3x64xf32>, %r: tensor<3x8xf32>, %w1: tensor<32x64xf32>, %w2: tensor<8x64x32xf32>) {
  // expected-error @below {{expects fc1 of rank 3, found rank 2}}
  %0 = onnx.MoE(%x, %r, %w1, none, %w2) {activation_type = "silu", k = 2 : i64} : (tensor<3x64xf32>, tensor<3x8xf32>, tensor<32x64xf32>, tensor<8x64x32xf32>) -> !onnx.unknown
  return
}

// -----

// fc2 is [E, H, I].
func.func @f(%x: tensor<3x64xf32>, %r: tensor<3x8xf32>, %w1: tensor<8x32x64xf32>, %w2: tensor<64x32xf32>) {
  // expected-error @below {{expects fc2 of rank 3, found rank 2}}
  %0 = onnx.MoE(%x, %r, %w1, none, %w2) {activation_type = "silu", k = 2 : i64} : (tensor<3x64xf32>, tensor<3x8xf32>, tensor<8x32x64xf32>, tensor<64x32xf32>) -> !onnx.unknown
  return
}

// -----

// One expert at least, and no more than there are.
func.func @f(%x: tensor<3x64xf32>, %r: tensor<3x8xf32>, %w1: tensor<8x32x64xf32>, %w2: tensor<8x64x32xf32>) {
  // expected-error @below {{expects k in [1, 8], found 9}}
  %0 = onnx.MoE(%x, %r, %w1, none, %w2) {activation_type = "silu", k = 9 : i64} : (tensor<3x64xf32>, tensor<3x8xf32>, tensor<8x32x64xf32>, tensor<8x64x32xf32>) -> !onnx.unknown
  return
}

// -----

// Logits for each token.
func.func @f(%x: tensor<2x3x64xf32>, %r: tensor<3x8xf32>, %w1: tensor<8x32x64xf32>, %w2: tensor<8x64x32xf32>) {
  // expected-error @below {{expects equal tokens of input and router_probs, found 6 and 3}}
  %0 = onnx.MoE(%x, %r, %w1, none, %w2) {activation_type = "silu", k = 2 : i64} : (tensor<2x3x64xf32>, tensor<3x8xf32>, tensor<8x32x64xf32>, tensor<8x64x32xf32>) -> !onnx.unknown
  return
}

// -----

// An expert for each logit.
func.func @f(%x: tensor<3x64xf32>, %r: tensor<3x7xf32>, %w1: tensor<8x32x64xf32>, %w2: tensor<8x64x32xf32>) {
  // expected-error @below {{expects equal experts of router_probs and fc1, found 7 and 8}}
  %0 = onnx.MoE(%x, %r, %w1, none, %w2) {activation_type = "silu", k = 2 : i64} : (tensor<3x64xf32>, tensor<3x7xf32>, tensor<8x32x64xf32>, tensor<8x64x32xf32>) -> !onnx.unknown
  return
}

// -----

// fc1 and fc2 of as many experts.
func.func @f(%x: tensor<3x64xf32>, %r: tensor<3x8xf32>, %w1: tensor<8x32x64xf32>, %w2: tensor<4x64x32xf32>) {
  // expected-error @below {{expects equal experts of fc1 and fc2, found 8 and 4}}
  %0 = onnx.MoE(%x, %r, %w1, none, %w2) {activation_type = "silu", k = 2 : i64} : (tensor<3x64xf32>, tensor<3x8xf32>, tensor<8x32x64xf32>, tensor<4x64x32xf32>) -> !onnx.unknown
  return
}

// -----

// fc1 reads the input's columns.
func.func @f(%x: tensor<3x64xf32>, %r: tensor<3x8xf32>, %w1: tensor<8x64x32xf32>, %w2: tensor<8x64x32xf32>) {
  // expected-error @below {{expects equal columns of fc1 (laid out [experts, rows, hidden]) and input, found 32 and 64}}
  %0 = onnx.MoE(%x, %r, %w1, none, %w2) {activation_type = "silu", k = 2 : i64} : (tensor<3x64xf32>, tensor<3x8xf32>, tensor<8x64x32xf32>, tensor<8x64x32xf32>) -> !onnx.unknown
  return
}

// -----

// fc2 writes them.
func.func @f(%x: tensor<3x64xf32>, %r: tensor<3x8xf32>, %w1: tensor<8x32x64xf32>, %w2: tensor<8x32x64xf32>) {
  // expected-error @below {{expects equal rows of fc2 (laid out [experts, hidden, inner]) and columns of input, found 32 and 64}}
  %0 = onnx.MoE(%x, %r, %w1, none, %w2) {activation_type = "silu", k = 2 : i64} : (tensor<3x64xf32>, tensor<3x8xf32>, tensor<8x32x64xf32>, tensor<8x32x64xf32>) -> !onnx.unknown
  return
}

// -----

// fc2 reads what fc1 writes: half of it for a fused SwiGLU.
func.func @f(%x: tensor<3x64xf32>, %r: tensor<3x8xf32>, %w1: tensor<8x32x64xf32>, %w2: tensor<8x64x32xf32>) {
  // expected-error @below {{expects equal rows of fc1 and (gate and up) columns of fc2, found 32 and 64}}
  %0 = onnx.MoE(%x, %r, %w1, none, %w2) {activation_type = "swiglu", k = 2 : i64} : (tensor<3x64xf32>, tensor<3x8xf32>, tensor<8x32x64xf32>, tensor<8x64x32xf32>) -> !onnx.unknown
  return
}

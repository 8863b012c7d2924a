// As recover-attention-missed.mlir: operands that do not fit, and rotary embeddings that are not the model's own.
// RUN: janus-opt %s --janus-recover-attention -split-input-file -verify-diagnostics | FileCheck %s
// CHECK-NOT: moe.{{attention|rotary}}

// Heads that do not divide.
!ids = tensor<?xi32>
!tokens = tensor<?x?xi64, #onnx.dims<"B", "S">>
!mask = tensor<?x?xi64, #onnx.dims<"B", "P+S">>
!past = tensor<?x1x?x4xf32, #onnx.dims<"B", 1, "P", 4>>
!present = tensor<?x1x?x4xf32, #onnx.dims<"B", 1, "P+S", 4>>
!q = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
!k = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!qkv = tensor<?x?x16xf32, #onnx.dims<"B", "S", 16>>
!b = tensor<?xi32, #onnx.dims<"B">>
onnx.initializer @cos : tensor<16x2xf32> = #onnx.range<"d", f32, offset = 0, length = 128>
onnx.initializer @sin : tensor<16x2xf32> = #onnx.range<"d", f32, offset = 128, length = 128>
onnx.initializer @sinks : tensor<2xf32> = #onnx.range<"d", f32, offset = 256, length = 8>
func.func private @step(%i: !ids, %p: !ids, %w: !ids, %tokens: !tokens, %mask: !mask, %pk: !past, %pv: !past, %q: !q, %k: !k, %v: !k, %qkv: !qkv) -> !q attributes {moe.rows = "B*S", moe.tokens = 3 : i64} {
  %one = onnx.constant dense<1> : tensor<1xi64>
  %sum = onnx.ReduceSum(%mask, %one) {keepdims = 0 : i64} : (!mask, tensor<1xi64>) -> tensor<?xi64, #onnx.dims<"B">>
  %less = onnx.Sub(%sum, %one) : (tensor<?xi64, #onnx.dims<"B">>, tensor<1xi64>) -> tensor<?xi64, #onnx.dims<"B">>
  %last = onnx.Cast(%less) {to = 6 : i64} : (tensor<?xi64, #onnx.dims<"B">>) -> !b
  %sizes = onnx.Shape(%mask) : (!mask) -> tensor<2xi64>
  %at = onnx.constant dense<1> : tensor<i64>
  %long = onnx.Gather(%sizes, %at) {axis = 0 : i64} : (tensor<2xi64>, tensor<i64>) -> tensor<i64>
  %total = onnx.Cast(%long) {to = 6 : i64} : (tensor<i64>) -> tensor<i32>
  // expected-remark @below {{not recovered: onnx.GroupQueryAttention: 2 heads and 3 key heads, or a key without a value}}
  %y, %ck, %cv = onnx.GroupQueryAttention(%q, %k, %v, %pk, %pv, %last, %total) {kv_num_heads = 3 : i64, num_heads = 2 : i64} : (!q, !k, !k, !past, !past, !b, tensor<i32>) -> (!q, !present, !present)
  return %y : !q
}

// -----

// Key columns for other heads.
!ids = tensor<?xi32>
!tokens = tensor<?x?xi64, #onnx.dims<"B", "S">>
!mask = tensor<?x?xi64, #onnx.dims<"B", "P+S">>
!past = tensor<?x1x?x4xf32, #onnx.dims<"B", 1, "P", 4>>
!present = tensor<?x1x?x4xf32, #onnx.dims<"B", 1, "P+S", 4>>
!q = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
!k = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!qkv = tensor<?x?x16xf32, #onnx.dims<"B", "S", 16>>
!b = tensor<?xi32, #onnx.dims<"B">>
onnx.initializer @cos : tensor<16x2xf32> = #onnx.range<"d", f32, offset = 0, length = 128>
onnx.initializer @sin : tensor<16x2xf32> = #onnx.range<"d", f32, offset = 128, length = 128>
onnx.initializer @sinks : tensor<2xf32> = #onnx.range<"d", f32, offset = 256, length = 8>
func.func private @step(%i: !ids, %p: !ids, %w: !ids, %tokens: !tokens, %mask: !mask, %pk: !past, %pv: !past, %q: !q, %k: !k, %v: !k, %qkv: !qkv) -> !q attributes {moe.rows = "B*S", moe.tokens = 3 : i64} {
  %one = onnx.constant dense<1> : tensor<1xi64>
  %sum = onnx.ReduceSum(%mask, %one) {keepdims = 0 : i64} : (!mask, tensor<1xi64>) -> tensor<?xi64, #onnx.dims<"B">>
  %less = onnx.Sub(%sum, %one) : (tensor<?xi64, #onnx.dims<"B">>, tensor<1xi64>) -> tensor<?xi64, #onnx.dims<"B">>
  %last = onnx.Cast(%less) {to = 6 : i64} : (tensor<?xi64, #onnx.dims<"B">>) -> !b
  %sizes = onnx.Shape(%mask) : (!mask) -> tensor<2xi64>
  %at = onnx.constant dense<1> : tensor<i64>
  %long = onnx.Gather(%sizes, %at) {axis = 0 : i64} : (tensor<2xi64>, tensor<i64>) -> tensor<i64>
  %total = onnx.Cast(%long) {to = 6 : i64} : (tensor<i64>) -> tensor<i32>
  // expected-remark @below {{not recovered: onnx.GroupQueryAttention: query, key and value columns do not fit the numbers of heads}}
  %y, %ck, %cv = onnx.GroupQueryAttention(%q, %k, %v, %pk, %pv, %last, %total) {kv_num_heads = 2 : i64, num_heads = 2 : i64} : (!q, !k, !k, !past, !past, !b, tensor<i32>) -> (!q, !present, !present)
  return %y : !q
}

// -----

// A query that is not by row.
!ids = tensor<?xi32>
!tokens = tensor<?x?xi64, #onnx.dims<"B", "S">>
!mask = tensor<?x?xi64, #onnx.dims<"B", "P+S">>
!past = tensor<?x1x?x4xf32, #onnx.dims<"B", 1, "P", 4>>
!present = tensor<?x1x?x4xf32, #onnx.dims<"B", 1, "P+S", 4>>
!q = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
!k = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!qkv = tensor<?x?x16xf32, #onnx.dims<"B", "S", 16>>
!other = tensor<?x?x8xf32, #onnx.dims<"B", "P", 8>>
!b = tensor<?xi32, #onnx.dims<"B">>
onnx.initializer @cos : tensor<16x2xf32> = #onnx.range<"d", f32, offset = 0, length = 128>
onnx.initializer @sin : tensor<16x2xf32> = #onnx.range<"d", f32, offset = 128, length = 128>
onnx.initializer @sinks : tensor<2xf32> = #onnx.range<"d", f32, offset = 256, length = 8>
func.func private @step(%i: !ids, %p: !ids, %w: !ids, %tokens: !tokens, %mask: !mask, %pk: !past, %pv: !past, %q: !q, %k: !k, %v: !k, %qkv: !qkv, %other: !other) -> !other attributes {moe.rows = "B*S", moe.tokens = 3 : i64} {
  %one = onnx.constant dense<1> : tensor<1xi64>
  %sum = onnx.ReduceSum(%mask, %one) {keepdims = 0 : i64} : (!mask, tensor<1xi64>) -> tensor<?xi64, #onnx.dims<"B">>
  %less = onnx.Sub(%sum, %one) : (tensor<?xi64, #onnx.dims<"B">>, tensor<1xi64>) -> tensor<?xi64, #onnx.dims<"B">>
  %last = onnx.Cast(%less) {to = 6 : i64} : (tensor<?xi64, #onnx.dims<"B">>) -> !b
  %sizes = onnx.Shape(%mask) : (!mask) -> tensor<2xi64>
  %at = onnx.constant dense<1> : tensor<i64>
  %long = onnx.Gather(%sizes, %at) {axis = 0 : i64} : (tensor<2xi64>, tensor<i64>) -> tensor<i64>
  %total = onnx.Cast(%long) {to = 6 : i64} : (tensor<i64>) -> tensor<i32>
  // expected-remark @below {{not recovered: onnx.GroupQueryAttention: query, key or value is not f32 by row}}
  %y, %ck, %cv = onnx.GroupQueryAttention(%other, %k, %v, %pk, %pv, %last, %total) {kv_num_heads = 1 : i64, num_heads = 2 : i64} : (!other, !k, !k, !past, !past, !b, tensor<i32>) -> (!other, !present, !present)
  return %y : !other
}

// -----

// Tables that are computed.
!ids = tensor<?xi32>
!tokens = tensor<?x?xi64, #onnx.dims<"B", "S">>
!mask = tensor<?x?xi64, #onnx.dims<"B", "P+S">>
!past = tensor<?x1x?x4xf32, #onnx.dims<"B", 1, "P", 4>>
!present = tensor<?x1x?x4xf32, #onnx.dims<"B", 1, "P+S", 4>>
!q = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
!k = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!qkv = tensor<?x?x16xf32, #onnx.dims<"B", "S", 16>>
!b = tensor<?xi32, #onnx.dims<"B">>
onnx.initializer @cos : tensor<16x2xf32> = #onnx.range<"d", f32, offset = 0, length = 128>
onnx.initializer @sin : tensor<16x2xf32> = #onnx.range<"d", f32, offset = 128, length = 128>
onnx.initializer @sinks : tensor<2xf32> = #onnx.range<"d", f32, offset = 256, length = 8>
func.func private @step(%i: !ids, %p: !ids, %w: !ids, %tokens: !tokens, %mask: !mask, %pk: !past, %pv: !past, %q: !q, %k: !k, %v: !k, %qkv: !qkv, %turn: tensor<16x2xf32>) -> !q attributes {moe.rows = "B*S", moe.tokens = 3 : i64} {
  %one = onnx.constant dense<1> : tensor<1xi64>
  %sum = onnx.ReduceSum(%mask, %one) {keepdims = 0 : i64} : (!mask, tensor<1xi64>) -> tensor<?xi64, #onnx.dims<"B">>
  %less = onnx.Sub(%sum, %one) : (tensor<?xi64, #onnx.dims<"B">>, tensor<1xi64>) -> tensor<?xi64, #onnx.dims<"B">>
  %last = onnx.Cast(%less) {to = 6 : i64} : (tensor<?xi64, #onnx.dims<"B">>) -> !b
  %sizes = onnx.Shape(%mask) : (!mask) -> tensor<2xi64>
  %at = onnx.constant dense<1> : tensor<i64>
  %long = onnx.Gather(%sizes, %at) {axis = 0 : i64} : (tensor<2xi64>, tensor<i64>) -> tensor<i64>
  %total = onnx.Cast(%long) {to = 6 : i64} : (tensor<i64>) -> tensor<i32>
  %cos = onnx.initializer_value @cos : tensor<16x2xf32>
  %sin = onnx.initializer_value @sin : tensor<16x2xf32>
  // expected-remark @below {{not recovered: onnx.GroupQueryAttention: cos and sin are no constant tables [positions, rotary / 2], alike}}
  %y, %ck, %cv = onnx.GroupQueryAttention(%q, %k, %v, %pk, %pv, %last, %total, %cos, %turn) {kv_num_heads = 1 : i64, num_heads = 2 : i64, do_rotary = 1 : i64} : (!q, !k, !k, !past, !past, !b, tensor<i32>, tensor<16x2xf32>, tensor<16x2xf32>) -> (!q, !present, !present)
  return %y : !q
}

// -----

// Positions that the graph computes.
!ids = tensor<?xi32>
!tokens = tensor<?x?xi64, #onnx.dims<"B", "S">>
!mask = tensor<?x?xi64, #onnx.dims<"B", "P+S">>
!past = tensor<?x1x?x4xf32, #onnx.dims<"B", 1, "P", 4>>
!present = tensor<?x1x?x4xf32, #onnx.dims<"B", 1, "P+S", 4>>
!q = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
!k = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!qkv = tensor<?x?x16xf32, #onnx.dims<"B", "S", 16>>
!b = tensor<?xi32, #onnx.dims<"B">>
onnx.initializer @cos : tensor<16x2xf32> = #onnx.range<"d", f32, offset = 0, length = 128>
onnx.initializer @sin : tensor<16x2xf32> = #onnx.range<"d", f32, offset = 128, length = 128>
onnx.initializer @sinks : tensor<2xf32> = #onnx.range<"d", f32, offset = 256, length = 8>
func.func private @step(%i: !ids, %p: !ids, %w: !ids, %tokens: !tokens, %mask: !mask, %pk: !past, %pv: !past, %q: !q, %k: !k, %v: !k, %qkv: !qkv) -> !q attributes {moe.rows = "B*S", moe.tokens = 3 : i64} {
  %one = onnx.constant dense<1> : tensor<1xi64>
  %sum = onnx.ReduceSum(%mask, %one) {keepdims = 0 : i64} : (!mask, tensor<1xi64>) -> tensor<?xi64, #onnx.dims<"B">>
  %less = onnx.Sub(%sum, %one) : (tensor<?xi64, #onnx.dims<"B">>, tensor<1xi64>) -> tensor<?xi64, #onnx.dims<"B">>
  %last = onnx.Cast(%less) {to = 6 : i64} : (tensor<?xi64, #onnx.dims<"B">>) -> !b
  %sizes = onnx.Shape(%mask) : (!mask) -> tensor<2xi64>
  %at = onnx.constant dense<1> : tensor<i64>
  %long = onnx.Gather(%sizes, %at) {axis = 0 : i64} : (tensor<2xi64>, tensor<i64>) -> tensor<i64>
  %total = onnx.Cast(%long) {to = 6 : i64} : (tensor<i64>) -> tensor<i32>
  %cos = onnx.initializer_value @cos : tensor<16x2xf32>
  %sin = onnx.initializer_value @sin : tensor<16x2xf32>
  %next = onnx.Add(%tokens, %one) : (!tokens, tensor<1xi64>) -> !tokens
  // expected-remark @below {{not recovered: onnx.GroupQueryAttention: its positions are no argument of the model, one for each token}}
  %y, %ck, %cv = onnx.GroupQueryAttention(%q, %k, %v, %pk, %pv, %last, %total, %cos, %sin, %next) {kv_num_heads = 1 : i64, num_heads = 2 : i64, do_rotary = 1 : i64} : (!q, !k, !k, !past, !past, !b, tensor<i32>, tensor<16x2xf32>, tensor<16x2xf32>, !tokens) -> (!q, !present, !present)
  return %y : !q
}

// -----

// Sinks that are computed.
!ids = tensor<?xi32>
!tokens = tensor<?x?xi64, #onnx.dims<"B", "S">>
!mask = tensor<?x?xi64, #onnx.dims<"B", "P+S">>
!past = tensor<?x1x?x4xf32, #onnx.dims<"B", 1, "P", 4>>
!present = tensor<?x1x?x4xf32, #onnx.dims<"B", 1, "P+S", 4>>
!q = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
!k = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!qkv = tensor<?x?x16xf32, #onnx.dims<"B", "S", 16>>
!b = tensor<?xi32, #onnx.dims<"B">>
onnx.initializer @cos : tensor<16x2xf32> = #onnx.range<"d", f32, offset = 0, length = 128>
onnx.initializer @sin : tensor<16x2xf32> = #onnx.range<"d", f32, offset = 128, length = 128>
onnx.initializer @sinks : tensor<2xf32> = #onnx.range<"d", f32, offset = 256, length = 8>
func.func private @step(%i: !ids, %p: !ids, %w: !ids, %tokens: !tokens, %mask: !mask, %pk: !past, %pv: !past, %q: !q, %k: !k, %v: !k, %qkv: !qkv, %s: tensor<2xf32>) -> !q attributes {moe.rows = "B*S", moe.tokens = 3 : i64} {
  %one = onnx.constant dense<1> : tensor<1xi64>
  %sum = onnx.ReduceSum(%mask, %one) {keepdims = 0 : i64} : (!mask, tensor<1xi64>) -> tensor<?xi64, #onnx.dims<"B">>
  %less = onnx.Sub(%sum, %one) : (tensor<?xi64, #onnx.dims<"B">>, tensor<1xi64>) -> tensor<?xi64, #onnx.dims<"B">>
  %last = onnx.Cast(%less) {to = 6 : i64} : (tensor<?xi64, #onnx.dims<"B">>) -> !b
  %sizes = onnx.Shape(%mask) : (!mask) -> tensor<2xi64>
  %at = onnx.constant dense<1> : tensor<i64>
  %long = onnx.Gather(%sizes, %at) {axis = 0 : i64} : (tensor<2xi64>, tensor<i64>) -> tensor<i64>
  %total = onnx.Cast(%long) {to = 6 : i64} : (tensor<i64>) -> tensor<i32>
  // expected-remark @below {{not recovered: onnx.GroupQueryAttention: the head sink is no constant, one number a head}}
  %y, %ck, %cv = onnx.GroupQueryAttention(%q, %k, %v, %pk, %pv, %last, %total, none, none, none, none, %s) {kv_num_heads = 1 : i64, num_heads = 2 : i64} : (!q, !k, !k, !past, !past, !b, tensor<i32>, tensor<2xf32>) -> (!q, !present, !present)
  return %y : !q
}

// -----

// Rotary before the operator by one position for the whole batch.
!ids = tensor<?xi32>
!tokens = tensor<?x?xi64, #onnx.dims<"B", "S">>
!mask = tensor<?x?xi64, #onnx.dims<"B", "P+S">>
!past = tensor<?x1x?x4xf32, #onnx.dims<"B", 1, "P", 4>>
!present = tensor<?x1x?x4xf32, #onnx.dims<"B", 1, "P+S", 4>>
!q = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
!k = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!qkv = tensor<?x?x16xf32, #onnx.dims<"B", "S", 16>>
!b = tensor<?xi32, #onnx.dims<"B">>
onnx.initializer @cos : tensor<16x2xf32> = #onnx.range<"d", f32, offset = 0, length = 128>
onnx.initializer @sin : tensor<16x2xf32> = #onnx.range<"d", f32, offset = 128, length = 128>
onnx.initializer @sinks : tensor<2xf32> = #onnx.range<"d", f32, offset = 256, length = 8>
func.func private @step(%i: !ids, %p: !ids, %w: !ids, %tokens: !tokens, %mask: !mask, %pk: !past, %pv: !past, %q: !q, %k: !k, %v: !k, %qkv: !qkv, %where: tensor<1xi64>) -> !q attributes {moe.rows = "B*S", moe.tokens = 3 : i64} {
  %one = onnx.constant dense<1> : tensor<1xi64>
  %sum = onnx.ReduceSum(%mask, %one) {keepdims = 0 : i64} : (!mask, tensor<1xi64>) -> tensor<?xi64, #onnx.dims<"B">>
  %less = onnx.Sub(%sum, %one) : (tensor<?xi64, #onnx.dims<"B">>, tensor<1xi64>) -> tensor<?xi64, #onnx.dims<"B">>
  %last = onnx.Cast(%less) {to = 6 : i64} : (tensor<?xi64, #onnx.dims<"B">>) -> !b
  %sizes = onnx.Shape(%mask) : (!mask) -> tensor<2xi64>
  %at = onnx.constant dense<1> : tensor<i64>
  %long = onnx.Gather(%sizes, %at) {axis = 0 : i64} : (tensor<2xi64>, tensor<i64>) -> tensor<i64>
  %total = onnx.Cast(%long) {to = 6 : i64} : (tensor<i64>) -> tensor<i32>
  %cos = onnx.initializer_value @cos : tensor<16x2xf32>
  %sin = onnx.initializer_value @sin : tensor<16x2xf32>
  // expected-remark @below {{not recovered: onnx.RotaryEmbedding: its positions are no argument of the model, one for each token}}
  %y = onnx.RotaryEmbedding(%q, %cos, %sin, %where) {num_heads = 2 : i64} : (!q, tensor<16x2xf32>, tensor<16x2xf32>, tensor<1xi64>) -> !q
  return %y : !q
}

// -----

// Tables of another width than the operator says.
!ids = tensor<?xi32>
!tokens = tensor<?x?xi64, #onnx.dims<"B", "S">>
!mask = tensor<?x?xi64, #onnx.dims<"B", "P+S">>
!past = tensor<?x1x?x4xf32, #onnx.dims<"B", 1, "P", 4>>
!present = tensor<?x1x?x4xf32, #onnx.dims<"B", 1, "P+S", 4>>
!q = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
!k = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!qkv = tensor<?x?x16xf32, #onnx.dims<"B", "S", 16>>
!b = tensor<?xi32, #onnx.dims<"B">>
onnx.initializer @cos : tensor<16x2xf32> = #onnx.range<"d", f32, offset = 0, length = 128>
onnx.initializer @sin : tensor<16x2xf32> = #onnx.range<"d", f32, offset = 128, length = 128>
onnx.initializer @sinks : tensor<2xf32> = #onnx.range<"d", f32, offset = 256, length = 8>
func.func private @step(%i: !ids, %p: !ids, %w: !ids, %tokens: !tokens, %mask: !mask, %pk: !past, %pv: !past, %q: !q, %k: !k, %v: !k, %qkv: !qkv, %where: !tokens) -> !q attributes {moe.rows = "B*S", moe.tokens = 3 : i64} {
  %one = onnx.constant dense<1> : tensor<1xi64>
  %sum = onnx.ReduceSum(%mask, %one) {keepdims = 0 : i64} : (!mask, tensor<1xi64>) -> tensor<?xi64, #onnx.dims<"B">>
  %less = onnx.Sub(%sum, %one) : (tensor<?xi64, #onnx.dims<"B">>, tensor<1xi64>) -> tensor<?xi64, #onnx.dims<"B">>
  %last = onnx.Cast(%less) {to = 6 : i64} : (tensor<?xi64, #onnx.dims<"B">>) -> !b
  %sizes = onnx.Shape(%mask) : (!mask) -> tensor<2xi64>
  %at = onnx.constant dense<1> : tensor<i64>
  %long = onnx.Gather(%sizes, %at) {axis = 0 : i64} : (tensor<2xi64>, tensor<i64>) -> tensor<i64>
  %total = onnx.Cast(%long) {to = 6 : i64} : (tensor<i64>) -> tensor<i32>
  %cos = onnx.initializer_value @cos : tensor<16x2xf32>
  %sin = onnx.initializer_value @sin : tensor<16x2xf32>
  // expected-remark @below {{not recovered: onnx.RotaryEmbedding: rotary_embedding_dim differs from the tables' width}}
  %y = onnx.RotaryEmbedding(%q, %cos, %sin, %where) {num_heads = 2 : i64, rotary_embedding_dim = 2 : i64} : (!q, tensor<16x2xf32>, tensor<16x2xf32>, !tokens) -> !q
  return %y : !q
}

// -----

// A partial rotation of heads that nobody counts.
!ids = tensor<?xi32>
!tokens = tensor<?x?xi64, #onnx.dims<"B", "S">>
!mask = tensor<?x?xi64, #onnx.dims<"B", "P+S">>
!past = tensor<?x1x?x4xf32, #onnx.dims<"B", 1, "P", 4>>
!present = tensor<?x1x?x4xf32, #onnx.dims<"B", 1, "P+S", 4>>
!q = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
!k = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!qkv = tensor<?x?x16xf32, #onnx.dims<"B", "S", 16>>
!b = tensor<?xi32, #onnx.dims<"B">>
onnx.initializer @cos : tensor<16x2xf32> = #onnx.range<"d", f32, offset = 0, length = 128>
onnx.initializer @sin : tensor<16x2xf32> = #onnx.range<"d", f32, offset = 128, length = 128>
onnx.initializer @sinks : tensor<2xf32> = #onnx.range<"d", f32, offset = 256, length = 8>
func.func private @step(%i: !ids, %p: !ids, %w: !ids, %tokens: !tokens, %mask: !mask, %pk: !past, %pv: !past, %q: !q, %k: !k, %v: !k, %qkv: !qkv, %where: !tokens) -> !q attributes {moe.rows = "B*S", moe.tokens = 3 : i64} {
  %one = onnx.constant dense<1> : tensor<1xi64>
  %sum = onnx.ReduceSum(%mask, %one) {keepdims = 0 : i64} : (!mask, tensor<1xi64>) -> tensor<?xi64, #onnx.dims<"B">>
  %less = onnx.Sub(%sum, %one) : (tensor<?xi64, #onnx.dims<"B">>, tensor<1xi64>) -> tensor<?xi64, #onnx.dims<"B">>
  %last = onnx.Cast(%less) {to = 6 : i64} : (tensor<?xi64, #onnx.dims<"B">>) -> !b
  %sizes = onnx.Shape(%mask) : (!mask) -> tensor<2xi64>
  %at = onnx.constant dense<1> : tensor<i64>
  %long = onnx.Gather(%sizes, %at) {axis = 0 : i64} : (tensor<2xi64>, tensor<i64>) -> tensor<i64>
  %total = onnx.Cast(%long) {to = 6 : i64} : (tensor<i64>) -> tensor<i32>
  %cos = onnx.initializer_value @cos : tensor<16x2xf32>
  %sin = onnx.initializer_value @sin : tensor<16x2xf32>
  // expected-remark @below {{not recovered: onnx.RotaryEmbedding: expects num_heads for a partial rotation}}
  %y = onnx.RotaryEmbedding(%q, %cos, %sin, %where) {rotary_embedding_dim = 4 : i64} : (!q, tensor<16x2xf32>, tensor<16x2xf32>, !tokens) -> !q
  return %y : !q
}

// -----

// More columns to turn than a head has.
!ids = tensor<?xi32>
!tokens = tensor<?x?xi64, #onnx.dims<"B", "S">>
!mask = tensor<?x?xi64, #onnx.dims<"B", "P+S">>
!past = tensor<?x1x?x4xf32, #onnx.dims<"B", 1, "P", 4>>
!present = tensor<?x1x?x4xf32, #onnx.dims<"B", 1, "P+S", 4>>
!q = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
!k = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!qkv = tensor<?x?x16xf32, #onnx.dims<"B", "S", 16>>
!b = tensor<?xi32, #onnx.dims<"B">>
onnx.initializer @cos : tensor<16x2xf32> = #onnx.range<"d", f32, offset = 0, length = 128>
onnx.initializer @sin : tensor<16x2xf32> = #onnx.range<"d", f32, offset = 128, length = 128>
onnx.initializer @sinks : tensor<2xf32> = #onnx.range<"d", f32, offset = 256, length = 8>
func.func private @step(%i: !ids, %p: !ids, %w: !ids, %tokens: !tokens, %mask: !mask, %pk: !past, %pv: !past, %q: !q, %k: !k, %v: !k, %qkv: !qkv, %where: !tokens) -> !q attributes {moe.rows = "B*S", moe.tokens = 3 : i64} {
  %one = onnx.constant dense<1> : tensor<1xi64>
  %sum = onnx.ReduceSum(%mask, %one) {keepdims = 0 : i64} : (!mask, tensor<1xi64>) -> tensor<?xi64, #onnx.dims<"B">>
  %less = onnx.Sub(%sum, %one) : (tensor<?xi64, #onnx.dims<"B">>, tensor<1xi64>) -> tensor<?xi64, #onnx.dims<"B">>
  %last = onnx.Cast(%less) {to = 6 : i64} : (tensor<?xi64, #onnx.dims<"B">>) -> !b
  %sizes = onnx.Shape(%mask) : (!mask) -> tensor<2xi64>
  %at = onnx.constant dense<1> : tensor<i64>
  %long = onnx.Gather(%sizes, %at) {axis = 0 : i64} : (tensor<2xi64>, tensor<i64>) -> tensor<i64>
  %total = onnx.Cast(%long) {to = 6 : i64} : (tensor<i64>) -> tensor<i32>
  %cos = onnx.initializer_value @cos : tensor<16x2xf32>
  %sin = onnx.initializer_value @sin : tensor<16x2xf32>
  // expected-remark @below {{not recovered: onnx.RotaryEmbedding: heads of 2 columns do not fit 8 columns}}
  %y = onnx.RotaryEmbedding(%q, %cos, %sin, %where) {num_heads = 4 : i64} : (!q, tensor<16x2xf32>, tensor<16x2xf32>, !tokens) -> !q
  return %y : !q
}

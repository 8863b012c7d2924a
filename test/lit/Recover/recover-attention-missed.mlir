// A remark at each operator that is not recovered says what it asks for.
// RUN: janus-opt %s --janus-recover-attention -split-input-file -verify-diagnostics | FileCheck %s
// CHECK-NOT: moe.{{attention|rotary}}

// Attention that looks ahead.
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
  // expected-remark @below {{not recovered: onnx.GroupQueryAttention: causal = 0}}
  %y, %ck, %cv = onnx.GroupQueryAttention(%q, %k, %v, %pk, %pv, %last, %total) {kv_num_heads = 1 : i64, num_heads = 2 : i64, causal = 0 : i64} : (!q, !k, !k, !past, !past, !b, tensor<i32>) -> (!q, !present, !present)
  return %y : !q
}

// -----

// A bias by query and key, which a step of rows does not have.
!ids = tensor<?xi32>
!tokens = tensor<?x?xi64, #onnx.dims<"B", "S">>
!mask = tensor<?x?xi64, #onnx.dims<"B", "P+S">>
!past = tensor<?x1x?x4xf32, #onnx.dims<"B", 1, "P", 4>>
!present = tensor<?x1x?x4xf32, #onnx.dims<"B", 1, "P+S", 4>>
!q = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
!k = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!qkv = tensor<?x?x16xf32, #onnx.dims<"B", "S", 16>>
!bias = tensor<?x2x?x?xf32, #onnx.dims<"B", 2, "S", "P+S">>
!b = tensor<?xi32, #onnx.dims<"B">>
onnx.initializer @cos : tensor<16x2xf32> = #onnx.range<"d", f32, offset = 0, length = 128>
onnx.initializer @sin : tensor<16x2xf32> = #onnx.range<"d", f32, offset = 128, length = 128>
onnx.initializer @sinks : tensor<2xf32> = #onnx.range<"d", f32, offset = 256, length = 8>
func.func private @step(%i: !ids, %p: !ids, %w: !ids, %tokens: !tokens, %mask: !mask, %pk: !past, %pv: !past, %q: !q, %k: !k, %v: !k, %qkv: !qkv, %bias: !bias) -> !q attributes {moe.rows = "B*S", moe.tokens = 3 : i64} {
  %one = onnx.constant dense<1> : tensor<1xi64>
  %sum = onnx.ReduceSum(%mask, %one) {keepdims = 0 : i64} : (!mask, tensor<1xi64>) -> tensor<?xi64, #onnx.dims<"B">>
  %less = onnx.Sub(%sum, %one) : (tensor<?xi64, #onnx.dims<"B">>, tensor<1xi64>) -> tensor<?xi64, #onnx.dims<"B">>
  %last = onnx.Cast(%less) {to = 6 : i64} : (tensor<?xi64, #onnx.dims<"B">>) -> !b
  %sizes = onnx.Shape(%mask) : (!mask) -> tensor<2xi64>
  %at = onnx.constant dense<1> : tensor<i64>
  %long = onnx.Gather(%sizes, %at) {axis = 0 : i64} : (tensor<2xi64>, tensor<i64>) -> tensor<i64>
  %total = onnx.Cast(%long) {to = 6 : i64} : (tensor<i64>) -> tensor<i32>
  // expected-remark @below {{not recovered: onnx.GroupQueryAttention: an attention bias}}
  %y, %ck, %cv = onnx.GroupQueryAttention(%q, %k, %v, %pk, %pv, %last, %total, none, none, none, %bias) {kv_num_heads = 1 : i64, num_heads = 2 : i64} : (!q, !k, !k, !past, !past, !b, tensor<i32>, !bias) -> (!q, !present, !present)
  return %y : !q
}

// -----

// The scores as an output.
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
  // expected-remark @below {{not recovered: onnx.GroupQueryAttention: qk_output}}
  %y, %ck, %cv = onnx.GroupQueryAttention(%q, %k, %v, %pk, %pv, %last, %total) {kv_num_heads = 1 : i64, num_heads = 2 : i64, qk_output = 1 : i64} : (!q, !k, !k, !past, !past, !b, tensor<i32>) -> (!q, !present, !present)
  return %y : !q
}

// -----

// A quantised cache.
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
  // expected-remark @below {{not recovered: onnx.GroupQueryAttention: a quantised cache (JNS-ONNX-030)}}
  %y, %ck, %cv = onnx.GroupQueryAttention(%q, %k, %v, %pk, %pv, %last, %total) {kv_num_heads = 1 : i64, num_heads = 2 : i64, k_quant_type = "PER_TENSOR"} : (!q, !k, !k, !past, !past, !b, tensor<i32>) -> (!q, !present, !present)
  return %y : !q
}

// -----

// Norms inside the operator.
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
  %n = onnx.constant dense<1.0> : tensor<4xf32>
  // expected-remark @below {{not recovered: onnx.GroupQueryAttention: query and key norms inside the operator (JNS-ONNX-030)}}
  %y, %ck, %cv = onnx.GroupQueryAttention(%q, %k, %v, %pk, %pv, %last, %total, none, none, none, none, none, none, none, %n, %n) {kv_num_heads = 1 : i64, num_heads = 2 : i64} : (!q, !k, !k, !past, !past, !b, tensor<i32>, tensor<4xf32>, tensor<4xf32>) -> (!q, !present, !present)
  return %y : !q
}

// -----

// A cache as long as the window.
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
  // expected-remark @below {{not recovered: onnx.GroupQueryAttention: sliding_window_cache (JNS-ONNX-030)}}
  %y, %ck, %cv = onnx.GroupQueryAttention(%q, %k, %v, %pk, %pv, %last, %total) {kv_num_heads = 1 : i64, num_heads = 2 : i64, sliding_window_cache = 1 : i64} : (!q, !k, !k, !past, !past, !b, tensor<i32>) -> (!q, !present, !present)
  return %y : !q
}

// -----

// Two operators on one past.
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
  // expected-remark @below {{not recovered: onnx.GroupQueryAttention: its past is no argument of its own}}
  %y, %ck, %cv = onnx.GroupQueryAttention(%q, %k, %v, %pk, %pv, %last, %total) {kv_num_heads = 1 : i64, num_heads = 2 : i64} : (!q, !k, !k, !past, !past, !b, tensor<i32>) -> (!q, !present, !present)
  // expected-remark @below {{not recovered: onnx.GroupQueryAttention: its past is no argument of its own}}
  %y2, %ck2, %cv2 = onnx.GroupQueryAttention(%y, %k, %v, %pk, %pv, %last, %total) {kv_num_heads = 1 : i64, num_heads = 2 : i64} : (!q, !k, !k, !past, !past, !b, tensor<i32>) -> (!q, !present, !present)
  return %y2 : !q
}

// -----

// A present that the graph reads again.
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
func.func private @step(%i: !ids, %p: !ids, %w: !ids, %tokens: !tokens, %mask: !mask, %pk: !past, %pv: !past, %q: !q, %k: !k, %v: !k, %qkv: !qkv) -> (!q, !present) attributes {moe.rows = "B*S", moe.tokens = 3 : i64} {
  %one = onnx.constant dense<1> : tensor<1xi64>
  %sum = onnx.ReduceSum(%mask, %one) {keepdims = 0 : i64} : (!mask, tensor<1xi64>) -> tensor<?xi64, #onnx.dims<"B">>
  %less = onnx.Sub(%sum, %one) : (tensor<?xi64, #onnx.dims<"B">>, tensor<1xi64>) -> tensor<?xi64, #onnx.dims<"B">>
  %last = onnx.Cast(%less) {to = 6 : i64} : (tensor<?xi64, #onnx.dims<"B">>) -> !b
  %sizes = onnx.Shape(%mask) : (!mask) -> tensor<2xi64>
  %at = onnx.constant dense<1> : tensor<i64>
  %long = onnx.Gather(%sizes, %at) {axis = 0 : i64} : (tensor<2xi64>, tensor<i64>) -> tensor<i64>
  %total = onnx.Cast(%long) {to = 6 : i64} : (tensor<i64>) -> tensor<i32>
  // expected-remark @below {{not recovered: onnx.GroupQueryAttention: its present is used by other operators}}
  %y, %ck, %cv = onnx.GroupQueryAttention(%q, %k, %v, %pk, %pv, %last, %total) {kv_num_heads = 1 : i64, num_heads = 2 : i64} : (!q, !k, !k, !past, !past, !b, tensor<i32>) -> (!q, !present, !present)
  %e = onnx.Exp(%ck) : (!present) -> !present
  return %y, %e : !q, !present
}

// -----

// Lengths that are an input of the model: nothing says what they are.
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
func.func private @step(%i: !ids, %p: !ids, %w: !ids, %tokens: !tokens, %mask: !mask, %pk: !past, %pv: !past, %q: !q, %k: !k, %v: !k, %qkv: !qkv, %last: !b) -> !q attributes {moe.rows = "B*S", moe.tokens = 3 : i64} {
  %one = onnx.constant dense<1> : tensor<1xi64>
  %sum = onnx.ReduceSum(%mask, %one) {keepdims = 0 : i64} : (!mask, tensor<1xi64>) -> tensor<?xi64, #onnx.dims<"B">>
  %less = onnx.Sub(%sum, %one) : (tensor<?xi64, #onnx.dims<"B">>, tensor<1xi64>) -> tensor<?xi64, #onnx.dims<"B">>
  %unused = onnx.Cast(%less) {to = 6 : i64} : (tensor<?xi64, #onnx.dims<"B">>) -> !b
  %sizes = onnx.Shape(%mask) : (!mask) -> tensor<2xi64>
  %at = onnx.constant dense<1> : tensor<i64>
  %long = onnx.Gather(%sizes, %at) {axis = 0 : i64} : (tensor<2xi64>, tensor<i64>) -> tensor<i64>
  %total = onnx.Cast(%long) {to = 6 : i64} : (tensor<i64>) -> tensor<i32>
  // expected-remark @below {{not recovered: onnx.GroupQueryAttention: seqlens_k is not computed from the attention mask in a known way}}
  %y, %ck, %cv = onnx.GroupQueryAttention(%q, %k, %v, %pk, %pv, %last, %total) {kv_num_heads = 1 : i64, num_heads = 2 : i64} : (!q, !k, !k, !past, !past, !b, tensor<i32>) -> (!q, !present, !present)
  return %y : !q
}

// -----

// One token less than there are: the last row would not see itself.
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
  %two = onnx.constant dense<2> : tensor<1xi64>
  %sum = onnx.ReduceSum(%mask, %one) {keepdims = 0 : i64} : (!mask, tensor<1xi64>) -> tensor<?xi64, #onnx.dims<"B">>
  %less = onnx.Sub(%sum, %two) : (tensor<?xi64, #onnx.dims<"B">>, tensor<1xi64>) -> tensor<?xi64, #onnx.dims<"B">>
  %last = onnx.Cast(%less) {to = 6 : i64} : (tensor<?xi64, #onnx.dims<"B">>) -> !b
  %sizes = onnx.Shape(%mask) : (!mask) -> tensor<2xi64>
  %at = onnx.constant dense<1> : tensor<i64>
  %long = onnx.Gather(%sizes, %at) {axis = 0 : i64} : (tensor<2xi64>, tensor<i64>) -> tensor<i64>
  %total = onnx.Cast(%long) {to = 6 : i64} : (tensor<i64>) -> tensor<i32>
  // expected-remark @below {{not recovered: onnx.GroupQueryAttention: seqlens_k is P+S-2 when all tokens are valid, expected the mask's length less 1}}
  %y, %ck, %cv = onnx.GroupQueryAttention(%q, %k, %v, %pk, %pv, %last, %total) {kv_num_heads = 1 : i64, num_heads = 2 : i64} : (!q, !k, !k, !past, !past, !b, tensor<i32>) -> (!q, !present, !present)
  return %y : !q
}

// -----

// A total that is the number of new tokens.
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
  %sizes = onnx.Shape(%tokens) : (!tokens) -> tensor<2xi64>
  %at = onnx.constant dense<1> : tensor<i64>
  %long = onnx.Gather(%sizes, %at) {axis = 0 : i64} : (tensor<2xi64>, tensor<i64>) -> tensor<i64>
  %total = onnx.Cast(%long) {to = 6 : i64} : (tensor<i64>) -> tensor<i32>
  // expected-remark @below {{not recovered: onnx.GroupQueryAttention: total_sequence_length is not the length of the attention mask}}
  %y, %ck, %cv = onnx.GroupQueryAttention(%q, %k, %v, %pk, %pv, %last, %total) {kv_num_heads = 1 : i64, num_heads = 2 : i64} : (!q, !k, !k, !past, !past, !b, tensor<i32>) -> (!q, !present, !present)
  return %y : !q
}

// RUN: janus-opt %s --janus-recover-attention -split-input-file | FileCheck %s

// Separate query, key and value; two heads share a key head. Past and present become cache 0; the row's position is the number
// of tokens before it, which the lengths of the mask prove.
// CHECK-LABEL: module {
// CHECK: func.func private @step(%{{.*}}, %[[POSITIONS:[a-z0-9]+]]: tensor<?xi32>, %{{[a-z0-9]+}}: tensor<?xi32>, %{{[a-z0-9]+}}: tensor<?x?xi64
// CHECK: %[[Q:.*]] = builtin.unrealized_conversion_cast %{{.*}} to tensor<?x8xf32>
// CHECK: %[[K:.*]] = builtin.unrealized_conversion_cast %{{.*}} to tensor<?x4xf32>
// CHECK: %[[V:.*]] = builtin.unrealized_conversion_cast %{{.*}} to tensor<?x4xf32>
// CHECK: moe.attention %[[Q]], %[[K]], %[[V]], %[[POSITIONS]] {cache = 0 : i64, head_dim = 4 : i64, heads = 2 : i64, kv_heads = 1 : i64, scale = 5.000000e-01 : f32, value_dim = 4 : i64}
// CHECK-NOT: onnx.GroupQueryAttention
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
  %y, %ck, %cv = onnx.GroupQueryAttention(%q, %k, %v, %pk, %pv, %last, %total) {kv_num_heads = 1 : i64, num_heads = 2 : i64} : (!q, !k, !k, !past, !past, !b, tensor<i32>) -> (!q, !present, !present)
  return %y : !q
}

// -----

// Packed query, key and value: columns, in this order.
// CHECK-LABEL: module {
// CHECK: %[[QKV:.*]] = builtin.unrealized_conversion_cast %{{.*}} to tensor<?x16xf32>
// CHECK: %[[Q:.*]] = moe.columns %[[QKV]] {offset = 0 : i64} : (tensor<?x16xf32>) -> tensor<?x8xf32>
// CHECK: %[[K:.*]] = moe.columns %[[QKV]] {offset = 8 : i64} : (tensor<?x16xf32>) -> tensor<?x4xf32>
// CHECK: %[[V:.*]] = moe.columns %[[QKV]] {offset = 12 : i64} : (tensor<?x16xf32>) -> tensor<?x4xf32>
// CHECK: moe.attention %[[Q]], %[[K]], %[[V]],
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
  %y, %ck, %cv = onnx.GroupQueryAttention(%qkv, none, none, %pk, %pv, %last, %total) {kv_num_heads = 1 : i64, num_heads = 2 : i64} : (!qkv, !past, !past, !b, tensor<i32>) -> (!q, !present, !present)
  return %y : !q
}

// -----

// Rotary inside the operator: query and key turn, the value does not. A window, a scale, a softcap and sinks are attention's.
// CHECK-LABEL: module {
// CHECK: %[[Q:.*]] = moe.rotary %{{.*}} {head_dim = 4 : i64, interleaved = true, rotary_dim = 4 : i64} : (tensor<?x8xf32>
// CHECK: %[[K:.*]] = moe.rotary %{{.*}} {head_dim = 4 : i64, interleaved = true, rotary_dim = 4 : i64} : (tensor<?x4xf32>
// CHECK: moe.attention %[[Q]], %[[K]], %{{.*}} sinks %{{.*}} {cache = 0 : i64, head_dim = 4 : i64, heads = 2 : i64, kv_heads = 1 : i64, scale = 2.500000e-01 : f32, softcap = 3.000000e+01 : f32, value_dim = 4 : i64, window = 6 : i64}
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
  %sinks = onnx.initializer_value @sinks : tensor<2xf32>
  %y, %ck, %cv = onnx.GroupQueryAttention(%q, %k, %v, %pk, %pv, %last, %total, %cos, %sin, none, none, %sinks) {kv_num_heads = 1 : i64, num_heads = 2 : i64, do_rotary = 1 : i64, rotary_interleaved = 1 : i64, scale = 0.25 : f32, softcap = 30.0 : f32, local_window_size = 6 : i64} : (!q, !k, !k, !past, !past, !b, tensor<i32>, tensor<16x2xf32>, tensor<16x2xf32>, tensor<2xf32>) -> (!q, !present, !present)
  return %y : !q
}

// -----

// Rotary before the operator, by the model's own positions, is the same; half of each head turns where the tables say so.
// CHECK-LABEL: module {
// CHECK: moe.rotary %{{.*}} {head_dim = 8 : i64, rotary_dim = 4 : i64}
// CHECK-NOT: onnx.RotaryEmbedding
// CHECK: moe.attention
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
  %turned = onnx.RotaryEmbedding(%q, %cos, %sin, %where) {num_heads = 1 : i64, rotary_embedding_dim = 4 : i64} : (!q, tensor<16x2xf32>, tensor<16x2xf32>, !tokens) -> !q
  %y, %ck, %cv = onnx.GroupQueryAttention(%turned, %k, %v, %pk, %pv, %last, %total) {kv_num_heads = 1 : i64, num_heads = 2 : i64} : (!q, !k, !k, !past, !past, !b, tensor<i32>) -> (!q, !present, !present)
  return %y : !q
}

// -----

// smooth_softmax is a sink of 0 in each head.
// CHECK-LABEL: module {
// CHECK: moe.weight @"moe:sinks" : tensor<2xf32> value dense<0.000000e+00>
// CHECK: %[[S:.*]] = moe.get_weight @"moe:sinks"
// CHECK: moe.attention {{.*}} sinks %[[S]]
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
  %y, %ck, %cv = onnx.GroupQueryAttention(%q, %k, %v, %pk, %pv, %last, %total) {kv_num_heads = 1 : i64, num_heads = 2 : i64, smooth_softmax = 1 : i64} : (!q, !k, !k, !past, !past, !b, tensor<i32>) -> (!q, !present, !present)
  return %y : !q
}

// -----

// The sum may be taken the other way round, or with a negative addend; caches are numbered in order.
// CHECK-LABEL: module {
// CHECK: moe.attention {{.*}}cache = 0 : i64
// CHECK: moe.attention {{.*}}cache = 1 : i64
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
func.func private @step(%i: !ids, %p: !ids, %w: !ids, %tokens: !tokens, %mask: !mask, %pk: !past, %pv: !past, %q: !q, %k: !k, %v: !k, %qkv: !qkv, %pk2: !past, %pv2: !past) -> !q attributes {moe.rows = "B*S", moe.tokens = 3 : i64} {
  %one = onnx.constant dense<1> : tensor<1xi64>
  %sum = onnx.ReduceSum(%mask, %one) {keepdims = 0 : i64} : (!mask, tensor<1xi64>) -> tensor<?xi64, #onnx.dims<"B">>
  %less = onnx.Sub(%sum, %one) : (tensor<?xi64, #onnx.dims<"B">>, tensor<1xi64>) -> tensor<?xi64, #onnx.dims<"B">>
  %last = onnx.Cast(%less) {to = 6 : i64} : (tensor<?xi64, #onnx.dims<"B">>) -> !b
  %sizes = onnx.Shape(%mask) : (!mask) -> tensor<2xi64>
  %at = onnx.constant dense<1> : tensor<i64>
  %long = onnx.Gather(%sizes, %at) {axis = 0 : i64} : (tensor<2xi64>, tensor<i64>) -> tensor<i64>
  %total = onnx.Cast(%long) {to = 6 : i64} : (tensor<i64>) -> tensor<i32>
  %y, %ck, %cv = onnx.GroupQueryAttention(%q, %k, %v, %pk, %pv, %last, %total) {kv_num_heads = 1 : i64, num_heads = 2 : i64} : (!q, !k, !k, !past, !past, !b, tensor<i32>) -> (!q, !present, !present)
  %minus = onnx.constant dense<-1> : tensor<1xi64>
  %less2 = onnx.Add(%minus, %sum) : (tensor<1xi64>, tensor<?xi64, #onnx.dims<"B">>) -> tensor<?xi64, #onnx.dims<"B">>
  %last2 = onnx.Cast(%less2) {to = 6 : i64} : (tensor<?xi64, #onnx.dims<"B">>) -> !b
  %y2, %ck2, %cv2 = onnx.GroupQueryAttention(%y, %k, %v, %pk2, %pv2, %last2, %total) {kv_num_heads = 1 : i64, num_heads = 2 : i64} : (!q, !k, !k, !past, !past, !b, tensor<i32>) -> (!q, !present, !present)
  return %y2 : !q
}

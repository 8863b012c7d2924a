// RUN: janus-opt %s --janus-finish-recovery -split-input-file -verify-diagnostics | FileCheck %s

// Only moe operators are left: the candidate is the model. Its context is the smallest of the rotary tables' rows and the
// configuration's limit; its sizes come from the operators. The graph, the initializers and all traces of them go.
// CHECK: module attributes {moe.model = {context = 12 : i64, hidden = 8 : i64, kv_caches = [{head_dim = 4 : i64, kv_heads = 1 : i64, value_dim = 4 : i64, window = 6 : i64}], layers = 1 : i64, moe_layers = [{experts = 4 : i64, k = 2 : i64}], page_tokens = 32 : i64, vocab = 14 : i64}
// CHECK-NOT: onnx.initializer
// CHECK-NOT: @main
// CHECK: func.func @step(%{{.*}}: tensor<?xi32>, %{{.*}}: tensor<?xi32>, %{{.*}}: tensor<?xi32>) -> tensor<?x14xf32> {
module attributes {onnx.genai = {context_length = 12 : i64}} {
onnx.initializer @w : tensor<8xf32> = #onnx.range<"d", f32, offset = 0, length = 32>
moe.weight @embed : tensor<16x8xf32> value dense<0.5> : tensor<16x8xf32>
moe.weight @cs : tensor<16x2xf32> value dense<0.5> : tensor<16x2xf32>
moe.weight @router : tensor<4x8xf32> value dense<0.5> : tensor<4x8xf32>
moe.weight @up : tensor<4x6x8xf32> value dense<0.5> : tensor<4x6x8xf32>
moe.weight @down : tensor<4x8x6xf32> value dense<0.5> : tensor<4x8x6xf32>
moe.weight @head : tensor<14x8xf32> value dense<0.5> : tensor<14x8xf32>
func.func @main() { return }
// expected-remark @below {{recovered a language model: {context = 12 : i64}}
func.func private @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %wanted: tensor<?xi32>) -> tensor<?x14xf32> attributes {moe.rows = "B*S", onnx.bounds = {n = "S"}} {
  %embed = moe.get_weight @embed : tensor<16x8xf32>
  %cs = moe.get_weight @cs : tensor<16x2xf32>
  %router = moe.get_weight @router : tensor<4x8xf32>
  %up = moe.get_weight @up : tensor<4x6x8xf32>
  %down = moe.get_weight @down : tensor<4x8x6xf32>
  %head = moe.get_weight @head : tensor<14x8xf32>
  %x = moe.embedding %ids, %embed : (tensor<?xi32>, tensor<16x8xf32>) -> tensor<?x8xf32>
  %k = moe.columns %x {offset = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x4xf32>
  %q = moe.rotary %x, %positions, %cs, %cs {head_dim = 4 : i64, rotary_dim = 4 : i64} : (tensor<?x8xf32>, tensor<?xi32>, tensor<16x2xf32>, tensor<16x2xf32>) -> tensor<?x8xf32>
  %a = moe.attention %q, %k, %k, %positions {cache = 0 : i64, heads = 2 : i64, kv_heads = 1 : i64, head_dim = 4 : i64, value_dim = 4 : i64, scale = 0.5 : f32, window = 6 : i64} : (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  %l = moe.linear %a, %router {layer = 0 : i64, router} : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  %e, %p = moe.route %l {k = 2 : i64, layer = 0 : i64, score = #moe.score<softmax>} : (tensor<?x4xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  %y = moe.experts %a, %e, %p gate %up down %down {activation = #moe.activation<relu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 7.0 : f32>, layer = 0 : i64} : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<4x6x8xf32>, tensor<4x8x6xf32>) -> tensor<?x2x8xf32>
  %c = moe.combine %y : (tensor<?x2x8xf32>) -> tensor<?x8xf32>
  %s = moe.select %c, %wanted : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  %z = moe.linear %s, %head : (tensor<?x8xf32>, tensor<14x8xf32>) -> tensor<?x14xf32>
  return %z : tensor<?x14xf32>
}
}

// -----

// Neither a rotary table nor a configuration limits the positions: a context is assumed.
// CHECK: moe.model = {context = 4096 : i64
module attributes {onnx.genai = {}} {
moe.weight @embed : tensor<16x8xf32> value dense<0.5> : tensor<16x8xf32>
moe.weight @router : tensor<4x8xf32> value dense<0.5> : tensor<4x8xf32>
moe.weight @up : tensor<4x6x8xf32> value dense<0.5> : tensor<4x6x8xf32>
moe.weight @down : tensor<4x8x6xf32> value dense<0.5> : tensor<4x8x6xf32>
moe.weight @head : tensor<16x8xf32> value dense<0.5> : tensor<16x8xf32>
func.func @main() { return }
// expected-remark @below {{nothing limits its positions; its context is 4096, unless a config.json beside it says max_position_embeddings}}
// expected-remark @below {{recovered a language model}}
func.func private @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %wanted: tensor<?xi32>) -> tensor<?x16xf32> attributes {moe.rows = "B*S"} {
  %embed = moe.get_weight @embed : tensor<16x8xf32>
  %router = moe.get_weight @router : tensor<4x8xf32>
  %up = moe.get_weight @up : tensor<4x6x8xf32>
  %down = moe.get_weight @down : tensor<4x8x6xf32>
  %head = moe.get_weight @head : tensor<16x8xf32>
  %x = moe.embedding %ids, %embed : (tensor<?xi32>, tensor<16x8xf32>) -> tensor<?x8xf32>
  %l = moe.linear %x, %router {layer = 0 : i64, router} : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  %e, %p = moe.route %l {k = 2 : i64, layer = 0 : i64, score = #moe.score<softmax>} : (tensor<?x4xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  %y = moe.experts %x, %e, %p gate %up down %down {activation = #moe.activation<relu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 7.0 : f32>, layer = 0 : i64} : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<4x6x8xf32>, tensor<4x8x6xf32>) -> tensor<?x2x8xf32>
  %c = moe.combine %y : (tensor<?x2x8xf32>) -> tensor<?x8xf32>
  %s = moe.select %c, %wanted : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  %z = moe.linear %s, %head : (tensor<?x8xf32>, tensor<16x8xf32>) -> tensor<?x16xf32>
  return %z : tensor<?x16xf32>
}
}

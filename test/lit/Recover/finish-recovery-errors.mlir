// The candidate is dropped, with its weights; @main stays, and one warning says why. With require it is an error.
// RUN: janus-opt %s --janus-finish-recovery -split-input-file -verify-diagnostics | FileCheck %s --implicit-check-not=moe.
// RUN: not janus-opt %s --janus-finish-recovery=require=true -split-input-file 2>&1 >/dev/null | FileCheck %s --check-prefix=REQUIRE
// CHECK-COUNT-5: func.func @main
// REQUIRE-COUNT-5: error: [JNS-ONNX-021] the model was not recovered:

// Operators of the graph are left: first what a pass said of one, then the others, each reason once.
module attributes {onnx.genai = {context_length = 12 : i64}} {
moe.weight @embed : tensor<16x8xf32> value dense<0.5> : tensor<16x8xf32>
moe.weight @router : tensor<4x8xf32> value dense<0.5> : tensor<4x8xf32>
moe.weight @up : tensor<4x6x8xf32> value dense<0.5> : tensor<4x6x8xf32>
moe.weight @down : tensor<4x8x6xf32> value dense<0.5> : tensor<4x8x6xf32>
moe.weight @head : tensor<16x8xf32> value dense<0.5> : tensor<16x8xf32>
func.func @main() { return }
func.func private @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %wanted: tensor<?xi32>, %scale: tensor<8xf32>) -> tensor<?x16xf32> attributes {moe.rows = "B*S"} {
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
  %g = builtin.unrealized_conversion_cast %c : tensor<?x8xf32> to tensor<?x8xf32, #onnx.dims<"B*S", 8>>
  // expected-note @below {{also left: onnx.Exp: no pass recovers this use of the operator}}
  %g1 = onnx.Exp(%g) : (tensor<?x8xf32, #onnx.dims<"B*S", 8>>) -> tensor<?x8xf32, #onnx.dims<"B*S", 8>>
  // expected-warning @below {{[JNS-ONNX-021] the model was not recovered: onnx.RMSNormalization: axis 0 is not the last dimension; it stays a tensor program and cannot be partitioned}}
  %g2 = onnx.RMSNormalization(%g1, %scale) {axis = 0 : i64, moe.reason = "axis 0 is not the last dimension"} : (tensor<?x8xf32, #onnx.dims<"B*S", 8>>, tensor<8xf32>) -> tensor<?x8xf32, #onnx.dims<"B*S", 8>>
  %r = builtin.unrealized_conversion_cast %g2 : tensor<?x8xf32, #onnx.dims<"B*S", 8>> to tensor<?x8xf32>
  %s = moe.select %r, %wanted : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  %z = moe.linear %s, %head : (tensor<?x8xf32>, tensor<16x8xf32>) -> tensor<?x16xf32>
  return %z : tensor<?x16xf32>
}
}

// -----

// No MoE layer.
module attributes {onnx.genai = {context_length = 12 : i64}} {
moe.weight @embed : tensor<16x8xf32> value dense<0.5> : tensor<16x8xf32>
moe.weight @router : tensor<4x8xf32> value dense<0.5> : tensor<4x8xf32>
moe.weight @up : tensor<4x6x8xf32> value dense<0.5> : tensor<4x6x8xf32>
moe.weight @down : tensor<4x8x6xf32> value dense<0.5> : tensor<4x8x6xf32>
moe.weight @head : tensor<16x8xf32> value dense<0.5> : tensor<16x8xf32>
func.func @main() { return }
// expected-warning @below {{[JNS-ONNX-021] the model was not recovered: it has no MoE layer; it stays a tensor program and cannot be partitioned}}
func.func private @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %wanted: tensor<?xi32>) -> tensor<?x16xf32> attributes {moe.rows = "B*S"} {
  %embed = moe.get_weight @embed : tensor<16x8xf32>
  %router = moe.get_weight @router : tensor<4x8xf32>
  %up = moe.get_weight @up : tensor<4x6x8xf32>
  %down = moe.get_weight @down : tensor<4x8x6xf32>
  %head = moe.get_weight @head : tensor<16x8xf32>
  %x = moe.embedding %ids, %embed : (tensor<?xi32>, tensor<16x8xf32>) -> tensor<?x8xf32>
  %s = moe.select %x, %wanted : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  %z = moe.linear %s, %head : (tensor<?x8xf32>, tensor<16x8xf32>) -> tensor<?x16xf32>
  return %z : tensor<?x16xf32>
}
}

// -----

// An argument of the graph is still used.
module attributes {onnx.genai = {context_length = 12 : i64}} {
moe.weight @embed : tensor<16x8xf32> value dense<0.5> : tensor<16x8xf32>
moe.weight @router : tensor<4x8xf32> value dense<0.5> : tensor<4x8xf32>
moe.weight @up : tensor<4x6x8xf32> value dense<0.5> : tensor<4x6x8xf32>
moe.weight @down : tensor<4x8x6xf32> value dense<0.5> : tensor<4x8x6xf32>
moe.weight @head : tensor<16x8xf32> value dense<0.5> : tensor<16x8xf32>
func.func @main() { return }
// expected-warning @below {{[JNS-ONNX-021] the model was not recovered: its inputs are used in other ways than a step's; it stays a tensor program and cannot be partitioned}}
func.func private @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %wanted: tensor<?xi32>, %more: tensor<?x8xf32>) -> tensor<?x16xf32> attributes {moe.rows = "B*S"} {
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
  %sum = moe.add %c, %more : tensor<?x8xf32>
  %s = moe.select %sum, %wanted : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  %z = moe.linear %s, %head : (tensor<?x8xf32>, tensor<16x8xf32>) -> tensor<?x16xf32>
  return %z : tensor<?x16xf32>
}
}

// -----

// More logits than the embedding has rows: a token could be drawn that cannot be fed back.
module attributes {onnx.genai = {context_length = 12 : i64}} {
moe.weight @embed : tensor<16x8xf32> value dense<0.5> : tensor<16x8xf32>
moe.weight @router : tensor<4x8xf32> value dense<0.5> : tensor<4x8xf32>
moe.weight @up : tensor<4x6x8xf32> value dense<0.5> : tensor<4x6x8xf32>
moe.weight @down : tensor<4x8x6xf32> value dense<0.5> : tensor<4x8x6xf32>
moe.weight @head : tensor<17x8xf32> value dense<0.5> : tensor<17x8xf32>
func.func @main() { return }
// expected-warning @below {{[JNS-ONNX-021] the model was not recovered: the embedding has fewer rows than the logits have columns; it stays a tensor program and cannot be partitioned}}
func.func private @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %wanted: tensor<?xi32>) -> tensor<?x17xf32> attributes {moe.rows = "B*S"} {
  %embed = moe.get_weight @embed : tensor<16x8xf32>
  %router = moe.get_weight @router : tensor<4x8xf32>
  %up = moe.get_weight @up : tensor<4x6x8xf32>
  %down = moe.get_weight @down : tensor<4x8x6xf32>
  %head = moe.get_weight @head : tensor<17x8xf32>
  %x = moe.embedding %ids, %embed : (tensor<?xi32>, tensor<16x8xf32>) -> tensor<?x8xf32>
  %l = moe.linear %x, %router {layer = 0 : i64, router} : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  %e, %p = moe.route %l {k = 2 : i64, layer = 0 : i64, score = #moe.score<softmax>} : (tensor<?x4xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  %y = moe.experts %x, %e, %p gate %up down %down {activation = #moe.activation<relu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 7.0 : f32>, layer = 0 : i64} : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<4x6x8xf32>, tensor<4x8x6xf32>) -> tensor<?x2x8xf32>
  %c = moe.combine %y : (tensor<?x2x8xf32>) -> tensor<?x8xf32>
  %s = moe.select %c, %wanted : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  %z = moe.linear %s, %head : (tensor<?x8xf32>, tensor<17x8xf32>) -> tensor<?x17xf32>
  return %z : tensor<?x17xf32>
}
}

// -----

// No candidate: the row proof's reason.
// expected-warning @below {{[JNS-ONNX-021] the model was not recovered: onnx.Softmax mixes rows of input 0; it stays a tensor program and cannot be partitioned}}
module attributes {moe.reason = "onnx.Softmax mixes rows of input 0"} {
func.func @main() { return }
}

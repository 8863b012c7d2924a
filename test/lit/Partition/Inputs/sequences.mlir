// One layer with functions of a sequence's rows: @conv with a state before the experts and, of another weight, beside them;
// @all, which is given all rows so far, between the two; @row, of each row by itself.
!x = tensor<?x8xf32, #onnx.dims<"S", 8>>
!t = tensor<1x8x?xf32, #onnx.dims<1, 8, "S">>
!u = tensor<1x?x8xf32, #onnx.dims<1, "S", 8>>
module attributes {moe.model = {context = 16 : i64, hidden = 8 : i64, layers = 1 : i64, vocab = 32 : i64}} {
moe.weight @embed : tensor<32x8xf32> value dense<0.5> : tensor<32x8xf32>
moe.weight @conv0 : tensor<8x1x3xf32> value dense<0.5> : tensor<8x1x3xf32>
moe.weight @conv1 : tensor<8x1x3xf32> value dense<0.25> : tensor<8x1x3xf32>
moe.weight @norm : tensor<8xf32> value dense<0.5> : tensor<8xf32>
moe.weight @router : tensor<4x8xf32> value dense<0.5> : tensor<4x8xf32>
moe.weight @gate : tensor<4x6x8xf32> value dense<0.5> : tensor<4x6x8xf32>
moe.weight @down : tensor<4x8x6xf32> value dense<0.5> : tensor<4x8x6xf32>
moe.weight @head : tensor<32x8xf32> value dense<0.5> : tensor<32x8xf32>

func.func private @conv(%x: !x, %w: tensor<8x1x3xf32>, %past: tensor<1x8x2xf32>) -> (!x, tensor<1x8x2xf32>) {
  %axes = onnx.constant dense<0> : tensor<1xi64>
  %u = onnx.Unsqueeze(%x, %axes) : (!x, tensor<1xi64>) -> !u
  %t = onnx.Transpose(%u) {perm = array<i64: 0, 2, 1>} : (!u) -> !t
  %y:2 = onnx.CausalConvWithState(%t, %w, none, %past) : (!t, tensor<8x1x3xf32>, tensor<1x8x2xf32>) -> (!t, tensor<1x8x2xf32>)
  %z = onnx.Transpose(%y#0) {perm = array<i64: 0, 2, 1>} : (!t) -> !u
  %r = onnx.Squeeze(%z, %axes) : (!u, tensor<1xi64>) -> !x
  return %r, %y#1 : !x, tensor<1x8x2xf32>
}
func.func private @all(%x: !x, %p: tensor<?xi32, #onnx.dims<"S">>) -> !x {
  %axis = onnx.constant dense<0> : tensor<i64>
  %y = onnx.CumSum(%x, %axis) : (!x, tensor<i64>) -> !x
  return %y : !x
}
func.func private @row(%x: !x) -> !x {
  %y = onnx.Softsign(%x) : (!x) -> !x
  return %y : !x
}

func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %wanted: tensor<?xi32>) -> tensor<?x32xf32> {
  %embed = moe.get_weight @embed : tensor<32x8xf32>
  %x = moe.embedding %ids, %embed : (tensor<?xi32>, tensor<32x8xf32>) -> tensor<?x8xf32>
  %conv0 = moe.get_weight @conv0 : tensor<8x1x3xf32>
  %c = moe.sequence @conv(%x, %conv0) {state = 0 : i64} : (tensor<?x8xf32>, tensor<8x1x3xf32>) -> tensor<?x8xf32>
  %a = moe.sequence @all(%c, %positions) {history = 0 : i64} : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  %norm = moe.get_weight @norm : tensor<8xf32>
  %h = moe.norm rms %a, %norm {epsilon = 1.0e-06 : f32} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %conv1 = moe.get_weight @conv1 : tensor<8x1x3xf32>
  %s = moe.sequence @conv(%h, %conv1) {state = 1 : i64} : (tensor<?x8xf32>, tensor<8x1x3xf32>) -> tensor<?x8xf32>
  %r = moe.sequence @row(%s) : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %router = moe.get_weight @router : tensor<4x8xf32>
  %logits = moe.linear %h, %router {layer = 0 : i64, router} : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  %e, %p = moe.route %logits {k = 2 : i64, layer = 0 : i64, renormalize = true, score = #moe.score<softmax>} : (tensor<?x4xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  %gate = moe.get_weight @gate : tensor<4x6x8xf32>
  %down = moe.get_weight @down : tensor<4x8x6xf32>
  %y = moe.experts %h, %e, %p gate %gate down %down {activation = #moe.activation<silu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 0x7F800000 : f32>, layer = 0 : i64}
      : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<4x6x8xf32>, tensor<4x8x6xf32>) -> tensor<?x2x8xf32>
  %x1 = moe.combine %y shared %r residual %a : (tensor<?x2x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  %w = moe.select %x1, %wanted : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  %head = moe.get_weight @head : tensor<32x8xf32>
  %z = moe.linear %w, %head : (tensor<?x8xf32>, tensor<32x8xf32>) -> tensor<?x32xf32>
  return %z : tensor<?x32xf32>
}
}

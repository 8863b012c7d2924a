// RUN: janus-opt %s --janus-find-rows --janus-prove-rows -split-input-file -verify-diagnostics | FileCheck %s

// A row is a token: tokens [B, S] are flattened, cut into heads, joined again. Only the logits are returned, the number of
// rows is the product of the tokens' sizes, and the argument with the tokens is the one that indexes the table.
// CHECK-LABEL: func.func private @step(
// CHECK-SAME: -> tensor<?x?x16xf32, #onnx.dims<"B", "S", 16>> attributes {moe.rows = "B*S", moe.tokens = 4 : i64}
!ids = tensor<?xi32>
!mask = tensor<?x?xi64, #onnx.dims<"B", "T">>
!tokens = tensor<?x?xi64, #onnx.dims<"B", "S">>
!x = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
!logits = tensor<?x?x16xf32, #onnx.dims<"B", "S", 16>>
// expected-remark @below {{every row depends on itself alone outside attention; rows are B*S}}
func.func private @step(%i: !ids, %p: !ids, %w: !ids, %mask: !mask, %tokens: !tokens) -> !logits {
  %table = onnx.initializer_value @table : tensor<16x8xf32>
  %head = onnx.initializer_value @head : tensor<8x16xf32>
  %shape = onnx.constant dense<[-1, 4]> : tensor<2xi64>
  %back = onnx.constant dense<[0, 0, 8]> : tensor<3xi64>
  %x = onnx.Gather(%table, %tokens) {axis = 0 : i64} : (tensor<16x8xf32>, !tokens) -> !x
  %pieces = onnx.Reshape(%x, %shape) : (!x, tensor<2xi64>) -> tensor<?x4xf32, #onnx.dims<"2*B*S", 4>>
  %e = onnx.Exp(%pieces) : (tensor<?x4xf32, #onnx.dims<"2*B*S", 4>>) -> tensor<?x4xf32, #onnx.dims<"2*B*S", 4>>
  %y = onnx.Reshape(%e, %shape) : (tensor<?x4xf32, #onnx.dims<"2*B*S", 4>>, tensor<2xi64>) -> !x
  %z = onnx.MatMul(%y, %head) : (!x, tensor<8x16xf32>) -> !logits
  return %z : !logits
}
onnx.initializer @table : tensor<16x8xf32> = #onnx.range<"d", f32, offset = 0, length = 512>
onnx.initializer @head : tensor<8x16xf32> = #onnx.range<"d", f32, offset = 512, length = 512>

// -----

// Attention may mix rows; its present keys and values are results that a step does not return.
// CHECK-LABEL: func.func private @step(
// CHECK-SAME: -> tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>> attributes
// CHECK: %[[Y:.*]], %{{.*}}, %{{.*}} = onnx.GroupQueryAttention
// CHECK: return %[[Y]] :
!ids = tensor<?xi32>
!tokens = tensor<?x?xi64, #onnx.dims<"B", "S">>
!x = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
!past = tensor<?x1x?x8xf32, #onnx.dims<"B", 1, "P", 8>>
!present = tensor<?x1x?x8xf32, #onnx.dims<"B", 1, "P+S", 8>>
!b = tensor<?xi32, #onnx.dims<"B">>
onnx.initializer @table : tensor<16x8xf32> = #onnx.range<"d", f32, offset = 0, length = 512>
// expected-remark @below {{every row depends on itself alone outside attention}}
func.func private @step(%i: !ids, %p: !ids, %w: !ids, %tokens: !tokens, %pk: !past, %pv: !past, %last: !b, %total: tensor<i32>) -> (!x, !present, !present) {
  %table = onnx.initializer_value @table : tensor<16x8xf32>
  %x = onnx.Gather(%table, %tokens) {axis = 0 : i64} : (tensor<16x8xf32>, !tokens) -> !x
  %y:3 = onnx.GroupQueryAttention(%x, %x, %x, %pk, %pv, %last, %total) {kv_num_heads = 1 : i64, num_heads = 1 : i64} : (!x, !x, !x, !past, !past, !b, tensor<i32>) -> (!x, !present, !present)
  return %y#0, %y#1, %y#2 : !x, !present, !present
}

// -----

// Without a candidate there is nothing to do.
// CHECK-LABEL: func.func @main
func.func @main() { return }

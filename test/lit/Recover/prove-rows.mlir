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

// A region's function keeps the order of rows, whatever it does with them.
// CHECK-LABEL: func.func private @step(
// CHECK: moe.sequence @region
!ids = tensor<?xi32>
!tokens = tensor<?x?xi64, #onnx.dims<"B", "S">>
!x = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
!rows = tensor<?x8xf32, #onnx.dims<"S", 8>>
onnx.initializer @table : tensor<16x8xf32> = #onnx.range<"d", f32, offset = 0, length = 512>
func.func private @region(%x: !rows) -> !rows { return %x : !rows }
// expected-remark @below {{every row depends on itself alone outside attention}}
func.func private @step(%i: !ids, %p: !ids, %w: !ids, %tokens: !tokens) -> !x {
  %table = onnx.initializer_value @table : tensor<16x8xf32>
  %x = onnx.Gather(%table, %tokens) {axis = 0 : i64} : (tensor<16x8xf32>, !tokens) -> !x
  %rows = builtin.unrealized_conversion_cast %x : !x to tensor<?x8xf32>
  %y = moe.sequence @region(%rows) {history = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %z = builtin.unrealized_conversion_cast %y : tensor<?x8xf32> to !x
  return %z : !x
}

// -----

// Without a candidate there is nothing to do.
// CHECK-LABEL: func.func @main
func.func @main() { return }

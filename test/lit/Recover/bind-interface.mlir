// RUN: janus-opt %s --janus-find-rows --janus-bind-interface -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// By their uses: a mask is summed, positions choose rows of a table with fewer uses than the stream's, a past is put before
// new keys. Sizes that the exporter named apart are one: the mask's is past and tokens together.
// CHECK-LABEL: func.func private @step(
// CHECK-SAME: tensor<?x?xi64, #onnx.dims<"B", "P+S">> {moe.input = "mask"}
// CHECK-SAME: tensor<?x?xi64, #onnx.dims<"B", "S">> {moe.input = "tokens"}
// CHECK-SAME: tensor<?x1x?x4xf32, #onnx.dims<"B", 1, "P", 4>> {moe.input = "past"}
// CHECK-SAME: moe.past = "P", moe.rows = "B*S", moe.tokens = 4 : i64
!i = tensor<?xi32>
!kv = tensor<?x1x?x4xf32, #onnx.dims<"B", 1, "P", 4>>
!new = tensor<?x1x?x4xf32, #onnx.dims<"B", 1, "S", 4>>
!all = tensor<?x1x?x4xf32, #onnx.dims<"B", 1, "P+S", 4>>
!x = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
func.func private @step(%i: !i, %p: !i, %w: !i, %mask: tensor<?x?xi64, #onnx.dims<"batch", "total">>, %tokens: tensor<?x?xi64, #onnx.dims<"B", "S">>, %past: !kv) -> (!all, tensor<?x1xi64, #onnx.dims<"batch", 1>>) {
  %table = onnx.initializer_value @table : tensor<16x4xf32>
  %one = onnx.constant dense<1> : tensor<1xi64>
  %x = onnx.Gather(%table, %tokens) {axis = 0 : i64} : (tensor<16x4xf32>, tensor<?x?xi64, #onnx.dims<"B", "S">>) -> !x
  %new = onnx.Unsqueeze(%x, %one) : (!x, tensor<1xi64>) -> !new
  %all = onnx.Concat(%past, %new) {axis = 2 : i64} : (!kv, !new) -> !all
  %count = onnx.ReduceSum(%mask, %one) {keepdims = 1 : i64} : (tensor<?x?xi64, #onnx.dims<"batch", "total">>, tensor<1xi64>) -> tensor<?x1xi64, #onnx.dims<"batch", 1>>
  return %all, %count : !all, tensor<?x1xi64, #onnx.dims<"batch", 1>>
}
onnx.initializer @table : tensor<16x4xf32> = #onnx.range<"d", f32, offset = 0, length = 256>

// -----

// Sequences of one length are no language model's.
// CHECK-NOT: @step
!i = tensor<?xi32>
// expected-remark @below {{rows cannot be told apart: the length of its sequences is fixed at 7}}
func.func private @step(%i: !i, %p: !i, %w: !i, %tokens: tensor<?x7xi64, #onnx.dims<"B", 7>>) -> tensor<?x7x4xf32, #onnx.dims<"B", 7, 4>> {
  %table = onnx.initializer_value @table : tensor<16x4xf32>
  %x = onnx.Gather(%table, %tokens) {axis = 0 : i64} : (tensor<16x4xf32>, tensor<?x7xi64, #onnx.dims<"B", 7>>) -> tensor<?x7x4xf32, #onnx.dims<"B", 7, 4>>
  return %x : tensor<?x7x4xf32, #onnx.dims<"B", 7, 4>>
}
onnx.initializer @table : tensor<16x4xf32> = #onnx.range<"d", f32, offset = 0, length = 256>

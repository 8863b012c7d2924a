// RUN: janus-opt %s --janus-find-rows --janus-bind-interface --janus-forget-past -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// The graph over whole sequences: what was put behind the past stands for itself, and the present is no result any more.
// CHECK-LABEL: func.func private @step(
// CHECK-SAME: -> tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
// CHECK-NOT: moe.past
// CHECK-NOT: onnx.Concat
// CHECK: %[[NEW:.*]] = onnx.Unsqueeze
// CHECK: onnx.Squeeze(%[[NEW]],
!i = tensor<?xi32>
!kv = tensor<?x1x?x4xf32, #onnx.dims<"B", 1, "P", 4>>
!new = tensor<?x1x?x4xf32, #onnx.dims<"B", 1, "S", 4>>
!all = tensor<?x1x?x4xf32, #onnx.dims<"B", 1, "P+S", 4>>
!x = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!y = tensor<?x?x4xf32, #onnx.dims<"B", "P+S", 4>>
!scores = tensor<?x?x?xf32, #onnx.dims<"B", "S", "P+S">>
// expected-remark @below {{read as a graph over whole sequences: 1 past inputs hold what it yields itself}}
func.func private @step(%i: !i, %p: !i, %w: !i, %tokens: tensor<?x?xi64, #onnx.dims<"B", "S">>, %past: !kv) -> (!all, !x) {
  %table = onnx.initializer_value @table : tensor<16x4xf32>
  %one = onnx.constant dense<1> : tensor<1xi64>
  %x = onnx.Gather(%table, %tokens) {axis = 0 : i64} : (tensor<16x4xf32>, tensor<?x?xi64, #onnx.dims<"B", "S">>) -> !x
  %new = onnx.Unsqueeze(%x, %one) : (!x, tensor<1xi64>) -> !new
  %all = onnx.Concat(%past, %new) {axis = 2 : i64} : (!kv, !new) -> !all
  %keys = onnx.Squeeze(%all, %one) : (!all, tensor<1xi64>) -> !y
  %turned = onnx.Transpose(%keys) {perm = array<i64: 0, 2, 1>} : (!y) -> tensor<?x4x?xf32, #onnx.dims<"B", 4, "P+S">>
  %scores = onnx.MatMul(%x, %turned) : (!x, tensor<?x4x?xf32, #onnx.dims<"B", 4, "P+S">>) -> !scores
  %z = onnx.MatMul(%scores, %keys) : (!scores, !y) -> !x
  return %all, %z : !all, !x
}
onnx.initializer @table : tensor<16x4xf32> = #onnx.range<"d", f32, offset = 0, length = 256>

// -----

// A present that nothing keeps.
// CHECK-NOT: @step
!i = tensor<?xi32>
!kv = tensor<?x1x?x4xf32, #onnx.dims<"B", 1, "P", 4>>
!new = tensor<?x1x?x4xf32, #onnx.dims<"B", 1, "S", 4>>
!all = tensor<?x1x?x4xf32, #onnx.dims<"B", 1, "P+S", 4>>
!x = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
func.func private @step(%i: !i, %p: !i, %w: !i, %tokens: tensor<?x?xi64, #onnx.dims<"B", "S">>, %past: !kv) -> !all {
  %table = onnx.initializer_value @table : tensor<16x4xf32>
  %one = onnx.constant dense<1> : tensor<1xi64>
  %x = onnx.Gather(%table, %tokens) {axis = 0 : i64} : (tensor<16x4xf32>, tensor<?x?xi64, #onnx.dims<"B", "S">>) -> !x
  %new = onnx.Unsqueeze(%x, %one) : (!x, tensor<1xi64>) -> !new
  // expected-remark @below {{its past cannot be told from its tokens: onnx.Concat: its result is no output of the model, so that nothing keeps it}}
  %all = onnx.Concat(%past, %new) {axis = 2 : i64} : (!kv, !new) -> !all
  %e = onnx.Exp(%all) : (!all) -> !all
  return %e : !all
}
onnx.initializer @table : tensor<16x4xf32> = #onnx.range<"d", f32, offset = 0, length = 256>

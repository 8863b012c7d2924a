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

// -----

// One token at a time with a past: what carries the token has a length of its own, also where a constant says 1 and in a
// sum's mask; positions behind the past are as many as tokens; a mask that hides no key of one token is its number.
// CHECK-LABEL: func.func private @step(
// CHECK-SAME: tensor<?x?xi64, #onnx.dims<"B", "sequence">> {moe.input = "tokens"}
// CHECK-SAME: tensor<?x?xi64, #onnx.dims<"B", "P+sequence">> {moe.input = "mask"}
// CHECK-SAME: moe.past = "P", moe.rows = "B*sequence", moe.single
// CHECK: %[[QUERY:.*]] = onnx.Range({{.*}}) : {{.*}} -> tensor<?xi64, #onnx.dims<"sequence">>
// CHECK: onnx.Unsqueeze(%[[QUERY]], {{.*}} -> tensor<?x1xi64, #onnx.dims<"sequence", 1>>
// CHECK: onnx.Reshape{{.*}} -> tensor<?x?x2x2xf32, #onnx.dims<"B", "sequence", 2, 2>>
// CHECK: onnx.Transpose{{.*}} -> tensor<?x2x?x2xf32, #onnx.dims<"B", 2, "sequence", 2>>
// CHECK: onnx.Concat{{.*}} -> tensor<?x2x?x2xf32, #onnx.dims<"B", 2, "P+sequence", 2>>
// CHECK: %[[NONE:.*]] = onnx.constant dense<true> : tensor<1x1xi1>
// CHECK: onnx.Where(%[[NONE]], {{.*}} -> tensor<?x2x?x?xf32, #onnx.dims<"B", 2, "sequence", "P+sequence">>
!i = tensor<?xi32>
!kv = tensor<?x2x?x2xf32, #onnx.dims<"B", 2, "P", 2>>
!new = tensor<?x2x1x2xf32, #onnx.dims<"B", 2, 1, 2>>
!all = tensor<?x2x?x2xf32, #onnx.dims<"B", 2, "P+1", 2>>
!turned = tensor<?x2x2x?xf32, #onnx.dims<"B", 2, 2, "P+1">>
!scores = tensor<?x2x1x?xf32, #onnx.dims<"B", 2, 1, "P+1">>
func.func private @step(%i: !i, %p: !i, %w: !i, %tokens: tensor<?x1xi64, #onnx.dims<"B", 1>>, %mask: tensor<?x?xi64, #onnx.dims<"B", "T">>, %past: !kv) -> (!all, !scores, tensor<?x1xi64, #onnx.dims<"B", 1>>) {
  %table = onnx.initializer_value @table : tensor<16x4xf32>
  %zero = onnx.constant dense<0> : tensor<i64>
  %one = onnx.constant dense<1> : tensor<i64>
  %first = onnx.constant dense<0> : tensor<1xi64>
  %last = onnx.constant dense<1> : tensor<1xi64>
  %shape = onnx.constant dense<[-1, 1, 2, 2]> : tensor<4xi64>
  %lowest = onnx.constant dense<-1.0e9> : tensor<f32>
  %size = onnx.Shape(%past) {start = 2 : i64, end = 3 : i64} : (!kv) -> tensor<1xi64>
  %count = onnx.Squeeze(%size) : (tensor<1xi64>) -> tensor<i64>
  %query = onnx.Add(%first, %count) : (tensor<1xi64>, tensor<i64>) -> tensor<1xi64>
  %q = onnx.Unsqueeze(%query, %last) : (tensor<1xi64>, tensor<1xi64>) -> tensor<1x1xi64>
  %total = onnx.Add(%count, %one) : (tensor<i64>, tensor<i64>) -> tensor<i64>
  %k = onnx.Range(%zero, %total, %one) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64, #onnx.dims<"P+1">>
  %seen = onnx.LessOrEqual(%k, %q) : (tensor<?xi64, #onnx.dims<"P+1">>, tensor<1x1xi64>) -> tensor<1x?xi1, #onnx.dims<1, "P+1">>
  %x = onnx.Gather(%table, %tokens) {axis = 0 : i64} : (tensor<16x4xf32>, tensor<?x1xi64, #onnx.dims<"B", 1>>) -> tensor<?x1x4xf32, #onnx.dims<"B", 1, 4>>
  %split = onnx.Reshape(%x, %shape) {allowzero = 0 : i64} : (tensor<?x1x4xf32, #onnx.dims<"B", 1, 4>>, tensor<4xi64>) -> tensor<?x1x2x2xf32, #onnx.dims<"B", 1, 2, 2>>
  %new = onnx.Transpose(%split) {perm = array<i64: 0, 2, 1, 3>} : (tensor<?x1x2x2xf32, #onnx.dims<"B", 1, 2, 2>>) -> !new
  %all = onnx.Concat(%past, %new) {axis = 2 : i64} : (!kv, !new) -> !all
  %turned = onnx.Transpose(%all) {perm = array<i64: 0, 1, 3, 2>} : (!all) -> !turned
  %scores = onnx.MatMul(%new, %turned) : (!new, !turned) -> !scores
  %masked = onnx.Where(%seen, %scores, %lowest) : (tensor<1x?xi1, #onnx.dims<1, "P+1">>, !scores, tensor<f32>) -> !scores
  %sum = onnx.ReduceSum(%mask, %last) {keepdims = 1 : i64} : (tensor<?x?xi64, #onnx.dims<"B", "T">>, tensor<1xi64>) -> tensor<?x1xi64, #onnx.dims<"B", 1>>
  return %all, %masked, %sum : !all, !scores, tensor<?x1xi64, #onnx.dims<"B", 1>>
}
onnx.initializer @table : tensor<16x4xf32> = #onnx.range<"d", f32, offset = 0, length = 256>

// -----

// One token without a past is a length like any other.
// CHECK-NOT: @step
!i = tensor<?xi32>
// expected-remark @below {{rows cannot be told apart: the length of its sequences is fixed at 1}}
func.func private @step(%i: !i, %p: !i, %w: !i, %tokens: tensor<?x1xi64, #onnx.dims<"B", 1>>) -> tensor<?x1x4xf32, #onnx.dims<"B", 1, 4>> {
  %table = onnx.initializer_value @table : tensor<16x4xf32>
  %x = onnx.Gather(%table, %tokens) {axis = 0 : i64} : (tensor<16x4xf32>, tensor<?x1xi64, #onnx.dims<"B", 1>>) -> tensor<?x1x4xf32, #onnx.dims<"B", 1, 4>>
  return %x : tensor<?x1x4xf32, #onnx.dims<"B", 1, 4>>
}
onnx.initializer @table : tensor<16x4xf32> = #onnx.range<"d", f32, offset = 0, length = 256>

// The proof fails: a remark at the operator that mixes rows, with the reason, and no candidate.
// RUN: janus-opt %s --janus-find-rows --janus-prove-rows -split-input-file -verify-diagnostics | FileCheck %s
// CHECK-NOT: @step

// No argument indexes a table.
!ids = tensor<?xi32>
// expected-remark @below {{rows cannot be told apart: expects one integer argument that indexes an embedding table}}
func.func private @step(%i: !ids, %p: !ids, %w: !ids, %x: tensor<?x8xf32, #onnx.dims<"S", 8>>) -> tensor<?x8xf32, #onnx.dims<"S", 8>> {
  return %x : tensor<?x8xf32, #onnx.dims<"S", 8>>
}

// -----

// Two arguments index tables: which are the tokens?
!ids = tensor<?xi32>
!tokens = tensor<?x?xi64, #onnx.dims<"B", "S">>
!x = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
onnx.initializer @table : tensor<16x8xf32> = #onnx.range<"d", f32, offset = 0, length = 512>
// expected-remark @below {{expects one integer argument that indexes an embedding table}}
func.func private @step(%i: !ids, %p: !ids, %w: !ids, %a: !tokens, %b: !tokens) -> !x {
  %table = onnx.initializer_value @table : tensor<16x8xf32>
  %0 = onnx.Gather(%table, %a) {axis = 0 : i64} : (tensor<16x8xf32>, !tokens) -> !x
  %1 = onnx.Gather(%table, %b) {axis = 0 : i64} : (tensor<16x8xf32>, !tokens) -> !x
  %2 = onnx.Add(%0, %1) : (!x, !x) -> !x
  return %2 : !x
}

// -----

// A sum over the sequence.
!ids = tensor<?xi32>
!tokens = tensor<?x?xi64, #onnx.dims<"B", "S">>
!x = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
onnx.initializer @table : tensor<16x8xf32> = #onnx.range<"d", f32, offset = 0, length = 512>
func.func private @step(%i: !ids, %p: !ids, %w: !ids, %tokens: !tokens) -> !x {
  %table = onnx.initializer_value @table : tensor<16x8xf32>
  %axes = onnx.constant dense<1> : tensor<1xi64>
  %0 = onnx.Gather(%table, %tokens) {axis = 0 : i64} : (tensor<16x8xf32>, !tokens) -> !x
  // expected-remark @below {{rows cannot be told apart: onnx.ReduceMean mixes rows of input 0, 2 leading dimensions of 3}}
  %1 = onnx.ReduceMean(%0, %axes) : (!x, tensor<1xi64>) -> tensor<?x1x8xf32, #onnx.dims<"B", 1, 8>>
  %2 = onnx.Sub(%0, %1) : (!x, tensor<?x1x8xf32, #onnx.dims<"B", 1, 8>>) -> !x
  return %2 : !x
}

// -----

// A softmax over the tokens of a sequence.
!ids = tensor<?xi32>
!tokens = tensor<?x?xi64, #onnx.dims<"B", "S">>
!x = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
onnx.initializer @table : tensor<16x8xf32> = #onnx.range<"d", f32, offset = 0, length = 512>
func.func private @step(%i: !ids, %p: !ids, %w: !ids, %tokens: !tokens) -> !x {
  %table = onnx.initializer_value @table : tensor<16x8xf32>
  %0 = onnx.Gather(%table, %tokens) {axis = 0 : i64} : (tensor<16x8xf32>, !tokens) -> !x
  // expected-remark @below {{onnx.Softmax mixes rows of input 0}}
  %1 = onnx.Softmax(%0) {axis = 1 : i64} : (!x) -> !x
  return %1 : !x
}

// -----

// Rows meet the attention mask outside of attention.
!ids = tensor<?xi32>
!tokens = tensor<?x?xi64, #onnx.dims<"B", "S">>
!x = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
!mask = tensor<?x?x1xf32, #onnx.dims<"B", "S", 1>>
onnx.initializer @table : tensor<16x8xf32> = #onnx.range<"d", f32, offset = 0, length = 512>
func.func private @step(%i: !ids, %p: !ids, %w: !ids, %tokens: !tokens, %mask: !mask) -> !x {
  %table = onnx.initializer_value @table : tensor<16x8xf32>
  %0 = onnx.Gather(%table, %tokens) {axis = 0 : i64} : (tensor<16x8xf32>, !tokens) -> !x
  // expected-remark @below {{onnx.Mul combines rows with data of whole sequences}}
  %1 = onnx.Mul(%0, %mask) : (!x, !mask) -> !x
  return %1 : !x
}

// -----

// A constant that differs by place in the batch: a learned position embedding, added.
!ids = tensor<?xi32>
!tokens = tensor<?x4xi64, #onnx.dims<"B", 4>>
!x = tensor<?x4x8xf32, #onnx.dims<"B", 4, 8>>
onnx.initializer @table : tensor<16x8xf32> = #onnx.range<"d", f32, offset = 0, length = 512>
onnx.initializer @places : tensor<4x8xf32> = #onnx.range<"d", f32, offset = 512, length = 128>
func.func private @step(%i: !ids, %p: !ids, %w: !ids, %tokens: !tokens) -> !x {
  %table = onnx.initializer_value @table : tensor<16x8xf32>
  %places = onnx.initializer_value @places : tensor<4x8xf32>
  %0 = onnx.Gather(%table, %tokens) {axis = 0 : i64} : (tensor<16x8xf32>, !tokens) -> !x
  // expected-remark @below {{onnx.Add input 1 depends on the row's place in the batch, not on the row}}
  %1 = onnx.Add(%0, %places) : (!x, tensor<4x8xf32>) -> !x
  return %1 : !x
}

// -----

// Two results by row: which are the logits?
!ids = tensor<?xi32>
!tokens = tensor<?x?xi64, #onnx.dims<"B", "S">>
!x = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
onnx.initializer @table : tensor<16x8xf32> = #onnx.range<"d", f32, offset = 0, length = 512>
func.func private @step(%i: !ids, %p: !ids, %w: !ids, %tokens: !tokens) -> (!x, !x) {
  %table = onnx.initializer_value @table : tensor<16x8xf32>
  %0 = onnx.Gather(%table, %tokens) {axis = 0 : i64} : (tensor<16x8xf32>, !tokens) -> !x
  // expected-remark @below {{expects one result by row, the logits, found several}}
  return %0, %0 : !x, !x
}

// -----

// A result that is not by row.
!ids = tensor<?xi32>
!tokens = tensor<?x?xi64, #onnx.dims<"B", "S">>
!x = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
onnx.initializer @table : tensor<16x8xf32> = #onnx.range<"d", f32, offset = 0, length = 512>
func.func private @step(%i: !ids, %p: !ids, %w: !ids, %tokens: !tokens) -> (!x, tensor<2xi64>) {
  %table = onnx.initializer_value @table : tensor<16x8xf32>
  %0 = onnx.Gather(%table, %tokens) {axis = 0 : i64} : (tensor<16x8xf32>, !tokens) -> !x
  %1 = onnx.Shape(%tokens) : (!tokens) -> tensor<2xi64>
  // expected-remark @below {{expects results that are logits by row}}
  return %0, %1 : !x, tensor<2xi64>
}

// -----

// No result by row.
!ids = tensor<?xi32>
!tokens = tensor<?x?xi64, #onnx.dims<"B", "S">>
!x = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
onnx.initializer @table : tensor<16x8xf32> = #onnx.range<"d", f32, offset = 0, length = 512>
func.func private @step(%i: !ids, %p: !ids, %w: !ids, %tokens: !tokens) {
  %table = onnx.initializer_value @table : tensor<16x8xf32>
  %0 = onnx.Gather(%table, %tokens) {axis = 0 : i64} : (tensor<16x8xf32>, !tokens) -> !x
  // expected-remark @below {{expects a result by row, the logits}}
  return
}

// RUN: janus-opt %s --janus-find-rows -split-input-file -verify-diagnostics=only-expected | FileCheck %s

// The integer argument that indexes a table holds the token ids; the rows are its elements.
// CHECK: func.func private @step({{.*}}attributes {moe.rows = "B*S", moe.tokens = 1 : i64}
func.func private @step(%p: tensor<?xi32>, %ids: tensor<?x?xi64, #onnx.dims<"B", "S">>) -> tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>> {
  %table = onnx.initializer_value @table : tensor<8x4xf32>
  %y = onnx.Gather(%table, %ids) {axis = 0 : i64} : (tensor<8x4xf32>, tensor<?x?xi64, #onnx.dims<"B", "S">>) -> tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
  return %y : tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
}
onnx.initializer @table : tensor<8x4xf32> = #onnx.range<"d", f32, offset = 0, length = 128>

// -----

// Nothing is looked up: there is no candidate.
// CHECK-NOT: moe.rows
// expected-remark @below {{expects one integer argument that indexes an embedding table}}
func.func private @step(%x: tensor<?x4xf32, #onnx.dims<"n", 4>>) -> tensor<?x4xf32, #onnx.dims<"n", 4>> {
  return %x : tensor<?x4xf32, #onnx.dims<"n", 4>>
}

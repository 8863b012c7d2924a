// RUN: janus-opt %s --janus-rewrite-to-rows -split-input-file | FileCheck %s

// Conversions meet and vanish, with them the arguments of the graph; the step returns rows.
// CHECK-LABEL: func.func private @step(
// CHECK-SAME: %{{[a-z0-9]+}}: tensor<?xi32>, %{{[a-z0-9]+}}: tensor<?xi32>, %{{[a-z0-9]+}}: tensor<?xi32>) -> tensor<?x8xf32> attributes {moe.rows = "B*S"}
// CHECK: %[[X:.*]] = moe.embedding
// CHECK-NEXT: %[[Y:.*]] = moe.add %[[X]], %[[X]]
// CHECK-NEXT: return %[[Y]] : tensor<?x8xf32>
!ids = tensor<?xi32>
!tokens = tensor<?x?xi64, #onnx.dims<"B", "S">>
!x = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
moe.weight @table : tensor<16x8xf32> value dense<0.5> : tensor<16x8xf32>
func.func private @step(%i: !ids, %p: !ids, %w: !ids, %tokens: !tokens, %mask: !tokens) -> !x attributes {moe.rows = "B*S", moe.tokens = 3 : i64} {
  %t = moe.get_weight @table : tensor<16x8xf32>
  %0 = moe.embedding %i, %t : (!ids, tensor<16x8xf32>) -> tensor<?x8xf32>
  %1 = builtin.unrealized_conversion_cast %0 : tensor<?x8xf32> to !x
  %2 = builtin.unrealized_conversion_cast %1 : !x to tensor<?x8xf32>
  %3 = moe.add %2, %2 : tensor<?x8xf32>
  %4 = builtin.unrealized_conversion_cast %3 : tensor<?x8xf32> to !x
  %unused = onnx.Shape(%mask) : (!tokens) -> tensor<2xi64>
  return %4 : !x
}

// -----

// What no pass recovered keeps its conversions and its arguments; --janus-finish-recovery reports it.
// CHECK-LABEL: func.func private @step(
// CHECK-SAME: %[[M:[a-z0-9]+]]: tensor<?x?xf32, #onnx.dims<"B", "S">>) -> tensor<?x8xf32>
// CHECK: builtin.unrealized_conversion_cast
// CHECK: onnx.Mul
// CHECK: builtin.unrealized_conversion_cast
!ids = tensor<?xi32>
!tokens = tensor<?x?xi64, #onnx.dims<"B", "S">>
!m = tensor<?x?xf32, #onnx.dims<"B", "S">>
!x = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
moe.weight @table : tensor<16x8xf32> value dense<0.5> : tensor<16x8xf32>
func.func private @step(%i: !ids, %p: !ids, %w: !ids, %tokens: !tokens, %mask: !m) -> !x attributes {moe.rows = "B*S", moe.tokens = 3 : i64} {
  %t = moe.get_weight @table : tensor<16x8xf32>
  %0 = moe.embedding %i, %t : (!ids, tensor<16x8xf32>) -> tensor<?x8xf32>
  %1 = builtin.unrealized_conversion_cast %0 : tensor<?x8xf32> to !x
  %axes = onnx.constant dense<2> : tensor<1xi64>
  %wide = onnx.Unsqueeze(%mask, %axes) : (!m, tensor<1xi64>) -> tensor<?x?x1xf32, #onnx.dims<"B", "S", 1>>
  %2 = onnx.Mul(%1, %wide) : (!x, tensor<?x?x1xf32, #onnx.dims<"B", "S", 1>>) -> !x
  return %2 : !x
}

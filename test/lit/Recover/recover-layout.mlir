// RUN: janus-opt %s --janus-recover-layout -split-input-file | FileCheck %s

// What keeps a row's numbers together changes nothing in row form: cutting into heads, flattening, dimensions of 1.
// CHECK-LABEL: module {
// CHECK: %[[R:.*]] = builtin.unrealized_conversion_cast %{{.*}} to tensor<?x8xf32>
// CHECK-NOT: onnx.{{Reshape|Unsqueeze|Squeeze|Identity}}
// CHECK: %[[Y:.*]] = builtin.unrealized_conversion_cast %[[R]] : tensor<?x8xf32> to tensor<?x8xf32, #onnx.dims<"B*S", 8>>
// CHECK-NOT: onnx.{{Reshape|Unsqueeze|Squeeze|Identity}}
// CHECK: return %[[Y]]
!x = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
func.func private @step(%x: !x, %z: !x) -> tensor<?x8xf32, #onnx.dims<"B*S", 8>> attributes {moe.rows = "B*S"} {
  %heads = onnx.constant dense<[0, 0, 2, 4]> : tensor<4xi64>
  %flat = onnx.constant dense<[-1, 8]> : tensor<2xi64>
  %axes = onnx.constant dense<0> : tensor<1xi64>
  %0 = onnx.Reshape(%x, %heads) : (!x, tensor<4xi64>) -> tensor<?x?x2x4xf32, #onnx.dims<"B", "S", 2, 4>>
  %1 = onnx.Unsqueeze(%0, %axes) : (tensor<?x?x2x4xf32, #onnx.dims<"B", "S", 2, 4>>, tensor<1xi64>) -> tensor<1x?x?x2x4xf32, #onnx.dims<1, "B", "S", 2, 4>>
  %2 = onnx.Squeeze(%1, %axes) : (tensor<1x?x?x2x4xf32, #onnx.dims<1, "B", "S", 2, 4>>, tensor<1xi64>) -> tensor<?x?x2x4xf32, #onnx.dims<"B", "S", 2, 4>>
  %3 = onnx.Identity(%2) : (tensor<?x?x2x4xf32, #onnx.dims<"B", "S", 2, 4>>) -> tensor<?x?x2x4xf32, #onnx.dims<"B", "S", 2, 4>>
  %4 = onnx.Reshape(%3, %flat) : (tensor<?x?x2x4xf32, #onnx.dims<"B", "S", 2, 4>>, tensor<2xi64>) -> tensor<?x8xf32, #onnx.dims<"B*S", 8>>
  return %4 : tensor<?x8xf32, #onnx.dims<"B*S", 8>>
}

// -----

// A Split of the last dimension is columns, of unequal widths too.
// CHECK-LABEL: module {
// CHECK: %[[R:.*]] = builtin.unrealized_conversion_cast
// CHECK: moe.columns %[[R]] {offset = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x5xf32>
// CHECK: moe.columns %[[R]] {offset = 5 : i64} : (tensor<?x8xf32>) -> tensor<?x3xf32>
// CHECK-NOT: onnx.Split
!x = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
func.func private @step(%x: !x, %z: !x) -> (tensor<?x?x5xf32, #onnx.dims<"B", "S", 5>>, tensor<?x?x3xf32, #onnx.dims<"B", "S", 3>>) attributes {moe.rows = "B*S"} {
  %s = onnx.constant dense<[5, 3]> : tensor<2xi64>
  %0:2 = onnx.Split(%x, %s) {axis = 2 : i64} : (!x, tensor<2xi64>) -> (tensor<?x?x5xf32, #onnx.dims<"B", "S", 5>>, tensor<?x?x3xf32, #onnx.dims<"B", "S", 3>>)
  return %0#0, %0#1 : tensor<?x?x5xf32, #onnx.dims<"B", "S", 5>>, tensor<?x?x3xf32, #onnx.dims<"B", "S", 3>>
}

// -----

// A Split of pieces of a row is not one of its columns.
// CHECK-LABEL: module {
// CHECK-NOT: moe.columns
// CHECK: onnx.Split
!x = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
func.func private @step(%x: !x, %z: !x, %h: tensor<?x?x2x4xf32, #onnx.dims<"B", "S", 2, 4>>) -> tensor<?x?x2x2xf32, #onnx.dims<"B", "S", 2, 2>> attributes {moe.rows = "B*S"} {
  %0:2 = onnx.Split(%h) {axis = 3 : i64, num_outputs = 2 : i64} : (tensor<?x?x2x4xf32, #onnx.dims<"B", "S", 2, 4>>) -> (tensor<?x?x2x2xf32, #onnx.dims<"B", "S", 2, 2>>, tensor<?x?x2x2xf32, #onnx.dims<"B", "S", 2, 2>>)
  return %0#0 : tensor<?x?x2x2xf32, #onnx.dims<"B", "S", 2, 2>>
}

// -----

// An Add of two values by row, in either order.
// CHECK-LABEL: module {
// CHECK: moe.add
// CHECK: moe.add
// CHECK-NOT: onnx.Add
!x = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
func.func private @step(%x: !x, %z: !x) -> !x attributes {moe.rows = "B*S"} {
  %0 = onnx.Add(%x, %z) : (!x, !x) -> !x
  %1 = onnx.Add(%z, %0) : (!x, !x) -> !x
  return %1 : !x
}

// -----

// An Add that broadcasts stays: moe.add takes rows alike.
// CHECK-LABEL: module {
// CHECK-NOT: moe.add
// CHECK: onnx.Add
!x = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
func.func private @step(%x: !x, %z: !x) -> !x attributes {moe.rows = "B*S"} {
  %c = onnx.constant dense<1.0> : tensor<8xf32>
  %0 = onnx.Add(%x, %c) : (!x, tensor<8xf32>) -> !x
  return %0 : !x
}

// -----

// A Reshape of something that is not by row stays.
// CHECK-LABEL: module {
// CHECK: onnx.Reshape
!x = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
func.func private @step(%x: !x, %z: !x, %p: tensor<?x8xf32, #onnx.dims<"P", 8>>) -> tensor<2x?xf32, #onnx.dims<2, "4*P">> attributes {moe.rows = "B*S"} {
  %s = onnx.constant dense<[2, -1]> : tensor<2xi64>
  %0 = onnx.Reshape(%p, %s) : (tensor<?x8xf32, #onnx.dims<"P", 8>>, tensor<2xi64>) -> tensor<2x?xf32, #onnx.dims<2, "4*P">>
  return %0 : tensor<2x?xf32, #onnx.dims<2, "4*P">>
}

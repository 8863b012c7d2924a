// Extents known only from data become new symbols; what is known stays. One case an operator.
// RUN: janus-opt %s --janus-infer-shapes -split-input-file | FileCheck %s

// CHECK-LABEL: func.func @slice
// CHECK-SAME: onnx.bounds = {slice0 = "8", slice1 = "4", slice2 = "8"}
func.func @slice(%x: tensor<4x8xf32>, %b: tensor<1xi64>, %e: tensor<1xi64>) {
  %a = onnx.constant dense<[-1]> : tensor<1xi64>
  // CHECK: -> tensor<4x?xf32, #onnx.dims<4, "slice0">>
  %0 = onnx.Slice(%x, %b, %e, %a) : (tensor<4x8xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> !onnx.unknown
  // CHECK: -> tensor<?x?xf32, #onnx.dims<"slice1", "slice2">>
  %1 = onnx.Slice(%x, %b, %e, %b) : (tensor<4x8xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> !onnx.unknown
  return
}

// -----

// The rank is known from how many axes there are.
// CHECK-LABEL: func.func @axes
func.func @axes(%x: tensor<4x1xf32>, %a: tensor<1xi64>) {
  // CHECK: onnx.Squeeze{{.*}} -> tensor<?xf32, #onnx.dims<"squeeze0">>
  %0 = onnx.Squeeze(%x, %a) : (tensor<4x1xf32>, tensor<1xi64>) -> !onnx.unknown
  // CHECK: onnx.Unsqueeze{{.*}} -> tensor<?x?x?xf32, #onnx.dims<"unsqueeze1", "unsqueeze2", "unsqueeze3">>
  %1 = onnx.Unsqueeze(%x, %a) : (tensor<4x1xf32>, tensor<1xi64>) -> !onnx.unknown
  // CHECK: onnx.ReduceSum{{.*}} -> tensor<?x?xf32, #onnx.dims<"reduce4", "reduce5">>
  %2 = onnx.ReduceSum(%x, %a) : (tensor<4x1xf32>, tensor<1xi64>) -> !onnx.unknown
  // CHECK: onnx.ReduceSum{{.*}} -> tensor<?xf32, #onnx.dims<"reduce6">>
  %3 = onnx.ReduceSum(%x, %a) {keepdims = 0 : i64} : (tensor<4x1xf32>, tensor<1xi64>) -> !onnx.unknown
  return
}

// -----

// A name that an input has is not given again.
// CHECK-LABEL: func.func @shapes
func.func @shapes(%x: tensor<?x8xf32, #onnx.dims<"reshape0", 8>>, %s: tensor<2xi64>) {
  // CHECK: onnx.Reshape{{.*}} -> tensor<?x?xf32, #onnx.dims<"reshape2", "reshape3">>
  %0 = onnx.Reshape(%x, %s) : (tensor<?x8xf32, #onnx.dims<"reshape0", 8>>, tensor<2xi64>) -> !onnx.unknown
  // CHECK: onnx.Expand{{.*}} -> tensor<?x?xf32, #onnx.dims<"expand5", "expand4">>
  %1 = onnx.Expand(%x, %s) : (tensor<?x8xf32, #onnx.dims<"reshape0", 8>>, tensor<2xi64>) -> !onnx.unknown
  // CHECK: onnx.Tile{{.*}} -> tensor<?x?xf32, #onnx.dims<"input.0*reshape0", "8*input.1">>
  %2 = onnx.Tile(%x, %s) : (tensor<?x8xf32, #onnx.dims<"reshape0", 8>>, tensor<2xi64>) -> !onnx.unknown
  // CHECK: onnx.ConstantOfShape{{.*}} -> tensor<?x?xf32, #onnx.dims<"input.0", "input.1">>
  %3 = onnx.ConstantOfShape(%s) : (tensor<2xi64>) -> !onnx.unknown
  // CHECK: onnx.Split{{.*}} -> (tensor<?x8xf32, #onnx.dims<"input.0", 8>>, tensor<?x8xf32, #onnx.dims<"input.1", 8>>)
  %4:2 = onnx.Split(%x, %s) : (tensor<?x8xf32, #onnx.dims<"reshape0", 8>>, tensor<2xi64>) -> (!onnx.unknown, !onnx.unknown)
  return
}

// -----

// CHECK-LABEL: func.func @numbers
func.func @numbers(%n: tensor<i64>, %x: tensor<4x8xf32>, %c: tensor<4xi1>, %v: tensor<2xf32>, %p: tensor<4xi64>, %i: tensor<3xi64>) {
  // CHECK: onnx.Range{{.*}} -> tensor<?xi64, #onnx.dims<"range0">>
  %0 = onnx.Range(%n, %n, %n) : (tensor<i64>, tensor<i64>, tensor<i64>) -> !onnx.unknown
  // CHECK: onnx.Compress{{.*}} -> tensor<?x8xf32, #onnx.dims<"compress1", 8>>
  %1 = onnx.Compress(%x, %c) {axis = 0 : i64} : (tensor<4x8xf32>, tensor<4xi1>) -> !onnx.unknown
  // CHECK: onnx.OneHot{{.*}} -> tensor<3x?xf32, #onnx.dims<3, "depth2">>
  %2 = onnx.OneHot(%i, %n, %v) : (tensor<3xi64>, tensor<i64>, tensor<2xf32>) -> !onnx.unknown
  // CHECK: onnx.Pad{{.*}} -> tensor<?x?xf32, #onnx.dims<"pad3", "pad4">>
  %3 = onnx.Pad(%x, %p) : (tensor<4x8xf32>, tensor<4xi64>) -> !onnx.unknown
  return
}

// -----

// A dimension that is part of an input's dimension: `T` is the mask's length, and the past is what is left of it. That this is not
// negative is for the entry to check.
// CHECK-LABEL: func.func @parts
// CHECK-SAME: %arg0: tensor<?x?xi64, #onnx.dims<"B", "S">>
// CHECK-SAME: %arg1: tensor<?x?xi64, #onnx.dims<"B", "mask.dim1">>
// CHECK-SAME: %arg2: tensor<?x?x4xf32, #onnx.dims<"B", "{{.*}}mask.dim1{{.*}}", 4>>
// CHECK-SAME: onnx.require = ["min(0,{{.*}}mask.dim1{{.*}}) == 0"]
func.func @parts(%i: tensor<?x?xi64, #onnx.dims<"B", "S">>, %m: tensor<?x?xi64, #onnx.dims<"B", "past+S">> {onnx.name = "mask"}, %k: tensor<?x?x4xf32, #onnx.dims<"B", "past+1", 4>>) {
  %0 = onnx.Neg(%k) : (tensor<?x?x4xf32, #onnx.dims<"B", "past+1", 4>>) -> !onnx.unknown
  return
}

// -----

// The first row of S, which is one or none, repeated for as many rows as data say: these, as long as there is a row.
// CHECK-LABEL: func.func @first_row
// CHECK-SAME: onnx.require = ["{{.*}}min(1,S){{.*}} == nonzero0"]
// CHECK: onnx.Add({{.*}}) : ({{.*}}) -> tensor<2x?xi64, #onnx.dims<2, "nonzero0">>
func.func @first_row(%x: tensor<?xi64, #onnx.dims<"S">>, %m: tensor<4x4xi1>) {
  %0 = onnx.constant dense<0> : tensor<1xi64>
  %1 = onnx.constant dense<1> : tensor<1xi64>
  %2 = onnx.Slice(%x, %0, %1) : (tensor<?xi64, #onnx.dims<"S">>, tensor<1xi64>, tensor<1xi64>) -> !onnx.unknown
  %3 = onnx.NonZero(%m) : (tensor<4x4xi1>) -> !onnx.unknown
  %4 = onnx.Add(%3, %2) : (!onnx.unknown, !onnx.unknown) -> !onnx.unknown
  return
}

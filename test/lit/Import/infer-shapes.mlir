// RUN: janus-opt %s --janus-infer-shapes --split-input-file | FileCheck %s

// Flattening tokens gives a product of symbols; -1 divides it out again.
// CHECK-LABEL: @flatten
// CHECK: onnx.Reshape({{.*}} -> tensor<?x64xf32, #onnx.dims<"B*S", 64>>
// CHECK: onnx.Reshape({{.*}} -> tensor<?x?x16xf32, #onnx.dims<"B", "4*S", 16>>
func.func @flatten(%x: tensor<?x?x64xf32, #onnx.dims<"B", "S", 64>>) {
  %flat = onnx.constant dense<[-1, 64]> : tensor<2xi64>
  %heads = onnx.constant dense<[0, -1, 16]> : tensor<3xi64>
  %0 = onnx.Reshape(%x, %flat) : (tensor<?x?x64xf32, #onnx.dims<"B", "S", 64>>, tensor<2xi64>) -> !onnx.unknown
  %1 = onnx.Reshape(%x, %heads) : (tensor<?x?x64xf32, #onnx.dims<"B", "S", 64>>, tensor<3xi64>) -> !onnx.unknown
  return
}

// -----

// A shape computed by Shape, Gather, Mul, Concat reaches a Reshape as values.
// CHECK-LABEL: @computed
// CHECK: onnx.Reshape({{.*}} -> tensor<?x4xf32, #onnx.dims<"2*S", 4>>
// CHECK: onnx.ConstantOfShape({{.*}} -> tensor<?x4xf32, #onnx.dims<"2*S", 4>>
// CHECK: onnx.Range({{.*}} -> tensor<?xi64, #onnx.dims<"2*S">>
func.func @computed(%x: tensor<?x8xf32, #onnx.dims<"S", 8>>) {
  %zero = onnx.constant dense<0> : tensor<1xi64>
  %two = onnx.constant dense<2> : tensor<1xi64>
  %four = onnx.constant dense<4> : tensor<1xi64>
  %shape = onnx.Shape(%x) : (tensor<?x8xf32, #onnx.dims<"S", 8>>) -> !onnx.unknown
  %s = onnx.Gather(%shape, %zero) {axis = 0 : i64} : (!onnx.unknown, tensor<1xi64>) -> !onnx.unknown
  %s2 = onnx.Mul(%s, %two) : (!onnx.unknown, tensor<1xi64>) -> !onnx.unknown
  %new = onnx.Concat(%s2, %four) {axis = 0 : i64} : (!onnx.unknown, tensor<1xi64>) -> !onnx.unknown
  %y = onnx.Reshape(%x, %new) : (tensor<?x8xf32, #onnx.dims<"S", 8>>, !onnx.unknown) -> !onnx.unknown
  %z = onnx.ConstantOfShape(%new) : (!onnx.unknown) -> !onnx.unknown
  %first = onnx.Squeeze(%s2) : (!onnx.unknown) -> !onnx.unknown
  %start = onnx.constant dense<0> : tensor<i64>
  %step = onnx.constant dense<1> : tensor<i64>
  %r = onnx.Range(%start, %first, %step) : (tensor<i64>, !onnx.unknown, tensor<i64>) -> !onnx.unknown
  return
}

// -----

// The idiom Where(Equal(shape, -1), ones, shape) is decided: a size is never negative.
// CHECK-LABEL: @broadcast_shape
// CHECK: onnx.Expand({{.*}} -> tensor<?x4xf32, #onnx.dims<"S", 4>>
func.func @broadcast_shape(%x: tensor<1x4xf32>, %y: tensor<?x4xf32, #onnx.dims<"S", 4>>) {
  %shape = onnx.Shape(%y) : (tensor<?x4xf32, #onnx.dims<"S", 4>>) -> !onnx.unknown
  %minus = onnx.constant dense<-1> : tensor<i64>
  %ones = onnx.constant dense<1> : tensor<2xi64>
  %is = onnx.Equal(%shape, %minus) : (!onnx.unknown, tensor<i64>) -> !onnx.unknown
  %want = onnx.Where(%is, %ones, %shape) : (!onnx.unknown, tensor<2xi64>, !onnx.unknown) -> !onnx.unknown
  %e = onnx.Expand(%x, %want) : (tensor<1x4xf32>, !onnx.unknown) -> !onnx.unknown
  return
}

// -----

// Sizes known only from data are new symbols with an upper bound.
// CHECK: func.func @data_dependent
// CHECK-SAME: onnx.bounds = {nonzero0 = "8*S"}
// CHECK: onnx.NonZero({{.*}} -> tensor<2x?xi64, #onnx.dims<2, "nonzero0">>
func.func @data_dependent(%x: tensor<?x8xi1, #onnx.dims<"S", 8>>) {
  %0 = onnx.NonZero(%x) : (tensor<?x8xi1, #onnx.dims<"S", 8>>) -> !onnx.unknown
  return
}

// -----

// What can only be checked at run time is left to the entry code.
// CHECK: func.func @checked_at_entry
// CHECK-SAME: onnx.require = ["K == L"]
func.func @checked_at_entry(%a: tensor<4x?xf32, #onnx.dims<4, "K">>, %b: tensor<?x8xf32, #onnx.dims<"L", 8>>) {
  %0 = onnx.MatMul(%a, %b) : (tensor<4x?xf32, #onnx.dims<4, "K">>, tensor<?x8xf32, #onnx.dims<"L", 8>>) -> !onnx.unknown
  return
}

// -----

// A symbol that an operator fixes is replaced everywhere.
// CHECK: func.func @settled(%{{.*}}: tensor<4x16xf32>
// CHECK: onnx.MatMul({{.*}}) : (tensor<4x16xf32>, tensor<16x8xf32>) -> tensor<4x8xf32>
func.func @settled(%a: tensor<4x?xf32, #onnx.dims<4, "K">>, %b: tensor<16x8xf32>) {
  %0 = onnx.MatMul(%a, %b) : (tensor<4x?xf32, #onnx.dims<4, "K">>, tensor<16x8xf32>) -> !onnx.unknown
  return
}

// -----

// Slices keep expressions; positions past the end are clamped.
// CHECK-LABEL: @slices
// CHECK: onnx.Slice({{.*}} -> tensor<?x4xf32, #onnx.dims<"S", 4>>
// CHECK: onnx.Slice({{.*}} -> tensor<?x4xf32, #onnx.dims<"P", 4>>
func.func @slices(%x: tensor<?x8xf32, #onnx.dims<"S", 8>>, %y: tensor<?x4xf32, #onnx.dims<"P+S", 4>>, %p: tensor<?xf32, #onnx.dims<"P">>) {
  %zero = onnx.constant dense<0> : tensor<1xi64>
  %one = onnx.constant dense<1> : tensor<1xi64>
  %four = onnx.constant dense<4> : tensor<1xi64>
  %far = onnx.constant dense<9223372036854775807> : tensor<1xi64>
  %0 = onnx.Slice(%x, %four, %far, %one) : (tensor<?x8xf32, #onnx.dims<"S", 8>>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> !onnx.unknown
  %n = onnx.Shape(%p) : (tensor<?xf32, #onnx.dims<"P">>) -> !onnx.unknown
  %1 = onnx.Slice(%y, %zero, %n, %zero) : (tensor<?x4xf32, #onnx.dims<"P+S", 4>>, tensor<1xi64>, !onnx.unknown, tensor<1xi64>) -> !onnx.unknown
  return
}

// -----

// TorchScript writes the repeats of one dimension as a one-hot row.
// CHECK-LABEL: @repeats
// CHECK: onnx.Tile({{.*}} -> tensor<?x3x8xf32, #onnx.dims<"S", 3, 8>>
func.func @repeats(%x: tensor<?x1x8xf32, #onnx.dims<"S", 1, 8>>) {
  %where = onnx.constant dense<1> : tensor<1xi64>
  %rank = onnx.constant dense<3> : tensor<i64>
  %choice = onnx.constant dense<[1, 3]> : tensor<2xi64>
  %flat = onnx.constant dense<-1> : tensor<1xi64>
  %hot = onnx.OneHot(%where, %rank, %choice) {axis = -1 : i64} : (tensor<1xi64>, tensor<i64>, tensor<2xi64>) -> !onnx.unknown
  %repeats = onnx.Reshape(%hot, %flat) : (!onnx.unknown, tensor<1xi64>) -> !onnx.unknown
  %y = onnx.Tile(%x, %repeats) : (tensor<?x1x8xf32, #onnx.dims<"S", 1, 8>>, !onnx.unknown) -> !onnx.unknown
  return
}

// -----

// Numbers of an input that say a shape are symbols, also where a constant says the rest.
// CHECK-LABEL: @elements
// CHECK-SAME: onnx.elements = {size.0 = array<i64: 0, 0>, size.1 = array<i64: 0, 1>, size.2 = array<i64: 0, 2>}
// CHECK: onnx.ConstantOfShape({{.*}} -> tensor<?x5x?xf32, #onnx.dims<"size.0", 5, "size.2">>
// CHECK: onnx.Squeeze({{.*}} -> tensor<?x5x?xf32, #onnx.dims<"size.0", 5, "size.2">>
// CHECK: onnx.Expand({{.*}} -> tensor<?x3x2xf32, #onnx.dims<"size.1", 3, 2>>
func.func @elements(%size: tensor<3xi64> {onnx.name = "size"}, %x: tensor<3x1xf32>) {
  %five = onnx.constant dense<5> : tensor<1xi64>
  %two = onnx.constant dense<[3, 2]> : tensor<2xi64>
  %a, %b, %c = onnx.Split(%size, none) {num_outputs = 3 : i64} : (tensor<3xi64>) -> (!onnx.unknown, !onnx.unknown, !onnx.unknown)
  %shape = onnx.Concat(%a, %five, %c) {axis = 0 : i64} : (!onnx.unknown, tensor<1xi64>, !onnx.unknown) -> !onnx.unknown
  %0 = onnx.ConstantOfShape(%shape) : (!onnx.unknown) -> !onnx.unknown
  %1 = onnx.Squeeze(%0) : (!onnx.unknown) -> !onnx.unknown
  %wide = onnx.Concat(%b, %two) {axis = 0 : i64} : (!onnx.unknown, tensor<2xi64>) -> !onnx.unknown
  %2 = onnx.Expand(%x, %wide) : (tensor<3x1xf32>, !onnx.unknown) -> !onnx.unknown
  return
}

// -----

// A number of an input may be 1 where the value has more: what comes out is known at run time.
// CHECK-LABEL: @may_be_one
// CHECK: onnx.Expand({{.*}} -> tensor<?xf32, #onnx.dims<"expand{{[0-9]+}}">>
func.func @may_be_one(%size: tensor<1xi64> {onnx.name = "size"}, %x: tensor<3xf32>) {
  %0 = onnx.Expand(%x, %size) : (tensor<3xf32>, tensor<1xi64>) -> !onnx.unknown
  return
}

// -----

// Graphs of an If that give one element as a number and as a vector: right where it only broadcasts.
// CHECK-LABEL: @two_ranks
// CHECK: onnx.If{{.*}} -> tensor<1xf32>
// CHECK: onnx.Mul({{.*}} -> tensor<4xf32>
func.func @two_ranks(%p: tensor<i1>, %number: tensor<f32>, %x: tensor<4xf32>) {
  %y = onnx.If(%p) : (tensor<i1>) -> !onnx.unknown {
    onnx.Yield %number : tensor<f32>
  } {
    %axes = onnx.constant dense<0> : tensor<1xi64>
    %v = onnx.Unsqueeze(%number, %axes) : (tensor<f32>, tensor<1xi64>) -> !onnx.unknown
    onnx.Yield %v : !onnx.unknown
  }
  %z = onnx.Mul(%y, %x) : (!onnx.unknown, tensor<4xf32>) -> !onnx.unknown
  return
}

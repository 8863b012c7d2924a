// What the shape rules of operators that rearrange elements refuse, one case for each (dialects/onnx/IR/InferLayout.cpp).
// RUN: janus-opt %s --janus-infer-shapes -split-input-file -verify-diagnostics

// The rank of the result is the number of entries of the shape.
func.func @f(%x: tensor<4x8xf32>, %s: tensor<?xi64, #onnx.dims<"n">>) {
  // expected-error @below {{expects a shape of rank 1 and known extent}}
  %0 = onnx.Reshape(%x, %s) : (tensor<4x8xf32>, tensor<?xi64, #onnx.dims<"n">>) -> !onnx.unknown
  return
}

// -----

// One dimension at most is what is left.
func.func @f(%x: tensor<4x8xf32>) {
  %s = onnx.constant dense<[-1, 2, -1]> : tensor<3xi64>
  // expected-error @below {{expects at most one -1 in the shape, found another at position 2}}
  %0 = onnx.Reshape(%x, %s) : (tensor<4x8xf32>, tensor<3xi64>) -> !onnx.unknown
  return
}

// -----

// 0 copies a dimension of the input.
func.func @f(%x: tensor<4x8xf32>) {
  %s = onnx.constant dense<[4, 8, 0]> : tensor<3xi64>
  // expected-error @below {{copies dimension 2 of an input of rank 2}}
  %0 = onnx.Reshape(%x, %s) : (tensor<4x8xf32>, tensor<3xi64>) -> !onnx.unknown
  return
}

// -----

// The elements have to fit.
func.func @f(%x: tensor<4x8xf32>) {
  %s = onnx.constant dense<[5, 6]> : tensor<2xi64>
  // expected-error @below {{expects equal numbers of elements, found 30 and 32}}
  %0 = onnx.Reshape(%x, %s) : (tensor<4x8xf32>, tensor<2xi64>) -> !onnx.unknown
  return
}

// -----

// What is left has to divide.
func.func @f(%x: tensor<4x8xf32>) {
  %s = onnx.constant dense<[3, -1]> : tensor<2xi64>
  // expected-error @below {{cannot divide 32 elements into rows of 3}}
  %0 = onnx.Reshape(%x, %s) : (tensor<4x8xf32>, tensor<2xi64>) -> !onnx.unknown
  return
}

// -----

// Each dimension once.
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @below {{expects perm to be a permutation of 2 dimensions}}
  %0 = onnx.Transpose(%x) {perm = array<i64: 1, 1>} : (tensor<4x8xf32>) -> !onnx.unknown
  return
}

// -----

// All dimensions.
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @below {{expects perm to be a permutation of 2 dimensions}}
  %0 = onnx.Transpose(%x) {perm = array<i64: 0>} : (tensor<4x8xf32>) -> !onnx.unknown
  return
}

// -----

// How many dimensions go decides the rank.
func.func @f(%x: tensor<4x8xf32>, %a: tensor<?xi64, #onnx.dims<"n">>) {
  // expected-error @below {{expects axes of rank 1 and known extent}}
  %0 = onnx.Squeeze(%x, %a) : (tensor<4x8xf32>, tensor<?xi64, #onnx.dims<"n">>) -> !onnx.unknown
  return
}

// -----

// Only a dimension of 1 can go.
func.func @f(%x: tensor<4x8xf32>) {
  %a = onnx.constant dense<[0]> : tensor<1xi64>
  // expected-error @below {{expects equal extents of a squeezed dimension, found 4 and 1}}
  %0 = onnx.Squeeze(%x, %a) : (tensor<4x8xf32>, tensor<1xi64>) -> !onnx.unknown
  return
}

// -----

// How many dimensions come decides the rank.
func.func @f(%x: tensor<4x8xf32>, %a: tensor<?xi64, #onnx.dims<"n">>) {
  // expected-error @below {{expects axes of rank 1 and known extent}}
  %0 = onnx.Unsqueeze(%x, %a) : (tensor<4x8xf32>, tensor<?xi64, #onnx.dims<"n">>) -> !onnx.unknown
  return
}

// -----

// Axes of Unsqueeze count in the result.
func.func @f(%x: tensor<4x8xf32>) {
  %a = onnx.constant dense<[3]> : tensor<1xi64>
  // expected-error @below {{expects an axis in [-3, 3), found 3}}
  %0 = onnx.Unsqueeze(%x, %a) : (tensor<4x8xf32>, tensor<1xi64>) -> !onnx.unknown
  return
}

// -----

// Each of them once.
func.func @f(%x: tensor<4x8xf32>) {
  %a = onnx.constant dense<[1, 1]> : tensor<2xi64>
  // expected-error @below {{names axis 1 twice}}
  %0 = onnx.Unsqueeze(%x, %a) : (tensor<4x8xf32>, tensor<2xi64>) -> !onnx.unknown
  return
}

// -----

// An axis of Flatten may be the rank, no more.
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @below {{expects an axis in [-2, 2], found 3}}
  %0 = onnx.Flatten(%x) {axis = 3 : i64} : (tensor<4x8xf32>) -> !onnx.unknown
  return
}

// -----

// The rank of an Expand cannot depend on data.
func.func @f(%x: tensor<4x8xf32>, %s: tensor<?xi64, #onnx.dims<"n">>) {
  // expected-error @below {{expects a shape of rank 1 and known extent}}
  %0 = onnx.Expand(%x, %s) : (tensor<4x8xf32>, tensor<?xi64, #onnx.dims<"n">>) -> !onnx.unknown
  return
}

// -----

// It broadcasts: an extent of 8 does not become 9.
func.func @f(%x: tensor<4x8xf32>) {
  %s = onnx.constant dense<[4, 9]> : tensor<2xi64>
  // expected-error @below {{expects equal or broadcast extents, found 8 and 9}}
  %0 = onnx.Expand(%x, %s) : (tensor<4x8xf32>, tensor<2xi64>) -> !onnx.unknown
  return
}

// -----

// One repeat a dimension.
func.func @f(%x: tensor<4x8xf32>) {
  %r = onnx.constant dense<[2]> : tensor<1xi64>
  // expected-error @below {{expects 2 repeats, found 1}}
  %0 = onnx.Tile(%x, %r) : (tensor<4x8xf32>, tensor<1xi64>) -> !onnx.unknown
  return
}

// -----

// No repeat is negative.
func.func @f(%x: tensor<4x8xf32>) {
  %r = onnx.constant dense<[1, -1]> : tensor<2xi64>
  // expected-error @below {{expects results with extents of at least 0, found -8}}
  %0 = onnx.Tile(%x, %r) : (tensor<4x8xf32>, tensor<2xi64>) -> !onnx.unknown
  return
}

// -----

// Something to put together.
func.func @f() {
  // expected-error @below {{expects at least one input}}
  %0 = onnx.Concat() {axis = 0 : i64} : () -> !onnx.unknown
  return
}

// -----

// Of one rank.
func.func @f(%x: tensor<4x8xf32>, %y: tensor<4xf32>) {
  // expected-error @below {{expects inputs of rank 2, found rank 1 at position 1}}
  %0 = onnx.Concat(%x, %y) {axis = 0 : i64} : (tensor<4x8xf32>, tensor<4xf32>) -> !onnx.unknown
  return
}

// -----

// Alike outside the axis.
func.func @f(%x: tensor<4x8xf32>, %y: tensor<4x9xf32>) {
  // expected-error @below {{expects equal extents outside the axis, found 8 and 9}}
  %0 = onnx.Concat(%x, %y) {axis = 0 : i64} : (tensor<4x8xf32>, tensor<4x9xf32>) -> !onnx.unknown
  return
}

// -----

// Along an axis that is there.
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @below {{expects an axis in [-2, 2), found 5}}
  %0 = onnx.Concat(%x, %x) {axis = 5 : i64} : (tensor<4x8xf32>, tensor<4x8xf32>) -> !onnx.unknown
  return
}

// -----

// Into one piece at least.
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @below {{expects at least one output}}
  "onnx.Split"(%x) <{axis = 0 : i64}> : (tensor<4x8xf32>) -> ()
  return
}

// -----

// An extent for each piece.
func.func @f(%x: tensor<4x8xf32>) {
  %s = onnx.constant dense<[1, 1, 2]> : tensor<3xi64>
  // expected-error @below {{expects 2 extents, as many as outputs, found 3}}
  %0:2 = onnx.Split(%x, %s) : (tensor<4x8xf32>, tensor<3xi64>) -> (!onnx.unknown, !onnx.unknown)
  return
}

// -----

// Pieces that add up.
func.func @f(%x: tensor<4x8xf32>) {
  %s = onnx.constant dense<[1, 2]> : tensor<2xi64>
  // expected-error @below {{expects equal extents along the axis, found 3 and 4}}
  %0:2 = onnx.Split(%x, %s) : (tensor<4x8xf32>, tensor<2xi64>) -> (!onnx.unknown, !onnx.unknown)
  return
}

// -----

// None of them negative.
func.func @f(%x: tensor<4x8xf32>) {
  %s = onnx.constant dense<[5, -1]> : tensor<2xi64>
  // expected-error @below {{expects results with extents of at least 0, found -1}}
  %0:2 = onnx.Split(%x, %s) : (tensor<4x8xf32>, tensor<2xi64>) -> (!onnx.unknown, !onnx.unknown)
  return
}

// -----

// Nor a last one that six equal pieces of 4 leave.
func.func @f(%x: tensor<4xf32>) {
  // expected-error @below {{expects results with extents of at least 0, found -1}}
  %0:6 = onnx.Split(%x) {num_outputs = 6 : i64} : (tensor<4xf32>) -> (!onnx.unknown, !onnx.unknown, !onnx.unknown, !onnx.unknown, !onnx.unknown, !onnx.unknown)
  return
}

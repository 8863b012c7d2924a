// What the shape rules of elementwise, comparison, reduction and constant operators refuse, one case for each (dialects/onnx/IR/InferBasic.cpp).
// RUN: janus-opt %s --janus-infer-shapes -split-input-file -verify-diagnostics

// Axes lie in [-rank, rank).
func.func @f(%x: tensor<2x4xf32>) {
  // expected-error @below {{expects an axis in [-2, 2), found -3}}
  %0 = onnx.ReduceMax(%x) {axes = array<i64: -3>} : (tensor<2x4xf32>) -> !onnx.unknown
  return
}

// -----

// Extents are equal, or one of them is 1.
func.func @f(%a: tensor<3xf32>, %b: tensor<2x4xf32>) {
  // expected-error @below {{expects equal or broadcast extents, found 4 and 3}}
  %0 = onnx.Add(%a, %b) : (tensor<3xf32>, tensor<2x4xf32>) -> !onnx.unknown
  return
}

// -----

// Comparisons broadcast by the same rule.
func.func @f(%a: tensor<3xf32>, %b: tensor<4xf32>) {
  // expected-error @below {{expects equal or broadcast extents, found 3 and 4}}
  %0 = onnx.Less(%a, %b) : (tensor<3xf32>, tensor<4xf32>) -> !onnx.unknown
  return
}

// -----

// So does a choice.
func.func @f(%c: tensor<3xi1>, %b: tensor<4xf32>) {
  // expected-error @below {{expects equal or broadcast extents, found 3 and 4}}
  %0 = onnx.Where(%c, %b, %b) : (tensor<3xi1>, tensor<4xf32>, tensor<4xf32>) -> !onnx.unknown
  return
}

// -----

// The least of nothing is nothing.
func.func @f() {
  // expected-error @below {{expects at least one input}}
  %0 = onnx.Min() : () -> !onnx.unknown
  return
}

// -----

// ONNX does not convert by itself.
func.func @f(%a: tensor<4xf32>, %b: tensor<4xi64>) {
  // expected-error @below {{expects inputs of one element type, found 'f32' and 'i64'}}
  %0 = onnx.Mul(%a, %b) : (tensor<4xf32>, tensor<4xi64>) -> !onnx.unknown
  return
}

// -----

// A type number that ONNX does not have; 8 is text.
func.func @f(%a: tensor<4xf32>) {
  // expected-error @below {{expects `to` to be a numeric TensorProto.DataType, found 8}}
  %0 = onnx.Cast(%a) {to = 8 : i64} : (tensor<4xf32>) -> !onnx.unknown
  return
}

// -----

// How many dimensions go decides the rank: it cannot depend on data.
func.func @f(%a: tensor<4xf32>, %axes: tensor<?xi64, #onnx.dims<"n">>) {
  // expected-error @below {{expects axes of rank 1 and known extent}}
  %0 = onnx.ReduceSum(%a, %axes) : (tensor<4xf32>, tensor<?xi64, #onnx.dims<"n">>) -> !onnx.unknown
  return
}

// -----

// A constant without a value.
func.func @f() {
  // expected-error @below {{expects one of value, value_int, value_float, value_ints, value_floats}}
  %0 = onnx.Constant() : () -> !onnx.unknown
  return
}

// -----

// What keeps the shape has its axis checked all the same.
func.func @f(%x: tensor<4x8xf32>) {
  // expected-error @below {{expects an axis in [-2, 2), found 2}}
  %0 = onnx.Softmax(%x) {axis = 2 : i64} : (tensor<4x8xf32>) -> !onnx.unknown
  return
}

// -----

func.func @f(%x: tensor<4x8xf32>) {
  %a = onnx.constant dense<-3> : tensor<i64>
  // expected-error @below {{expects an axis in [-2, 2), found -3}}
  %0 = onnx.CumSum(%x, %a) : (tensor<4x8xf32>, tensor<i64>) -> !onnx.unknown
  return
}

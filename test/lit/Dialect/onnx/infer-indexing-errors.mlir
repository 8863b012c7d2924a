// What the shape rules of operators that read shapes, select or create elements refuse, one case for each (dialects/onnx/IR/InferIndexing.cpp).
// RUN: janus-opt %s --janus-infer-shapes -split-input-file -verify-diagnostics

// As many starts as the rank of nothing in particular: their number has to be known.
func.func @f(%x: tensor<4x8xf32>, %b: tensor<?xi64, #onnx.dims<"n">>) {
  // expected-error @below {{expects starts of rank 1 and known extent}}
  %0 = onnx.Slice(%x, %b, %b) : (tensor<4x8xf32>, tensor<?xi64, #onnx.dims<"n">>, tensor<?xi64, #onnx.dims<"n">>) -> !onnx.unknown
  return
}

// -----

// Every start has an end.
func.func @f(%x: tensor<4x8xf32>) {
  %b = onnx.constant dense<[0, 0]> : tensor<2xi64>
  %e = onnx.constant dense<[1]> : tensor<1xi64>
  // expected-error @below {{expects 2 ends, as many as starts}}
  %0 = onnx.Slice(%x, %b, %e) : (tensor<4x8xf32>, tensor<2xi64>, tensor<1xi64>) -> !onnx.unknown
  return
}

// -----

// And an axis.
func.func @f(%x: tensor<4x8xf32>) {
  %b = onnx.constant dense<[0]> : tensor<1xi64>
  %e = onnx.constant dense<[1]> : tensor<1xi64>
  %a = onnx.constant dense<[0, 1]> : tensor<2xi64>
  // expected-error @below {{expects 1 axes, as many as starts}}
  %0 = onnx.Slice(%x, %b, %e, %a) : (tensor<4x8xf32>, tensor<1xi64>, tensor<1xi64>, tensor<2xi64>) -> !onnx.unknown
  return
}

// -----

// And a step.
func.func @f(%x: tensor<4x8xf32>, %s: tensor<2xi64>) {
  %b = onnx.constant dense<[0]> : tensor<1xi64>
  %e = onnx.constant dense<[1]> : tensor<1xi64>
  // expected-error @below {{expects 1 steps, as many as starts}}
  %0 = onnx.Slice(%x, %b, %e, none, %s) : (tensor<4x8xf32>, tensor<1xi64>, tensor<1xi64>, tensor<2xi64>) -> !onnx.unknown
  return
}

// -----

// A step of 0 never arrives.
func.func @f(%x: tensor<4x8xf32>) {
  %b = onnx.constant dense<[0]> : tensor<1xi64>
  %e = onnx.constant dense<[1]> : tensor<1xi64>
  %s = onnx.constant dense<[0]> : tensor<1xi64>
  // expected-error @below {{expects a step other than 0}}
  %0 = onnx.Slice(%x, %b, %e, none, %s) : (tensor<4x8xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> !onnx.unknown
  return
}

// -----

// An axis twice.
func.func @f(%x: tensor<4x8xf32>) {
  %b = onnx.constant dense<[0, 0]> : tensor<2xi64>
  %a = onnx.constant dense<[1, -1]> : tensor<2xi64>
  // expected-error @below {{names axis 1 twice}}
  %0 = onnx.Slice(%x, %b, %b, %a) : (tensor<4x8xf32>, tensor<2xi64>, tensor<2xi64>, tensor<2xi64>) -> !onnx.unknown
  return
}

// -----

// An axis of a slice lies in [-rank, rank).
func.func @f(%x: tensor<4x8xf32>) {
  %b = onnx.constant dense<[0]> : tensor<1xi64>
  %e = onnx.constant dense<[1]> : tensor<1xi64>
  %a = onnx.constant dense<[2]> : tensor<1xi64>
  // expected-error @below {{expects an axis in [-2, 2), found 2}}
  %0 = onnx.Slice(%x, %b, %e, %a) : (tensor<4x8xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> !onnx.unknown
  return
}

// -----

// A rank that only data tells.
func.func @f(%s: tensor<?xi64, #onnx.dims<"n">>) {
  // expected-error @below {{expects a shape of rank 1 and known extent}}
  %0 = onnx.ConstantOfShape(%s) : (tensor<?xi64, #onnx.dims<"n">>) -> !onnx.unknown
  return
}

// -----

// More than one value to fill with.
func.func @f() {
  %s = onnx.constant dense<[2, 3]> : tensor<2xi64>
  // expected-error @below {{expects one value, found 2}}
  %0 = onnx.ConstantOfShape(%s) {value = dense<[0, 1]> : tensor<2xi64>} : (tensor<2xi64>) -> !onnx.unknown
  return
}

// -----

// An extent below 0 (here as in every other operator that takes a shape).
func.func @f() {
  %s = onnx.constant dense<[2, -3]> : tensor<2xi64>
  // expected-error @below {{expects results with extents of at least 0, found -3}}
  %0 = onnx.ConstantOfShape(%s) : (tensor<2xi64>) -> !onnx.unknown
  return
}

// -----

// A range between numbers of two types.
func.func @f(%n: tensor<i64>, %m: tensor<i32>) {
  // expected-error @below {{expects inputs of one element type, found 'i64' and 'i32'}}
  %0 = onnx.Range(%n, %m, %n) : (tensor<i64>, tensor<i32>, tensor<i64>) -> !onnx.unknown
  return
}

// -----

// A range that never arrives.
func.func @f() {
  %a = onnx.constant dense<0> : tensor<i64>
  %b = onnx.constant dense<4> : tensor<i64>
  // expected-error @below {{expects a delta other than 0}}
  %0 = onnx.Range(%a, %b, %a) : (tensor<i64>, tensor<i64>, tensor<i64>) -> !onnx.unknown
  return
}

// -----

// A dimension that the tensor does not have.
func.func @f(%x: tensor<4x8xf32>) {
  %i = onnx.constant dense<[2]> : tensor<1xi64>
  %s = onnx.Shape(%x) : (tensor<4x8xf32>) -> tensor<2xi64>
  // expected-error @below {{expects indices in [-2, 2), found 2}}
  %0 = onnx.Gather(%s, %i) : (tensor<2xi64>, tensor<1xi64>) -> !onnx.unknown
  return
}

// -----

// A gather of a scalar.
func.func @f(%x: tensor<f32>) {
  %i = onnx.constant dense<[0]> : tensor<1xi64>
  // expected-error @below {{expects an axis in [0, 0), found 0}}
  %0 = onnx.Gather(%x, %i) : (tensor<f32>, tensor<1xi64>) -> !onnx.unknown
  return
}

// -----

// Indices of another rank.
func.func @f(%x: tensor<4x8xf32>, %i: tensor<4xi64>) {
  // expected-error @below {{expects indices of rank 2, found 1}}
  %0 = onnx.GatherElements(%x, %i) : (tensor<4x8xf32>, tensor<4xi64>) -> !onnx.unknown
  return
}

// -----

// An axis of GatherElements.
func.func @f(%x: tensor<4x8xf32>, %i: tensor<4x1xi64>) {
  // expected-error @below {{expects an axis in [-2, 2), found 3}}
  %0 = onnx.GatherElements(%x, %i) {axis = 3 : i64} : (tensor<4x8xf32>, tensor<4x1xi64>) -> !onnx.unknown
  return
}

// -----

// More of the largest than there are.
func.func @f(%x: tensor<4x8xf32>) {
  %k = onnx.constant dense<[9]> : tensor<1xi64>
  // expected-error @below {{expects k of at most 8, found 9}}
  %0, %1 = onnx.TopK(%x, %k) : (tensor<4x8xf32>, tensor<1xi64>) -> (!onnx.unknown, !onnx.unknown)
  return
}

// -----

// Fewer than none.
func.func @f(%x: tensor<4x8xf32>) {
  %k = onnx.constant dense<[-1]> : tensor<1xi64>
  // expected-error @below {{expects results with extents of at least 0, found -1}}
  %0, %1 = onnx.TopK(%x, %k) : (tensor<4x8xf32>, tensor<1xi64>) -> (!onnx.unknown, !onnx.unknown)
  return
}

// -----

// An axis of TopK.
func.func @f(%x: tensor<4x8xf32>) {
  %k = onnx.constant dense<[1]> : tensor<1xi64>
  // expected-error @below {{expects an axis in [-2, 2), found -3}}
  %0, %1 = onnx.TopK(%x, %k) {axis = -3 : i64} : (tensor<4x8xf32>, tensor<1xi64>) -> (!onnx.unknown, !onnx.unknown)
  return
}

// Element types that an operator does not take, one case for each kind (dialects/onnx/IR/ElementTypes.cpp).
// RUN: janus-opt %s --janus-infer-shapes -split-input-file -verify-diagnostics

// A function of real numbers.
func.func @f(%a: tensor<4xi64>) {
  // expected-error @below {{[JNS-ONNX-005] 'onnx.Exp' op expects a float of 16, 32 or 64 bits as input 0, found 'i64'}}
  %0 = onnx.Exp(%a) : (tensor<4xi64>) -> !onnx.unknown
  return
}

// -----

// Arithmetic on truth.
func.func @f(%a: tensor<4xi1>) {
  // expected-error @below {{expects a number as input 0, found 'i1'}}
  %0 = onnx.Add(%a, %a) : (tensor<4xi1>, tensor<4xi1>) -> !onnx.unknown
  return
}

// -----

// Truth of numbers.
func.func @f(%a: tensor<4xf32>) {
  // expected-error @below {{expects bool as input 0, found 'f32'}}
  %0 = onnx.And(%a, %a) : (tensor<4xf32>, tensor<4xf32>) -> !onnx.unknown
  return
}

// -----

// Bits of a float.
func.func @f(%a: tensor<4xf32>) {
  // expected-error @below {{expects an integer as input 0, found 'f32'}}
  %0 = onnx.BitwiseAnd(%a, %a) : (tensor<4xf32>, tensor<4xf32>) -> !onnx.unknown
  return
}

// -----

// A shape that is no list of indices.
func.func @f(%a: tensor<4xf32>, %s: tensor<2xf32>) {
  // expected-error @below {{expects int32 or int64 as input 1, found 'f32'}}
  %0 = onnx.Reshape(%a, %s) : (tensor<4xf32>, tensor<2xf32>) -> !onnx.unknown
  return
}

// -----

// A type of which there is no arithmetic.
func.func @f(%a: tensor<4xcomplex<f32>>) {
  // expected-error @below {{expects a number as input 0, found 'complex<f32>'}}
  %0 = onnx.Neg(%a) : (tensor<4xcomplex<f32>>) -> !onnx.unknown
  return
}

// -----

// Two types where one is wanted.
func.func @f(%c: tensor<4xi1>, %a: tensor<4xf32>, %b: tensor<4xf16>) {
  // expected-error @below {{expects inputs of one element type, found 'f32' and 'f16'}}
  %0 = onnx.Where(%c, %a, %b) : (tensor<4xi1>, tensor<4xf32>, tensor<4xf16>) -> !onnx.unknown
  return
}

// -----

// Quantised weights that are numbers already.
func.func @f(%a: tensor<3x64xf32>, %b: tensor<8x2x16xf32>, %s: tensor<16xf32>) {
  // expected-error @below {{expects bytes or 4-bit integers as input 1, found 'f32'}}
  %0 = onnx.MatMulNBits(%a, %b, %s) {K = 64 : i64, N = 8 : i64, bits = 4 : i64, block_size = 32 : i64} : (tensor<3x64xf32>, tensor<8x2x16xf32>, tensor<16xf32>) -> !onnx.unknown
  return
}

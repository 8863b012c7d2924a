// One case for each thing that --janus-verify-import states.
// RUN: janus-opt %s --janus-verify-import -split-input-file -verify-diagnostics

// (1) a function @main
// expected-error @below {{expects a function @main}}
module {}

// -----

// (1) names of arguments and results
// expected-error @below {{has an argument without onnx.name}}
// expected-error @below {{has a result without onnx.name}}
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> { return %x : tensor<4xf32> }

// -----

// (2) an op of another dialect
func.func @main() {
  // expected-error @below {{is no onnx op; import leaves onnx and func only}}
  %0 = arith.constant 1 : i32
  return
}

// -----

// (2) a Constant node
func.func @main() {
  // expected-error @below {{is left; run janus-inline-constants}}
  %1 = onnx.Constant() {value_int = 1 : i64} : () -> !onnx.unknown
  return
}

// -----

// (3) a result without a type
func.func @main(%x: tensor<4xf32> {onnx.name = "x"}) {
  // expected-error @below {{has a result without a shape, or a '?' without a symbolic dimension; run janus-infer-shapes}}
  // expected-error @below {{has a location that names no ONNX node}}
  %0 = onnx.Exp(%x) : (tensor<4xf32>) -> !onnx.unknown
  return
}

// -----

// (3) a dimension without a name
func.func @main(%x: tensor<?xf32> {onnx.name = "x"}) {
  // expected-error @below {{has a result without a shape, or a '?' without a symbolic dimension; run janus-infer-shapes}}
  // expected-error @below {{has a location that names no ONNX node}}
  %0 = onnx.Exp(%x) : (tensor<?xf32>) -> tensor<?xf32>
  return
}

// -----

// (4) numbers in the module
// expected-error @below {{holds its numbers, expected a reference into a file; run janus-inline-constants}}
onnx.initializer @w : tensor<2xf32> = dense<1.0> : tensor<2xf32>
func.func @main() {
  return
}

// -----

// (5) an operator whose location names no node
func.func @main(%x: tensor<4xf32> {onnx.name = "x"}) {
  // expected-error @below {{has a location that names no ONNX node}}
  %0 = onnx.Exp(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return
}

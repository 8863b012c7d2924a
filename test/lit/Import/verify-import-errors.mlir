// RUN: janus-opt %s --janus-verify-import --split-input-file --verify-diagnostics

// expected-error @+1 {{expects a function @main}}
module {}

// -----

// expected-error @+2 {{has an argument without onnx.name}}
// expected-error @+1 {{has a result without onnx.name}}
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> { return %x : tensor<4xf32> }

// -----

func.func @main(%x: tensor<4xf32> {onnx.name = "x"}) {
  // expected-error @+2 {{has a result without a shape}}
  // expected-error @+1 {{has a location that names no ONNX node}}
  %0 = onnx.Exp(%x) : (tensor<4xf32>) -> !onnx.unknown
  // expected-error @+1 {{is left; run janus-inline-constants}}
  %1 = onnx.Constant() {value_int = 1 : i64} : () -> !onnx.unknown
  return
}

// -----

func.func @main(%x: tensor<?xf32> {onnx.name = "x"}) {
  // expected-error @+1 {{is no onnx op; import leaves onnx and func only}}
  %0 = arith.constant 1 : i32
  return
}

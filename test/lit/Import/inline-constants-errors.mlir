// RUN: janus-opt %s --janus-inline-constants -verify-diagnostics

// Every Constant node without a value is reported.
func.func @main() {
  // expected-error @below {{expects one of value, value_int, value_float, value_ints, value_floats}}
  %0 = onnx.Constant() : () -> !onnx.unknown
  // expected-error @below {{expects one of value, value_int, value_float, value_ints, value_floats}}
  %1 = onnx.Constant() : () -> !onnx.unknown
  return
}

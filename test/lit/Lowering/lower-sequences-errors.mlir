// RUN: janus-opt %s --janus-lower-sequences -split-input-file -verify-diagnostics

// Extents that only data decide: there is no memory to take in a step.
// expected-error @below {{[JNS-ONNX-007] expects extents that the number of rows decides in what moe.sequence calls; found some that only data decide}}
func.func private @sequence_0(%x: tensor<?x8xf32, #onnx.dims<"S", 8>>) -> tensor<?x8xf32, #onnx.dims<"S", 8>>
    attributes {janus.inputs = 1 : i64, janus.role = "attention", janus.sequence} {
  %0 = onnx.NonZero(%x) : (tensor<?x8xf32, #onnx.dims<"S", 8>>) -> tensor<2x?xi64, #onnx.dims<2, "nonzero0">>
  %1 = onnx.Cast(%0) {to = 1 : i64} : (tensor<2x?xi64, #onnx.dims<2, "nonzero0">>) -> tensor<2x?xf32, #onnx.dims<2, "nonzero0">>
  %axes = onnx.constant dense<[0, 1]> : tensor<2xi64>
  %2 = onnx.ReduceSum(%1, %axes) {keepdims = 0 : i64} : (tensor<2x?xf32, #onnx.dims<2, "nonzero0">>, tensor<2xi64>) -> tensor<f32>
  %3 = onnx.Add(%x, %2) : (tensor<?x8xf32, #onnx.dims<"S", 8>>, tensor<f32>) -> tensor<?x8xf32, #onnx.dims<"S", 8>>
  return %3 : tensor<?x8xf32, #onnx.dims<"S", 8>>
}

// -----

// Operands whose rows are counted by different symbols.
// expected-error @below {{[JNS-ONNX-007] expects one symbol, the rows, in what moe.sequence calls, found 2}}
func.func private @sequence_0(%x: tensor<?x8xf32, #onnx.dims<"S", 8>>, %y: tensor<?x8xf32, #onnx.dims<"T", 8>>) -> tensor<?x8xf32, #onnx.dims<"S", 8>>
    attributes {janus.inputs = 2 : i64, janus.role = "attention", janus.sequence} {
  %0 = onnx.Neg(%x) : (tensor<?x8xf32, #onnx.dims<"S", 8>>) -> tensor<?x8xf32, #onnx.dims<"S", 8>>
  return %0 : tensor<?x8xf32, #onnx.dims<"S", 8>>
}

// -----

// A weight that is no operand.
onnx.initializer @w : tensor<8xf32> = #onnx.range<"m.data", f32, offset = 0, length = 32>
// expected-error @below {{[JNS-ONNX-007] expects weights as operands of moe.sequence, found the initializer "w"}}
func.func private @sequence_0(%x: tensor<?x8xf32, #onnx.dims<"S", 8>>) -> tensor<?x8xf32, #onnx.dims<"S", 8>>
    attributes {janus.inputs = 1 : i64, janus.role = "attention", janus.sequence} {
  %w = onnx.initializer_value @w : tensor<8xf32>
  %0 = onnx.Add(%x, %w) : (tensor<?x8xf32, #onnx.dims<"S", 8>>, tensor<8xf32>) -> tensor<?x8xf32, #onnx.dims<"S", 8>>
  return %0 : tensor<?x8xf32, #onnx.dims<"S", 8>>
}

// -----

// Each operator as in a tensor program: an error names it.
func.func private @sequence_0(%x: tensor<?x8xf32, #onnx.dims<"S", 8>>) -> tensor<?x8xf32, #onnx.dims<"S", 8>>
    attributes {janus.inputs = 1 : i64, janus.role = "attention", janus.sequence} {
  // expected-error @below {{[JNS-ONNX-007] has a result of a type that tensor programs do not have}}
  %0 = onnx.Exp(%x) : (tensor<?x8xf32, #onnx.dims<"S", 8>>) -> !onnx.unknown
  %1 = onnx.Neg(%0) : (!onnx.unknown) -> tensor<?x8xf32, #onnx.dims<"S", 8>>
  return %1 : tensor<?x8xf32, #onnx.dims<"S", 8>>
}

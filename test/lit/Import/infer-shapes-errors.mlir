// What the pass itself reports; what each operator refuses stands in Dialect/onnx/infer-*-errors.mlir.
// RUN: janus-opt %s --janus-infer-shapes -split-input-file -verify-diagnostics

// Every operator that is wrong is reported, not only the first; the message names the ONNX node.
func.func @two_errors(%a: tensor<4x8xf32>) {
  %bad = onnx.constant dense<[3, -1]> : tensor<2xi64>
  // expected-error @unknown {{cannot divide 32 elements into rows of 3 (ONNX node '/block/reshape')}}
  %0 = onnx.Reshape(%a, %bad) : (tensor<4x8xf32>, tensor<2xi64>) -> !onnx.unknown loc("/block/reshape")
  // expected-error @below {{expects an axis in [-2, 2), found 5}}
  %1 = onnx.Concat(%a, %a) {axis = 5 : i64} : (tensor<4x8xf32>, tensor<4x8xf32>) -> !onnx.unknown
  return
}

// -----

// Symbols that differ by a constant are never equal.
func.func @symbols_that_differ(%a: tensor<?xf32, #onnx.dims<"S">>, %b: tensor<?xf32, #onnx.dims<"S+1">>) {
  // expected-error @below {{expects equal or broadcast extents, found S and S+1}}
  %0 = onnx.Add(%a, %b) : (tensor<?xf32, #onnx.dims<"S">>, tensor<?xf32, #onnx.dims<"S+1">>) -> !onnx.unknown
  return
}

// -----

// An operand whose shape nobody stated.
func.func @no_shape(%a: tensor<?xf32>) {
  // expected-error @below {{has an operand without a shape}}
  %0 = onnx.Exp(%a) : (tensor<?xf32>) -> !onnx.unknown
  return
}

// -----

// The model declares another rank than the graph has.
// expected-error @below {{result 0 is declared as 'tensor<4xf32>' but is 'tensor<4x8xf32>'}}
func.func @declared_rank(%a: tensor<4x8xf32>) -> (!onnx.unknown {onnx.declared = tensor<4xf32>}) {
  %0 = onnx.Exp(%a) : (tensor<4x8xf32>) -> !onnx.unknown
  return %0 : !onnx.unknown
}

// -----

// Another element type.
// expected-error @below {{result 0 is declared as 'tensor<4x8xf16>' but is 'tensor<4x8xf32>'}}
func.func @declared_type(%a: tensor<4x8xf32>) -> (!onnx.unknown {onnx.declared = tensor<4x8xf16>}) {
  %0 = onnx.Exp(%a) : (tensor<4x8xf32>) -> !onnx.unknown
  return %0 : !onnx.unknown
}

// -----

// Another extent.
func.func @declared_extent(%a: tensor<4x8xf32>) -> (!onnx.unknown {onnx.declared = tensor<4x9xf32>}) {
  %0 = onnx.Exp(%a) : (tensor<4x8xf32>) -> !onnx.unknown
  // expected-error @below {{expects equal declared and inferred extents of a result, found 9 and 8}}
  return %0 : !onnx.unknown
}

// -----

// Graphs of an If that give one element as a number and as a vector: a value whose rank shows has to have one.
func.func @two_ranks(%p: tensor<i1>, %number: tensor<f32>) {
  // expected-error @below {{expects graphs that give values of one rank, or results that only broadcast, found 'tensor<1xf32>' and one of lower rank}}
  %y = onnx.If(%p) : (tensor<i1>) -> !onnx.unknown {
    onnx.Yield %number : tensor<f32>
  } {
    %axes = onnx.constant dense<0> : tensor<1xi64>
    %v = onnx.Unsqueeze(%number, %axes) : (tensor<f32>, tensor<1xi64>) -> !onnx.unknown
    onnx.Yield %v : !onnx.unknown
  }
  %z = onnx.Shape(%y) : (!onnx.unknown) -> !onnx.unknown
  return
}

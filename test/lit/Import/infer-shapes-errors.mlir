// RUN: janus-opt %s --janus-infer-shapes --split-input-file --verify-diagnostics

func.func @matmul_inner(%a: tensor<4x8xf32>, %b: tensor<9x2xf32>) {
  // expected-error @+1 {{expects equal inner extents, found 8 and 9}}
  %0 = onnx.MatMul(%a, %b) : (tensor<4x8xf32>, tensor<9x2xf32>) -> !onnx.unknown
  return
}

// -----

func.func @two_errors(%a: tensor<4x8xf32>) {
  %bad = onnx.constant dense<[3, -1]> : tensor<2xi64>
  // expected-error @+1 {{cannot divide 32 elements into rows of 3}}
  %0 = onnx.Reshape(%a, %bad) : (tensor<4x8xf32>, tensor<2xi64>) -> !onnx.unknown
  // expected-error @+1 {{expects an axis in [-2, 2), found 5}}
  %1 = onnx.Concat(%a, %a) {axis = 5 : i64} : (tensor<4x8xf32>, tensor<4x8xf32>) -> !onnx.unknown
  return
}

// -----

func.func @symbols_that_differ(%a: tensor<?xf32, #onnx.dims<"S">>, %b: tensor<?xf32, #onnx.dims<"S+1">>) {
  // expected-error @+1 {{expects equal or broadcast extents, found S and S+1}}
  %0 = onnx.Add(%a, %b) : (tensor<?xf32, #onnx.dims<"S">>, tensor<?xf32, #onnx.dims<"S+1">>) -> !onnx.unknown
  return
}

// -----

func.func @moe_layout(%x: tensor<3x64xf32>, %r: tensor<3x8xf32>, %w1: tensor<8x64x32xf32>, %w2: tensor<8x32x64xf32>) {
  // expected-error @+1 {{expects equal columns of fc1 (laid out [experts, rows, hidden]) and input, found 32 and 64}}
  %0 = onnx.MoE(%x, %r, %w1, none, %w2) {activation_type = "silu", k = 2 : i64} : (tensor<3x64xf32>, tensor<3x8xf32>, tensor<8x64x32xf32>, tensor<8x32x64xf32>) -> !onnx.unknown
  return
}

// -----

func.func @moe_k(%x: tensor<3x64xf32>, %r: tensor<3x8xf32>, %w1: tensor<8x32x64xf32>, %w2: tensor<8x64x32xf32>) {
  // expected-error @+1 {{expects k in [1, 8], found 9}}
  %0 = onnx.MoE(%x, %r, %w1, none, %w2) {activation_type = "silu", k = 9 : i64} : (tensor<3x64xf32>, tensor<3x8xf32>, tensor<8x32x64xf32>, tensor<8x64x32xf32>) -> !onnx.unknown
  return
}

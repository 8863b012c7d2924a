// A remark at each norm that is not recovered says why.
// RUN: janus-opt %s --janus-recover-norms -split-input-file -verify-diagnostics | FileCheck %s

// The statistics are used.
!x = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
onnx.initializer @g : tensor<8xf32> = #onnx.range<"d", f32, offset = 0, length = 32>
onnx.initializer @b : tensor<8xf32> = #onnx.range<"d", f32, offset = 32, length = 32>
func.func private @step(%x: !x, %z: !x) -> !x attributes {moe.rows = "B*S"} {
  %g = onnx.initializer_value @g : tensor<8xf32>
  // expected-remark @below {{not recovered: onnx.SimplifiedLayerNormalization: its statistics are used}}
  %y, %r = onnx.SimplifiedLayerNormalization(%x, %g) : (!x, tensor<8xf32>) -> (!x, tensor<?x?x1xf32, #onnx.dims<"B", "S", 1>>)
  %0 = onnx.Mul(%y, %r) : (!x, tensor<?x?x1xf32, #onnx.dims<"B", "S", 1>>) -> !x
  return %0 : !x
}

// -----

// A norm over more than the last dimension.
!x = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
onnx.initializer @g : tensor<8xf32> = #onnx.range<"d", f32, offset = 0, length = 32>
onnx.initializer @b : tensor<8xf32> = #onnx.range<"d", f32, offset = 32, length = 32>
func.func private @step(%x: !x, %z: !x) -> !x attributes {moe.rows = "B*S"} {
  %g = onnx.initializer_value @g : tensor<8xf32>
  %w = onnx.constant dense<1.0> : tensor<1x8xf32>
  // expected-remark @below {{not recovered: onnx.LayerNormalization: axis 1 is not the last dimension}}
  %y = onnx.LayerNormalization(%x, %w) {axis = 1 : i64} : (!x, tensor<1x8xf32>) -> (!x)
  return %y : !x
}

// -----

// A scale that is computed.
!x = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
onnx.initializer @g : tensor<8xf32> = #onnx.range<"d", f32, offset = 0, length = 32>
onnx.initializer @b : tensor<8xf32> = #onnx.range<"d", f32, offset = 32, length = 32>
func.func private @step(%x: !x, %z: !x, %scale: tensor<8xf32>) -> !x attributes {moe.rows = "B*S"} {
  %g = onnx.initializer_value @g : tensor<8xf32>
  // expected-remark @below {{not recovered: onnx.RMSNormalization: scale and bias are no constants of the last dimension's size}}
  %y = onnx.RMSNormalization(%x, %scale) : (!x, tensor<8xf32>) -> !x
  return %y : !x
}

// -----

// A bias of one number.
!x = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
onnx.initializer @g : tensor<8xf32> = #onnx.range<"d", f32, offset = 0, length = 32>
onnx.initializer @b : tensor<8xf32> = #onnx.range<"d", f32, offset = 32, length = 32>
func.func private @step(%x: !x, %z: !x) -> !x attributes {moe.rows = "B*S"} {
  %g = onnx.initializer_value @g : tensor<8xf32>
  %b = onnx.constant dense<1.0> : tensor<1xf32>
  // expected-remark @below {{not recovered: onnx.LayerNormalization: scale and bias are no constants of the last dimension's size}}
  %y = onnx.LayerNormalization(%x, %g, %b) : (!x, tensor<8xf32>, tensor<1xf32>) -> (!x)
  return %y : !x
}

// -----

// An input that is not by row: its extent has nothing to do with the tokens.
!x = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
onnx.initializer @g : tensor<8xf32> = #onnx.range<"d", f32, offset = 0, length = 32>
onnx.initializer @b : tensor<8xf32> = #onnx.range<"d", f32, offset = 32, length = 32>
func.func private @step(%x: !x, %z: !x, %p: tensor<?x8xf32, #onnx.dims<"P", 8>>) -> !x attributes {moe.rows = "B*S"} {
  %g = onnx.initializer_value @g : tensor<8xf32>
  // expected-remark @below {{not recovered: onnx.RMSNormalization: its input is not f32 by row}}
  %y = onnx.RMSNormalization(%p, %g) : (tensor<?x8xf32, #onnx.dims<"P", 8>>, tensor<8xf32>) -> tensor<?x8xf32, #onnx.dims<"P", 8>>
  return %x : !x
}

// -----

// A skip norm with a bias in the sum.
!x = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
onnx.initializer @g : tensor<8xf32> = #onnx.range<"d", f32, offset = 0, length = 32>
onnx.initializer @b : tensor<8xf32> = #onnx.range<"d", f32, offset = 32, length = 32>
func.func private @step(%x: !x, %z: !x) -> !x attributes {moe.rows = "B*S"} {
  %g = onnx.initializer_value @g : tensor<8xf32>
  %b = onnx.initializer_value @b : tensor<8xf32>
  // expected-remark @below {{not recovered: onnx.SkipSimplifiedLayerNormalization: a bias in the sum}}
  %y = onnx.SkipSimplifiedLayerNormalization(%x, %z, %g, %b) : (!x, !x, tensor<8xf32>, tensor<8xf32>) -> (!x)
  return %y : !x
}

// -----

// A skip norm whose statistics are used.
!x = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
onnx.initializer @g : tensor<8xf32> = #onnx.range<"d", f32, offset = 0, length = 32>
onnx.initializer @b : tensor<8xf32> = #onnx.range<"d", f32, offset = 32, length = 32>
func.func private @step(%x: !x, %z: !x) -> !x attributes {moe.rows = "B*S"} {
  %g = onnx.initializer_value @g : tensor<8xf32>
  // expected-remark @below {{not recovered: onnx.SkipSimplifiedLayerNormalization: its statistics are used}}
  %y, %m = onnx.SkipSimplifiedLayerNormalization(%x, %z, %g) : (!x, !x, tensor<8xf32>) -> (!x, tensor<?x?x1xf32, #onnx.dims<"B", "S", 1>>)
  %0 = onnx.Sub(%y, %m) : (!x, tensor<?x?x1xf32, #onnx.dims<"B", "S", 1>>) -> !x
  return %0 : !x
}

// -----

// A skip that broadcasts.
!x = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
onnx.initializer @g : tensor<8xf32> = #onnx.range<"d", f32, offset = 0, length = 32>
onnx.initializer @b : tensor<8xf32> = #onnx.range<"d", f32, offset = 32, length = 32>
func.func private @step(%x: !x, %z: !x) -> !x attributes {moe.rows = "B*S"} {
  %g = onnx.initializer_value @g : tensor<8xf32>
  // expected-remark @below {{not recovered: onnx.SkipSimplifiedLayerNormalization: its inputs are not f32 by row, alike}}
  %y = onnx.SkipSimplifiedLayerNormalization(%x, %g, %g) : (!x, tensor<8xf32>, tensor<8xf32>) -> (!x)
  return %y : !x
}

// -----

// A skip norm whose gamma is computed; no half of it is rewritten.
// CHECK-NOT: moe.add
!x = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
onnx.initializer @g : tensor<8xf32> = #onnx.range<"d", f32, offset = 0, length = 32>
onnx.initializer @b : tensor<8xf32> = #onnx.range<"d", f32, offset = 32, length = 32>
func.func private @step(%x: !x, %z: !x, %gamma: tensor<8xf32>) -> !x attributes {moe.rows = "B*S"} {
  %g = onnx.initializer_value @g : tensor<8xf32>
  // expected-remark @below {{not recovered: onnx.SkipSimplifiedLayerNormalization: gamma is no constant of the last dimension's size}}
  %y = onnx.SkipSimplifiedLayerNormalization(%x, %z, %gamma) : (!x, !x, tensor<8xf32>) -> (!x)
  return %y : !x
}

// -----

// An epsilon that no norm has.
!x = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
onnx.initializer @g : tensor<8xf32> = #onnx.range<"d", f32, offset = 0, length = 32>
func.func private @step(%x: !x, %z: !x) -> (!x, !x) attributes {moe.rows = "B*S"} {
  %g = onnx.initializer_value @g : tensor<8xf32>
  // expected-remark @below {{not recovered: onnx.SimplifiedLayerNormalization: its epsilon is negative or no number}}
  %y = onnx.SimplifiedLayerNormalization(%x, %g) {epsilon = -1.0 : f32} : (!x, tensor<8xf32>) -> (!x)
  // expected-remark @below {{not recovered: onnx.SkipSimplifiedLayerNormalization: its epsilon is negative or no number}}
  %s = onnx.SkipSimplifiedLayerNormalization(%x, %z, %g) {epsilon = 0x7FC00000 : f32} : (!x, !x, tensor<8xf32>) -> (!x)
  return %y, %s : !x, !x
}

// A remark at each layer that is not recovered says why.
// RUN: janus-opt %s --janus-recover-moe -split-input-file -verify-diagnostics | FileCheck %s
// CHECK-COUNT-8: onnx.MoE(

// An activation that no kernel has.
!x = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!flat = tensor<?x4xf32, #onnx.dims<"B*S", 4>>
!r = tensor<?x4xf32, #onnx.dims<"B*S", 4>>
onnx.initializer @router : tensor<4x4xf32> = #onnx.range<"d", f32, offset = 0, length = 64>
onnx.initializer @router_bias : tensor<4xf32> = #onnx.range<"d", f32, offset = 64, length = 16>
onnx.initializer @fc1 : tensor<4x6x4xf32> = #onnx.range<"d", f32, offset = 1000, length = 384>
onnx.initializer @fc1_bias : tensor<4x6xf32> = #onnx.range<"d", f32, offset = 2000, length = 96>
onnx.initializer @fc2 : tensor<4x4x3xf32> = #onnx.range<"d", f32, offset = 3000, length = 192>
onnx.initializer @fc2_bias : tensor<4x4xf32> = #onnx.range<"d", f32, offset = 4000, length = 64>
onnx.initializer @one : tensor<4x3x4xf32> = #onnx.range<"d", f32, offset = 5000, length = 192>
onnx.initializer @three : tensor<4x3x4xf32> = #onnx.range<"d", f32, offset = 6000, length = 192>
func.func private @step(%i: tensor<?xi32>, %p: tensor<?xi32>, %w: tensor<?xi32>, %x: !x, %flat: !flat, %t: tensor<?x?xi64, #onnx.dims<"B", "S">>) -> !x attributes {moe.rows = "B*S", moe.tokens = 5 : i64} {
  %router = onnx.initializer_value @router : tensor<4x4xf32>
  %fc1 = onnx.initializer_value @fc1 : tensor<4x6x4xf32>
  %fc1b = onnx.initializer_value @fc1_bias : tensor<4x6xf32>
  %fc2 = onnx.initializer_value @fc2 : tensor<4x4x3xf32>
  %fc2b = onnx.initializer_value @fc2_bias : tensor<4x4xf32>
  %one = onnx.initializer_value @one : tensor<4x3x4xf32>
  %three = onnx.initializer_value @three : tensor<4x3x4xf32>
  %0 = onnx.MatMul(%flat, %router) : (!flat, tensor<4x4xf32>) -> !r
  // expected-remark @below {{not recovered: onnx.MoE: activation_type = 'tanh' (JNS-ONNX-013)}}
  %1 = onnx.MoE(%x, %0, %one, none, %fc2) {activation_type = "tanh", k = 2 : i64} : (!x, !r, tensor<4x3x4xf32>, tensor<4x4x3xf32>) -> !x
  return %1 : !x
}

// -----

// Logits that come from no linear layer.
!x = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!flat = tensor<?x4xf32, #onnx.dims<"B*S", 4>>
!r = tensor<?x4xf32, #onnx.dims<"B*S", 4>>
onnx.initializer @router : tensor<4x4xf32> = #onnx.range<"d", f32, offset = 0, length = 64>
onnx.initializer @router_bias : tensor<4xf32> = #onnx.range<"d", f32, offset = 64, length = 16>
onnx.initializer @fc1 : tensor<4x6x4xf32> = #onnx.range<"d", f32, offset = 1000, length = 384>
onnx.initializer @fc1_bias : tensor<4x6xf32> = #onnx.range<"d", f32, offset = 2000, length = 96>
onnx.initializer @fc2 : tensor<4x4x3xf32> = #onnx.range<"d", f32, offset = 3000, length = 192>
onnx.initializer @fc2_bias : tensor<4x4xf32> = #onnx.range<"d", f32, offset = 4000, length = 64>
onnx.initializer @one : tensor<4x3x4xf32> = #onnx.range<"d", f32, offset = 5000, length = 192>
onnx.initializer @three : tensor<4x3x4xf32> = #onnx.range<"d", f32, offset = 6000, length = 192>
func.func private @step(%i: tensor<?xi32>, %p: tensor<?xi32>, %w: tensor<?xi32>, %x: !x, %flat: !flat, %logits: !r, %t: tensor<?x?xi64, #onnx.dims<"B", "S">>) -> !x attributes {moe.rows = "B*S", moe.tokens = 6 : i64} {
  %router = onnx.initializer_value @router : tensor<4x4xf32>
  %fc1 = onnx.initializer_value @fc1 : tensor<4x6x4xf32>
  %fc1b = onnx.initializer_value @fc1_bias : tensor<4x6xf32>
  %fc2 = onnx.initializer_value @fc2 : tensor<4x4x3xf32>
  %fc2b = onnx.initializer_value @fc2_bias : tensor<4x4xf32>
  %one = onnx.initializer_value @one : tensor<4x3x4xf32>
  %three = onnx.initializer_value @three : tensor<4x3x4xf32>
  // expected-remark @below {{not recovered: onnx.MoE: its router: its scores are made of what is not looked into}}
  %1 = onnx.MoE(%x, %logits, %one, none, %fc2) {activation_type = "relu", k = 2 : i64} : (!x, !r, tensor<4x3x4xf32>, tensor<4x4x3xf32>) -> !x
  return %1 : !x
}

// -----

// More experts wanted than there are.
!x = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!flat = tensor<?x4xf32, #onnx.dims<"B*S", 4>>
!r = tensor<?x4xf32, #onnx.dims<"B*S", 4>>
onnx.initializer @router : tensor<4x4xf32> = #onnx.range<"d", f32, offset = 0, length = 64>
onnx.initializer @router_bias : tensor<4xf32> = #onnx.range<"d", f32, offset = 64, length = 16>
onnx.initializer @fc1 : tensor<4x6x4xf32> = #onnx.range<"d", f32, offset = 1000, length = 384>
onnx.initializer @fc1_bias : tensor<4x6xf32> = #onnx.range<"d", f32, offset = 2000, length = 96>
onnx.initializer @fc2 : tensor<4x4x3xf32> = #onnx.range<"d", f32, offset = 3000, length = 192>
onnx.initializer @fc2_bias : tensor<4x4xf32> = #onnx.range<"d", f32, offset = 4000, length = 64>
onnx.initializer @one : tensor<4x3x4xf32> = #onnx.range<"d", f32, offset = 5000, length = 192>
onnx.initializer @three : tensor<4x3x4xf32> = #onnx.range<"d", f32, offset = 6000, length = 192>
func.func private @step(%i: tensor<?xi32>, %p: tensor<?xi32>, %w: tensor<?xi32>, %x: !x, %flat: !flat, %t: tensor<?x?xi64, #onnx.dims<"B", "S">>) -> !x attributes {moe.rows = "B*S", moe.tokens = 5 : i64} {
  %router = onnx.initializer_value @router : tensor<4x4xf32>
  %fc1 = onnx.initializer_value @fc1 : tensor<4x6x4xf32>
  %fc1b = onnx.initializer_value @fc1_bias : tensor<4x6xf32>
  %fc2 = onnx.initializer_value @fc2 : tensor<4x4x3xf32>
  %fc2b = onnx.initializer_value @fc2_bias : tensor<4x4xf32>
  %one = onnx.initializer_value @one : tensor<4x3x4xf32>
  %three = onnx.initializer_value @three : tensor<4x3x4xf32>
  %0 = onnx.MatMul(%flat, %router) : (!flat, tensor<4x4xf32>) -> !r
  // expected-remark @below {{not recovered: onnx.MoE: k = 5 of 4 experts (JNS-ONNX-014)}}
  %1 = onnx.MoE(%x, %0, %one, none, %fc2) {activation_type = "relu", k = 5 : i64} : (!x, !r, tensor<4x3x4xf32>, tensor<4x4x3xf32>) -> !x
  return %1 : !x
}

// -----

// Weights that are an input.
!x = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!flat = tensor<?x4xf32, #onnx.dims<"B*S", 4>>
!r = tensor<?x4xf32, #onnx.dims<"B*S", 4>>
onnx.initializer @router : tensor<4x4xf32> = #onnx.range<"d", f32, offset = 0, length = 64>
onnx.initializer @router_bias : tensor<4xf32> = #onnx.range<"d", f32, offset = 64, length = 16>
onnx.initializer @fc1 : tensor<4x6x4xf32> = #onnx.range<"d", f32, offset = 1000, length = 384>
onnx.initializer @fc1_bias : tensor<4x6xf32> = #onnx.range<"d", f32, offset = 2000, length = 96>
onnx.initializer @fc2 : tensor<4x4x3xf32> = #onnx.range<"d", f32, offset = 3000, length = 192>
onnx.initializer @fc2_bias : tensor<4x4xf32> = #onnx.range<"d", f32, offset = 4000, length = 64>
onnx.initializer @one : tensor<4x3x4xf32> = #onnx.range<"d", f32, offset = 5000, length = 192>
onnx.initializer @three : tensor<4x3x4xf32> = #onnx.range<"d", f32, offset = 6000, length = 192>
func.func private @step(%i: tensor<?xi32>, %p: tensor<?xi32>, %w: tensor<?xi32>, %x: !x, %flat: !flat, %given: tensor<4x3x4xf32>, %t: tensor<?x?xi64, #onnx.dims<"B", "S">>) -> !x attributes {moe.rows = "B*S", moe.tokens = 6 : i64} {
  %router = onnx.initializer_value @router : tensor<4x4xf32>
  %fc1 = onnx.initializer_value @fc1 : tensor<4x6x4xf32>
  %fc1b = onnx.initializer_value @fc1_bias : tensor<4x6xf32>
  %fc2 = onnx.initializer_value @fc2 : tensor<4x4x3xf32>
  %fc2b = onnx.initializer_value @fc2_bias : tensor<4x4xf32>
  %one = onnx.initializer_value @one : tensor<4x3x4xf32>
  %three = onnx.initializer_value @three : tensor<4x3x4xf32>
  %0 = onnx.MatMul(%flat, %router) : (!flat, tensor<4x4xf32>) -> !r
  // expected-remark @below {{not recovered: onnx.MoE: its weights are no constants}}
  %1 = onnx.MoE(%x, %0, %given, none, %fc2) {activation_type = "relu", k = 2 : i64} : (!x, !r, tensor<4x3x4xf32>, tensor<4x4x3xf32>) -> !x
  return %1 : !x
}

// -----

// A bias that is an input.
!x = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!flat = tensor<?x4xf32, #onnx.dims<"B*S", 4>>
!r = tensor<?x4xf32, #onnx.dims<"B*S", 4>>
onnx.initializer @router : tensor<4x4xf32> = #onnx.range<"d", f32, offset = 0, length = 64>
onnx.initializer @router_bias : tensor<4xf32> = #onnx.range<"d", f32, offset = 64, length = 16>
onnx.initializer @fc1 : tensor<4x6x4xf32> = #onnx.range<"d", f32, offset = 1000, length = 384>
onnx.initializer @fc1_bias : tensor<4x6xf32> = #onnx.range<"d", f32, offset = 2000, length = 96>
onnx.initializer @fc2 : tensor<4x4x3xf32> = #onnx.range<"d", f32, offset = 3000, length = 192>
onnx.initializer @fc2_bias : tensor<4x4xf32> = #onnx.range<"d", f32, offset = 4000, length = 64>
onnx.initializer @one : tensor<4x3x4xf32> = #onnx.range<"d", f32, offset = 5000, length = 192>
onnx.initializer @three : tensor<4x3x4xf32> = #onnx.range<"d", f32, offset = 6000, length = 192>
func.func private @step(%i: tensor<?xi32>, %p: tensor<?xi32>, %w: tensor<?xi32>, %x: !x, %flat: !flat, %given: tensor<4x3xf32>, %t: tensor<?x?xi64, #onnx.dims<"B", "S">>) -> !x attributes {moe.rows = "B*S", moe.tokens = 6 : i64} {
  %router = onnx.initializer_value @router : tensor<4x4xf32>
  %fc1 = onnx.initializer_value @fc1 : tensor<4x6x4xf32>
  %fc1b = onnx.initializer_value @fc1_bias : tensor<4x6xf32>
  %fc2 = onnx.initializer_value @fc2 : tensor<4x4x3xf32>
  %fc2b = onnx.initializer_value @fc2_bias : tensor<4x4xf32>
  %one = onnx.initializer_value @one : tensor<4x3x4xf32>
  %three = onnx.initializer_value @three : tensor<4x3x4xf32>
  %0 = onnx.MatMul(%flat, %router) : (!flat, tensor<4x4xf32>) -> !r
  // expected-remark @below {{not recovered: onnx.MoE: its weights are no constants}}
  %1 = onnx.MoE(%x, %0, %one, %given, %fc2) {activation_type = "relu", k = 2 : i64} : (!x, !r, tensor<4x3x4xf32>, tensor<4x3xf32>, tensor<4x4x3xf32>) -> !x
  return %1 : !x
}

// -----

// Weights of two dimensions.
!x = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!flat = tensor<?x4xf32, #onnx.dims<"B*S", 4>>
!r = tensor<?x4xf32, #onnx.dims<"B*S", 4>>
onnx.initializer @router : tensor<4x4xf32> = #onnx.range<"d", f32, offset = 0, length = 64>
onnx.initializer @router_bias : tensor<4xf32> = #onnx.range<"d", f32, offset = 64, length = 16>
onnx.initializer @fc1 : tensor<4x6x4xf32> = #onnx.range<"d", f32, offset = 1000, length = 384>
onnx.initializer @fc1_bias : tensor<4x6xf32> = #onnx.range<"d", f32, offset = 2000, length = 96>
onnx.initializer @fc2 : tensor<4x4x3xf32> = #onnx.range<"d", f32, offset = 3000, length = 192>
onnx.initializer @fc2_bias : tensor<4x4xf32> = #onnx.range<"d", f32, offset = 4000, length = 64>
onnx.initializer @one : tensor<4x3x4xf32> = #onnx.range<"d", f32, offset = 5000, length = 192>
onnx.initializer @two : tensor<12x4xf32> = #onnx.range<"d", f32, offset = 5000, length = 192>
onnx.initializer @three : tensor<4x3x4xf32> = #onnx.range<"d", f32, offset = 6000, length = 192>
func.func private @step(%i: tensor<?xi32>, %p: tensor<?xi32>, %w: tensor<?xi32>, %x: !x, %flat: !flat, %t: tensor<?x?xi64, #onnx.dims<"B", "S">>) -> !x attributes {moe.rows = "B*S", moe.tokens = 5 : i64} {
  %router = onnx.initializer_value @router : tensor<4x4xf32>
  %fc1 = onnx.initializer_value @fc1 : tensor<4x6x4xf32>
  %fc1b = onnx.initializer_value @fc1_bias : tensor<4x6xf32>
  %fc2 = onnx.initializer_value @fc2 : tensor<4x4x3xf32>
  %fc2b = onnx.initializer_value @fc2_bias : tensor<4x4xf32>
  %one = onnx.initializer_value @one : tensor<4x3x4xf32>
  %three = onnx.initializer_value @three : tensor<4x3x4xf32>
  %0 = onnx.MatMul(%flat, %router) : (!flat, tensor<4x4xf32>) -> !r
  %two = onnx.initializer_value @two : tensor<12x4xf32>
  // expected-remark @below {{not recovered: onnx.MoE: its weights have not three dimensions}}
  %1 = onnx.MoE(%x, %0, %two, none, %fc2) {activation_type = "relu", k = 2 : i64} : (!x, !r, tensor<12x4xf32>, tensor<4x4x3xf32>) -> !x
  return %1 : !x
}

// -----

// fc1 transposed.
!x = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!flat = tensor<?x4xf32, #onnx.dims<"B*S", 4>>
!r = tensor<?x4xf32, #onnx.dims<"B*S", 4>>
onnx.initializer @router : tensor<4x4xf32> = #onnx.range<"d", f32, offset = 0, length = 64>
onnx.initializer @router_bias : tensor<4xf32> = #onnx.range<"d", f32, offset = 64, length = 16>
onnx.initializer @fc1 : tensor<4x6x4xf32> = #onnx.range<"d", f32, offset = 1000, length = 384>
onnx.initializer @fc1_bias : tensor<4x6xf32> = #onnx.range<"d", f32, offset = 2000, length = 96>
onnx.initializer @fc2 : tensor<4x4x3xf32> = #onnx.range<"d", f32, offset = 3000, length = 192>
onnx.initializer @fc2_bias : tensor<4x4xf32> = #onnx.range<"d", f32, offset = 4000, length = 64>
onnx.initializer @one : tensor<4x3x4xf32> = #onnx.range<"d", f32, offset = 5000, length = 192>
onnx.initializer @three : tensor<4x3x4xf32> = #onnx.range<"d", f32, offset = 6000, length = 192>
func.func private @step(%i: tensor<?xi32>, %p: tensor<?xi32>, %w: tensor<?xi32>, %x: !x, %flat: !flat, %t: tensor<?x?xi64, #onnx.dims<"B", "S">>) -> !x attributes {moe.rows = "B*S", moe.tokens = 5 : i64} {
  %router = onnx.initializer_value @router : tensor<4x4xf32>
  %fc1 = onnx.initializer_value @fc1 : tensor<4x6x4xf32>
  %fc1b = onnx.initializer_value @fc1_bias : tensor<4x6xf32>
  %fc2 = onnx.initializer_value @fc2 : tensor<4x4x3xf32>
  %fc2b = onnx.initializer_value @fc2_bias : tensor<4x4xf32>
  %one = onnx.initializer_value @one : tensor<4x3x4xf32>
  %three = onnx.initializer_value @three : tensor<4x3x4xf32>
  %0 = onnx.MatMul(%flat, %router) : (!flat, tensor<4x4xf32>) -> !r
  // expected-remark @below {{not recovered: onnx.MoE: weights and biases do not have the shapes [E, f I, H], [E, H, I], [E, I, H], [E, f I], [E, H], [E, I] (JNS-ONNX-012)}}
  %1 = onnx.MoE(%x, %0, %fc2, none, %fc2) {activation_type = "relu", k = 2 : i64} : (!x, !r, tensor<4x4x3xf32>, tensor<4x4x3xf32>) -> !x
  return %1 : !x
}

// -----

// A fused SwiGLU needs 2 I rows.
!x = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!flat = tensor<?x4xf32, #onnx.dims<"B*S", 4>>
!r = tensor<?x4xf32, #onnx.dims<"B*S", 4>>
onnx.initializer @router : tensor<4x4xf32> = #onnx.range<"d", f32, offset = 0, length = 64>
onnx.initializer @router_bias : tensor<4xf32> = #onnx.range<"d", f32, offset = 64, length = 16>
onnx.initializer @fc1 : tensor<4x6x4xf32> = #onnx.range<"d", f32, offset = 1000, length = 384>
onnx.initializer @fc1_bias : tensor<4x6xf32> = #onnx.range<"d", f32, offset = 2000, length = 96>
onnx.initializer @fc2 : tensor<4x4x3xf32> = #onnx.range<"d", f32, offset = 3000, length = 192>
onnx.initializer @fc2_bias : tensor<4x4xf32> = #onnx.range<"d", f32, offset = 4000, length = 64>
onnx.initializer @one : tensor<4x3x4xf32> = #onnx.range<"d", f32, offset = 5000, length = 192>
onnx.initializer @three : tensor<4x3x4xf32> = #onnx.range<"d", f32, offset = 6000, length = 192>
func.func private @step(%i: tensor<?xi32>, %p: tensor<?xi32>, %w: tensor<?xi32>, %x: !x, %flat: !flat, %t: tensor<?x?xi64, #onnx.dims<"B", "S">>) -> !x attributes {moe.rows = "B*S", moe.tokens = 5 : i64} {
  %router = onnx.initializer_value @router : tensor<4x4xf32>
  %fc1 = onnx.initializer_value @fc1 : tensor<4x6x4xf32>
  %fc1b = onnx.initializer_value @fc1_bias : tensor<4x6xf32>
  %fc2 = onnx.initializer_value @fc2 : tensor<4x4x3xf32>
  %fc2b = onnx.initializer_value @fc2_bias : tensor<4x4xf32>
  %one = onnx.initializer_value @one : tensor<4x3x4xf32>
  %three = onnx.initializer_value @three : tensor<4x3x4xf32>
  %0 = onnx.MatMul(%flat, %router) : (!flat, tensor<4x4xf32>) -> !r
  // expected-remark @below {{not recovered: onnx.MoE: weights and biases do not have the shapes}}
  %1 = onnx.MoE(%x, %0, %one, none, %fc2) {activation_type = "swiglu", k = 2 : i64} : (!x, !r, tensor<4x3x4xf32>, tensor<4x4x3xf32>) -> !x
  return %1 : !x
}

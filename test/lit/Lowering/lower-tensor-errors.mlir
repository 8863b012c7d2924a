// RUN: janus-opt %s --janus-lower-tensor -split-input-file -verify-diagnostics

// The import stage has to run first.
// expected-error @below {{expects a function @main of onnx operations}}
module {}

// -----

// Shapes have to be inferred.
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{[JNS-ONNX-007] has a result of a type that tensor programs do not have; found }}
  %0 = onnx.Exp(%x) : (tensor<4xf32>) -> !onnx.unknown
  %1 = onnx.Abs(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %1 : tensor<4xf32>
}

// -----

// A symbol that stands in an expression only cannot be bound from the inputs.
// expected-error @below {{symbol 'P' is no dimension of an input by itself and cannot be bound}}
func.func @main(%x: tensor<?xf32, #onnx.dims<"P+S">>, %y: tensor<?xf32, #onnx.dims<"S">>) -> tensor<?xf32, #onnx.dims<"S">> {
  return %y : tensor<?xf32, #onnx.dims<"S">>
}

// -----

// Neither can it hold inputs and outputs of less than a byte.
// expected-error @below {{[JNS-ONNX-007] expects inputs of numbers and known dimensions, found 'tensor<2xi4>'}}
func.func @main(%x: tensor<2xi4>) {
  return
}

// -----

// expected-error @below {{[JNS-ONNX-007] expects outputs of numbers of at least 8 bits, found 'tensor<2xui4>'}}
func.func @main(%x: tensor<2xf32>) -> tensor<2xui4> {
  %0 = onnx.Cast(%x) {to = 21 : i64} : (tensor<2xf32>) -> tensor<2xui4>
  return %0 : tensor<2xui4>
}

// -----

// Inputs that no file of tensors can hold.
// expected-error @below {{[JNS-ONNX-007] expects inputs of numbers and known dimensions, found 'tensor<2xcomplex<f32>>'}}
func.func @main(%x: tensor<2xcomplex<f32>>) {
  return
}

// -----

// What a loop stacks needs a number of iterations that is known before it runs.
func.func @main(%c: tensor<i1>, %x: tensor<4xf32>) -> tensor<?x4xf32, #onnx.dims<"loop0", 4>> {
  // expected-error @below {{[JNS-ONNX-040] stacks values whose extents or number are known only when it ends}}
  %0 = onnx.Loop(none, %c) : (tensor<i1>) -> (tensor<?x4xf32, #onnx.dims<"loop0", 4>>) {
  ^bb0(%i: tensor<i64>, %go: tensor<i1>):
    onnx.Yield %go, %x : tensor<i1>, tensor<4xf32>
  }
  return %0 : tensor<?x4xf32, #onnx.dims<"loop0", 4>>
}

// -----

// An extent that no operator gives a value: here the name of another one.
func.func @main(%x: tensor<4xi1>) -> tensor<1x?xi64, #onnx.dims<1, "n+1">> {
  // expected-error @below {{has the extent 'n+1', which nothing before it decides}}
  %0 = onnx.NonZero(%x) : (tensor<4xi1>) -> tensor<1x?xi64, #onnx.dims<1, "n+1">>
  return %0 : tensor<1x?xi64, #onnx.dims<1, "n+1">>
}

// -----

// A type that has no arithmetic here.
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{[JNS-ONNX-007] has a result of a type that tensor programs do not have; found 'tensor<4xf8E4M3FN>'}}
  %0 = onnx.Cast(%x) {to = 17 : i64} : (tensor<4xf32>) -> tensor<4xf8E4M3FN>
  return %x : tensor<4xf32>
}

// -----

func.func @main(%x: tensor<3x4xf32>, %r: tensor<3x2xf32>, %w1: tensor<2x5x4xf32>, %w2: tensor<2x4x5xf32>) -> tensor<3x4xf32> {
  // expected-error @below {{[JNS-ONNX-007] 'onnx.MoE' op expects a known number of experts and 1 <= k <= experts; found k = 3}}
  %0 = onnx.MoE(%x, %r, %w1, none, %w2) {k = 3 : i64} : (tensor<3x4xf32>, tensor<3x2xf32>, tensor<2x5x4xf32>, tensor<2x4x5xf32>) -> tensor<3x4xf32>
  return %0 : tensor<3x4xf32>
}

// -----

// fc1 laid out [E, H, I].
func.func @main(%x: tensor<3x4xf32>, %r: tensor<3x2xf32>, %w1: tensor<2x4x5xf32>, %w2: tensor<2x4x5xf32>) -> tensor<3x4xf32> {
  // expected-error @below {{expects fc1 [E, f*I, H] and fc2 [E, H, I] with H = 4}}
  %0 = onnx.MoE(%x, %r, %w1, none, %w2) {k = 1 : i64} : (tensor<3x4xf32>, tensor<3x2xf32>, tensor<2x4x5xf32>, tensor<2x4x5xf32>) -> tensor<3x4xf32>
  return %0 : tensor<3x4xf32>
}

// -----

// A fused SwiGLU has gate and up in fc1.
func.func @main(%x: tensor<3x4xf32>, %r: tensor<3x2xf32>, %w1: tensor<2x5x4xf32>, %w2: tensor<2x4x5xf32>) -> tensor<3x4xf32> {
  // expected-error @below {{expects fc1 [E, f*I, H] and fc2 [E, H, I] with H = 4}}
  %0 = onnx.MoE(%x, %r, %w1, none, %w2) {activation_type = "swiglu", k = 1 : i64} : (tensor<3x4xf32>, tensor<3x2xf32>, tensor<2x5x4xf32>, tensor<2x4x5xf32>) -> tensor<3x4xf32>
  return %0 : tensor<3x4xf32>
}

// -----

// Heads that do not divide the columns.
func.func @main(%q: tensor<1x2x8xf32>, %last: tensor<1xi32>, %total: tensor<i32>) -> tensor<1x2x8xf32> {
  // expected-error @below {{expects heads of a known size, found 8 columns}}
  %0 = onnx.GroupQueryAttention(%q, %q, %q, none, none, %last, %total) {kv_num_heads = 1 : i64, num_heads = 3 : i64} : (tensor<1x2x8xf32>, tensor<1x2x8xf32>, tensor<1x2x8xf32>, tensor<1xi32>, tensor<i32>) -> (tensor<1x2x8xf32>)
  return %0 : tensor<1x2x8xf32>
}

// -----

// Rotary without its tables.
func.func @main(%q: tensor<1x2x8xf32>, %last: tensor<1xi32>, %total: tensor<i32>) -> tensor<1x2x8xf32> {
  // expected-error @below {{expects cos and sin caches with do_rotary}}
  %0 = onnx.GroupQueryAttention(%q, %q, %q, none, none, %last, %total) {do_rotary = 1 : i64, kv_num_heads = 1 : i64, num_heads = 1 : i64} : (tensor<1x2x8xf32>, tensor<1x2x8xf32>, tensor<1x2x8xf32>, tensor<1xi32>, tensor<i32>) -> (tensor<1x2x8xf32>)
  return %0 : tensor<1x2x8xf32>
}

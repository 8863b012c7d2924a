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

// Inputs that no file of tensors can hold.
// expected-error @below {{[JNS-ONNX-007] expects inputs of numbers and known dimensions, found 'tensor<2xcomplex<f32>>'}}
func.func @main(%x: tensor<2xcomplex<f32>>) {
  return
}

// -----

// Control flow that the inputs' shapes do not decide.
func.func @main(%c: tensor<i1>, %x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{[JNS-ONNX-040] depends on values that are known only at run time}}
  %0 = onnx.If(%c) : (tensor<i1>) -> tensor<4xf32> {
    onnx.Yield %x : tensor<4xf32>
  } {
    onnx.Yield %x : tensor<4xf32>
  }
  return %0 : tensor<4xf32>
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
  // expected-error @below {{expects a known number of experts and 1 <= k <= experts; found k = 3}}
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
  // expected-error @below {{expects 10 rows an expert in fc1, found 5}}
  %0 = onnx.MoE(%x, %r, %w1, none, %w2) {activation_type = "swiglu", k = 1 : i64} : (tensor<3x4xf32>, tensor<3x2xf32>, tensor<2x5x4xf32>, tensor<2x4x5xf32>) -> tensor<3x4xf32>
  return %0 : tensor<3x4xf32>
}

// -----

// Attention with a bias by query and key.
func.func @main(%q: tensor<1x2x8xf32>, %last: tensor<1xi32>, %total: tensor<i32>, %bias: tensor<1x1x2x2xf32>) -> tensor<1x2x8xf32> {
  // expected-error @below {{has input 10 (attention bias, cache scales or q/k norm weights), which is not supported}}
  %0 = onnx.GroupQueryAttention(%q, %q, %q, none, none, %last, %total, none, none, none, %bias) {kv_num_heads = 1 : i64, num_heads = 1 : i64} : (tensor<1x2x8xf32>, tensor<1x2x8xf32>, tensor<1x2x8xf32>, tensor<1xi32>, tensor<i32>, tensor<1x1x2x2xf32>) -> (tensor<1x2x8xf32>)
  return %0 : tensor<1x2x8xf32>
}

// -----

// Attention that looks ahead.
func.func @main(%q: tensor<1x2x8xf32>, %last: tensor<1xi32>, %total: tensor<i32>) -> tensor<1x2x8xf32> {
  // expected-error @below {{asks for a non-causal, circular or quantised cache or for its scores, which is not supported}}
  %0 = onnx.GroupQueryAttention(%q, %q, %q, none, none, %last, %total) {causal = 0 : i64, kv_num_heads = 1 : i64, num_heads = 1 : i64} : (tensor<1x2x8xf32>, tensor<1x2x8xf32>, tensor<1x2x8xf32>, tensor<1xi32>, tensor<i32>) -> (tensor<1x2x8xf32>)
  return %0 : tensor<1x2x8xf32>
}

// -----

// Heads that do not divide the columns.
func.func @main(%q: tensor<1x2x8xf32>, %last: tensor<1xi32>, %total: tensor<i32>) -> tensor<1x2x8xf32> {
  // expected-error @below {{expects num_heads a multiple of kv_num_heads and query columns a multiple of the heads}}
  %0 = onnx.GroupQueryAttention(%q, %q, %q, none, none, %last, %total) {kv_num_heads = 1 : i64, num_heads = 3 : i64} : (tensor<1x2x8xf32>, tensor<1x2x8xf32>, tensor<1x2x8xf32>, tensor<1xi32>, tensor<i32>) -> (tensor<1x2x8xf32>)
  return %0 : tensor<1x2x8xf32>
}

// -----

// Rotary without its tables.
func.func @main(%q: tensor<1x2x8xf32>, %last: tensor<1xi32>, %total: tensor<i32>) -> tensor<1x2x8xf32> {
  // expected-error @below {{expects int32 seqlens_k and, with do_rotary, cos and sin caches without position ids}}
  %0 = onnx.GroupQueryAttention(%q, %q, %q, none, none, %last, %total) {do_rotary = 1 : i64, kv_num_heads = 1 : i64, num_heads = 1 : i64} : (tensor<1x2x8xf32>, tensor<1x2x8xf32>, tensor<1x2x8xf32>, tensor<1xi32>, tensor<i32>) -> (tensor<1x2x8xf32>)
  return %0 : tensor<1x2x8xf32>
}

// RUN: janus-opt %s --janus-lower-tensor -split-input-file -verify-diagnostics

// The import stage has to run first.
// expected-error @below {{expects a function @main of onnx operations}}
module {}

// -----

// Shapes have to be inferred.
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @below {{has a value of unknown shape, run --janus-infer-shapes first}}
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
// expected-error @below {{expects inputs of numeric tensors with known dimensions, found 'tensor<2xcomplex<f32>>'}}
func.func @main(%x: tensor<2xcomplex<f32>>) {
  return
}

// -----

// A size that depends on data.
func.func @main(%x: tensor<4xf32>, %b: tensor<1xi64>, %e: tensor<1xi64>) -> tensor<?xf32, #onnx.dims<"slice0">> attributes {onnx.bounds = {slice0 = "4"}} {
  // expected-error @below {{has the data-dependent extent 'slice0', which generated code does not handle}}
  %0 = onnx.Slice(%x, %b, %e) : (tensor<4xf32>, tensor<1xi64>, tensor<1xi64>) -> tensor<?xf32, #onnx.dims<"slice0">>
  return %0 : tensor<?xf32, #onnx.dims<"slice0">>
}

// -----

// An operator that only the import knows.
func.func @main(%x: tensor<4xi1>) -> tensor<1x4xi64> {
  // expected-error @below {{has no code generation yet; the language-model contract may support the model}}
  %0 = onnx.NonZero(%x) : (tensor<4xi1>) -> tensor<1x4xi64>
  return %0 : tensor<1x4xi64>
}

// -----

// Stored numbers that are no floating-point ones.
onnx.initializer @w : tensor<4xi64> = #onnx.range<"d", i64, offset = 0, length = 32>
func.func @main(%x: tensor<4xi64>) -> tensor<4xi64> {
  // expected-error @below {{refers to an initializer of type 'tensor<4xi64>'; weights in files are supported as f32}}
  %w = onnx.initializer_value @w : tensor<4xi64>
  %0 = onnx.Add(%x, %w) : (tensor<4xi64>, tensor<4xi64>) -> tensor<4xi64>
  return %0 : tensor<4xi64>
}

// -----

// A product of integers.
func.func @main(%x: tensor<2x2xi64>) -> tensor<2x2xi64> {
  // expected-error @below {{expects floating-point matrices}}
  %0 = onnx.MatMul(%x, %x) : (tensor<2x2xi64>, tensor<2x2xi64>) -> tensor<2x2xi64>
  return %0 : tensor<2x2xi64>
}

// -----

// Outputs of a norm that no model reads.
func.func @main(%x: tensor<2x4xf32>, %g: tensor<4xf32>) -> (tensor<2x4xf32>, tensor<2x1xf32>) {
  // expected-error @below {{has output 1 in use; only the normalised tensor is generated}}
  %0, %1 = onnx.SimplifiedLayerNormalization(%x, %g) : (tensor<2x4xf32>, tensor<4xf32>) -> (tensor<2x4xf32>, tensor<2x1xf32>)
  return %0, %1 : tensor<2x4xf32>, tensor<2x1xf32>
}

// -----

func.func @main(%x: tensor<2x4xf32>, %g: tensor<4xf32>) -> (tensor<2x4xf32>, tensor<2x1xf32>) {
  // expected-error @below {{has mean or inv_std in use; only the normalised tensor and the sum are generated}}
  %0, %1 = onnx.SkipSimplifiedLayerNormalization(%x, %x, %g) : (tensor<2x4xf32>, tensor<2x4xf32>, tensor<4xf32>) -> (tensor<2x4xf32>, tensor<2x1xf32>)
  return %0, %1 : tensor<2x4xf32>, tensor<2x1xf32>
}

// -----

// Axes that are computed.
func.func @main(%x: tensor<2x4xf32>, %a: tensor<1xi64>) -> tensor<2x1xf32> {
  // expected-error @below {{expects constant axes}}
  %0 = onnx.ReduceSum(%x, %a) : (tensor<2x4xf32>, tensor<1xi64>) -> tensor<2x1xf32>
  return %0 : tensor<2x1xf32>
}

// -----

// Experts that fewer kernels choose.
func.func @main(%x: tensor<3x4xf32>, %r: tensor<3x2xf32>, %w1: tensor<2x5x4xf32>, %w2: tensor<2x4x5xf32>) -> tensor<3x4xf32> {
  // expected-error @below {{has use_sparse_mixer = 1, which is not supported}}
  %0 = onnx.MoE(%x, %r, %w1, none, %w2) {k = 1 : i64, use_sparse_mixer = 1 : i64} : (tensor<3x4xf32>, tensor<3x2xf32>, tensor<2x5x4xf32>, tensor<2x4x5xf32>) -> tensor<3x4xf32>
  return %0 : tensor<3x4xf32>
}

// -----

func.func @main(%x: tensor<3x4xf32>, %r: tensor<3x2xf32>, %w1: tensor<2x5x4xf32>, %w2: tensor<2x4x5xf32>) -> tensor<3x4xf32> {
  // expected-error @below {{expects known hidden size and experts, and 1 <= k <= experts; found k = 3}}
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

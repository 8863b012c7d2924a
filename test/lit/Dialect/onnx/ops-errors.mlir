// RUN: janus-opt %s --split-input-file --verify-diagnostics

// A range holds exactly the bytes of its tensor.
// expected-error @+1 {{expects a range of 64 bytes for 'tensor<4x8xf32>' stored as 'f16', found 65}}
onnx.initializer @w : tensor<4x8xf32> = #onnx.range<"d", f16, offset = 0, length = 65>

// -----

// expected-error @+1 {{expects a file name relative to the model's folder, found '/etc/passwd'}}
onnx.initializer @w : tensor<4x8xf32> = #onnx.range<"/etc/passwd", f16, offset = 0, length = 64>

// -----

// expected-error @+1 {{expects a static shape}}
onnx.initializer @w : tensor<?xf32, #onnx.dims<"S">> = #onnx.range<"d", f32, offset = 0, length = 64>

// -----

// expected-error @+1 {{expects #onnx.range or elements as data}}
onnx.initializer @w : tensor<4xf32> = 1 : i64

// -----

onnx.initializer @w : tensor<4xf32> = #onnx.range<"d", f32, offset = 0, length = 16>
func.func @f() {
  // expected-error @+1 {{has type 'tensor<5xf32>' but @w has type 'tensor<4xf32>'}}
  %0 = onnx.initializer_value @w : tensor<5xf32>
  return
}

// -----

func.func @f() {
  // expected-error @+1 {{refers to @v, which is no onnx.initializer}}
  %0 = onnx.initializer_value @v : tensor<5xf32>
  return
}

// -----

// One symbolic dimension a dimension, each in accord with the extent.
// expected-error @+1 {{expects 2 symbolic dimensions, found 1}}
func.func private @g(tensor<?x?xf32, #onnx.dims<"S">>)

// -----

// expected-error @+1 {{symbolic dimension "S" contradicts the extent 4}}
func.func private @g(tensor<4xf32, #onnx.dims<"S">>)

// -----

// expected-error @+1 {{expects an integer or an expression over sizes, found 'S+'}}
func.func private @g(tensor<?xf32, #onnx.dims<"S+">>)

// -----

func.func @f(%x: tensor<4xf32>) {
  // expected-error @+1 {{expects operand 0, which is required}}
  %0 = onnx.Clip(none, %x) : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// One case for each rule of dialects/onnx/IR/OnnxOps.td and OnnxData.td, under its label; what shapes refuse stands in
// infer-*-errors.mlir.
// RUN: janus-opt %s --split-input-file --verify-diagnostics

// (RA1) a file outside of the model's folder
// expected-error @below {{expects a file name relative to the model's folder, found '/etc/passwd'}}
onnx.initializer @w : tensor<4x8xf32> = #onnx.range<"/etc/passwd", f16, offset = 0, length = 64>

// -----

// (RA1) no file
// expected-error @below {{expects a file name relative to the model's folder, found ''}}
onnx.initializer @w : tensor<4x8xf32> = #onnx.range<"", f16, offset = 0, length = 64>

// -----

// (RA2) bytes before the file
// expected-error @below {{expects offset and length of at least 0, found -4 and 64}}
onnx.initializer @w : tensor<4x8xf32> = #onnx.range<"d", f16, offset = -4, length = 64>

// -----

// (RA2) fewer than no bytes
// expected-error @below {{expects offset and length of at least 0, found 0 and -1}}
onnx.initializer @w : tensor<4x8xf32> = #onnx.range<"d", f16, offset = 0, length = -1>

// -----

// (RA3) numbers that ONNX does not store
// expected-error @below {{expects a storage type of ONNX, found 'i7'}}
onnx.initializer @w : tensor<4x8xf32> = #onnx.range<"d", i7, offset = 0, length = 64>

// -----

// (DI1) an expression that is cut off
// expected-error @below {{expects an integer or an expression over sizes, found 'S+'}}
func.func private @g(tensor<?xf32, #onnx.dims<"S+">>)

// -----

// (DI2) a dimension without a name
// expected-error @below {{expects 2 symbolic dimensions, found 1}}
func.func private @g(tensor<?x?xf32, #onnx.dims<"S">>)

// -----

// (DI3) a name for a dimension that is known
// expected-error @below {{symbolic dimension "S" contradicts the extent 4}}
func.func private @g(tensor<4xf32, #onnx.dims<"S">>)

// -----

// (DI3) a number for one that is not
// expected-error @below {{symbolic dimension "4" contradicts the extent ?}}
func.func private @g(tensor<?xf32, #onnx.dims<4>>)

// -----

// (IN1) a weight of unknown size
// expected-error @below {{expects a static shape}}
onnx.initializer @w : tensor<?xf32, #onnx.dims<"S">> = #onnx.range<"d", f32, offset = 0, length = 64>

// -----

// (IN2) a byte too many
// expected-error @below {{expects a range of 64 bytes for 'tensor<4x8xf32>' stored as 'f16', found 65}}
onnx.initializer @w : tensor<4x8xf32> = #onnx.range<"d", f16, offset = 0, length = 65>

// -----

// (IN3) one number
// expected-error @below {{expects #onnx.range or elements as data}}
onnx.initializer @w : tensor<4xf32> = 1 : i64

// -----

// (IN4) elements of another shape
// expected-error @below {{expects elements of 'tensor<4xf32>', found 'tensor<3xf32>'}}
onnx.initializer @w : tensor<4xf32> = dense<1.0> : tensor<3xf32>

// -----

// (IV1) no initializer of that name
func.func @f() {
  // expected-error @below {{refers to @v, which is no onnx.initializer}}
  %0 = onnx.initializer_value @v : tensor<5xf32>
  return
}

// -----

// (IV2) another type
onnx.initializer @w : tensor<4xf32> = #onnx.range<"d", f32, offset = 0, length = 16>
func.func @f() {
  // expected-error @below {{has type 'tensor<5xf32>' but @w has type 'tensor<4xf32>'}}
  %0 = onnx.initializer_value @w : tensor<5xf32>
  return
}

// -----

// (OP1) a required operand is absent
func.func @f(%x: tensor<4xf32>) {
  // expected-error @below {{expects operand 0, which is required}}
  %0 = onnx.Clip(none, %x) : (tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

// (OP1) a required result is absent
func.func @f(%x: tensor<4xf32>) {
  // expected-error @below {{expects result 0, which is required}}
  %0 = onnx.LayerNormalization(%x, %x) : (tensor<4xf32>, tensor<4xf32>) -> (none, tensor<1xf32>)
  return
}

// -----

// (OP2) an operand that ONNX does not know
func.func @f(%x: tensor<4xf32>) {
  // expected-error @below {{expects at most 1 operands, found 2}}
  %0 = onnx.Exp(%x, %x) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return
}

// -----

// (OP2) a result that ONNX does not know
func.func @f(%x: tensor<4xf32>) {
  // expected-error @below {{expects at most 1 results, found 2}}
  %0:2 = onnx.Exp(%x) : (tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>)
  return
}

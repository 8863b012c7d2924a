// One case for each rule of weights and attributes in dialects/moe/IR/MoEOps.td, under its label.
// RUN: janus-opt %s -split-input-file -verify-diagnostics

// (V1) a view of integers.
// expected-error @below {{expects storage type f32, f16, bf16, or i2, i4, i8 with or without sign, found 'i32'}}
moe.weight @w : tensor<8x4xf32> views [#moe.view<"m.data", i32, offset = 0, shape = [8, 4], strides = [4, 1]>]

// -----

// (V2) a view before the file.
// expected-error @below {{expects an offset of at least 0 bytes, found -4}}
moe.weight @w : tensor<8x4xf32> views [#moe.view<"m.data", f32, offset = -4, shape = [8, 4], strides = [4, 1]>]

// -----

// (V3) a stride too few.
// expected-error @below {{expects as many strides as dimensions}}
moe.weight @w : tensor<8x4xf32> views [#moe.view<"m.data", f32, offset = 0, shape = [8, 4], strides = [4]>]

// -----

// (V4) a stride backwards.
// expected-error @below {{expects positive sizes and strides that are not negative}}
moe.weight @w : tensor<8x4xf32> views [#moe.view<"m.data", f32, offset = 0, shape = [8, 4], strides = [-4, 1]>]

// -----

// (V5) no file.
// expected-error @below {{expects the name of a file}}
moe.weight @w : tensor<8x4xf32> views [#moe.view<"", f32, offset = 0, shape = [8, 4], strides = [4, 1]>]

// -----

// (V6) a view that no file can hold.
// expected-error @below {{expects a view that ends below byte 2^62}}
moe.weight @w : tensor<8x4xf32> views [#moe.view<"m.data", f32, offset = 0, shape = [8, 4], strides = [4611686018427387904, 1]>]

// -----

// (V6) sizes whose sum overflows.
// expected-error @below {{expects a view that ends below byte 2^62}}
moe.weight @w : tensor<8x4xf32> views [#moe.view<"m.data", f32, offset = 4611686018427387000, shape = [1000, 4], strides = [9, 1]>]

// -----

// (BL1) integers of another size.
// expected-error @below {{expects 2, 4 or 8 bits, found 3}}
moe.weight @w : tensor<8x64xf32, #moe.blocks<bits = 3, size = 32, zeros = middle>> views []

// -----

// (BL2) empty blocks.
// expected-error @below {{expects blocks of at least one number, found 0}}
moe.weight @w : tensor<8x64xf32, #moe.blocks<bits = 4, size = 0, zeros = middle>> views []

// -----

// (Q1) integers that are none.
// expected-error @below {{expects integers in a view of 2, 4 or 8 bits or inline ui8}}
moe.weight @w : tensor<8x64xf32, #moe.blocks<bits = 4, size = 32, zeros = middle>> views [#moe.quantised<integers = #moe.view<"d", f32, offset = 0, shape = [8, 64], strides = [64, 1]>, scales = #moe.view<"d", f32, offset = 256, shape = [8, 2], strides = [2, 1]>>]

// -----

// (Q2) scales that are integers.
// expected-error @below {{expects scales in a view of floating-point numbers or inline f32}}
moe.weight @w : tensor<8x64xf32, #moe.blocks<bits = 4, size = 32, zeros = middle>> views [#moe.quantised<integers = #moe.view<"d", ui4, offset = 0, shape = [8, 64], strides = [64, 1]>, scales = #moe.view<"d", ui8, offset = 256, shape = [8, 2], strides = [2, 1]>>]

// -----

// (Q3) scales of other rows.
// expected-error @below {{expects scales with the dimensions of the integers but the last}}
moe.weight @w : tensor<8x64xf32, #moe.blocks<bits = 4, size = 32, zeros = middle>> views [#moe.quantised<integers = #moe.view<"d", ui4, offset = 0, shape = [8, 64], strides = [64, 1]>, scales = #moe.view<"d", f32, offset = 256, shape = [7, 2], strides = [2, 1]>>]

// -----

// (Q4) zero points of other blocks.
// expected-error @below {{expects zeros of the shape of the scales}}
moe.weight @w : tensor<8x64xf32, #moe.blocks<bits = 4, size = 32, zeros = integers>> views [#moe.quantised<integers = #moe.view<"d", ui4, offset = 0, shape = [8, 64], strides = [64, 1]>, scales = #moe.view<"d", f32, offset = 256, shape = [8, 2], strides = [2, 1]>, zeros = dense<8> : tensor<8x3xui8>>]

// -----

// (Q5) zero points that are no integers beside integers with a sign.
// expected-error @below {{expects zeros that are integers beside integers with a sign}}
moe.weight @w : tensor<8x64xf32, #moe.blocks<bits = 4, size = 32, zeros = numbers>> views [#moe.quantised<integers = #moe.view<"d", i4, offset = 0, shape = [8, 64], strides = [64, 1]>, scales = #moe.view<"d", f32, offset = 256, shape = [8, 2], strides = [2, 1]>, zeros = dense<8.0> : tensor<8x2xf32>>]

// -----

// (W6) a plain view of a type that says blocks.
// expected-error @below {{expects quantised views if and only if its type has the encoding #moe.blocks}}
moe.weight @w : tensor<8x64xf32, #moe.blocks<bits = 4, size = 32, zeros = middle>> views [#moe.view<"d", f32, offset = 0, shape = [8, 64], strides = [64, 1]>]

// -----

// (W6) a plain view of integers.
// expected-error @below {{expects a view of floating-point numbers}}
moe.weight @w : tensor<8x64xf32> views [#moe.view<"d", ui4, offset = 0, shape = [8, 64], strides = [64, 1]>]

// -----

// (W6) integers of another size than the type says.
// expected-error @below {{expects integers of 4 bits, found 'ui8'}}
moe.weight @w : tensor<8x64xf32, #moe.blocks<bits = 4, size = 32, zeros = middle>> views [#moe.quantised<integers = #moe.view<"d", ui8, offset = 0, shape = [8, 64], strides = [64, 1]>, scales = #moe.view<"d", f32, offset = 512, shape = [8, 2], strides = [2, 1]>>]

// -----

// (W6) a scale too few.
// expected-error @below {{expects 3 scales a row of 65 in blocks of 32}}
moe.weight @w : tensor<8x65xf32, #moe.blocks<bits = 8, size = 32, zeros = middle>> views [#moe.quantised<integers = #moe.view<"d", ui8, offset = 0, shape = [8, 65], strides = [65, 1]>, scales = #moe.view<"d", f32, offset = 520, shape = [8, 2], strides = [2, 1]>>]

// -----

// (W6) zero points that the type does not have.
// expected-error @below {{expects zeros = middle, found a view with zeros = numbers}}
moe.weight @w : tensor<8x64xf32, #moe.blocks<bits = 4, size = 32, zeros = middle>> views [#moe.quantised<integers = #moe.view<"d", ui4, offset = 0, shape = [8, 64], strides = [64, 1]>, scales = #moe.view<"d", f32, offset = 256, shape = [8, 2], strides = [2, 1]>, zeros = dense<8.0> : tensor<8x2xf32>>]

// -----

// (E4) gate and up stored in different ways.
func.func @f(%x: tensor<?x8xf32>, %e: tensor<?x2xi32>, %p: tensor<?x2xf32>, %g: tensor<4x16x8xf32, #moe.blocks<bits = 4, size = 32, zeros = middle>>, %u: tensor<4x16x8xf32>, %d: tensor<4x8x16xf32>) {
  // expected-error @below {{expects gate and up stored alike}}
  %y = moe.experts %x, %e, %p gate %g up %u down %d {activation = #moe.activation<swiglu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 0x7F800000 : f32>, layer = 0 : i64} : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<4x16x8xf32, #moe.blocks<bits = 4, size = 32, zeros = middle>>, tensor<4x16x8xf32>, tensor<4x8x16xf32>) -> tensor<?x2x8xf32>
  return
}

// -----

// (A1) constants of another type.
func.func @f(%g: tensor<?x4xf32>, %u: tensor<?x4xf32>) {
  // expected-error @below {{expects f32 constants}}
  %y = moe.activate %g up %u {activation = #moe.activation<swiglu, alpha = 1.0 : f64, beta = 0.0 : f32, limit = 7.0 : f32>} : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// (A2) a limit of 0.
func.func @f(%g: tensor<?x4xf32>, %u: tensor<?x4xf32>) {
  // expected-error @below {{expects a positive limit}}
  %y = moe.activate %g up %u {activation = #moe.activation<swiglu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 0.0 : f32>} : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// (A3) an infinite alpha.
func.func @f(%g: tensor<?x4xf32>, %u: tensor<?x4xf32>) {
  // expected-error @below {{expects finite alpha and beta}}
  %y = moe.activate %g up %u {activation = #moe.activation<swiglu, alpha = 0x7F800000 : f32, beta = 0.0 : f32, limit = 7.0 : f32>} : (tensor<?x4xf32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// (W1) a weight of unknown size.
// expected-error @below {{expects a static shape of at least one dimension}}
moe.weight @w : tensor<?x4xf32> views [#moe.view<"m.data", f32, offset = 0, shape = [8, 4], strides = [4, 1]>]

// -----

// (W2) a weight without numbers.
// expected-error @below {{expects either views or a value}}
moe.weight @w : tensor<8x4xf32>

// -----

// (W3) no views.
// expected-error @below {{expects at least one view}}
moe.weight @w : tensor<8x4xf32> views []

// -----

// (W3) views of other columns.
// expected-error @below {{expects views whose dimensions after the first are [5], found a view of shape [8, 4]}}
moe.weight @w : tensor<8x5xf32> views [#moe.view<"m.data", f32, offset = 0, shape = [8, 4], strides = [4, 1]>]

// -----

// (W4) too few rows.
// expected-error @below {{expects views of 9 rows together, found 8}}
moe.weight @w : tensor<9x4xf32> views [#moe.view<"m.data", f32, offset = 0, shape = [8, 4], strides = [4, 1]>]

// -----

// (W5) a value of another type.
// expected-error @below {{expects a value of type 'tensor<4xf32>'}}
moe.weight @w : tensor<4xf32> value dense<1.0> : tensor<5xf32>

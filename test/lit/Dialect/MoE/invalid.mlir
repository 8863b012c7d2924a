// One case for each rule of operations in dialects/moe/IR/MoEOps.td, under its label.
// RUN: janus-opt %s -split-input-file -verify-diagnostics

// (G1) no weight of that name.
func.func @f() {
  // expected-error @below {{expects @w to be a moe.weight}}
  %w = moe.get_weight @w : tensor<8x4xf32>
  return
}

// -----

// (G2) another type than the weight.
// expected-note @below {{the weight is here}}
moe.weight @w : tensor<8x4xf32> views [#moe.view<"m.data", f32, offset = 0, shape = [8, 4], strides = [4, 1]>]
func.func @f() {
  // expected-error @below {{expects the weight's type 'tensor<8x4xf32>', found 'tensor<4x8xf32>'}}
  %w = moe.get_weight @w : tensor<4x8xf32>
  return
}

// -----

// (EM1) ids of two dimensions.
func.func @f(%i: tensor<?x1xi32>, %t: tensor<8x4xf32>) {
  // expected-error @below {{expects ids of one dimension}}
  %x = moe.embedding %i, %t : (tensor<?x1xi32>, tensor<8x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// (EM2) a table of unknown size.
func.func @f(%i: tensor<?xi32>, %t: tensor<?x4xf32>) {
  // expected-error @below {{expects a static table [vocab, H]}}
  %x = moe.embedding %i, %t : (tensor<?xi32>, tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// (EM3) other columns than the table.
func.func @f(%i: tensor<?xi32>, %t: tensor<8x4xf32>) {
  // expected-error @below {{expects a result of shape [?, 4]}}
  %x = moe.embedding %i, %t : (tensor<?xi32>, tensor<8x4xf32>) -> tensor<?x8xf32>
  return
}

// -----

// (N1) a result of another type.
func.func @f(%x: tensor<?x4xf32>, %g: tensor<4xf32>) {
  // expected-error @below {{expects x [rows, C] and a result of its type}}
  %y = moe.norm rms %x, %g {epsilon = 1.0e-5 : f32} : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x8xf32>
  return
}

// -----

// (N2) segments that do not fit.
func.func @f(%x: tensor<?x4xf32>, %g: tensor<4xf32>) {
  // expected-error @below {{expects a group of 0 or a divisor of 4 columns, found 3}}
  %y = moe.norm rms %x, %g {epsilon = 1.0e-5 : f32, group = 3 : i64} : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// (N3) a scale of other length.
func.func @f(%x: tensor<?x4xf32>, %g: tensor<4xf32>) {
  // expected-error @below {{expects a scale of shape [2]}}
  %y = moe.norm rms %x, %g {epsilon = 1.0e-5 : f32, group = 2 : i64} : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// (N4) a bias of an rms norm.
func.func @f(%x: tensor<?x4xf32>, %g: tensor<4xf32>) {
  // expected-error @below {{expects no bias on an rms norm}}
  %y = moe.norm rms %x, %g bias %g {epsilon = 1.0e-5 : f32} : (tensor<?x4xf32>, tensor<4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// (N5) a negative epsilon.
func.func @f(%x: tensor<?x4xf32>, %g: tensor<4xf32>) {
  // expected-error @below {{expects an epsilon that is not negative}}
  %y = moe.norm rms %x, %g {epsilon = -1.0 : f32} : (tensor<?x4xf32>, tensor<4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// (L1) a weight [K, N].
func.func @f(%x: tensor<?x4xf32>, %w: tensor<4x8xf32>) {
  // expected-error @below {{expects x [rows, K] and a static weight [N, K]}}
  %y = moe.linear %x, %w : (tensor<?x4xf32>, tensor<4x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

// (L2) a result of other columns.
func.func @f(%x: tensor<?x4xf32>, %w: tensor<8x4xf32>) {
  // expected-error @below {{expects a result of shape [?, 8]}}
  %y = moe.linear %x, %w : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// (L3) a bias of other length.
func.func @f(%x: tensor<?x4xf32>, %w: tensor<8x4xf32>, %b: tensor<4xf32>) {
  // expected-error @below {{expects a bias of shape [8]}}
  %y = moe.linear %x, %w bias %b : (tensor<?x4xf32>, tensor<8x4xf32>, tensor<4xf32>) -> tensor<?x8xf32>
  return
}

// -----

// (L4) a residual of other columns.
func.func @f(%x: tensor<?x4xf32>, %w: tensor<8x4xf32>) {
  // expected-error @below {{expects a residual of the result's type}}
  %y = moe.linear %x, %w residual %x : (tensor<?x4xf32>, tensor<8x4xf32>, tensor<?x4xf32>) -> tensor<?x8xf32>
  return
}

// -----

// (L5) a router without a layer.
func.func @f(%x: tensor<?x4xf32>, %w: tensor<8x4xf32>) {
  // expected-error @below {{expects a router to have a layer of at least 0 and no residual}}
  %y = moe.linear %x, %w {router} : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
  return
}

// -----

// (L6) a layer without a router.
func.func @f(%x: tensor<?x4xf32>, %w: tensor<8x4xf32>) {
  // expected-error @below {{expects a layer only on a router}}
  %y = moe.linear %x, %w {layer = 0 : i64} : (tensor<?x4xf32>, tensor<8x4xf32>) -> tensor<?x8xf32>
  return
}

// -----

// (CO1) columns of three dimensions.
func.func @f(%x: tensor<?x2x4xf32>) {
  // expected-error @below {{expects x [rows, C] and a result [rows, N]}}
  %y = moe.columns %x {offset = 0 : i64} : (tensor<?x2x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// (CO2) columns past the end.
func.func @f(%x: tensor<?x8xf32>) {
  // expected-error @below {{expects columns within 0 to 8, found 6 to 10}}
  %y = moe.columns %x {offset = 6 : i64} : (tensor<?x8xf32>) -> tensor<?x4xf32>
  return
}

// -----

// (MA1) an operand of other columns.
func.func @map(%x: tensor<?x4xf32>, %v: tensor<5xf32>) {
  // expected-error @below {{expects operands [rows, C], [rows, 1] or [C] of a result [rows, C]}}
  %y = moe.map %x, %v {formula = [0, 1, "mul"]} : (tensor<?x4xf32>, tensor<5xf32>) -> tensor<?x4xf32>
  return
}

// -----

// (MA1) no operand counts rows.
func.func @map(%v: tensor<4xf32>) {
  // expected-error @below {{expects an operand that counts rows}}
  %y = moe.map %v {formula = [0]} : (tensor<4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// (MA2) an operand that is not there.
func.func @map(%x: tensor<?x4xf32>) {
  // expected-error @below {{expects a formula of operands, f32 numbers and functions of values before them, found 1 : i64 at step 0}}
  %y = moe.map %x {formula = [1]} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// (MA2) a function that is not there.
func.func @map(%x: tensor<?x4xf32>) {
  // expected-error @below {{found "cube" at step 1}}
  %y = moe.map %x {formula = [0, "cube"]} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// (MA2) a function without its second value.
func.func @map(%x: tensor<?x4xf32>) {
  // expected-error @below {{found "add" at step 1}}
  %y = moe.map %x {formula = [0, "add"]} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// (MA2) two values are left.
func.func @map(%x: tensor<?x4xf32>) {
  // expected-error @below {{expects a formula that leaves one value, found 2}}
  %y = moe.map %x {formula = [0, 0]} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// (AC1) gate and up of two types.
func.func @f(%g: tensor<?x4xf32>, %u: tensor<?x8xf32>) {
  // expected-error @below {{expects gate, up and the result to have one type}}
  %y = moe.activate %g up %u {activation = #moe.activation<swiglu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 7.0 : f32>} : (tensor<?x4xf32>, tensor<?x8xf32>) -> tensor<?x4xf32>
  return
}

// -----

// (AC2) swiglu of one input.
func.func @f(%g: tensor<?x4xf32>) {
  // expected-error @below {{expects swiglu to have an up projection}}
  %y = moe.activate %g {activation = #moe.activation<swiglu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 7.0 : f32>} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// (SE1) a table of wanted rows.
func.func @f(%x: tensor<?x4xf32>, %w: tensor<?x1xi32>) {
  // expected-error @below {{expects x [rows, C] and wanted of one dimension}}
  %y = moe.select %x, %w : (tensor<?x4xf32>, tensor<?x1xi32>) -> tensor<?x4xf32>
  return
}

// -----

// (SE2) other columns.
func.func @f(%x: tensor<?x4xf32>, %w: tensor<?xi32>) {
  // expected-error @below {{expects a result of shape [?, 4]}}
  %y = moe.select %x, %w : (tensor<?x4xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  return
}

// -----

// (R1) positions of two dimensions.
func.func @f(%x: tensor<?x8xf32>, %p: tensor<?x1xi32>, %t: tensor<16x2xf32>) {
  // expected-error @below {{expects x [rows, C], a result of its type and positions [rows]}}
  %y = moe.rotary %x, %p, %t, %t {head_dim = 4 : i64, rotary_dim = 4 : i64} : (tensor<?x8xf32>, tensor<?x1xi32>, tensor<16x2xf32>, tensor<16x2xf32>) -> tensor<?x8xf32>
  return
}

// -----

// (R2) heads that do not fit.
func.func @f(%x: tensor<?x8xf32>, %p: tensor<?xi32>, %t: tensor<16x2xf32>) {
  // expected-error @below {{expects a head_dim that divides 8 columns, found 3}}
  %y = moe.rotary %x, %p, %t, %t {head_dim = 3 : i64, rotary_dim = 2 : i64} : (tensor<?x8xf32>, tensor<?xi32>, tensor<16x2xf32>, tensor<16x2xf32>) -> tensor<?x8xf32>
  return
}

// -----

// (R3) an odd rotation.
func.func @f(%x: tensor<?x8xf32>, %p: tensor<?xi32>, %t: tensor<16x2xf32>) {
  // expected-error @below {{expects an even rotary_dim from 2 to head_dim 4 less the offset, found 3 and offset 0}}
  %y = moe.rotary %x, %p, %t, %t {head_dim = 4 : i64, rotary_dim = 3 : i64} : (tensor<?x8xf32>, tensor<?xi32>, tensor<16x2xf32>, tensor<16x2xf32>) -> tensor<?x8xf32>
  return
}

// -----

// (R4) tables of other width.
func.func @f(%x: tensor<?x8xf32>, %p: tensor<?xi32>, %t: tensor<16x2xf32>) {
  // expected-error @below {{expects static tables cos and sin [P, 1] of one type}}
  %y = moe.rotary %x, %p, %t, %t {head_dim = 4 : i64, rotary_dim = 2 : i64} : (tensor<?x8xf32>, tensor<?xi32>, tensor<16x2xf32>, tensor<16x2xf32>) -> tensor<?x8xf32>
  return
}

// -----

// (AT1) kv_heads that do not divide heads.
func.func @f(%q: tensor<?x8xf32>, %k: tensor<?x4xf32>, %v: tensor<?x4xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{expects positive sizes and kv_heads that divide heads}}
  %y = moe.attention %q, %k, %v, %p {cache = 0 : i64, heads = 2 : i64, kv_heads = 3 : i64, head_dim = 4 : i64, value_dim = 4 : i64, scale = 0.5 : f32} : (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  return
}

// -----

// (AT2) values of other columns.
func.func @f(%q: tensor<?x8xf32>, %k: tensor<?x4xf32>, %v: tensor<?x6xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{expects v of shape [?, 4]}}
  %y = moe.attention %q, %k, %v, %p {cache = 0 : i64, heads = 2 : i64, kv_heads = 1 : i64, head_dim = 4 : i64, value_dim = 4 : i64, scale = 0.5 : f32} : (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x6xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  return
}

// -----

// (AT3) a sink for each kv head.
func.func @f(%q: tensor<?x8xf32>, %k: tensor<?x4xf32>, %v: tensor<?x4xf32>, %p: tensor<?xi32>, %s: tensor<1xf32>) {
  // expected-error @below {{expects sinks of shape [2]}}
  %y = moe.attention %q, %k, %v, %p sinks %s {cache = 0 : i64, heads = 2 : i64, kv_heads = 1 : i64, head_dim = 4 : i64, value_dim = 4 : i64, scale = 0.5 : f32} : (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xi32>, tensor<1xf32>) -> tensor<?x8xf32>
  return
}

// -----

// (AT4) a negative window.
func.func @f(%q: tensor<?x8xf32>, %k: tensor<?x4xf32>, %v: tensor<?x4xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{expects cache, window, chunk and softcap that are not negative}}
  %y = moe.attention %q, %k, %v, %p {cache = 0 : i64, heads = 2 : i64, kv_heads = 1 : i64, head_dim = 4 : i64, value_dim = 4 : i64, scale = 0.5 : f32, window = -1 : i64} : (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  return
}

// -----

// (AT5) a scale of 0.
func.func @f(%q: tensor<?x8xf32>, %k: tensor<?x4xf32>, %v: tensor<?x4xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{expects a finite positive scale}}
  %y = moe.attention %q, %k, %v, %p {cache = 0 : i64, heads = 2 : i64, kv_heads = 1 : i64, head_dim = 4 : i64, value_dim = 4 : i64, scale = 0.0 : f32} : (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  return
}

// -----

// (RO1) more experts wanted than there are.
func.func @f(%l: tensor<?x3xf32>) {
  // expected-error @below {{expects logits [rows, E] and 1 <= k <= E}}
  %e, %p = moe.route %l {k = 4 : i64, layer = 0 : i64, score = #moe.score<softmax>} : (tensor<?x3xf32>) -> (tensor<?x4xi32>, tensor<?x4xf32>)
  return
}

// -----

// (RO2) results for another k.
func.func @f(%l: tensor<?x3xf32>) {
  // expected-error @below {{expects ids of shape [?, 2]}}
  %e, %p = moe.route %l {k = 2 : i64, layer = 0 : i64, score = #moe.score<softmax>} : (tensor<?x3xf32>) -> (tensor<?x3xi32>, tensor<?x3xf32>)
  return
}

// -----

// (RO3) a bias of other length.
func.func @f(%l: tensor<?x3xf32>, %b: tensor<2xf32>) {
  // expected-error @below {{expects a bias of shape [3]}}
  %e, %p = moe.route %l bias %b {k = 2 : i64, layer = 0 : i64, score = #moe.score<softmax>} : (tensor<?x3xf32>, tensor<2xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return
}

// -----

// (RO4) a negative layer.
func.func @f(%l: tensor<?x3xf32>) {
  // expected-error @below {{expects a layer of at least 0, found -1}}
  %e, %p = moe.route %l {k = 2 : i64, layer = -1 : i64, score = #moe.score<softmax>} : (tensor<?x3xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return
}

// -----

// (RO5) a negative epsilon.
func.func @f(%l: tensor<?x3xf32>) {
  // expected-error @below {{expects an epsilon that is not negative and a finite scale}}
  %e, %p = moe.route %l {k = 2 : i64, layer = 0 : i64, score = #moe.score<softmax>, epsilon = -1.0 : f32} : (tensor<?x3xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return
}

// -----

// (E1) a result already summed.
func.func @f(%x: tensor<?x4xf32>, %e: tensor<?x2xi32>, %p: tensor<?x2xf32>, %g: tensor<3x6x4xf32>, %u: tensor<3x6x4xf32>, %d: tensor<3x4x6xf32>) {
  // expected-error @below {{expects x [rows, H] and a result [rows, k, H]}}
  %y = moe.experts %x, %e, %p gate %g up %u down %d {layer = 0 : i64, activation = #moe.activation<swiglu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 7.0 : f32>} : (tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<3x6x4xf32>, tensor<3x6x4xf32>, tensor<3x4x6xf32>) -> tensor<?x4xf32>
  return
}

// -----

// (E2) ids for another k.
func.func @f(%x: tensor<?x4xf32>, %e: tensor<?x3xi32>, %p: tensor<?x2xf32>, %g: tensor<3x6x4xf32>, %u: tensor<3x6x4xf32>, %d: tensor<3x4x6xf32>) {
  // expected-error @below {{expects ids of shape [?, 2]}}
  %y = moe.experts %x, %e, %p gate %g up %u down %d {layer = 0 : i64, activation = #moe.activation<swiglu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 7.0 : f32>} : (tensor<?x4xf32>, tensor<?x3xi32>, tensor<?x2xf32>, tensor<3x6x4xf32>, tensor<3x6x4xf32>, tensor<3x4x6xf32>) -> tensor<?x2x4xf32>
  return
}

// -----

// (E3) a gate of other columns.
func.func @f(%x: tensor<?x4xf32>, %e: tensor<?x2xi32>, %p: tensor<?x2xf32>, %g: tensor<3x6x5xf32>, %u: tensor<3x6x4xf32>, %d: tensor<3x4x6xf32>) {
  // expected-error @below {{expects a static gate [E, I, 4]}}
  %y = moe.experts %x, %e, %p gate %g up %u down %d {layer = 0 : i64, activation = #moe.activation<swiglu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 7.0 : f32>} : (tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<3x6x5xf32>, tensor<3x6x4xf32>, tensor<3x4x6xf32>) -> tensor<?x2x4xf32>
  return
}

// -----

// (E4) an up of other rows.
func.func @f(%x: tensor<?x4xf32>, %e: tensor<?x2xi32>, %p: tensor<?x2xf32>, %g: tensor<3x6x4xf32>, %u: tensor<3x7x4xf32>, %d: tensor<3x4x6xf32>) {
  // expected-error @below {{expects up of shape [3, 6, 4]}}
  %y = moe.experts %x, %e, %p gate %g up %u down %d {layer = 0 : i64, activation = #moe.activation<swiglu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 7.0 : f32>} : (tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<3x6x4xf32>, tensor<3x7x4xf32>, tensor<3x4x6xf32>) -> tensor<?x2x4xf32>
  return
}

// -----

// (E5) a down that is not transposed.
func.func @f(%x: tensor<?x4xf32>, %e: tensor<?x2xi32>, %p: tensor<?x2xf32>, %g: tensor<3x6x4xf32>, %u: tensor<3x6x4xf32>, %d: tensor<3x6x4xf32>) {
  // expected-error @below {{expects down of shape [3, 4, 6]}}
  %y = moe.experts %x, %e, %p gate %g up %u down %d {layer = 0 : i64, activation = #moe.activation<swiglu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 7.0 : f32>} : (tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<3x6x4xf32>, tensor<3x6x4xf32>, tensor<3x6x4xf32>) -> tensor<?x2x4xf32>
  return
}

// -----

// (E6) a down bias of other length.
func.func @f(%x: tensor<?x4xf32>, %e: tensor<?x2xi32>, %p: tensor<?x2xf32>, %g: tensor<3x6x4xf32>, %u: tensor<3x6x4xf32>, %d: tensor<3x4x6xf32>, %db: tensor<3x6xf32>) {
  // expected-error @below {{expects down_bias of shape [3, 4]}}
  %y = moe.experts %x, %e, %p gate %g up %u down %d down_bias %db {layer = 0 : i64, activation = #moe.activation<swiglu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 7.0 : f32>} : (tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<3x6x4xf32>, tensor<3x6x4xf32>, tensor<3x4x6xf32>, tensor<3x6xf32>) -> tensor<?x2x4xf32>
  return
}

// -----

// (E7) an up bias alone.
func.func @f(%x: tensor<?x4xf32>, %e: tensor<?x2xi32>, %p: tensor<?x2xf32>, %g: tensor<3x6x4xf32>, %d: tensor<3x4x6xf32>, %ub: tensor<3x6xf32>) {
  // expected-error @below {{expects up where there is an up_bias}}
  %y = moe.experts %x, %e, %p gate %g down %d up_bias %ub {layer = 0 : i64, activation = #moe.activation<silu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 7.0 : f32>} : (tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<3x6x4xf32>, tensor<3x4x6xf32>, tensor<3x6xf32>) -> tensor<?x2x4xf32>
  return
}

// -----

// (E8) swiglu without up.
func.func @f(%x: tensor<?x4xf32>, %e: tensor<?x2xi32>, %p: tensor<?x2xf32>, %g: tensor<3x6x4xf32>, %d: tensor<3x4x6xf32>) {
  // expected-error @below {{expects swiglu to have an up projection}}
  %y = moe.experts %x, %e, %p gate %g down %d {layer = 0 : i64, activation = #moe.activation<swiglu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 7.0 : f32>} : (tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<3x6x4xf32>, tensor<3x4x6xf32>) -> tensor<?x2x4xf32>
  return
}

// -----

// (E9) a negative layer.
func.func @f(%x: tensor<?x4xf32>, %e: tensor<?x2xi32>, %p: tensor<?x2xf32>, %g: tensor<3x6x4xf32>, %u: tensor<3x6x4xf32>, %d: tensor<3x4x6xf32>) {
  // expected-error @below {{expects a layer of at least 0, found -1}}
  %y = moe.experts %x, %e, %p gate %g up %u down %d {layer = -1 : i64, activation = #moe.activation<swiglu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 7.0 : f32>} : (tensor<?x4xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<3x6x4xf32>, tensor<3x6x4xf32>, tensor<3x4x6xf32>) -> tensor<?x2x4xf32>
  return
}

// -----

// (C1) results of one rank.
func.func @f(%y: tensor<?x4xf32>) {
  // expected-error @below {{expects y [rows, k, H] with k of at least 1}}
  %x = moe.combine %y : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// (C2) a residual of other columns.
func.func @f(%y: tensor<?x2x4xf32>, %r: tensor<?x8xf32>) {
  // expected-error @below {{expects a residual of shape [?, 4]}}
  %x = moe.combine %y residual %r : (tensor<?x2x4xf32>, tensor<?x8xf32>) -> tensor<?x4xf32>
  return
}

// -----

// (SQ1) a function that is not there.
func.func private @g(%x: tensor<?x4xf32>, %s: tensor<1x2xf32>) -> (tensor<?x4xf32>, tensor<1x2xf32>) { return %x, %s : tensor<?x4xf32>, tensor<1x2xf32> }
func.func @f(%x: tensor<?x4xf32>, %w: tensor<4xf32>) {
  // expected-error @below {{expects @h to be a function with a body in the module}}
  %y = moe.sequence @h(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// (SQ2) an argument of other columns.
func.func private @g(%x: tensor<?x4xf32>, %s: tensor<1x2xf32>) -> (tensor<?x4xf32>, tensor<1x2xf32>) { return %x, %s : tensor<?x4xf32>, tensor<1x2xf32> }
func.func @f(%x: tensor<?x4xf32>, %w: tensor<4xf32>) {
  // expected-error @below {{expects operand 0 to be rows or a weight as the function's argument}}
  %y = moe.sequence @g(%w) : (tensor<4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// (SQ3) weights alone.
func.func private @g(%w: tensor<4xf32>) -> tensor<?x4xf32> { %y = call @g(%w) : (tensor<4xf32>) -> tensor<?x4xf32>
  return %y : tensor<?x4xf32> }
func.func @f(%x: tensor<?x4xf32>, %w: tensor<4xf32>) {
  // expected-error @below {{expects an operand that counts rows}}
  %y = moe.sequence @g(%w) : (tensor<4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// (SQ4) a result of other columns.
func.func private @g(%x: tensor<?x4xf32>, %s: tensor<1x2xf32>) -> (tensor<?x4xf32>, tensor<1x2xf32>) { return %x, %s : tensor<?x4xf32>, tensor<1x2xf32> }
func.func @f(%x: tensor<?x4xf32>, %w: tensor<4xf32>) {
  // expected-error @below {{expects result 0 to be [rows, C] as the function's}}
  %y = moe.sequence @g(%x) : (tensor<?x4xf32>) -> tensor<?x5xf32>
  return
}

// -----

// (SQ5) a state that is not given back.
func.func private @g(%x: tensor<?x4xf32>, %s: tensor<1x2xf32>) -> tensor<?x4xf32> { return %x : tensor<?x4xf32> }
func.func @f(%x: tensor<?x4xf32>, %w: tensor<4xf32>) {
  // expected-error @below {{expects as many new states as states}}
  %y = moe.sequence @g(%x) : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

// -----

// (SQ6) a history beside states.
func.func private @g(%x: tensor<?x4xf32>, %s: tensor<1x2xf32>) -> (tensor<?x4xf32>, tensor<1x2xf32>) { return %x, %s : tensor<?x4xf32>, tensor<1x2xf32> }
func.func @f(%x: tensor<?x4xf32>, %w: tensor<4xf32>) {
  // expected-error @below {{no states with a history}}
  %y = moe.sequence @g(%x) {history = 0 : i64} : (tensor<?x4xf32>) -> tensor<?x4xf32>
  return
}

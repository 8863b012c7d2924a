// RUN: janus-opt %s --janus-lower-tensor -split-input-file | FileCheck %s

// One operator of each family: what a loop over its elements does. What the numbers are, ONNX's node tests compare.

// Indexing. An index from data is looked at before it is used: the loop that ands, the branch, the message.
// CHECK-LABEL: module attributes
// CHECK: constant @text.0("node 'pick': Gather has an index outside of its axis\00")
// CHECK: %[[GOOD:.*]] = scf.for {{.*}} iter_args
// CHECK: llvm.cond_br %[[GOOD]]
// CHECK: scf.for
// CHECK: janus.parallel
func.func @main(%x: tensor<4x3xf32>, %i: tensor<2xi64>) -> tensor<2x3xf32> {
  %0 = onnx.Gather(%x, %i) : (tensor<4x3xf32>, tensor<2xi64>) -> tensor<2x3xf32> loc("pick")
  return %0 : tensor<2x3xf32>
}

// -----

// Reduction. A mean of f16 is summed in f32 and rounded once.
// CHECK-LABEL: module attributes
// CHECK: %[[SUM:.*]] = scf.for {{.*}} iter_args(%{{.*}} = %{{.*}}) -> (f32)
// CHECK: arith.extf %{{.*}} : f16 to f32
// CHECK: %[[MEAN:.*]] = arith.divf %[[SUM]], %{{.*}} : f32
// CHECK: arith.truncf %[[MEAN]] : f32 to f16
// CHECK-NOT: truncf
func.func @main(%x: tensor<4x3xf16>) -> tensor<4x1xf16> {
  %a = onnx.constant dense<1> : tensor<1xi64>
  %0 = onnx.ReduceMean(%x, %a) : (tensor<4x3xf16>, tensor<1xi64>) -> tensor<4x1xf16>
  return %0 : tensor<4x1xf16>
}

// -----

// Selection. Numbers are compared as integers of the same order, so that NaN has a place in it.
// CHECK-LABEL: module attributes
// CHECK: arith.bitcast %{{.*}} : f32 to i32
// CHECK: arith.cmpi slt
func.func @main(%x: tensor<8xf32>) -> (tensor<2xf32>, tensor<2xi64>) {
  %k = onnx.constant dense<2> : tensor<1xi64>
  %0:2 = onnx.TopK(%x, %k) : (tensor<8xf32>, tensor<1xi64>) -> (tensor<2xf32>, tensor<2xi64>)
  return %0#0, %0#1 : tensor<2xf32>, tensor<2xi64>
}

// -----

// Products. One chain of fused multiply-adds an element, in the numbers' own width.
// CHECK-LABEL: module attributes
// CHECK: scf.for {{.*}} iter_args(%{{.*}} = %{{.*}}) -> (f64)
// CHECK: math.fma %{{.*}} : f64
func.func @main(%x: tensor<2x3xf64>, %y: tensor<3x4xf64>) -> tensor<2x4xf64> {
  %0 = onnx.MatMul(%x, %y) : (tensor<2x3xf64>, tensor<3x4xf64>) -> tensor<2x4xf64>
  return %0 : tensor<2x4xf64>
}

// -----

// Norms. Statistics of bf16 are f32.
// CHECK-LABEL: module attributes
// CHECK: math.sqrt %{{.*}} : f32
// CHECK: arith.truncf %{{.*}} : f32 to bf16
func.func @main(%x: tensor<2x8xbf16>, %s: tensor<8xbf16>) -> tensor<2x8xbf16> {
  %0 = onnx.RMSNormalization(%x, %s) : (tensor<2x8xbf16>, tensor<8xbf16>) -> tensor<2x8xbf16>
  return %0 : tensor<2x8xbf16>
}

// -----

// Attention. The scores lie in the workspace; between the parts nothing else goes through memory: one loop over (batch, head, row).
// CHECK-LABEL: module attributes
// CHECK: llvm.func @main(
// CHECK: scf.for
// CHECK: math.exp
// CHECK: janus.parallel
// CHECK-NOT: janus.parallel
// CHECK: llvm.func @main.workspace
func.func @main(%q: tensor<1x2x4x8xf32>, %k: tensor<1x2x4x8xf32>) -> tensor<1x2x4x8xf32> {
  %0 = onnx.Attention(%q, %k, %k) {is_causal = 1 : i64} : (tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>, tensor<1x2x4x8xf32>) -> (tensor<1x2x4x8xf32>)
  return %0 : tensor<1x2x4x8xf32>
}

// -----

// Quantised weights are taken apart where they are read: a byte, a shift, its lower bits, less the zero point, times the scale.
// CHECK-LABEL: module attributes
// CHECK: arith.shrui
// CHECK: arith.trunci %{{.*}} : i8 to i4
// CHECK: arith.extui %{{.*}} : i4 to i64
// CHECK: arith.subf
// CHECK: arith.mulf
// CHECK: math.fma
func.func @main(%x: tensor<1x32xf32>, %w: tensor<2x1x16xui8>, %s: tensor<2xf32>) -> tensor<1x2xf32> {
  %0 = onnx.MatMulNBits(%x, %w, %s) {K = 32 : i64, N = 2 : i64, bits = 4 : i64, block_size = 32 : i64} : (tensor<1x32xf32>, tensor<2x1x16xui8>, tensor<2xf32>) -> tensor<1x2xf32>
  return %0 : tensor<1x2xf32>
}

// -----

// Stored integers of 4 bits lie two to a byte, in the artifact as in the file; their sign is theirs. What is computed of
// them has a byte each.
// CHECK-LABEL: module attributes
// CHECK-SAME: janus.weights = [{file = "weights/tensor.safetensors", layout = "rows.u8", name = "q", parts = [@q]}]
// CHECK: moe.weight @q : tensor<1x8xui8> views [#moe.view<"d", ui8, offset = 64, shape = [1, 8], strides = [8, 1]>]
// CHECK: %[[BYTE:.*]] = llvm.load %{{.*}} : !llvm.ptr -> i8
// CHECK: %[[HIGH:.*]] = arith.shrui %[[BYTE]], %{{.*}} : i8
// CHECK: %[[Q:.*]] = arith.trunci %[[HIGH]] : i8 to i4
// CHECK: %[[WHOLE:.*]] = arith.extui %[[Q]] : i4 to i8
// CHECK: llvm.store %[[WHOLE]]
// CHECK: %[[AGAIN:.*]] = llvm.load %{{.*}} : !llvm.ptr -> i8
// CHECK-NOT: arith.shrui
// CHECK: %[[I:.*]] = arith.trunci %[[AGAIN]] : i8 to i4
// CHECK: arith.extsi %[[I]] : i4 to i64
onnx.initializer @q : tensor<3x5xi4> = #onnx.range<"d", i4, offset = 64, length = 8>
func.func @main(%s: tensor<f32>) -> tensor<5x3xf32> {
  %q = onnx.initializer_value @q : tensor<3x5xi4>
  %t = onnx.Transpose(%q) {perm = [1, 0]} : (tensor<3x5xi4>) -> tensor<5x3xi4>
  %y = onnx.DequantizeLinear(%t, %s) : (tensor<5x3xi4>, tensor<f32>) -> tensor<5x3xf32>
  return %y : tensor<5x3xf32>
}

// -----

// If. A condition from data chooses a block; both fill the result, and what is behind sees one.
// CHECK-LABEL: module attributes
// CHECK: llvm.func @main(
// CHECK: llvm.cond_br %{{.*}}, ^[[THEN:bb[0-9]+]], ^[[ELSE:bb[0-9]+]]
// CHECK: ^[[THEN]]:
// CHECK: math.exp
// CHECK: llvm.br ^[[BEHIND:bb[0-9]+]]
// CHECK: ^[[ELSE]]:
// CHECK-NOT: math.exp
// CHECK: llvm.br ^[[BEHIND]]
// CHECK: ^[[BEHIND]]:
func.func @main(%c: tensor<i1>, %x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = onnx.If(%c) : (tensor<i1>) -> (tensor<4xf32>) {
    %y = onnx.Exp(%x) : (tensor<4xf32>) -> tensor<4xf32>
    onnx.Yield %y : tensor<4xf32>
  } {
    onnx.Yield %x : tensor<4xf32>
  }
  return %0 : tensor<4xf32>
}

// -----

// An If whose graphs give different extents: each takes memory for its own, which reaches the block behind with the extent.
// CHECK-LABEL: module attributes
// CHECK: ^[[BEHIND:bb[0-9]+]](%{{.*}}: !llvm.ptr, %{{.*}}: i64):
func.func @main(%c: tensor<i1>, %x: tensor<4xf32>, %y: tensor<2xf32>) -> tensor<?xf32, #onnx.dims<"either0">> {
  %0 = onnx.If(%c) : (tensor<i1>) -> (tensor<?xf32, #onnx.dims<"either0">>) {
    onnx.Yield %x : tensor<4xf32>
  } {
    onnx.Yield %y : tensor<2xf32>
  }
  return %0 : tensor<?xf32, #onnx.dims<"either0">>
}

// -----

// Loop. The block at its head has the number of the iteration and the condition; the carried value lies where the result does,
// rows are stacked in memory for as many as there may be, and the number of iterations is their extent.
// CHECK-LABEL: module attributes
// CHECK: llvm.call %{{.*}} : !llvm.ptr, (!llvm.ptr, !llvm.ptr, i64, i64) -> !llvm.ptr
// CHECK: llvm.br ^[[HEAD:bb[0-9]+]](%{{.*}}, %{{.*}} : i64, i1)
// CHECK: ^[[HEAD]](%[[I:.*]]: i64, %[[GO:.*]]: i1):
// CHECK: %[[LEFT:.*]] = arith.cmpi slt, %[[I]]
// CHECK: %[[ON:.*]] = arith.andi %[[GO]], %[[LEFT]]
// CHECK: llvm.cond_br %[[ON]], ^[[BODY:bb[0-9]+]], ^[[BEHIND:bb[0-9]+]]
// CHECK: ^[[BODY]]:
// CHECK: arith.addf
// CHECK: %[[NEXT:.*]] = arith.addi %[[I]]
// CHECK: llvm.br ^[[HEAD]](%[[NEXT]]
// CHECK: ^[[BEHIND]]:
func.func @main(%n: tensor<i64>, %x: tensor<4xf32>) -> (tensor<4xf32>, tensor<?x4xf32, #onnx.dims<"loop0", 4>>) {
  %0:2 = onnx.Loop(%n, none, %x) : (tensor<i64>, tensor<4xf32>) -> (tensor<4xf32>, tensor<?x4xf32, #onnx.dims<"loop0", 4>>) {
  ^bb0(%i: tensor<i64>, %go: tensor<i1>, %s: tensor<4xf32>):
    %t = onnx.Add(%s, %x) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
    onnx.Yield %go, %t, %t : tensor<i1>, tensor<4xf32>, tensor<4xf32>
  }
  return %0#0, %0#1 : tensor<4xf32>, tensor<?x4xf32, #onnx.dims<"loop0", 4>>
}

// RUN: janus-opt %s --janus-lower-tensor -split-input-file | FileCheck %s

// A result is written in place. Its symbols are those of the inputs' dimensions; the manifest's section names inputs, outputs
// and weights. The weight is a moe.weight over the initializer's bytes, packed by rows.
// CHECK-LABEL: module attributes
// CHECK-SAME: janus.programs = "{\22tensor\22:{\22tensor\22:
// CHECK-SAME: janus.tensor = "{\22computed\22:[],\22inputs\22:[{\22dims\22:[\22S\22,4],\22name\22:\22x\22,\22type\22:\22f32\22}],\22outputs\22:[{\22dims\22:[\22S\22,4],\22name\22:\22y\22,\22type\22:\22f32\22}],\22require\22:[],\22symbols\22:[\22S\22],\22weights\22:[\22b\22],\22workspace\22:[]}"
// CHECK-SAME: janus.weights = [{file = "weights/tensor.safetensors", layout = "rows.f32", name = "b", parts = [@b]}]
// CHECK-NOT: onnx.
// CHECK: moe.weight @b : tensor<1x4xf32> views [#moe.view<"d", f16, offset = 8, shape = [1, 4], strides = [4, 1]>]
// CHECK: llvm.func @main(%{{.*}}: !llvm.ptr) {
// CHECK: scf.for
// CHECK: arith.addf
// CHECK: janus.parallel
// CHECK: llvm.func @main.workspace(%{{.*}}: !llvm.ptr) -> i64
!x = tensor<?x4xf32, #onnx.dims<"S", 4>>
onnx.initializer @b : tensor<4xf32> = #onnx.range<"d", f16, offset = 8, length = 8>
onnx.initializer @unused : tensor<4xf32> = #onnx.range<"d", f16, offset = 16, length = 8>
func.func @main(%x: !x {onnx.name = "x"}) -> (!x {onnx.name = "y"}) {
  %b = onnx.initializer_value @b : tensor<4xf32>
  %0 = onnx.Add(%x, %b) : (!x, tensor<4xf32>) -> !x
  return %0 : !x
}

// -----

// Values of equal size share memory when their lives do not overlap: of the three between, the first and the third. The
// workspace is 2 * round_up(16 S, 64) bytes.
// CHECK-LABEL: module attributes
// CHECK: llvm.func @main.workspace(
// CHECK: %[[A:.*]] = arith.muli %{{.*}}, %c64
// CHECK: %[[B:.*]] = arith.muli %{{.*}}, %c64
// CHECK-NEXT: %[[SUM:.*]] = arith.addi %[[A]], %[[B]]
// CHECK-NEXT: llvm.return %[[SUM]]
!x = tensor<?x4xf32, #onnx.dims<"S", 4>>
func.func @main(%x: !x) -> !x {
  %0 = onnx.Neg(%x) : (!x) -> !x
  %1 = onnx.Abs(%0) : (!x) -> !x
  %2 = onnx.Neg(%1) : (!x) -> !x
  %3 = onnx.Abs(%2) : (!x) -> !x
  return %3 : !x
}

// -----

// A reshape costs nothing: it shares its operand's memory, so there is one loop, and no workspace.
// CHECK-LABEL: module attributes
// CHECK: llvm.func @main(
// CHECK: scf.for
// CHECK: janus.parallel
// CHECK-NOT: scf.for
// CHECK: llvm.func @main.workspace(
// CHECK: %[[ZERO:.*]] = {{.*}}constant{{.*}}0 : i64
// CHECK-NEXT: llvm.return %[[ZERO]]
func.func @main(%x: tensor<?x4xf32, #onnx.dims<"S", 4>>) -> tensor<?xf32, #onnx.dims<"4*S">> {
  %s = onnx.constant dense<-1> : tensor<1xi64>
  %0 = onnx.Reshape(%x, %s) : (tensor<?x4xf32, #onnx.dims<"S", 4>>, tensor<1xi64>) -> tensor<?xf32, #onnx.dims<"4*S">>
  %1 = onnx.Abs(%0) : (tensor<?xf32, #onnx.dims<"4*S">>) -> tensor<?xf32, #onnx.dims<"4*S">>
  return %1 : tensor<?xf32, #onnx.dims<"4*S">>
}

// -----

// Small constants are data of the code; a bool is a byte.
// CHECK-LABEL: module attributes
// CHECK: llvm.mlir.global internal constant @constant.0(dense<[1, 0]> : tensor<2xi8>) {{.*}}: !llvm.array<2 x i8>
// CHECK: llvm.mlir.addressof @constant.0
func.func @main(%x: tensor<2xf32>, %y: tensor<2xf32>) -> tensor<2xf32> {
  %c = onnx.constant dense<[true, false]> : tensor<2xi1>
  %0 = onnx.Where(%c, %x, %y) : (tensor<2xi1>, tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  return %0 : tensor<2xf32>
}

// -----

// A size that only data decide: counted first, then checked and known to all that follows; the memory comes from the host and goes
// back behind the last use. The result's memory is given to the runtime, and the size, behind the symbols of the inputs.
// CHECK-LABEL: module attributes
// CHECK-SAME: janus.tensor = "{\22computed\22:[\22nonzero0\22],\22inputs\22:[{\22dims\22:[\22S\22]
// CHECK-SAME: \22outputs\22:[{\22dims\22:[1,\22nonzero0\22]
// CHECK: llvm.func @main(%[[CALL:.*]]: !llvm.ptr) {
// CHECK: %[[COUNT:.*]] = scf.for
// CHECK: llvm.cond_br %{{.*}}, ^[[SOUND:bb[0-9]+]], ^{{bb[0-9]+}}
// CHECK: ^[[SOUND]]:
// CHECK: llvm.call %{{.*}} : !llvm.ptr, (!llvm.ptr, !llvm.ptr, i64, i64) -> !llvm.ptr
// CHECK: llvm.return
func.func @main(%x: tensor<?xi1, #onnx.dims<"S">>) -> tensor<1x?xi64, #onnx.dims<1, "nonzero0">> {
  %0 = onnx.NonZero(%x) : (tensor<?xi1, #onnx.dims<"S">>) -> tensor<1x?xi64, #onnx.dims<1, "nonzero0">>
  %1 = onnx.Neg(%0) : (tensor<1x?xi64, #onnx.dims<1, "nonzero0">>) -> tensor<1x?xi64, #onnx.dims<1, "nonzero0">>
  return %1 : tensor<1x?xi64, #onnx.dims<1, "nonzero0">>
}

// -----

// f16 is widened when it is read and rounded when it is written; between, arithmetic is in f32.
// CHECK-LABEL: module attributes
// CHECK: arith.extf %{{.*}} : f16 to f32
// CHECK: arith.mulf %{{.*}} : f32
// CHECK: arith.truncf %{{.*}} : f32 to f16
func.func @main(%x: tensor<4xf16>) -> tensor<4xf16> {
  %0 = onnx.Mul(%x, %x) : (tensor<4xf16>, tensor<4xf16>) -> tensor<4xf16>
  return %0 : tensor<4xf16>
}

// -----

// Weights keep their type; numbers without a sign are the same bits.
// CHECK-LABEL: module attributes
// CHECK-SAME: layout = "rows.u8", name = "w"
// CHECK: moe.weight @w : tensor<1x4xui8> views [#moe.view<"d", ui8, offset = 0, shape = [1, 4], strides = [4, 1]>]
// CHECK: arith.divui
onnx.initializer @w : tensor<4xui8> = #onnx.range<"d", ui8, offset = 0, length = 4>
func.func @main(%x: tensor<4xui8>) -> tensor<4xui8> {
  %w = onnx.initializer_value @w : tensor<4xui8>
  %0 = onnx.Div(%x, %w) : (tensor<4xui8>, tensor<4xui8>) -> tensor<4xui8>
  return %0 : tensor<4xui8>
}

// The whole lower stage of the tensor contract: exp is expanded, the loop over elements is a task, only the LLVM dialect is left.
// RUN: janus-opt %s --janus-lower-tensor-program -o %t
// RUN: FileCheck %s --implicit-check-not="{{onnx\.[A-Z]|func\.func|scf\.|arith\.|math\.|vector\.|cf\.}}" < %t
// RUN: janus-opt %t --janus-verify-lowering | diff %t -
// RUN: janus-opt %t --emit-bytecode -o %t.bc && janus-opt %t.bc | diff %t -

// CHECK: janus.tensor =
// CHECK: llvm.func @main(%{{.*}}: !llvm.ptr)
// CHECK: llvm.mlir.addressof @main.task0
// CHECK: llvm.func internal @main.task0
// CHECK: llvm.intr.fma
// CHECK: llvm.func @main.workspace
!x = tensor<?x4xf32, #onnx.dims<"S", 4>>
func.func @main(%x: !x {onnx.name = "x"}) -> (!x {onnx.name = "y"}) {
  %0 = onnx.Exp(%x) : (!x) -> !x
  return %0 : !x
}

// RUN: janus-opt %s --janus-lower-sequences | FileCheck %s
// RUN: janus-opt %S/../Partition/Inputs/sequences.mlir --janus-partition --janus-communicate --janus-schedule -o %t 2>/dev/null
// RUN: janus-opt %t --janus-lower | FileCheck %s --check-prefix=STAGE --implicit-check-not="{{func\.func|scf\.|arith\.|onnx\.}}"

// Rows and the state, then the result and the new state are operands 0 to 3, the weight is the first of Call::weights, and the
// symbols are the rows alone.
!x = tensor<?x8xf32, #onnx.dims<"S", 8>>
func.func private @sequence_0(%x: !x, %w: tensor<8xf32>, %past: tensor<1x8xf32>) -> (!x, tensor<1x8xf32>)
    attributes {janus.inputs = 2 : i64, janus.role = "attention", janus.sequence} {
  %0 = onnx.Mul(%x, %w) : (!x, tensor<8xf32>) -> !x
  %1 = onnx.Exp(%0) : (!x) -> !x
  %2 = onnx.Add(%1, %past) : (!x, tensor<1x8xf32>) -> !x
  %3 = onnx.Neg(%past) : (tensor<1x8xf32>) -> tensor<1x8xf32>
  return %2, %3 : !x, tensor<1x8xf32>
}
// CHECK: llvm.func @sequence_0(%[[CALL:.*]]: !llvm.ptr) attributes {janus.role = "attention"}
// Call::symbols, operands and weights.
// CHECK: llvm.getelementptr %[[CALL]][16]
// CHECK: %[[OPERANDS:.*]] = llvm.load %{{.*}} : !llvm.ptr -> !llvm.ptr
// CHECK: llvm.getelementptr %[[CALL]][32]
// CHECK: llvm.getelementptr %{{.*}}[0] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
// CHECK: llvm.getelementptr %{{.*}}[1] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
// CHECK: llvm.getelementptr %{{.*}}[2] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
// CHECK: llvm.getelementptr %{{.*}}[3] : (!llvm.ptr) -> !llvm.ptr, !llvm.ptr
// CHECK: math.exp
// CHECK: llvm.func @sequence_0.workspace(%{{.*}}: !llvm.ptr) -> i64 attributes {janus.role = "attention"}

// The stage lowers them with all else; tasks belong to the role as well.
// STAGE: llvm.func internal @sequence_0.task{{.*}}janus.role = "attention"
// STAGE: llvm.func @sequence_0.workspace

// RUN: janus-opt %s --janus-outline-parallel -split-input-file | FileCheck %s

// The loop becomes a task over a part of its range. What it reads of its surroundings travels in an array of words in order of
// use, its constants are made again in the task, and its grain is the attribute's.
// CHECK-LABEL: llvm.func @main(
// CHECK-SAME: %[[CALL:.*]]: !llvm.ptr)
// CHECK: %[[TWO:.*]] = llvm.mlir.constant(2 : i64)
// CHECK: %[[WORDS:.*]] = llvm.alloca %[[TWO]] x i64
// CHECK: %[[P:.*]] = llvm.load %[[CALL]] : !llvm.ptr -> !llvm.ptr
// CHECK: %[[N:.*]] = llvm.load %[[P]] : !llvm.ptr -> i64
// CHECK-NOT: scf.for
// CHECK: llvm.getelementptr %[[WORDS]][0]
// CHECK: llvm.store %{{.*}}
// CHECK: llvm.getelementptr %[[WORDS]][1]
// CHECK: llvm.store %{{.*}}
// CHECK: %[[ZERO:.*]] = arith.constant 0 : i64
// CHECK: %[[COUNT:.*]] = arith.maxsi %[[N]], %[[ZERO]]
// CHECK: %[[GRAIN:.*]] = arith.constant 64 : i64
// CHECK: %[[CODE:.*]] = llvm.mlir.addressof @main.task0
// CHECK: llvm.call %{{.*}}(%{{.*}}, %[[CODE]], %[[WORDS]], %[[COUNT]], %[[GRAIN]])
// CHECK: llvm.func internal @main.task0(%[[ARGS:.*]]: !llvm.ptr, %[[BEGIN:.*]]: i64, %[[END:.*]]: i64, %{{.*}}: i32)
// CHECK: arith.constant 7 : i64
// CHECK: llvm.getelementptr %[[ARGS]][0]
// CHECK: llvm.getelementptr %[[ARGS]][1]
// CHECK: scf.for %[[I:.*]] = %[[BEGIN]] to %[[END]]
// CHECK: llvm.store
llvm.func @main(%call: !llvm.ptr) {
  %p = llvm.load %call : !llvm.ptr -> !llvm.ptr
  %n = llvm.load %p : !llvm.ptr -> i64
  %zero = arith.constant 0 : i64
  %one = arith.constant 1 : i64
  %seven = arith.constant 7 : i64
  scf.for %i = %zero to %n step %one : i64 {
    %sum = arith.addi %i, %n : i64
    %more = arith.addi %sum, %seven : i64
    %at = llvm.getelementptr %p[%i] : (!llvm.ptr, i64) -> !llvm.ptr, i64
    llvm.store %more, %at : i64, !llvm.ptr
  } {janus.parallel = 64 : i64}
  llvm.return
}

// -----

// A loop that is not marked runs where it stands; a second marked one is a second task.
// CHECK-LABEL: llvm.func @main(
// CHECK: llvm.mlir.addressof @main.task0
// CHECK: scf.for
// CHECK: llvm.mlir.addressof @main.task1
llvm.func @main(%call: !llvm.ptr) {
  %zero = arith.constant 0 : i64
  %one = arith.constant 1 : i64
  scf.for %i = %zero to %one step %one : i64 {
    llvm.store %i, %call : i64, !llvm.ptr
  } {janus.parallel = 1 : i64}
  scf.for %i = %zero to %one step %one : i64 {
    llvm.store %i, %call : i64, !llvm.ptr
  }
  scf.for %i = %zero to %one step %one : i64 {
    llvm.store %i, %call : i64, !llvm.ptr
  } {janus.parallel = 1 : i64}
  llvm.return
}

// What --janus-verify-lowering lets pass, unchanged: code of the LLVM dialect, programs and weights that agree with it.
// RUN: janus-opt %S/../Partition/Inputs/tiny-model.mlir --janus-partition --janus-communicate --janus-schedule --janus-lower -o %t 2>/dev/null
// RUN: janus-opt %t --janus-verify-lowering | diff %t -
// RUN: janus-opt %s --janus-verify-lowering | FileCheck %s

// CHECK: llvm.func @main
llvm.func @main(%call: !llvm.ptr) {
  llvm.return
}

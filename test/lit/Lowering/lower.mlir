// The whole lower stage, both gate sides: what is left is code, weights, and attributes with programs. A dump goes back in, as
// text and as bytecode, and the code is valid LLVM IR.
// RUN: janus-opt %S/../Partition/Inputs/tiny-model.mlir --janus-partition=gate-side=auto --janus-communicate --janus-schedule -o %t.schedule 2>/dev/null
// RUN: janus-opt %t.schedule --janus-lower -o %t
// RUN: FileCheck %s --implicit-check-not="{{janus\.(fragment|dispatch|collect|schedule|experts)|moe\.get_weight|func\.func|scf\.|arith\.}}" < %t
// RUN: janus-opt %t --janus-verify-lowering | diff %t -
// RUN: janus-opt %t --emit-bytecode -o %t.bc && janus-opt %t.bc | diff %t -
// RUN: janus-opt %t.schedule --janus-lower | diff %t -

// CHECK: module attributes {janus.model = {{.*}}janus.programs = {{.*}}janus.transfers = {{.*}}janus.weights =
// CHECK: moe.weight @embed
// CHECK: llvm.func @attention_0(%{{.*}}: !llvm.ptr) attributes {janus.role = "attention"}
// CHECK: llvm.func internal @attention_0.rows0
// CHECK: llvm.func @attention_0.workspace
// CHECK: llvm.func @expert_0(%{{.*}}: !llvm.ptr) attributes {janus.role = "expert"}
// CHECK: llvm.func @expert_1.workspace

// Stages in another order say which one is missing.
// RUN: not janus-opt %S/../Partition/Inputs/tiny-model.mlir --janus-partition --janus-lower 2>&1 | FileCheck %s --check-prefix=EARLY
// EARLY: error: {{.*}}expects operands of its own mesh, but one crosses without a transfer

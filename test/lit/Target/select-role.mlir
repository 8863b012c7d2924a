// RUN: janus-opt %s --janus-select-role="role=attention cpu=x86-64-v3" | FileCheck %s --check-prefix=V3 --implicit-check-not=janus. --implicit-check-not=moe.
// RUN: janus-opt %s --janus-select-role="role=expert cpu=x86-64-v4" | FileCheck %s --check-prefix=V4 --implicit-check-not=@attention_0

// Functions of the other role, weights and the module's attributes go; constants and tasks stay. Every function gets its CPU,
// never unwinds, and its loops may not become calls of library functions.
// V3: llvm.mlir.global internal constant @constant.0
// V3: llvm.func @attention_0(%{{.*}}: !llvm.ptr) attributes {no_unwind, passthrough = ["no-builtins"], target_cpu = "x86-64-v3"}
// V3: llvm.func internal @task(%{{.*}}: !llvm.ptr) attributes {no_unwind, passthrough = ["no-builtins"], target_cpu = "x86-64-v3"}
// V3-NOT: llvm.func

// With v4, vectors of 512 bits are preferred.
// V4: llvm.func @expert_0(%{{.*}}: !llvm.ptr) attributes {no_unwind, passthrough = ["no-builtins", ["prefer-vector-width", "512"]], target_cpu = "x86-64-v4"}
module attributes {janus.programs = "{}", janus.weights = []} {
  moe.weight @w : tensor<1xf32> value dense<1.0> : tensor<1xf32>
  llvm.mlir.global internal constant @constant.0(dense<[1, 0]> : tensor<2xi8>) : !llvm.array<2 x i8>
  llvm.func @attention_0(%call: !llvm.ptr) attributes {janus.role = "attention"} { llvm.return }
  llvm.func internal @task(%call: !llvm.ptr) { llvm.return }
  llvm.func @expert_0(%call: !llvm.ptr) attributes {janus.role = "expert"} { llvm.return }
}

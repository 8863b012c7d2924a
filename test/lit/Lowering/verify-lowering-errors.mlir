// One case for each thing that --janus-verify-lowering states.
// RUN: janus-opt %s --janus-verify-lowering -split-input-file -verify-diagnostics
// RUN: janus-opt %S/../Partition/Inputs/tiny-model.mlir --janus-partition --janus-communicate --janus-schedule --janus-lower -o %t 2>/dev/null

// (1) a function of another kind
// expected-error @below {{remains; after lower every function is an llvm.func}}
func.func @expert_0() { return }

// -----

// (1) a function that something else has to bring along
// expected-error @below {{is declared, not defined; code reaches the outside only through its Call}}
llvm.func @expf(f32) -> f32

// -----

// (2) an operation of another dialect
llvm.func @expert_0(%x: f32) -> f32 {
  // expected-error @below {{remains; after lower every operation is of the LLVM dialect}}
  %0 = arith.addf %x, %x : f32
  llvm.return %0 : f32
}

// -----

// Programs that cannot be read
// expected-error @below {{janus.programs is not a JSON object}}
module attributes {janus.programs = "[1"} {}

// (3) a fragment without its function, or without the function of its workspace
// RUN: sed 's/@attention_1(/@attention_9(/' %t | not janus-opt --janus-verify-lowering 2>&1 | FileCheck %s --check-prefix=FUNCTION
// FUNCTION: error: expert.attention: fragment function @attention_1 does not exist
// RUN: sed 's/@expert_0.workspace/@elsewhere/' %t | not janus-opt --janus-verify-lowering 2>&1 | FileCheck %s --check-prefix=WORKSPACE
// WORKSPACE: error: expert.expert: fragment function @expert_0.workspace does not exist

// (4) a weight that no list names
// RUN: sed 's/name = "l1.q"/name = "l1.other"/' %t | not janus-opt --janus-verify-lowering 2>&1 | FileCheck %s --check-prefix=NAME
// NAME: error: expert.attention: weight l1.q is not listed in janus.weights

// (4) a weight made of something that is not there
// RUN: sed '/moe.weight @l1.v /d' %t | not janus-opt --janus-verify-lowering 2>&1 | FileCheck %s --check-prefix=PART
// PART: error: packed weight "l1.v" is made of @l1.v, which does not exist

// Programs whose content is wrong: docs/artifact.md
// RUN: sed 's/\\22op\\22:\\22dispatch\\22/\\22op\\22:\\22despatch\\22/' %t | not janus-opt --janus-verify-lowering 2>&1 | FileCheck %s --check-prefix=CONTENT
// CONTENT: error: expert.attention: {{.*}}despatch

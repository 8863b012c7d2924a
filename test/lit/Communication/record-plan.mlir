// What --janus-record-plan keeps is what --janus-print-plan says, before and after lowering.
// RUN: janus-opt %S/../Partition/Inputs/tiny-model.mlir --janus-partition=gate-side=auto --janus-communicate --janus-schedule -o %t 2>/dev/null
// RUN: janus-opt %t --janus-print-plan -o /dev/null > %t.before
// RUN: janus-opt %t --janus-record-plan --janus-lower -o %t.lowered 2>/dev/null
// RUN: FileCheck %s < %t.lowered
// RUN: janus-opt %t.lowered --janus-print-plan -o /dev/null | diff %t.before -
// CHECK: janus.plan = "{\22contract\22:\22language-model\22,

// The plan of a tensor program counts its operators.
// RUN: janus-opt --import-onnx=%models/qwen3_tiny/model.onnx --janus-import --janus-record-plan -o %t.tensor 2>/dev/null
// RUN: janus-opt %t.tensor --janus-print-plan -o /dev/null | FileCheck %s --check-prefix=TENSOR
// TENSOR: tensor program: named tensors in, named tensors out
// TENSOR: onnx.MoE 2

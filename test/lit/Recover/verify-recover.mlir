// What --janus-verify-recover lets pass: a recovered model, and a graph that was not recovered. Neither is changed.
// RUN: janus-opt %S/../Dialect/MoE/tiny-model.mlir > %t && janus-opt %t --janus-verify-recover | diff %t -
// RUN: janus-opt %s --janus-verify-recover | FileCheck %s

// CHECK: func.func @main
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = onnx.Exp(%x) : (tensor<4xf32>) -> tensor<4xf32>
  return %0 : tensor<4xf32>
}

// What --janus-verify-import lets pass, unchanged: references, constants, operators with shapes and names.
// RUN: janus-opt %s --mlir-print-debuginfo -o %t && janus-opt %t --janus-verify-import --mlir-print-debuginfo | diff %t -
// RUN: FileCheck %s < %t

// CHECK: func.func @main
!x = tensor<?x4xf32, #onnx.dims<"S", 4>>
onnx.initializer @w : tensor<4xf32> = #onnx.range<"d", f16, offset = 0, length = 8>
func.func @main(%x: !x {onnx.name = "x"}) -> (!x {onnx.name = "y"}) {
  %w = onnx.initializer_value @w : tensor<4xf32>
  %c = onnx.constant dense<1.0> : tensor<f32>
  %0 = onnx.Add(%x, %w) : (!x, tensor<4xf32>) -> !x loc("/add")
  %1 = onnx.Mul(%0, %c) : (!x, tensor<f32>) -> !x loc("/scale")
  return %1 : !x
}

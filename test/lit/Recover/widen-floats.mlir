// RUN: janus-opt %s --janus-widen-floats -split-input-file | FileCheck %s

// Activations are f32; the stored weight keeps its type and is cast.
// CHECK: func.func private @step(%[[X:.*]]: tensor<?x8xf32, {{.*}}) -> tensor<?x4xf32
// CHECK: %[[W:.*]] = onnx.initializer_value @w : tensor<8x4xf16>
// CHECK: %[[C:.*]] = onnx.Cast(%[[W]]) {{.*}}to = 1 : i64
// CHECK: %[[Y:.*]] = onnx.MatMul(%[[X]], %[[C]])
// CHECK: return %[[Y]] : tensor<?x4xf32
// CHECK: onnx.initializer @w : tensor<8x4xf16>
func.func private @step(%x: tensor<?x8xf16, #onnx.dims<"n", 8>>) -> tensor<?x4xf16, #onnx.dims<"n", 4>> {
  %w = onnx.initializer_value @w : tensor<8x4xf16>
  %y = onnx.MatMul(%x, %w) : (tensor<?x8xf16, #onnx.dims<"n", 8>>, tensor<8x4xf16>) -> tensor<?x4xf16, #onnx.dims<"n", 4>>
  return %y : tensor<?x4xf16, #onnx.dims<"n", 4>>
}
onnx.initializer @w : tensor<8x4xf16> = #onnx.range<"d", f16, offset = 0, length = 64>

// RUN: janus-opt %s | janus-opt | FileCheck %s
// RUN: janus-opt %s --emit-bytecode | janus-opt | FileCheck %s
// RUN: janus-opt %s --mlir-print-op-generic | janus-opt | FileCheck %s

// Initializers by reference and by number, their values, constants, and results whose type is not known yet. Every operator's own
// example goes through examples.test.
// CHECK: onnx.initializer @w : tensor<4x8xf32> = #onnx.range<"model.onnx.data", bf16, offset = 4096, length = 64>
onnx.initializer @w : tensor<4x8xf32> = #onnx.range<"model.onnx.data", bf16, offset = 4096, length = 64>

// CHECK: onnx.initializer @by_number : tensor<2xi64> = dense<[3, 4]> : tensor<2xi64>
onnx.initializer @by_number : tensor<2xi64> = dense<[3, 4]> : tensor<2xi64>

// CHECK-LABEL: @data
func.func @data() -> tensor<4x8xf32> {
  // CHECK: %[[W:.*]] = onnx.initializer_value @w : tensor<4x8xf32>
  %w = onnx.initializer_value @w : tensor<4x8xf32>
  // CHECK: onnx.constant dense<[1, 2]> : tensor<2xi64>
  %c = onnx.constant dense<[1, 2]> : tensor<2xi64>
  // CHECK: onnx.Exp(%[[W]]) : (tensor<4x8xf32>) -> !onnx.unknown
  %u = onnx.Exp(%w) : (tensor<4x8xf32>) -> !onnx.unknown
  return %w : tensor<4x8xf32>
}

// Dimensions are written in canonical form: sums and products sorted, constants last.
// CHECK: #onnx.dims<"S+past-1", "2*S", 4, "floordiv(S,3)">
func.func private @dims(tensor<?x?x4x?xf32, #onnx.dims<"past+S-1", "S*2", 4, "floordiv(S, 3)">>)

// CHECK-LABEL: @positions
func.func @positions(%x: tensor<4xf32>, %g: tensor<4xf32>) -> tensor<4xf32> {
  // An absent optional operand before a present one is written `none`; trailing ones are not written.
  // CHECK: onnx.Clip(%{{.*}}, none, %{{.*}}) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %0 = onnx.Clip(%x, none, %g) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  // CHECK: onnx.Clip(%{{.*}}) : (tensor<4xf32>) -> tensor<4xf32>
  %1 = onnx.Clip(%x, none, none) : (tensor<4xf32>) -> tensor<4xf32>
  // Absent results too.
  // CHECK: %[[Y:.*]], %[[SUM:.*]] = onnx.SkipSimplifiedLayerNormalization({{.*}}) {{.*}} -> (tensor<4xf32>, none, none, tensor<4xf32>)
  %y, %sum = onnx.SkipSimplifiedLayerNormalization(%x, %x, %g) {epsilon = 1.0e-6 : f32} : (tensor<4xf32>, tensor<4xf32>, tensor<4xf32>) -> (tensor<4xf32>, none, none, tensor<4xf32>)
  // CHECK: onnx.Split(%{{.*}}) {axis = 0 : i64, num_outputs = 2 : i64} : (tensor<4xf32>) -> (tensor<2xf32>, tensor<2xf32>)
  %p:2 = onnx.Split(%x) {axis = 0 : i64, num_outputs = 2 : i64} : (tensor<4xf32>) -> (tensor<2xf32>, tensor<2xf32>)
  // CHECK: return %[[SUM]]
  return %sum : tensor<4xf32>
}

// RUN: janus-opt %s --janus-recover-norms -split-input-file -verify-diagnostics | FileCheck %s

// The two spellings of RMS normalisation, and LayerNormalization with and without a bias.
// CHECK-LABEL: module {
// CHECK: moe.norm rms %{{.*}}, %{{.*}} {epsilon = 9.99999997E-7 : f32} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
// CHECK: moe.norm rms
// CHECK: moe.norm layer %{{.*}}, %{{.*}} bias %{{.*}} {epsilon
// CHECK: moe.norm layer %{{[^ ]*}}, %{{[^ ]*}} {epsilon
// CHECK-NOT: onnx.{{.*}}Normalization
!x = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
onnx.initializer @g : tensor<8xf32> = #onnx.range<"d", f32, offset = 0, length = 32>
onnx.initializer @b : tensor<8xf32> = #onnx.range<"d", f32, offset = 32, length = 32>
func.func private @step(%x: !x, %z: !x) -> !x attributes {moe.rows = "B*S"} {
  %g = onnx.initializer_value @g : tensor<8xf32>
  %b = onnx.initializer_value @b : tensor<8xf32>
  %0 = onnx.SimplifiedLayerNormalization(%x, %g) {epsilon = 1.0e-6 : f32} : (!x, tensor<8xf32>) -> (!x)
  %1 = onnx.RMSNormalization(%0, %g) {axis = 2 : i64, epsilon = 1.0e-5 : f32} : (!x, tensor<8xf32>) -> !x
  %2 = onnx.LayerNormalization(%1, %g, %b) {axis = -1 : i64} : (!x, tensor<8xf32>, tensor<8xf32>) -> (!x)
  %3 = onnx.LayerNormalization(%2, %g) {axis = -1 : i64} : (!x, tensor<8xf32>) -> (!x)
  return %3 : !x
}

// -----

// A norm over the pieces of a row, as query and key norms after a Reshape are: one group a head.
// CHECK-LABEL: module {
// CHECK: moe.norm rms %{{.*}} {epsilon = {{.*}}, group = 4 : i64} : (tensor<?x8xf32>, tensor<4xf32>) -> tensor<?x8xf32>
!x = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
onnx.initializer @g : tensor<8xf32> = #onnx.range<"d", f32, offset = 0, length = 32>
onnx.initializer @b : tensor<8xf32> = #onnx.range<"d", f32, offset = 32, length = 32>
func.func private @step(%x: !x, %z: !x) -> tensor<?x?x4xf32, #onnx.dims<"B", "2*S", 4>> attributes {moe.rows = "B*S"} {
  %g = onnx.initializer_value @g : tensor<8xf32>
  %q = onnx.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %shape = onnx.constant dense<[0, -1, 4]> : tensor<3xi64>
  %cut = onnx.Reshape(%x, %shape) : (!x, tensor<3xi64>) -> tensor<?x?x4xf32, #onnx.dims<"B", "2*S", 4>>
  %0 = onnx.SimplifiedLayerNormalization(%cut, %q) {epsilon = 1.0e-6 : f32} : (tensor<?x?x4xf32, #onnx.dims<"B", "2*S", 4>>, tensor<4xf32>) -> (tensor<?x?x4xf32, #onnx.dims<"B", "2*S", 4>>)
  return %0 : tensor<?x?x4xf32, #onnx.dims<"B", "2*S", 4>>
}

// -----

// SkipSimplifiedLayerNormalization is a sum and its norm; the sum is the residual stream.
// CHECK-LABEL: module {
// CHECK: %[[S:.*]] = moe.add %{{.*}}, %{{.*}} : tensor<?x8xf32>
// CHECK: %[[Y:.*]] = moe.norm rms %[[S]],
// CHECK: %[[YG:.*]] = builtin.unrealized_conversion_cast %[[Y]]
// CHECK: %[[SG:.*]] = builtin.unrealized_conversion_cast %[[S]]
// CHECK: return %[[YG]], %[[SG]]
!x = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
onnx.initializer @g : tensor<8xf32> = #onnx.range<"d", f32, offset = 0, length = 32>
onnx.initializer @b : tensor<8xf32> = #onnx.range<"d", f32, offset = 32, length = 32>
func.func private @step(%x: !x, %z: !x) -> (!x, !x) attributes {moe.rows = "B*S"} {
  %g = onnx.initializer_value @g : tensor<8xf32>
  %y, %s = onnx.SkipSimplifiedLayerNormalization(%x, %z, %g) {epsilon = 1.0e-6 : f32} : (!x, !x, tensor<8xf32>) -> (!x, none, none, !x)
  return %y, %s : !x, !x
}

// -----

// Nobody may ask for the sum.
// CHECK-LABEL: module {
// CHECK: moe.add
// CHECK: moe.norm rms
!x = tensor<?x?x8xf32, #onnx.dims<"B", "S", 8>>
onnx.initializer @g : tensor<8xf32> = #onnx.range<"d", f32, offset = 0, length = 32>
onnx.initializer @b : tensor<8xf32> = #onnx.range<"d", f32, offset = 32, length = 32>
func.func private @step(%x: !x, %z: !x) -> !x attributes {moe.rows = "B*S"} {
  %g = onnx.initializer_value @g : tensor<8xf32>
  %y = onnx.SkipSimplifiedLayerNormalization(%x, %z, %g) {epsilon = 1.0e-6 : f32} : (!x, !x, tensor<8xf32>) -> (!x)
  return %y : !x
}

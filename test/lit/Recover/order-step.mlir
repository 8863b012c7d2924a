// RUN: janus-opt %s --janus-order-step | FileCheck %s

// Operands stand before their user, the first operand's first; each use of a weight reads it itself; what nothing needs goes.
// CHECK-LABEL: func.func private @step(
// CHECK-NEXT: %[[E:.*]] = moe.get_weight @w
// CHECK-NEXT: %[[X:.*]] = moe.linear %{{.*}}, %[[E]]
// CHECK-NEXT: %[[F:.*]] = moe.get_weight @w
// CHECK-NEXT: %[[Y:.*]] = moe.linear %[[X]], %[[F]]
// CHECK-NEXT: %[[S:.*]] = moe.add %[[X]], %[[Y]]
// CHECK-NEXT: return %[[S]]
moe.weight @w : tensor<4x4xf32> value dense<0.5> : tensor<4x4xf32>
moe.weight @unused : tensor<4x4xf32> value dense<0.25> : tensor<4x4xf32>
func.func private @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %wanted: tensor<?xi32>, %h: tensor<?x4xf32>) -> tensor<?x4xf32> attributes {moe.rows = "S"} {
  %u = moe.get_weight @unused : tensor<4x4xf32>
  %w = moe.get_weight @w : tensor<4x4xf32>
  %d = moe.linear %h, %u : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
  %x = moe.linear %h, %w : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
  %y = moe.linear %x, %w : (tensor<?x4xf32>, tensor<4x4xf32>) -> tensor<?x4xf32>
  %s = moe.add %x, %y : tensor<?x4xf32>
  return %s : tensor<?x4xf32>
}

// RUN: janus-opt %s --janus-begin-recovery | FileCheck %s

// @main stays as it is; its copy is private and has the three arguments of a step in front, not used yet.
// CHECK: func.func @main(%[[X:.*]]: tensor<?x?xi64, #onnx.dims<"B", "S">> {onnx.name = "input_ids"})
// CHECK-NEXT: onnx.Identity(%[[X]])
// CHECK: func.func private @step(%{{.*}}: tensor<?xi32>, %{{.*}}: tensor<?xi32>, %{{.*}}: tensor<?xi32>, %[[Y:.*]]: tensor<?x?xi64, #onnx.dims<"B", "S">> {onnx.name = "input_ids"})
// CHECK-NEXT: onnx.Identity(%[[Y]])
!tokens = tensor<?x?xi64, #onnx.dims<"B", "S">>
func.func @main(%ids: !tokens {onnx.name = "input_ids"}) -> !tokens {
  %0 = onnx.Identity(%ids) : (!tokens) -> !tokens
  return %0 : !tokens
}

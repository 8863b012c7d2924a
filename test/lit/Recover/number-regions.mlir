// RUN: janus-opt %s --janus-number-regions | FileCheck %s

// Functions in order of their first call; states and histories each by their own count.
// CHECK: func.func private @region_0(%{{.*}}: tensor<?x4xf32, {{.*}}>, %{{.*}}: tensor<1x4xf32>, %{{.*}}: tensor<1x4xf32>)
// CHECK: func.func private @region_1(%{{.*}}: tensor<?x4xf32, {{.*}}>, %{{.*}}: tensor<?x4xf32, {{.*}}>)
// CHECK: func.func private @region_2(%{{.*}}: tensor<?x4xf32, {{.*}}>)
// CHECK: func.func @step
// CHECK: moe.sequence @region_0(%{{.*}}) :
// CHECK: moe.sequence @region_1(%{{.*}}, %{{.*}}) {history = 0 : i64, state = 2 : i64}
// CHECK: moe.sequence @region_2(%{{.*}}) {state = 2 : i64}
// CHECK: moe.sequence @region_0(%{{.*}}) {state = 2 : i64}
// CHECK: moe.sequence @region_1(%{{.*}}, %{{.*}}) {history = 2 : i64, state = 4 : i64}
!r = tensor<?x4xf32, #onnx.dims<"S", 4>>
!x = tensor<?x4xf32>
module attributes {moe.model = {}} {
func.func private @region_0(%x: !r, %y: !r) -> !r { return %x : !r }
func.func private @region(%x: !r) -> !r { return %x : !r }
func.func private @region_1(%x: !r, %a: tensor<1x4xf32>, %b: tensor<1x4xf32>) -> (!r, tensor<1x4xf32>, tensor<1x4xf32>) { return %x, %b, %a : !r, tensor<1x4xf32>, tensor<1x4xf32> }
func.func @step(%x: !x) -> !x {
  %a = moe.sequence @region_1(%x) : (!x) -> !x
  %b = moe.sequence @region_0(%a, %a) {history = 0 : i64} : (!x, !x) -> !x
  %c = moe.sequence @region(%b) : (!x) -> !x
  %d = moe.sequence @region_1(%c) : (!x) -> !x
  %e = moe.sequence @region_0(%d, %b) {history = 0 : i64} : (!x, !x) -> !x
  return %e : !x
}
}

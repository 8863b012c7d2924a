// RUN: janus-opt %s --janus-find-rows --janus-bind-interface --janus-outline-states -split-input-file -verify-diagnostics | FileCheck %s

// A convolution over tokens with its state: its rows before and behind, the weight an operand, the state the last argument.
// What is around it stays; the new state is no result of the model any more.
// CHECK-LABEL: func.func private @region(
// CHECK-SAME: %[[X:.*]]: tensor<?x4xf32, #onnx.dims<"S", 4>>, %[[W:.*]]: tensor<4x1x3xf32>, %[[PAST:.*]]: tensor<1x4x2xf32>)
// CHECK-SAME: -> (tensor<?x4xf32, #onnx.dims<"S", 4>>, tensor<1x4x2xf32>)
// CHECK: %[[ONE:.*]] = onnx.Reshape(%[[X]], %{{.*}}) {{.*}} -> tensor<1x?x4xf32, #onnx.dims<1, "S", 4>>
// CHECK: %[[T:.*]] = onnx.Transpose(%[[ONE]])
// CHECK: %[[Y:.*]], %[[NEW:.*]] = onnx.microsoft.CausalConvWithState(%[[T]], %[[W]], none, %[[PAST]])
// CHECK: %[[ROWS:.*]] = onnx.Reshape
// CHECK: return %[[ROWS]], %[[NEW]]
// CHECK-LABEL: func.func private @step(
// CHECK-SAME: -> tensor<?x?x4xf32, #onnx.dims<"N", "L", 4>>
// CHECK: %[[IN:.*]] = builtin.unrealized_conversion_cast %{{.*}} : tensor<?x?x4xf32, #onnx.dims<"N", "L", 4>> to tensor<?x4xf32>
// CHECK: moe.sequence @region(%[[IN]], %{{.*}}) : (tensor<?x4xf32>, tensor<4x1x3xf32>) -> tensor<?x4xf32>
// CHECK-NOT: CausalConvWithState
// CHECK: onnx.Exp
!i = tensor<?xi32>
!state = tensor<?x4x2xf32, #onnx.dims<"M", 4, 2>>
!x = tensor<?x?x4xf32, #onnx.dims<"N", "L", 4>>
!t = tensor<?x4x?xf32, #onnx.dims<"N", 4, "L">>
func.func private @step(%i: !i, %p: !i, %w: !i, %tokens: tensor<?x?xi64, #onnx.dims<"N", "L">>, %past: !state {onnx.name = "past.conv"}) -> (!x, tensor<?x4x2xf32, #onnx.dims<"N", 4, 2>>) {
  %table = onnx.initializer_value @table : tensor<16x4xf32>
  %kernel = onnx.initializer_value @kernel : tensor<4x1x3xf32>
  %x = onnx.Gather(%table, %tokens) {axis = 0 : i64} : (tensor<16x4xf32>, tensor<?x?xi64, #onnx.dims<"N", "L">>) -> !x
  %t = onnx.Transpose(%x) {perm = array<i64: 0, 2, 1>} : (!x) -> !t
  // expected-remark @below {{a layer with 1 states of its own, 3 operators, is called once for each sequence}}
  %y:2 = onnx.microsoft.CausalConvWithState(%t, %kernel, none, %past) : (!t, tensor<4x1x3xf32>, !state) -> (!t, tensor<?x4x2xf32, #onnx.dims<"N", 4, 2>>)
  %z = onnx.Transpose(%y#0) {perm = array<i64: 0, 2, 1>} : (!t) -> !x
  %e = onnx.Exp(%z) : (!x) -> !x
  return %e, %y#1 : !x, tensor<?x4x2xf32, #onnx.dims<"N", 4, 2>>
}
onnx.initializer @table : tensor<16x4xf32> = #onnx.range<"d", f32, offset = 0, length = 256>
onnx.initializer @kernel : tensor<4x1x3xf32> = #onnx.range<"d", f32, offset = 256, length = 48>

// -----

// Two states of one type, whose results come in another order: names say which is which. Equal functions are one.
// CHECK-LABEL: func.func private @region(
// CHECK-NOT: func.func private @region_0
// CHECK-LABEL: func.func private @step(
// CHECK: moe.sequence @region(
// CHECK: moe.sequence @region(
!i = tensor<?xi32>
!state = tensor<?x4xf32, #onnx.dims<"B", 4>>
!x = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
func.func private @step(%i: !i, %p: !i, %w: !i, %tokens: tensor<?x?xi64, #onnx.dims<"B", "S">>, %a: !state {onnx.name = "past_a"}, %b: !state {onnx.name = "past_b"}) -> (!x, !state {onnx.name = "present_b"}, !state {onnx.name = "present_a"}) {
  %table = onnx.initializer_value @table : tensor<16x4xf32>
  %one = onnx.constant dense<1> : tensor<1xi64>
  %x = onnx.Gather(%table, %tokens) {axis = 0 : i64} : (tensor<16x4xf32>, tensor<?x?xi64, #onnx.dims<"B", "S">>) -> !x
  %sa = onnx.ReduceSum(%x, %one) {keepdims = 0 : i64} : (!x, tensor<1xi64>) -> !state
  // expected-remark @below {{a layer with 1 states of its own, 4 operators, is called once for each sequence}}
  %na = onnx.Add(%sa, %a) : (!state, !state) -> !state
  %ua = onnx.Unsqueeze(%na, %one) : (!state, tensor<1xi64>) -> tensor<?x1x4xf32, #onnx.dims<"B", 1, 4>>
  %ya = onnx.Add(%x, %ua) : (!x, tensor<?x1x4xf32, #onnx.dims<"B", 1, 4>>) -> !x
  %sb = onnx.ReduceSum(%ya, %one) {keepdims = 0 : i64} : (!x, tensor<1xi64>) -> !state
  // expected-remark @below {{a layer with 1 states of its own, 4 operators, is called once for each sequence}}
  %nb = onnx.Add(%sb, %b) : (!state, !state) -> !state
  %ub = onnx.Unsqueeze(%nb, %one) : (!state, tensor<1xi64>) -> tensor<?x1x4xf32, #onnx.dims<"B", 1, 4>>
  %yb = onnx.Add(%ya, %ub) : (!x, tensor<?x1x4xf32, #onnx.dims<"B", 1, 4>>) -> !x
  return %yb, %nb, %na : !x, !state, !state
}
onnx.initializer @table : tensor<16x4xf32> = #onnx.range<"d", f32, offset = 0, length = 256>

// -----

// The new state is made of what the region yields, by operators that its other rows do not need.
!i = tensor<?xi32>
!state = tensor<?x4xf32, #onnx.dims<"B", 4>>
!x = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
// CHECK-LABEL: func.func private @region(
// CHECK: onnx.ReduceSum
// CHECK-LABEL: func.func private @step(
// CHECK-NOT: onnx.ReduceSum
func.func private @step(%i: !i, %p: !i, %w: !i, %tokens: tensor<?x?xi64, #onnx.dims<"B", "S">>, %s: !state) -> (!x, !state) {
  %table = onnx.initializer_value @table : tensor<16x4xf32>
  %one = onnx.constant dense<1> : tensor<1xi64>
  %x = onnx.Gather(%table, %tokens) {axis = 0 : i64} : (tensor<16x4xf32>, tensor<?x?xi64, #onnx.dims<"B", "S">>) -> !x
  // expected-remark @below {{a layer with 1 states of its own, 4 operators, is called once for each sequence}}
  %u = onnx.Unsqueeze(%s, %one) : (!state, tensor<1xi64>) -> tensor<?x1x4xf32, #onnx.dims<"B", 1, 4>>
  %y = onnx.Add(%x, %u) : (!x, tensor<?x1x4xf32, #onnx.dims<"B", 1, 4>>) -> !x
  %m = onnx.ReduceSum(%y, %one) {keepdims = 0 : i64} : (!x, tensor<1xi64>) -> !state
  %n = onnx.Neg(%m) : (!state) -> !state
  return %y, %n : !x, !state
}
onnx.initializer @table : tensor<16x4xf32> = #onnx.range<"d", f32, offset = 0, length = 256>

// -----

// An edge that is no row.
!i = tensor<?xi32>
!state = tensor<?x4xf32, #onnx.dims<"B", 4>>
!x = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
// CHECK-NOT: func.func private @step
func.func private @step(%i: !i, %p: !i, %w: !i, %tokens: tensor<?x?xi64, #onnx.dims<"B", "S">>, %s: !state, %other: tensor<?x1xf32, #onnx.dims<"B", 1>>) -> (!x, !state) {
  %table = onnx.initializer_value @table : tensor<16x4xf32>
  %x = onnx.Gather(%table, %tokens) {axis = 0 : i64} : (tensor<16x4xf32>, tensor<?x?xi64, #onnx.dims<"B", "S">>) -> !x
  // expected-remark @below {{a state cannot be carried: onnx.Add: reads input 2 of the model, of type [B, 1] of f32, which is no rows}}
  %n = onnx.Add(%s, %other) : (!state, tensor<?x1xf32, #onnx.dims<"B", 1>>) -> !state
  return %x, %n : !x, !state
}
onnx.initializer @table : tensor<16x4xf32> = #onnx.range<"d", f32, offset = 0, length = 256>

// -----

// An extent that counts something else than rows.
!i = tensor<?xi32>
!state = tensor<?x4xf32, #onnx.dims<"B", 4>>
!x = tensor<?x?x4xf32, #onnx.dims<"B", "S", 4>>
!n = tensor<?x4xf32, #onnx.dims<"n", 4>>
// CHECK-NOT: func.func private @step
func.func private @step(%i: !i, %p: !i, %w: !i, %tokens: tensor<?x?xi64, #onnx.dims<"B", "S">>, %s: !state) -> (!x, !state) {
  %table = onnx.initializer_value @table : tensor<16x4xf32>
  %x = onnx.Gather(%table, %tokens) {axis = 0 : i64} : (tensor<16x4xf32>, tensor<?x?xi64, #onnx.dims<"B", "S">>) -> !x
  %c = onnx.Cast(%s) {to = 9 : i64} : (!state) -> tensor<?x4xi1, #onnx.dims<"B", 4>>
  // expected-remark @below {{a state cannot be carried: onnx.NonZero: has an extent that is neither a number nor a count of its rows: [2, n] of}}
  %z = onnx.NonZero(%c) : (tensor<?x4xi1, #onnx.dims<"B", 4>>) -> tensor<2x?xi64, #onnx.dims<2, "n">>
  %k = onnx.constant dense<1> : tensor<1xi64>
  %m = onnx.ReduceMax(%z, %k) {keepdims = 1 : i64} : (tensor<2x?xi64, #onnx.dims<2, "n">>, tensor<1xi64>) -> tensor<2x1xi64>
  %f = onnx.Cast(%m) {to = 1 : i64} : (tensor<2x1xi64>) -> tensor<2x1xf32>
  %a = onnx.ReduceMax(%f) {keepdims = 1 : i64} : (tensor<2x1xf32>) -> tensor<1x1xf32>
  %y = onnx.Add(%s, %a) : (!state, tensor<1x1xf32>) -> !state
  %u = onnx.Unsqueeze(%y, %k) : (!state, tensor<1xi64>) -> tensor<?x1x4xf32, #onnx.dims<"B", 1, 4>>
  %r = onnx.Add(%x, %u) : (!x, tensor<?x1x4xf32, #onnx.dims<"B", 1, 4>>) -> !x
  return %r, %y : !x, !state
}
onnx.initializer @table : tensor<16x4xf32> = #onnx.range<"d", f32, offset = 0, length = 256>

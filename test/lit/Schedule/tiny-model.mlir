// A two-layer model after the schedule stage, both gate sides: what the lower stage reads. A dump fed back in verifies.
// RUN: janus-opt %s --janus-verify-communication --janus-verify-schedule | FileCheck %s
// CHECK-LABEL: func.func @step_egate
// CHECK-LABEL: func.func @step_agate

module {
  janus.mesh @attention
  janus.mesh @expert
  moe.weight @embed : tensor<32x8xf32> value dense<5.000000e-01> : tensor<32x8xf32>
  moe.weight @cos : tensor<16x2xf32> value dense<5.000000e-01> : tensor<16x2xf32>
  moe.weight @sin : tensor<16x2xf32> value dense<5.000000e-01> : tensor<16x2xf32>
  moe.weight @l0.norm1 : tensor<8xf32> value dense<5.000000e-01> : tensor<8xf32>
  moe.weight @l0.q : tensor<8x8xf32> value dense<5.000000e-01> : tensor<8x8xf32>
  moe.weight @l0.k : tensor<4x8xf32> value dense<5.000000e-01> : tensor<4x8xf32>
  moe.weight @l0.v : tensor<4x8xf32> value dense<5.000000e-01> : tensor<4x8xf32>
  moe.weight @l0.o : tensor<8x8xf32> value dense<5.000000e-01> : tensor<8x8xf32>
  moe.weight @l0.norm2 : tensor<8xf32> value dense<5.000000e-01> : tensor<8xf32>
  moe.weight @l0.router : tensor<4x8xf32> value dense<5.000000e-01> : tensor<4x8xf32>
  moe.weight @l0.gate : tensor<4x6x8xf32> value dense<5.000000e-01> : tensor<4x6x8xf32>
  moe.weight @l0.up : tensor<4x6x8xf32> value dense<5.000000e-01> : tensor<4x6x8xf32>
  moe.weight @l0.down : tensor<4x8x6xf32> value dense<5.000000e-01> : tensor<4x8x6xf32>
  moe.weight @l1.norm1 : tensor<8xf32> value dense<5.000000e-01> : tensor<8xf32>
  moe.weight @l1.q : tensor<8x8xf32> value dense<5.000000e-01> : tensor<8x8xf32>
  moe.weight @l1.k : tensor<4x8xf32> value dense<5.000000e-01> : tensor<4x8xf32>
  moe.weight @l1.v : tensor<4x8xf32> value dense<5.000000e-01> : tensor<4x8xf32>
  moe.weight @l1.o : tensor<8x8xf32> value dense<5.000000e-01> : tensor<8x8xf32>
  moe.weight @l1.norm2 : tensor<8xf32> value dense<5.000000e-01> : tensor<8xf32>
  moe.weight @l1.router : tensor<4x8xf32> value dense<5.000000e-01> : tensor<4x8xf32>
  moe.weight @l1.gate : tensor<4x6x8xf32> value dense<5.000000e-01> : tensor<4x6x8xf32>
  moe.weight @l1.up : tensor<4x6x8xf32> value dense<5.000000e-01> : tensor<4x6x8xf32>
  moe.weight @l1.down : tensor<4x8x6xf32> value dense<5.000000e-01> : tensor<4x8x6xf32>
  moe.weight @norm : tensor<8xf32> value dense<5.000000e-01> : tensor<8xf32>
  moe.weight @head : tensor<32x8xf32> value dense<5.000000e-01> : tensor<32x8xf32>
  janus.placement @placement_0 {experts = 4 : i64, layer = 0 : i64}
  janus.placement @placement_1 {experts = 4 : i64, layer = 1 : i64}
  func.func @step_egate(%arg0: tensor<?xi32>, %arg1: tensor<?xi32>, %arg2: tensor<?xi32>) -> tensor<?x32xf32> attributes {janus.gate_side = "expert", moe.model = {context = 16 : i64, hidden = 8 : i64, layers = 2 : i64, vocab = 32 : i64}} {
    %0:2 = janus.fragment @attention origin("rule: embedding, norm, linear, rotary, attention") (%arg0, %arg1) {layer = 0 : i64} : (tensor<?xi32>, tensor<?xi32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
    ^bb0(%arg3: tensor<?xi32>, %arg4: tensor<?xi32>):
      %13 = moe.get_weight @embed : tensor<32x8xf32>
      %14 = moe.embedding %arg3, %13 : (tensor<?xi32>, tensor<32x8xf32>) -> tensor<?x8xf32>
      %15 = moe.get_weight @l0.norm1 : tensor<8xf32>
      %16 = moe.norm  rms %14, %15 {epsilon = 9.99999997E-7 : f32} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
      %17 = moe.get_weight @l0.q : tensor<8x8xf32>
      %18 = moe.linear %16, %17 : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
      %19 = moe.get_weight @l0.k : tensor<4x8xf32>
      %20 = moe.linear %16, %19 : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
      %21 = moe.get_weight @l0.v : tensor<4x8xf32>
      %22 = moe.linear %16, %21 : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
      %23 = moe.get_weight @cos : tensor<16x2xf32>
      %24 = moe.get_weight @sin : tensor<16x2xf32>
      %25 = moe.rotary %18, %arg4, %23, %24 {head_dim = 4 : i64, rotary_dim = 4 : i64} : (tensor<?x8xf32>, tensor<?xi32>, tensor<16x2xf32>, tensor<16x2xf32>) -> tensor<?x8xf32>
      %26 = moe.rotary %20, %arg4, %23, %24 {head_dim = 4 : i64, rotary_dim = 4 : i64} : (tensor<?x4xf32>, tensor<?xi32>, tensor<16x2xf32>, tensor<16x2xf32>) -> tensor<?x4xf32>
      %27 = moe.attention %25, %26, %22, %arg4 {cache = 0 : i64, head_dim = 4 : i64, heads = 2 : i64, kv_heads = 1 : i64, scale = 5.000000e-01 : f32, value_dim = 4 : i64} : (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xi32>) -> tensor<?x8xf32>
      %28 = moe.get_weight @l0.o : tensor<8x8xf32>
      %29 = moe.linear %27, %28 residual %14 : (tensor<?x8xf32>, tensor<8x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      %30 = moe.get_weight @l0.norm2 : tensor<8xf32>
      %31 = moe.norm  rms %29, %30 {epsilon = 9.99999997E-7 : f32} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
      janus.yield %29, %31 : tensor<?x8xf32>, tensor<?x8xf32>
    }
    %1 = janus.dispatch %0#1 {layer = 0 : i64, schemes = [#janus.scheme<"direct", [<"send", inter, messages = "m * n", bytes = "rows * n * H * 4">]>], transfer = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32>
    %2:2 = janus.fragment @expert origin("rule: router (EGate)") (%1) {layer = 0 : i64} : (tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) {
    ^bb0(%arg3: tensor<?x8xf32>):
      %13 = moe.get_weight @l0.router : tensor<4x8xf32>
      %14 = moe.linear %arg3, %13 {layer = 0 : i64, router} : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
      %ids, %weights = moe.route %14 {k = 2 : i64, layer = 0 : i64, renormalize = true, score = #moe.score<softmax>} : (tensor<?x4xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
      janus.yield %ids, %weights : tensor<?x2xi32>, tensor<?x2xf32>
    }
    %3 = janus.schedule %2#0, %2#1 {experts = 4 : i64, k = 2 : i64, layer = 0 : i64, placement = @placement_0} : (tensor<?x2xi32>, tensor<?x2xf32>) -> !janus.assignment
    %4 = janus.fragment @expert origin("rule: routed experts") (%1, %3) {layer = 0 : i64} : (tensor<?x8xf32>, !janus.assignment) -> tensor<?x8xf32> {
    ^bb0(%arg3: tensor<?x8xf32>, %arg4: !janus.assignment):
      %13 = moe.get_weight @l0.gate : tensor<4x6x8xf32>
      %14 = moe.get_weight @l0.up : tensor<4x6x8xf32>
      %15 = moe.get_weight @l0.down : tensor<4x8x6xf32>
      %16 = janus.experts %arg3, %arg4 gate %13 up %14 down %15 {activation = #moe.activation<swiglu, alpha = 1.000000e+00 : f32, beta = 0.000000e+00 : f32, limit = 0x7F800000 : f32>, layer = 0 : i64} : (tensor<?x8xf32>, !janus.assignment, tensor<4x6x8xf32>, tensor<4x6x8xf32>, tensor<4x8x6xf32>) -> tensor<?x8xf32>
      janus.yield %16 : tensor<?x8xf32>
    }
    %5 = janus.collect %4 {layer = 0 : i64, schemes = [#janus.scheme<"direct", [<"send", inter, messages = "m * n", bytes = "rows * n * H * 4">]>], transfer = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x2x8xf32>
    %6:2 = janus.fragment @attention origin("rule: combine, norm, linear, rotary, attention") (%5, %0#0, %arg1) {layer = 1 : i64} : (tensor<?x2x8xf32>, tensor<?x8xf32>, tensor<?xi32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
    ^bb0(%arg3: tensor<?x2x8xf32>, %arg4: tensor<?x8xf32>, %arg5: tensor<?xi32>):
      %13 = moe.combine %arg3 residual %arg4 : (tensor<?x2x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      %14 = moe.get_weight @l1.norm1 : tensor<8xf32>
      %15 = moe.norm  rms %13, %14 {epsilon = 9.99999997E-7 : f32} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
      %16 = moe.get_weight @l1.q : tensor<8x8xf32>
      %17 = moe.linear %15, %16 : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
      %18 = moe.get_weight @l1.k : tensor<4x8xf32>
      %19 = moe.linear %15, %18 : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
      %20 = moe.get_weight @l1.v : tensor<4x8xf32>
      %21 = moe.linear %15, %20 : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
      %22 = moe.get_weight @cos : tensor<16x2xf32>
      %23 = moe.get_weight @sin : tensor<16x2xf32>
      %24 = moe.rotary %17, %arg5, %22, %23 {head_dim = 4 : i64, rotary_dim = 4 : i64} : (tensor<?x8xf32>, tensor<?xi32>, tensor<16x2xf32>, tensor<16x2xf32>) -> tensor<?x8xf32>
      %25 = moe.rotary %19, %arg5, %22, %23 {head_dim = 4 : i64, rotary_dim = 4 : i64} : (tensor<?x4xf32>, tensor<?xi32>, tensor<16x2xf32>, tensor<16x2xf32>) -> tensor<?x4xf32>
      %26 = moe.attention %24, %25, %21, %arg5 {cache = 1 : i64, head_dim = 4 : i64, heads = 2 : i64, kv_heads = 1 : i64, scale = 5.000000e-01 : f32, value_dim = 4 : i64} : (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xi32>) -> tensor<?x8xf32>
      %27 = moe.get_weight @l1.o : tensor<8x8xf32>
      %28 = moe.linear %26, %27 residual %13 : (tensor<?x8xf32>, tensor<8x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      %29 = moe.get_weight @l1.norm2 : tensor<8xf32>
      %30 = moe.norm  rms %28, %29 {epsilon = 9.99999997E-7 : f32} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
      janus.yield %28, %30 : tensor<?x8xf32>, tensor<?x8xf32>
    }
    %7 = janus.dispatch %6#1 {layer = 1 : i64, schemes = [#janus.scheme<"direct", [<"send", inter, messages = "m * n", bytes = "rows * n * H * 4">]>], transfer = 1 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32>
    %8:2 = janus.fragment @expert origin("rule: router (EGate)") (%7) {layer = 1 : i64} : (tensor<?x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) {
    ^bb0(%arg3: tensor<?x8xf32>):
      %13 = moe.get_weight @l1.router : tensor<4x8xf32>
      %14 = moe.linear %arg3, %13 {layer = 1 : i64, router} : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
      %ids, %weights = moe.route %14 {k = 2 : i64, layer = 1 : i64, renormalize = true, score = #moe.score<softmax>} : (tensor<?x4xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
      janus.yield %ids, %weights : tensor<?x2xi32>, tensor<?x2xf32>
    }
    %9 = janus.schedule %8#0, %8#1 {experts = 4 : i64, k = 2 : i64, layer = 1 : i64, placement = @placement_1} : (tensor<?x2xi32>, tensor<?x2xf32>) -> !janus.assignment
    %10 = janus.fragment @expert origin("rule: routed experts") (%7, %9) {layer = 1 : i64} : (tensor<?x8xf32>, !janus.assignment) -> tensor<?x8xf32> {
    ^bb0(%arg3: tensor<?x8xf32>, %arg4: !janus.assignment):
      %13 = moe.get_weight @l1.gate : tensor<4x6x8xf32>
      %14 = moe.get_weight @l1.up : tensor<4x6x8xf32>
      %15 = moe.get_weight @l1.down : tensor<4x8x6xf32>
      %16 = janus.experts %arg3, %arg4 gate %13 up %14 down %15 {activation = #moe.activation<swiglu, alpha = 1.000000e+00 : f32, beta = 0.000000e+00 : f32, limit = 0x7F800000 : f32>, layer = 1 : i64} : (tensor<?x8xf32>, !janus.assignment, tensor<4x6x8xf32>, tensor<4x6x8xf32>, tensor<4x8x6xf32>) -> tensor<?x8xf32>
      janus.yield %16 : tensor<?x8xf32>
    }
    %11 = janus.collect %10 {layer = 1 : i64, schemes = [#janus.scheme<"direct", [<"send", inter, messages = "m * n", bytes = "rows * n * H * 4">]>], transfer = 1 : i64} : (tensor<?x8xf32>) -> tensor<?x2x8xf32>
    %12 = janus.fragment @attention origin("rule: combine, norm, select, linear") (%11, %6#0, %arg2) {layer = 1 : i64} : (tensor<?x2x8xf32>, tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x32xf32> {
    ^bb0(%arg3: tensor<?x2x8xf32>, %arg4: tensor<?x8xf32>, %arg5: tensor<?xi32>):
      %13 = moe.combine %arg3 residual %arg4 : (tensor<?x2x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      %14 = moe.get_weight @norm : tensor<8xf32>
      %15 = moe.norm  rms %13, %14 {epsilon = 9.99999997E-7 : f32} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
      %16 = moe.select %15, %arg5 : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
      %17 = moe.get_weight @head : tensor<32x8xf32>
      %18 = moe.linear %16, %17 : (tensor<?x8xf32>, tensor<32x8xf32>) -> tensor<?x32xf32>
      janus.yield %18 : tensor<?x32xf32>
    }
    return %12 : tensor<?x32xf32>
  }
  func.func @step_agate(%arg0: tensor<?xi32>, %arg1: tensor<?xi32>, %arg2: tensor<?xi32>) -> tensor<?x32xf32> attributes {janus.gate_side = "attention", moe.model = {context = 16 : i64, hidden = 8 : i64, layers = 2 : i64, vocab = 32 : i64}} {
    %0:4 = janus.fragment @attention origin("rule: embedding, norm, linear, rotary, attention, router (AGate)") (%arg0, %arg1) {layer = 0 : i64} : (tensor<?xi32>, tensor<?xi32>) -> (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>) {
    ^bb0(%arg3: tensor<?xi32>, %arg4: tensor<?xi32>):
      %13 = moe.get_weight @embed : tensor<32x8xf32>
      %14 = moe.embedding %arg3, %13 : (tensor<?xi32>, tensor<32x8xf32>) -> tensor<?x8xf32>
      %15 = moe.get_weight @l0.norm1 : tensor<8xf32>
      %16 = moe.norm  rms %14, %15 {epsilon = 9.99999997E-7 : f32} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
      %17 = moe.get_weight @l0.q : tensor<8x8xf32>
      %18 = moe.linear %16, %17 : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
      %19 = moe.get_weight @l0.k : tensor<4x8xf32>
      %20 = moe.linear %16, %19 : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
      %21 = moe.get_weight @l0.v : tensor<4x8xf32>
      %22 = moe.linear %16, %21 : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
      %23 = moe.get_weight @cos : tensor<16x2xf32>
      %24 = moe.get_weight @sin : tensor<16x2xf32>
      %25 = moe.rotary %18, %arg4, %23, %24 {head_dim = 4 : i64, rotary_dim = 4 : i64} : (tensor<?x8xf32>, tensor<?xi32>, tensor<16x2xf32>, tensor<16x2xf32>) -> tensor<?x8xf32>
      %26 = moe.rotary %20, %arg4, %23, %24 {head_dim = 4 : i64, rotary_dim = 4 : i64} : (tensor<?x4xf32>, tensor<?xi32>, tensor<16x2xf32>, tensor<16x2xf32>) -> tensor<?x4xf32>
      %27 = moe.attention %25, %26, %22, %arg4 {cache = 0 : i64, head_dim = 4 : i64, heads = 2 : i64, kv_heads = 1 : i64, scale = 5.000000e-01 : f32, value_dim = 4 : i64} : (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xi32>) -> tensor<?x8xf32>
      %28 = moe.get_weight @l0.o : tensor<8x8xf32>
      %29 = moe.linear %27, %28 residual %14 : (tensor<?x8xf32>, tensor<8x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      %30 = moe.get_weight @l0.norm2 : tensor<8xf32>
      %31 = moe.norm  rms %29, %30 {epsilon = 9.99999997E-7 : f32} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
      %32 = moe.get_weight @l0.router : tensor<4x8xf32>
      %33 = moe.linear %31, %32 {layer = 0 : i64, router} : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
      %ids, %weights = moe.route %33 {k = 2 : i64, layer = 0 : i64, renormalize = true, score = #moe.score<softmax>} : (tensor<?x4xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
      janus.yield %29, %31, %ids, %weights : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    }
    %1 = janus.exchange %0#2 {layer = 0 : i64, schemes = [#janus.scheme<"direct", [<"send", inter, messages = "m * n", bytes = "rows * n * H * 4">]>]} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %2 = janus.schedule %1, %0#3 {experts = 4 : i64, k = 2 : i64, layer = 0 : i64, placement = @placement_0} : (tensor<?x2xi32>, tensor<?x2xf32>) -> !janus.assignment
    %3:2 = janus.dispatch %0#1, %0#2, %0#3 assignment %2 {layer = 0 : i64, routed, schemes = [#janus.scheme<"direct", [<"send", inter, messages = "m * n", bytes = "rows * n * H * 4">]>], transfer = 2 : i64} : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>) -> (tensor<?x8xf32>, !janus.assignment)
    %4 = janus.fragment @expert origin("rule: routed experts") (%3#0, %3#1) {layer = 0 : i64} : (tensor<?x8xf32>, !janus.assignment) -> tensor<?x8xf32> {
    ^bb0(%arg3: tensor<?x8xf32>, %arg4: !janus.assignment):
      %13 = moe.get_weight @l0.gate : tensor<4x6x8xf32>
      %14 = moe.get_weight @l0.up : tensor<4x6x8xf32>
      %15 = moe.get_weight @l0.down : tensor<4x8x6xf32>
      %16 = janus.experts %arg3, %arg4 gate %13 up %14 down %15 {activation = #moe.activation<swiglu, alpha = 1.000000e+00 : f32, beta = 0.000000e+00 : f32, limit = 0x7F800000 : f32>, layer = 0 : i64} : (tensor<?x8xf32>, !janus.assignment, tensor<4x6x8xf32>, tensor<4x6x8xf32>, tensor<4x8x6xf32>) -> tensor<?x8xf32>
      janus.yield %16 : tensor<?x8xf32>
    }
    %5 = janus.collect %4 {layer = 0 : i64, schemes = [#janus.scheme<"direct", [<"send", inter, messages = "m * n", bytes = "rows * n * H * 4">]>], transfer = 2 : i64} : (tensor<?x8xf32>) -> tensor<?x2x8xf32>
    %6:4 = janus.fragment @attention origin("rule: combine, norm, linear, rotary, attention, router (AGate)") (%5, %0#0, %arg1) {layer = 1 : i64} : (tensor<?x2x8xf32>, tensor<?x8xf32>, tensor<?xi32>) -> (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>) {
    ^bb0(%arg3: tensor<?x2x8xf32>, %arg4: tensor<?x8xf32>, %arg5: tensor<?xi32>):
      %13 = moe.combine %arg3 residual %arg4 : (tensor<?x2x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      %14 = moe.get_weight @l1.norm1 : tensor<8xf32>
      %15 = moe.norm  rms %13, %14 {epsilon = 9.99999997E-7 : f32} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
      %16 = moe.get_weight @l1.q : tensor<8x8xf32>
      %17 = moe.linear %15, %16 : (tensor<?x8xf32>, tensor<8x8xf32>) -> tensor<?x8xf32>
      %18 = moe.get_weight @l1.k : tensor<4x8xf32>
      %19 = moe.linear %15, %18 : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
      %20 = moe.get_weight @l1.v : tensor<4x8xf32>
      %21 = moe.linear %15, %20 : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
      %22 = moe.get_weight @cos : tensor<16x2xf32>
      %23 = moe.get_weight @sin : tensor<16x2xf32>
      %24 = moe.rotary %17, %arg5, %22, %23 {head_dim = 4 : i64, rotary_dim = 4 : i64} : (tensor<?x8xf32>, tensor<?xi32>, tensor<16x2xf32>, tensor<16x2xf32>) -> tensor<?x8xf32>
      %25 = moe.rotary %19, %arg5, %22, %23 {head_dim = 4 : i64, rotary_dim = 4 : i64} : (tensor<?x4xf32>, tensor<?xi32>, tensor<16x2xf32>, tensor<16x2xf32>) -> tensor<?x4xf32>
      %26 = moe.attention %24, %25, %21, %arg5 {cache = 1 : i64, head_dim = 4 : i64, heads = 2 : i64, kv_heads = 1 : i64, scale = 5.000000e-01 : f32, value_dim = 4 : i64} : (tensor<?x8xf32>, tensor<?x4xf32>, tensor<?x4xf32>, tensor<?xi32>) -> tensor<?x8xf32>
      %27 = moe.get_weight @l1.o : tensor<8x8xf32>
      %28 = moe.linear %26, %27 residual %13 : (tensor<?x8xf32>, tensor<8x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      %29 = moe.get_weight @l1.norm2 : tensor<8xf32>
      %30 = moe.norm  rms %28, %29 {epsilon = 9.99999997E-7 : f32} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
      %31 = moe.get_weight @l1.router : tensor<4x8xf32>
      %32 = moe.linear %30, %31 {layer = 1 : i64, router} : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
      %ids, %weights = moe.route %32 {k = 2 : i64, layer = 1 : i64, renormalize = true, score = #moe.score<softmax>} : (tensor<?x4xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
      janus.yield %28, %30, %ids, %weights : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>
    }
    %7 = janus.exchange %6#2 {layer = 1 : i64, schemes = [#janus.scheme<"direct", [<"send", inter, messages = "m * n", bytes = "rows * n * H * 4">]>]} : (tensor<?x2xi32>) -> tensor<?x2xi32>
    %8 = janus.schedule %7, %6#3 {experts = 4 : i64, k = 2 : i64, layer = 1 : i64, placement = @placement_1} : (tensor<?x2xi32>, tensor<?x2xf32>) -> !janus.assignment
    %9:2 = janus.dispatch %6#1, %6#2, %6#3 assignment %8 {layer = 1 : i64, routed, schemes = [#janus.scheme<"direct", [<"send", inter, messages = "m * n", bytes = "rows * n * H * 4">]>], transfer = 3 : i64} : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>) -> (tensor<?x8xf32>, !janus.assignment)
    %10 = janus.fragment @expert origin("rule: routed experts") (%9#0, %9#1) {layer = 1 : i64} : (tensor<?x8xf32>, !janus.assignment) -> tensor<?x8xf32> {
    ^bb0(%arg3: tensor<?x8xf32>, %arg4: !janus.assignment):
      %13 = moe.get_weight @l1.gate : tensor<4x6x8xf32>
      %14 = moe.get_weight @l1.up : tensor<4x6x8xf32>
      %15 = moe.get_weight @l1.down : tensor<4x8x6xf32>
      %16 = janus.experts %arg3, %arg4 gate %13 up %14 down %15 {activation = #moe.activation<swiglu, alpha = 1.000000e+00 : f32, beta = 0.000000e+00 : f32, limit = 0x7F800000 : f32>, layer = 1 : i64} : (tensor<?x8xf32>, !janus.assignment, tensor<4x6x8xf32>, tensor<4x6x8xf32>, tensor<4x8x6xf32>) -> tensor<?x8xf32>
      janus.yield %16 : tensor<?x8xf32>
    }
    %11 = janus.collect %10 {layer = 1 : i64, schemes = [#janus.scheme<"direct", [<"send", inter, messages = "m * n", bytes = "rows * n * H * 4">]>], transfer = 3 : i64} : (tensor<?x8xf32>) -> tensor<?x2x8xf32>
    %12 = janus.fragment @attention origin("rule: combine, norm, select, linear") (%11, %6#0, %arg2) {layer = 1 : i64} : (tensor<?x2x8xf32>, tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x32xf32> {
    ^bb0(%arg3: tensor<?x2x8xf32>, %arg4: tensor<?x8xf32>, %arg5: tensor<?xi32>):
      %13 = moe.combine %arg3 residual %arg4 : (tensor<?x2x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
      %14 = moe.get_weight @norm : tensor<8xf32>
      %15 = moe.norm  rms %13, %14 {epsilon = 9.99999997E-7 : f32} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
      %16 = moe.select %15, %arg5 : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
      %17 = moe.get_weight @head : tensor<32x8xf32>
      %18 = moe.linear %16, %17 : (tensor<?x8xf32>, tensor<32x8xf32>) -> tensor<?x32xf32>
      janus.yield %18 : tensor<?x32xf32>
    }
    return %12 : tensor<?x32xf32>
  }
}


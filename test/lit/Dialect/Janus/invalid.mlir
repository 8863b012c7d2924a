// One case for each rule of dialects/janus/IR/JanusOps.td and JanusDialect.td.
// (S2) has no case: the parser wants a phase; (D1), (C1) check layer and transfer by one function.
// RUN: janus-opt %s -split-input-file -verify-diagnostics

// (P1) a phase without a part
// expected-error @below {{expects a phase with a name and expressions of messages and bytes, none of them empty}}
func.func private @f() attributes {s = #janus.phase<"send", inter, messages = "", bytes = "1">}

// -----

// (S1) a scheme without a name
// expected-error @below {{expects a scheme with a name}}
func.func private @f() attributes {s = #janus.scheme<"", [<"send", inter, messages = "m", bytes = "1">]>}

// -----

// (PL1) a placement of no layer
// expected-error @below {{expects layer >= 0 but found -1}}
janus.placement @p {layer = -1 : i64, experts = 4 : i64}

// -----

// (PL2) a placement of no experts
// expected-error @below {{expects experts >= 1 but found 0}}
janus.placement @p {layer = 0 : i64, experts = 0 : i64}

// -----

// (F1) layer below zero
janus.mesh @attention
func.func @f(%x: tensor<?x8xf32>) {
  // expected-error @below {{expects layer >= 0 but found -1}}
  janus.fragment @attention origin("user") (%x) {layer = -1 : i64} : (tensor<?x8xf32>) -> () {
  ^bb0(%a: tensor<?x8xf32>):
    janus.yield
  }
  return
}

// -----

// (F2) an origin of an unknown kind
janus.mesh @attention
func.func @f(%x: tensor<?x8xf32>) {
  // expected-error @below {{expects an origin that starts with 'user', 'rule: ' or 'inferred: ' but found 'somewhere'}}
  janus.fragment @attention origin("somewhere") (%x) {layer = 0 : i64} : (tensor<?x8xf32>) -> () {
  ^bb0(%a: tensor<?x8xf32>):
    janus.yield
  }
  return
}

// -----

// (F3) a block argument is missing
janus.mesh @attention
func.func @f(%x: tensor<?x8xf32>) {
  // expected-error @below {{expects a block argument of the same type for each of its 1 inputs but the block has 0 arguments}}
  janus.fragment @attention origin("user") (%x) {layer = 0 : i64} : (tensor<?x8xf32>) -> () {
    janus.yield
  }
  return
}

// -----

// (F4) the yield carries another number of values
janus.mesh @attention
func.func @f(%x: tensor<?x8xf32>) {
  // expected-error @below {{expects its yield to carry a value of the same type for each of its 1 results but it carries 0}}
  %0 = janus.fragment @attention origin("user") (%x) {layer = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32> {
  ^bb0(%a: tensor<?x8xf32>):
    // expected-note @below {{the yield is here}}
    janus.yield
  }
  return
}

// -----

// (F5) communication inside
#direct = #janus.scheme<"direct", [<"send", inter, messages = "m", bytes = "1">]>
janus.mesh @attention
func.func @f(%x: tensor<?x8xf32>) {
  // expected-error @below {{expects neither communication nor schedule nor fragment inside}}
  janus.fragment @attention origin("user") (%x) {layer = 0 : i64} : (tensor<?x8xf32>) -> () {
  ^bb0(%a: tensor<?x8xf32>):
    // expected-note @below {{found 'janus.dispatch' here; it belongs between fragments}}
    %0 = janus.dispatch %a {layer = 0 : i64, transfer = 0 : i64, schemes = [#direct]} : (tensor<?x8xf32>) -> tensor<?x8xf32>
    janus.yield
  }
  return
}

// -----

// (F6) no such mesh
func.func @f() {
  // expected-error @below {{expects a mesh @nowhere but there is none; add 'janus.mesh @nowhere' to the module}}
  janus.fragment @nowhere origin("user") () {layer = 0 : i64} : () -> () {
  }
  return
}

// -----

// (D1) transfer below zero
#direct = #janus.scheme<"direct", [<"send", inter, messages = "m", bytes = "1">]>
func.func @f(%x: tensor<?x8xf32>, %i: tensor<?x2xi32>, %w: tensor<?x2xf32>, %work: !janus.assignment, %y: tensor<?x2x8xf32>) {
  // expected-error @below {{expects transfer >= 0 but found -1}}
  %0 = janus.dispatch %x {layer = 0 : i64, transfer = -1 : i64, schemes = [#direct]} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

// (D2) ids without routed
#direct = #janus.scheme<"direct", [<"send", inter, messages = "m", bytes = "1">]>
func.func @f(%x: tensor<?x8xf32>, %i: tensor<?x2xi32>, %w: tensor<?x2xf32>, %work: !janus.assignment, %y: tensor<?x2x8xf32>) {
  // expected-error @below {{expects one value, the activations f32 [rows, H]; ids and weights need 'routed'}}
  %0:2 = janus.dispatch %x, %i {layer = 0 : i64, transfer = 0 : i64, schemes = [#direct]} : (tensor<?x8xf32>, tensor<?x2xi32>) -> (tensor<?x8xf32>, tensor<?x2xi32>)
  return
}

// -----

// (D3) routed without weights
#direct = #janus.scheme<"direct", [<"send", inter, messages = "m", bytes = "1">]>
func.func @f(%x: tensor<?x8xf32>, %i: tensor<?x2xi32>, %w: tensor<?x2xf32>, %work: !janus.assignment, %y: tensor<?x2x8xf32>) {
  // expected-error @below {{expects three values when routed: activations f32 [rows, H], ids i32 [rows, k] and weights f32 [rows, k]}}
  %0:2 = janus.dispatch %x, %i {layer = 0 : i64, transfer = 0 : i64, schemes = [#direct], routed} : (tensor<?x8xf32>, tensor<?x2xi32>) -> (tensor<?x8xf32>, tensor<?x2xi32>)
  return
}

// -----

// (D4) an assignment without routed
#direct = #janus.scheme<"direct", [<"send", inter, messages = "m", bytes = "1">]>
func.func @f(%x: tensor<?x8xf32>, %i: tensor<?x2xi32>, %w: tensor<?x2xf32>, %work: !janus.assignment, %y: tensor<?x2x8xf32>) {
  // expected-error @below {{expects 'routed' with an assignment; the expert side schedules for itself otherwise}}
  %0 = janus.dispatch %x assignment %work {layer = 0 : i64, transfer = 0 : i64, schemes = [#direct]} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

// (D5) results of other types
#direct = #janus.scheme<"direct", [<"send", inter, messages = "m", bytes = "1">]>
func.func @f(%x: tensor<?x8xf32>, %i: tensor<?x2xi32>, %w: tensor<?x2xf32>, %work: !janus.assignment, %y: tensor<?x2x8xf32>) {
  // expected-error @below {{expects results of types 'tensor<?x8xf32>', '!janus.assignment' but found 'tensor<?x8xf32>'}}
  %0 = janus.dispatch %x, %i, %w assignment %work {layer = 0 : i64, transfer = 0 : i64, schemes = [#direct], routed} : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>) -> tensor<?x8xf32>
  return
}

// -----

// (D6) no scheme

func.func @f(%x: tensor<?x8xf32>, %i: tensor<?x2xi32>, %w: tensor<?x2xf32>, %work: !janus.assignment, %y: tensor<?x2x8xf32>) {
  // expected-error @below {{expects at least one scheme; --janus-insert-transfers fills them}}
  %0 = janus.dispatch %x {layer = 0 : i64, transfer = 0 : i64, schemes = []} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

// (D6) one scheme twice
#direct = #janus.scheme<"direct", [<"send", inter, messages = "m", bytes = "1">]>
func.func @f(%x: tensor<?x8xf32>, %i: tensor<?x2xi32>, %w: tensor<?x2xf32>, %work: !janus.assignment, %y: tensor<?x2x8xf32>) {
  // expected-error @below {{expects schemes with distinct names but found 'direct' twice}}
  %0 = janus.dispatch %x {layer = 0 : i64, transfer = 0 : i64, schemes = [#direct, #direct]} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

// (C1) layer below zero
#direct = #janus.scheme<"direct", [<"send", inter, messages = "m", bytes = "1">]>
func.func @f(%x: tensor<?x8xf32>, %i: tensor<?x2xi32>, %w: tensor<?x2xf32>, %work: !janus.assignment, %y: tensor<?x2x8xf32>) {
  // expected-error @below {{expects layer >= 0 but found -1}}
  %0 = janus.collect %y {layer = -1 : i64, transfer = 0 : i64, schemes = [#direct]} : (tensor<?x2x8xf32>) -> tensor<?x2x8xf32>
  return
}

// -----

// (C2) a result by row without rank
#direct = #janus.scheme<"direct", [<"send", inter, messages = "m", bytes = "1">]>
func.func @f(%x: tensor<?x8xf32>, %i: tensor<?x2xi32>, %w: tensor<?x2xf32>, %work: !janus.assignment, %y: tensor<?x2x8xf32>) {
  // expected-error @below {{expects a result f32 [rows, k, H] but found 'tensor<?x8xf32>'}}
  %0 = janus.collect %x {layer = 0 : i64, transfer = 0 : i64, schemes = [#direct]} : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

// (C3) pairs of another width
#direct = #janus.scheme<"direct", [<"send", inter, messages = "m", bytes = "1">]>
func.func @f(%x: tensor<?x8xf32>, %i: tensor<?x2xi32>, %w: tensor<?x2xf32>, %work: !janus.assignment, %y: tensor<?x2x8xf32>) {
  // expected-error @below {{expects a value of the result's type or, by pair, f32 [pairs, 8] but found 'tensor<?x2xf32>'}}
  %0 = janus.collect %w {layer = 0 : i64, transfer = 0 : i64, schemes = [#direct]} : (tensor<?x2xf32>) -> tensor<?x2x8xf32>
  return
}

// -----

// (C4) no scheme

func.func @f(%x: tensor<?x8xf32>, %i: tensor<?x2xi32>, %w: tensor<?x2xf32>, %work: !janus.assignment, %y: tensor<?x2x8xf32>) {
  // expected-error @below {{expects at least one scheme}}
  %0 = janus.collect %y {layer = 0 : i64, transfer = 0 : i64, schemes = []} : (tensor<?x2x8xf32>) -> tensor<?x2x8xf32>
  return
}

// -----

// (X1) layer below zero
#direct = #janus.scheme<"direct", [<"send", inter, messages = "m", bytes = "1">]>
func.func @f(%x: tensor<?x8xf32>, %i: tensor<?x2xi32>, %w: tensor<?x2xf32>, %work: !janus.assignment, %y: tensor<?x2x8xf32>) {
  // expected-error @below {{expects layer >= 0 but found -1}}
  %0 = janus.exchange %i {layer = -1 : i64, schemes = [#direct]} : (tensor<?x2xi32>) -> tensor<?x2xi32>
  return
}

// -----

// (X2) another shape comes out
#direct = #janus.scheme<"direct", [<"send", inter, messages = "m", bytes = "1">]>
func.func @f(%x: tensor<?x8xf32>, %i: tensor<?x2xi32>, %w: tensor<?x2xf32>, %work: !janus.assignment, %y: tensor<?x2x8xf32>) {
  // expected-error @below {{expects ids and result i32 [rows, k] of the same type but found 'tensor<?x2xi32>' and 'tensor<?x3xi32>'}}
  %0 = janus.exchange %i {layer = 0 : i64, schemes = [#direct]} : (tensor<?x2xi32>) -> tensor<?x3xi32>
  return
}

// -----

// (X3) no scheme

func.func @f(%x: tensor<?x8xf32>, %i: tensor<?x2xi32>, %w: tensor<?x2xf32>, %work: !janus.assignment, %y: tensor<?x2x8xf32>) {
  // expected-error @below {{expects at least one scheme}}
  %0 = janus.exchange %i {layer = 0 : i64, schemes = []} : (tensor<?x2xi32>) -> tensor<?x2xi32>
  return
}

// -----

// (SC1) layer below zero
janus.placement @placement_0 {layer = 0 : i64, experts = 4 : i64}
func.func @f(%x: tensor<?x8xf32>, %i: tensor<?x2xi32>, %w: tensor<?x2xf32>, %work: !janus.assignment, %y: tensor<?x2x8xf32>) {
  // expected-error @below {{expects layer >= 0 but found -1}}
  %0 = janus.schedule %i, %w {layer = -1 : i64, experts = 4 : i64, k = 2 : i64, placement = @placement_0} : (tensor<?x2xi32>, tensor<?x2xf32>) -> !janus.assignment
  return
}

// -----

// (SC2) more choices than experts
janus.placement @placement_0 {layer = 0 : i64, experts = 4 : i64}
func.func @f(%x: tensor<?x8xf32>, %i: tensor<?x2xi32>, %w: tensor<?x2xf32>, %work: !janus.assignment, %y: tensor<?x2x8xf32>) {
  // expected-error @below {{expects 1 <= k <= experts but found k = 5 of 4 experts}}
  %0 = janus.schedule %i, %w {layer = 0 : i64, experts = 4 : i64, k = 5 : i64, placement = @placement_0} : (tensor<?x2xi32>, tensor<?x2xf32>) -> !janus.assignment
  return
}

// -----

// (SC3) ids of another k
janus.placement @placement_0 {layer = 0 : i64, experts = 4 : i64}
func.func @f(%x: tensor<?x8xf32>, %i: tensor<?x2xi32>, %w: tensor<?x2xf32>, %work: !janus.assignment, %y: tensor<?x2x8xf32>) {
  // expected-error @below {{expects ids and weights of shape [rows, 3] but found 'tensor<?x2xi32>'}}
  %0 = janus.schedule %i, %w {layer = 0 : i64, experts = 4 : i64, k = 3 : i64, placement = @placement_0} : (tensor<?x2xi32>, tensor<?x2xf32>) -> !janus.assignment
  return
}

// -----

// (SC4) no such placement
janus.placement @placement_0 {layer = 0 : i64, experts = 4 : i64}
func.func @f(%x: tensor<?x8xf32>, %i: tensor<?x2xi32>, %w: tensor<?x2xf32>, %work: !janus.assignment, %y: tensor<?x2x8xf32>) {
  // expected-error @below {{expects a placement @other but there is none}}
  %0 = janus.schedule %i, %w {layer = 0 : i64, experts = 4 : i64, k = 2 : i64, placement = @other} : (tensor<?x2xi32>, tensor<?x2xf32>) -> !janus.assignment
  return
}

// -----

// (SC5) the placement is of other experts
// expected-note @below {{the placement is here}}
janus.placement @placement_0 {layer = 0 : i64, experts = 4 : i64}
func.func @f(%x: tensor<?x8xf32>, %i: tensor<?x2xi32>, %w: tensor<?x2xf32>, %work: !janus.assignment, %y: tensor<?x2x8xf32>) {
  // expected-error @below {{expects a placement of layer 0 with 8 experts but @placement_0 is of layer 0 with 4}}
  %0 = janus.schedule %i, %w {layer = 0 : i64, experts = 8 : i64, k = 2 : i64, placement = @placement_0} : (tensor<?x2xi32>, tensor<?x2xf32>) -> !janus.assignment
  return
}

// -----

// (E1) layer below zero
func.func @f(%x: tensor<?x8xf32>, %work: !janus.assignment, %g: tensor<4x6x8xf32>, %u: tensor<4x6x8xf32>, %d: tensor<4x8x6xf32>) {
  // expected-error @below {{expects layer >= 0 but found -1}}
  %0 = janus.experts %x, %work gate %g up %u down %d  {activation = #moe.activation<swiglu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 0x7F800000 : f32>, layer = -1 : i64}
      : (tensor<?x8xf32>, !janus.assignment, tensor<4x6x8xf32>, tensor<4x6x8xf32>, tensor<4x8x6xf32>) -> tensor<?x8xf32>
  return
}

// -----

// (E2) activations of unknown width
func.func @f(%x: tensor<?x?xf32>, %work: !janus.assignment, %g: tensor<4x6x8xf32>, %u: tensor<4x6x8xf32>, %d: tensor<4x8x6xf32>) {
  // expected-error @below {{expects x to be f32 [rows, H] with a known H but found 'tensor<?x?xf32>'}}
  %0 = janus.experts %x, %work gate %g up %u down %d  {activation = #moe.activation<swiglu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 0x7F800000 : f32>, layer = 0 : i64}
      : (tensor<?x?xf32>, !janus.assignment, tensor<4x6x8xf32>, tensor<4x6x8xf32>, tensor<4x8x6xf32>) -> tensor<?x8xf32>
  return
}

// -----

// (E3) a gate of another hidden size
func.func @f(%x: tensor<?x8xf32>, %work: !janus.assignment, %g: tensor<4x6x7xf32>, %u: tensor<4x6x8xf32>, %d: tensor<4x8x6xf32>) {
  // expected-error @below {{expects gate to be [E, I, 8] but found 'tensor<4x6x7xf32>'}}
  %0 = janus.experts %x, %work gate %g up %u down %d  {activation = #moe.activation<swiglu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 0x7F800000 : f32>, layer = 0 : i64}
      : (tensor<?x8xf32>, !janus.assignment, tensor<4x6x7xf32>, tensor<4x6x8xf32>, tensor<4x8x6xf32>) -> tensor<?x8xf32>
  return
}

// -----

// (E4) an up projection unlike the gate
func.func @f(%x: tensor<?x8xf32>, %work: !janus.assignment, %g: tensor<4x6x8xf32>, %u: tensor<4x5x8xf32>, %d: tensor<4x8x6xf32>) {
  // expected-error @below {{expects up to be 'tensor<4x6x8xf32>' like gate but found 'tensor<4x5x8xf32>'}}
  %0 = janus.experts %x, %work gate %g up %u down %d  {activation = #moe.activation<swiglu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 0x7F800000 : f32>, layer = 0 : i64}
      : (tensor<?x8xf32>, !janus.assignment, tensor<4x6x8xf32>, tensor<4x5x8xf32>, tensor<4x8x6xf32>) -> tensor<?x8xf32>
  return
}

// -----

// (E5) down not turned
func.func @f(%x: tensor<?x8xf32>, %work: !janus.assignment, %g: tensor<4x6x8xf32>, %u: tensor<4x6x8xf32>, %d: tensor<4x6x8xf32>) {
  // expected-error @below {{expects down to be [4, 8, 6] but found 'tensor<4x6x8xf32>'}}
  %0 = janus.experts %x, %work gate %g up %u down %d  {activation = #moe.activation<swiglu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 0x7F800000 : f32>, layer = 0 : i64}
      : (tensor<?x8xf32>, !janus.assignment, tensor<4x6x8xf32>, tensor<4x6x8xf32>, tensor<4x6x8xf32>) -> tensor<?x8xf32>
  return
}

// -----

// (E6) a bias of another size
func.func @f(%x: tensor<?x8xf32>, %work: !janus.assignment, %g: tensor<4x6x8xf32>, %u: tensor<4x6x8xf32>, %d: tensor<4x8x6xf32>, %b0: tensor<4x7xf32>) {
  // expected-error @below {{expects biases [4, 6] of gate and up and [4, 8] of down}}
  %0 = janus.experts %x, %work gate %g up %u down %d gate_bias %b0 {activation = #moe.activation<swiglu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 0x7F800000 : f32>, layer = 0 : i64}
      : (tensor<?x8xf32>, !janus.assignment, tensor<4x6x8xf32>, tensor<4x6x8xf32>, tensor<4x8x6xf32>, tensor<4x7xf32>) -> tensor<?x8xf32>
  return
}

// -----

// (E7) a result by rank
func.func @f(%x: tensor<?x8xf32>, %work: !janus.assignment, %g: tensor<4x6x8xf32>, %u: tensor<4x6x8xf32>, %d: tensor<4x8x6xf32>) {
  // expected-error @below {{expects a result f32 [pairs, 8] but found 'tensor<?x2x8xf32>'}}
  %0 = janus.experts %x, %work gate %g up %u down %d  {activation = #moe.activation<swiglu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 0x7F800000 : f32>, layer = 0 : i64}
      : (tensor<?x8xf32>, !janus.assignment, tensor<4x6x8xf32>, tensor<4x6x8xf32>, tensor<4x8x6xf32>) -> tensor<?x2x8xf32>
  return
}

// -----

// (E8) up_bias without up
func.func @f(%x: tensor<?x8xf32>, %work: !janus.assignment, %g: tensor<4x6x8xf32>, %u: tensor<4x6x8xf32>, %d: tensor<4x8x6xf32>, %b0: tensor<4x6xf32>) {
  // expected-error @below {{expects 'up' with 'up_bias'}}
  %0 = janus.experts %x, %work gate %g down %d up_bias %b0 {activation = #moe.activation<swiglu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 0x7F800000 : f32>, layer = 0 : i64}
      : (tensor<?x8xf32>, !janus.assignment, tensor<4x6x8xf32>, tensor<4x8x6xf32>, tensor<4x6xf32>) -> tensor<?x8xf32>
  return
}

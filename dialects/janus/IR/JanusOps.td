//===- JanusOps.td - where things run and how data moves ----*- tablegen -*-===//
//
// Rules are numbered; verifier messages and test/lit/Dialect/Janus use the same
// numbers' wording, one labelled case a rule.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_OPS
#define JANUS_OPS

include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "dialects/janus/IR/JanusDialect.td"
include "dialects/moe/IR/MoEOps.td"

class Janus_Op<string mnemonic, list<Trait> traits = []> : Op<Janus_Dialect, mnemonic, traits>;

//===-- symbols -----------------------------------------------------------===//

def Janus_MeshOp : Janus_Op<"mesh", [Symbol]> {
  let summary = "a set of instances of one role, bound at run time";
  let description = [{
    The instances, their number and nodes are no part of the IR. Example: `janus.mesh @attention`
  }];
  let arguments = (ins SymbolNameAttr:$sym_name);
  let assemblyFormat = "$sym_name attr-dict";
}

def Janus_PlacementOp : Janus_Op<"placement", [Symbol]> {
  let summary = "the run-time table expert -> (instance, slot) replicas of a layer";
  let description = [{
    `layer` counts MoE layers from 0, `experts` is their number in that layer. Rules: (PL1) layer >= 0, (PL2) experts >= 1.
    Example: `janus.placement @placement_0 {experts = 16 : i64, layer = 0 : i64}`
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$layer, I64Attr:$experts);
  let assemblyFormat = "$sym_name attr-dict";
  let hasVerifier = 1;
}

//===-- fragments ---------------------------------------------------------===//

def Janus_FragmentOp : Janus_Op<"fragment", [IsolatedFromAbove, SingleBlockImplicitTerminator<"YieldOp">,
                                             DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "operations that run on one mesh without communication";
  let description = [{
    Everything that crosses the border is an operand or a result; weights are read inside. `origin` says who chose the
    mesh, `layer` is the MoE layer whose experts the fragment feeds, is, or (last fragment) follows.
    Rules: (F1) layer >= 0, (F2) origin starts with "user", "rule: " or "inferred: ", (F3) the block's arguments are the
    inputs, (F4) the yield's operands are the results, (F5) no communication, schedule or fragment inside, (F6) the mesh
    exists.
    ```mlir
    %h = janus.fragment @attention origin("rule: norm") (%x) {layer = 0 : i64} : (tensor<?x8xf32>) -> tensor<?x8xf32> {
    ^bb0(%a: tensor<?x8xf32>):
      ...
      janus.yield %n : tensor<?x8xf32>
    }
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$mesh, StrAttr:$origin, I64Attr:$layer, Variadic<AnyType>:$inputs);
  let results = (outs Variadic<AnyType>:$results);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $mesh `origin` `(` $origin `)` ` ` `(` $inputs `)` attr-dict `:` functional-type($inputs, $results) $body
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::Block &getBlock() { return getBody().front(); }
    YieldOp getYield();
  }];
}

def Janus_YieldOp : Janus_Op<"yield", [Pure, Terminator, HasParent<"FragmentOp">]> {
  let summary = "the results of a fragment";
  let description = [{ Example: `janus.yield %h, %o : tensor<?x8xf32>, tensor<?x8xf32>` }];
  let arguments = (ins Variadic<AnyType>:$results);
  let assemblyFormat = "attr-dict ($results^ `:` type($results))?";
  let builders = [OpBuilder<(ins), [{ build($_builder, $_state, ::mlir::ValueRange()); }]>];
}

//===-- transfers ---------------------------------------------------------===//

def Janus_DispatchOp : Janus_Op<"dispatch", [AttrSizedOperandSegments]> {
  let summary = "attention -> expert: activations (EGate), or activations with ids and weights of the rows an instance needs (AGate)";
  let description = [{
    EGate: one value, the activations [rows, H]; every expert instance gets the rows of the whole step in order of the
    attention instances. AGate (`routed`): activations, ids [rows, k] and weights [rows, k]; each expert instance gets the
    rows it needs. After `schedule` a routed dispatch takes this step's assignment and yields (activations, assignment): ids
    and weights have become the instance's pairs.
    Rules: (D1) layer and transfer >= 0, (D2) without `routed` one value, f32 [rows, H], (D3) with `routed` three: f32
    [rows, H], i32 [rows, k], f32 [rows, k], (D4) an assignment needs `routed`, (D5) the results are the values, with an
    assignment the first value and an assignment, (D6) schemes are at least one, names distinct.
    ```mlir
    %h1 = janus.dispatch %h {layer = 0 : i64, transfer = 0 : i64, schemes = [...]} : (tensor<?x8xf32>) -> tensor<?x8xf32>
    %h2, %work = janus.dispatch %h, %ids, %w assignment %all {layer = 0 : i64, transfer = 1 : i64, routed, schemes = [...]}
        : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>) -> (tensor<?x8xf32>, !janus.assignment)
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$values, Optional<Janus_AssignmentType>:$assignment, I64Attr:$layer,
                       I64Attr:$transfer, UnitAttr:$routed, Janus_SchemesAttr:$schemes);
  let results = (outs Variadic<AnyType>:$results);
  let assemblyFormat = "$values (`assignment` $assignment^)? attr-dict `:` functional-type($values, $results)";
  let hasVerifier = 1;
}

def Janus_CollectOp : Janus_Op<"collect"> {
  let summary = "expert -> attention: the pairs' results, each at its [row, rank]; the return of the dispatch of the same `transfer`";
  let description = [{
    Every attention instance gets the results of its own rows. Before `schedule` the value is by row, [rows, k, H]; after it
    by pair, [pairs, H]. Rules: (C1) layer and transfer >= 0, (C2) the result is f32 [rows, k, H], (C3) the value is that or
    f32 [pairs, H], (C4) schemes are at least one, names distinct.
    ```mlir
    %y = janus.collect %p {layer = 0 : i64, transfer = 0 : i64, schemes = [...]} : (tensor<?x8xf32>) -> tensor<?x2x8xf32>
    ```
  }];
  let arguments = (ins AnyType:$value, I64Attr:$layer, I64Attr:$transfer, Janus_SchemesAttr:$schemes);
  let results = (outs AnyType:$result);
  let assemblyFormat = "$value attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Janus_ExchangeOp : Janus_Op<"exchange"> {
  let summary = "all-gather of expert ids among attention instances (AGate, control phase)";
  let description = [{
    In: this instance's ids [rows, k]; out: those of the step's rows, in order of the attention instances; 16 bits an id on
    the way. Rules: (X1) layer >= 0, (X2) ids and result are i32 of the same shape [rows, k], (X3) schemes are at least one,
    names distinct.
    Example: `%all = janus.exchange %ids {layer = 0 : i64, schemes = [...]} : (tensor<?x2xi32>) -> tensor<?x2xi32>`
  }];
  let arguments = (ins MoE_I32:$ids, I64Attr:$layer, Janus_SchemesAttr:$schemes);
  let results = (outs MoE_I32:$result);
  let assemblyFormat = "$ids attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

//===-- schedule ----------------------------------------------------------===//

def Janus_ScheduleOp : Janus_Op<"schedule", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "AEBS: picks one replica per activated expert and lists the pairs of each instance";
  let description = [{
    A run-time instruction, not code: it looks up the placement table of its layer. EGate: on each expert instance, over the
    step's rows, yields that instance's pairs. AGate: on each attention instance, over the exchanged ids; the dispatch
    carries the pairs on. Rules: (SC1) layer >= 0, (SC2) 1 <= k <= experts, (SC3) ids are i32 [rows, k] and weights f32
    [rows, k], (SC4) the placement exists, (SC5) its layer and experts are the schedule's.
    ```mlir
    %work = janus.schedule %ids, %w {experts = 16 : i64, k = 2 : i64, layer = 0 : i64, placement = @placement_0}
        : (tensor<?x2xi32>, tensor<?x2xf32>) -> !janus.assignment
    ```
  }];
  let arguments = (ins MoE_I32:$ids, MoE_F32:$weights, I64Attr:$layer, I64Attr:$experts, I64Attr:$k,
                       FlatSymbolRefAttr:$placement);
  let results = (outs Janus_AssignmentType:$result);
  let assemblyFormat = "$ids `,` $weights attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Janus_ExpertsOp : Janus_Op<"experts", [Pure, AttrSizedOperandSegments]> {
  let summary = "moe.experts over an assignment; the result has one row per pair";
  let description = [{
    Pair p of the assignment: weight[p] * expert(slot)(x[row[p]]), with `weigh_input` expert(slot)(weight[p] * x[row[p]]). Weights as in `moe.experts`: gate, up [E, I, H], down
    [E, H, I], biases [E, I], [E, I], [E, H]; at run time a table by slot. Rules: (E1) layer >= 0, (E2) x is f32 [rows, H],
    (E3) gate is [E, I, H], (E4) up is shaped like gate, (E5) down is [E, H, I], (E6) biases are [E, I], [E, I] and [E, H],
    (E7) the result is f32 [pairs, H], (E8) `up_bias` needs `up`.
    ```mlir
    %p = janus.experts %h, %work gate %g up %u down %d {activation = #moe.activation<...>, layer = 0 : i64} : (...) -> tensor<?x8xf32>
    ```
  }];
  let arguments = (ins MoE_F32:$x, Janus_AssignmentType:$assignment, MoE_F32:$gate, Optional<MoE_F32>:$up, MoE_F32:$down,
                       Optional<MoE_F32>:$gate_bias, Optional<MoE_F32>:$up_bias, Optional<MoE_F32>:$down_bias,
                       MoE_ActivationAttr:$activation, UnitAttr:$weigh_input, I64Attr:$layer);
  let results = (outs MoE_F32:$result);
  let assemblyFormat = [{
    $x `,` $assignment `gate` $gate (`up` $up^)? `down` $down (`gate_bias` $gate_bias^)? (`up_bias` $up_bias^)?
    (`down_bias` $down_bias^)? attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

#endif // JANUS_OPS

//===- JanusOps.td - where things run and how data moves -----*- tablegen -*-===//
#ifndef JANUS_OPS
#define JANUS_OPS

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "dialects/moe/IR/MoEOps.td"

def Janus_Dialect : Dialect {
  let name = "janus";
  let cppNamespace = "::janus::dist";
  let summary = "meshes, fragments, transfers by phase, schedule";
  let dependentDialects = ["::janus::moe::MoEDialect"];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
}
class Janus_Op<string mnemonic, list<Trait> traits = []> : Op<Janus_Dialect, mnemonic, traits>;

def Janus_AssignmentType : TypeDef<Janus_Dialect, "Assignment"> {
  let mnemonic = "assignment";
  let summary = "an instance's (row, rank) pairs of one layer, grouped by slot (abi::Assignment)";
}
def Janus_Link : I32EnumAttr<"Link", "class of a link", [I32EnumAttrCase<"intra", 0>, I32EnumAttrCase<"inter", 1>, I32EnumAttrCase<"control", 2>]> {
  let cppNamespace = "::janus::dist"; let genSpecializedAttr = 0;
}
def Janus_PhaseAttr : AttrDef<Janus_Dialect, "Phase"> {
  let mnemonic = "phase";
  let summary = "one phase of a transfer scheme: its link class, messages and bytes as expressions (docs/transfers.md)";
  let parameters = (ins StringRefParameter<>:$name, EnumParameter<Janus_Link>:$link, StringRefParameter<>:$messages, StringRefParameter<>:$bytes);
  let assemblyFormat = "`<` $name `,` $link `,` `messages` `=` $messages `,` `bytes` `=` $bytes `>`";
}
def Janus_SchemeAttr : AttrDef<Janus_Dialect, "Scheme"> {
  let mnemonic = "scheme";
  let summary = "a way to carry out a transfer: a name and its phases in order";
  let parameters = (ins StringRefParameter<>:$name, ArrayRefParameter<"PhaseAttr">:$phases);
  let assemblyFormat = "`<` $name `,` `[` $phases `]` `>`";
}
def Janus_MeshOp : Janus_Op<"mesh", [Symbol]> {
  let summary = "a set of instances, bound at run time";
  let arguments = (ins SymbolNameAttr:$sym_name);
  let assemblyFormat = "$sym_name attr-dict";
}
def Janus_PlacementOp : Janus_Op<"placement", [Symbol]> {
  let summary = "the run-time table expert -> (instance, slot) replicas of a layer";
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$layer, I64Attr:$experts);
  let assemblyFormat = "$sym_name attr-dict";
}
def Janus_FragmentOp : Janus_Op<"fragment", [IsolatedFromAbove, SingleBlockImplicitTerminator<"YieldOp">, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "ops that run on one mesh without communication";
  let arguments = (ins FlatSymbolRefAttr:$mesh, StrAttr:$origin, I64Attr:$layer, Variadic<AnyType>:$inputs);
  let results = (outs Variadic<AnyType>:$results);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}
def Janus_YieldOp : Janus_Op<"yield", [Pure, Terminator, ReturnLike, HasParent<"FragmentOp">]> {
  let summary = "results of a fragment";
  let arguments = (ins Variadic<AnyType>:$results);
  let assemblyFormat = "attr-dict ($results^ `:` type($results))?";
  let builders = [OpBuilder<(ins), [{}]>];
}
def Janus_DispatchOp : Janus_Op<"dispatch", []> {
  let summary = "attention -> expert: activations (EGate), or activations with ids and weights of the rows an instance needs (AGate)";
  let arguments = (ins Variadic<AnyType>:$values, Optional<Janus_AssignmentType>:$assignment, I64Attr:$layer, I64Attr:$transfer, UnitAttr:$routed,
                       TypedArrayAttrBase<Janus_SchemeAttr, "schemes">:$schemes);
  let results = (outs Variadic<AnyType>:$results);
  let assemblyFormat = "$values (`assignment` $assignment^)? attr-dict `:` functional-type($values, $results)";
  let hasVerifier = 1;
}
def Janus_CollectOp : Janus_Op<"collect", []> {
  let summary = "expert -> attention: the pairs' results, scattered to [row, rank]; pairs with the dispatch of the same `transfer`";
  let arguments = (ins AnyType:$value, I64Attr:$layer, I64Attr:$transfer, TypedArrayAttrBase<Janus_SchemeAttr, "schemes">:$schemes);
  let results = (outs AnyType:$result);
  let assemblyFormat = "$value attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}
def Janus_ExchangeOp : Janus_Op<"exchange", []> {
  let summary = "all-gather of expert ids among attention instances (AGate control phase)";
  let arguments = (ins MoE_I32:$ids, I64Attr:$layer, TypedArrayAttrBase<Janus_SchemeAttr, "schemes">:$schemes);
  let results = (outs MoE_I32:$result);
  let assemblyFormat = "$ids attr-dict `:` functional-type(operands, results)";
}
def Janus_ScheduleOp : Janus_Op<"schedule", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "AEBS: picks one replica per activated expert and lists this instance's pairs";
  let arguments = (ins MoE_I32:$ids, MoE_F32:$weights, I64Attr:$layer, I64Attr:$experts, I64Attr:$k, FlatSymbolRefAttr:$placement);
  let results = (outs Janus_AssignmentType:$result);
  let assemblyFormat = "$ids `,` $weights attr-dict `:` functional-type(operands, results)";
}
def Janus_ExpertsOp : Janus_Op<"experts", [Pure, AttrSizedOperandSegments]> {
  let summary = "moe.experts over an assignment; the result has one row per pair";
  let arguments = (ins MoE_F32:$x, Janus_AssignmentType:$assignment, MoE_F32:$gate, Optional<MoE_F32>:$up, MoE_F32:$down,
                       Optional<MoE_F32>:$gate_bias, Optional<MoE_F32>:$up_bias, Optional<MoE_F32>:$down_bias,
                       MoE_ActivationAttr:$activation, I64Attr:$layer);
  let results = (outs MoE_F32:$result);
  let assemblyFormat = [{ $x `,` $assignment `gate` $gate (`up` $up^)? `down` $down (`gate_bias` $gate_bias^)? (`up_bias` $up_bias^)? (`down_bias` $down_bias^)? attr-dict `:` functional-type(operands, results) }];
}
#endif

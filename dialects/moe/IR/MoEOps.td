//===- MoEOps.td - what the model is ------------------------*- tablegen -*-===//
#ifndef JANUS_MOE_OPS
#define JANUS_MOE_OPS

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def MoE_Dialect : Dialect {
  let name = "moe";
  let cppNamespace = "::janus::moe";
  let summary = "what the model is: token-major rows, no trace of the exporter";
  let description = [{
    Activations are `tensor<?xCxf32>`; dimension 0 is the rows of a step, one
    row a token. Weights are symbols that refer to byte ranges of files.
  }];
  let useDefaultAttributePrinterParser = 1;
}

class MoE_Op<string mnemonic, list<Trait> traits = []>
    : Op<MoE_Dialect, mnemonic, traits>;
class MoE_Attr<string name, string mnemonic_> : AttrDef<MoE_Dialect, name> {
  let mnemonic = mnemonic_;
}

def MoE_ViewAttr : MoE_Attr<"View", "view"> {
  let summary = "a strided view of numbers stored in a file";
  let description = [{
    Element (i0, i1, ...) of the view is the stored number at
    `offset + sum(i * stride) * sizeof(storage)` bytes; offset in bytes, strides
    in elements. Reading converts the storage type to the weight's type exactly.
    Example: `#moe.view<"model.onnx.data", f16, offset = 64, shape = [256, 128], strides = [1, 256]>`
  }];
  let parameters = (ins StringRefParameter<"file, relative to the model's folder">:$file,
                        "::mlir::Type":$storage, "int64_t":$offset,
                        ArrayRefParameter<"int64_t">:$shape, ArrayRefParameter<"int64_t">:$strides);
  let assemblyFormat = "`<` $file `,` $storage `,` `offset` `=` $offset `,` `shape` `=` `[` $shape `]` `,` `strides` `=` `[` $strides `]` `>`";
}

def MoE_NormKind : I32EnumAttr<"NormKind", "kind of normalisation", [
    I32EnumAttrCase<"rms", 0>, I32EnumAttrCase<"layer", 1>]> {
  let cppNamespace = "::janus::moe"; let genSpecializedAttr = 0;
}
def MoE_NormKindAttr : EnumAttr<MoE_Dialect, MoE_NormKind, "norm_kind">;
def MoE_Score : I32EnumAttr<"Score", "how router logits become weights", [
    I32EnumAttrCase<"softmax", 0>, I32EnumAttrCase<"softmax_selected", 1>, I32EnumAttrCase<"sigmoid", 2>]> {
  let cppNamespace = "::janus::moe"; let genSpecializedAttr = 0;
}
def MoE_ScoreAttr : EnumAttr<MoE_Dialect, MoE_Score, "score">;
// Numbers equal janus::abi::Activation.
def MoE_ActivationKind : I32EnumAttr<"ActivationKind", "activation of an MLP", [
    I32EnumAttrCase<"swiglu", 0>, I32EnumAttrCase<"silu", 1>, I32EnumAttrCase<"gelu", 2>, I32EnumAttrCase<"gelu_tanh", 3>,
    I32EnumAttrCase<"relu", 4>, I32EnumAttrCase<"relu2", 5>, I32EnumAttrCase<"identity", 6>]> {
  let cppNamespace = "::janus::moe"; let genSpecializedAttr = 0;
}
def MoE_ActivationAttr : MoE_Attr<"Activation", "activation"> {
  let summary = "activation with SwiGLU constants";
  let description = [{ `#moe.activation<swiglu, alpha = 1.0, beta = 0.0, limit = 0x7F800000>`; alpha, beta, limit matter for swiglu only; an infinite limit clamps nothing. }];
  let parameters = (ins EnumParameter<MoE_ActivationKind>:$kind, "::mlir::FloatAttr":$alpha, "::mlir::FloatAttr":$beta, "::mlir::FloatAttr":$limit);
  let assemblyFormat = "`<` $kind `,` `alpha` `=` $alpha `,` `beta` `=` $beta `,` `limit` `=` $limit `>`";
}

def MoE_Rows : RankedTensorOf<[F32, I32]>;
def MoE_F32 : RankedTensorOf<[F32]>;
def MoE_I32 : RankedTensorOf<[I32]>;

def MoE_WeightOp : MoE_Op<"weight", [Symbol]> {
  let summary = "a weight: views of files, concatenated along dimension 0, or inline values";
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<MoE_F32>:$type,
                       OptionalAttr<TypedArrayAttrBase<MoE_ViewAttr, "views">>:$views,
                       OptionalAttr<ElementsAttr>:$value);
  let assemblyFormat = "$sym_name `:` $type (`views` $views^)? (`value` $value^)? attr-dict";
  let hasVerifier = 1;
}
def MoE_GetWeightOp : MoE_Op<"get_weight", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "the value of a weight";
  let arguments = (ins FlatSymbolRefAttr:$weight);
  let results = (outs MoE_F32:$result);
  let assemblyFormat = "$weight attr-dict `:` type($result)";
}
def MoE_EmbeddingOp : MoE_Op<"embedding", [Pure]> {
  let summary = "row ids[r] of the table";
  let arguments = (ins MoE_I32:$ids, MoE_F32:$table);
  let results = (outs MoE_F32:$result);
  let assemblyFormat = "$ids `,` $table attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}
def MoE_NormOp : MoE_Op<"norm", [Pure]> {
  let summary = "RMS or layer normalisation over segments of `group` columns (0: the whole row)";
  let arguments = (ins MoE_NormKindAttr:$kind, MoE_F32:$x, MoE_F32:$scale, Optional<MoE_F32>:$bias,
                       F32Attr:$epsilon, DefaultValuedAttr<I64Attr, "0">:$group);
  let results = (outs MoE_F32:$result);
  let assemblyFormat = "$kind $x `,` $scale (`bias` $bias^)? attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}
def MoE_LinearOp : MoE_Op<"linear", [Pure, AttrSizedOperandSegments]> {
  let summary = "x . weight^T + bias + residual; weight is [N, K]";
  let arguments = (ins MoE_F32:$x, MoE_F32:$weight, Optional<MoE_F32>:$bias, Optional<MoE_F32>:$residual,
                       UnitAttr:$router, OptionalAttr<I64Attr>:$layer);
  let results = (outs MoE_F32:$result);
  let assemblyFormat = "$x `,` $weight (`bias` $bias^)? (`residual` $residual^)? attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}
def MoE_ColumnsOp : MoE_Op<"columns", [Pure]> {
  let summary = "columns [offset, offset + N) of each row";
  let arguments = (ins MoE_F32:$x, I64Attr:$offset);
  let results = (outs MoE_F32:$result);
  let assemblyFormat = "$x attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}
def MoE_RotaryOp : MoE_Op<"rotary", [Pure]> {
  let summary = "rotary embedding of each head by rows positions[r] of the cos and sin tables [P, rotary_dim/2]";
  let arguments = (ins MoE_F32:$x, MoE_I32:$positions, MoE_F32:$cos, MoE_F32:$sin,
                       I64Attr:$head_dim, I64Attr:$rotary_dim, DefaultValuedAttr<BoolAttr, "false">:$interleaved);
  let results = (outs MoE_F32:$result);
  let assemblyFormat = "$x `,` $positions `,` $cos `,` $sin attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}
def MoE_AttentionOp : MoE_Op<"attention", [AttrSizedOperandSegments]> {
  let summary = "appends k and v of each row to its sequence's cache and attends to it";
  let description = [{ Causal by absolute position; `window` keeps the last W keys including self, 0 all; sinks add exp(sink[h]) to the softmax sum. `cache` is the index of this layer's KV cache. }];
  let arguments = (ins MoE_F32:$q, MoE_F32:$k, MoE_F32:$v, MoE_I32:$positions, Optional<MoE_F32>:$sinks,
                       I64Attr:$cache, I64Attr:$heads, I64Attr:$kv_heads, I64Attr:$head_dim, I64Attr:$value_dim,
                       F32Attr:$scale, DefaultValuedAttr<I64Attr, "0">:$window, DefaultValuedAttr<F32Attr, "0.0f">:$softcap);
  let results = (outs MoE_F32:$result);
  let assemblyFormat = "$q `,` $k `,` $v `,` $positions (`sinks` $sinks^)? attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}
def MoE_AddOp : MoE_Op<"add", [Pure, Commutative, SameOperandsAndResultType]> {
  let summary = "a + b";
  let arguments = (ins MoE_F32:$a, MoE_F32:$b);
  let results = (outs MoE_F32:$result);
  let assemblyFormat = "$a `,` $b attr-dict `:` type($result)";
}
def MoE_ActivateOp : MoE_Op<"activate", [Pure]> {
  let summary = "act(gate) or act(gate) * up of a dense MLP";
  let arguments = (ins MoE_F32:$gate, Optional<MoE_F32>:$up, MoE_ActivationAttr:$activation);
  let results = (outs MoE_F32:$result);
  let assemblyFormat = "$gate (`up` $up^)? attr-dict `:` functional-type(operands, results)";
}
def MoE_RouteOp : MoE_Op<"route", [Pure]> {
  let summary = "the k experts of each row and their weights, best first, ties to the lower id";
  let arguments = (ins MoE_F32:$logits, Optional<MoE_F32>:$select_bias, I64Attr:$k, MoE_ScoreAttr:$score,
                       DefaultValuedAttr<BoolAttr, "false">:$renormalize, DefaultValuedAttr<F32Attr, "0.0f">:$epsilon,
                       DefaultValuedAttr<F32Attr, "1.0f">:$scale, I64Attr:$layer);
  let results = (outs MoE_I32:$ids, MoE_F32:$weights);
  let assemblyFormat = "$logits (`bias` $select_bias^)? attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}
def MoE_ExpertsOp : MoE_Op<"experts", [Pure, AttrSizedOperandSegments]> {
  let summary = "weights[r, j] * expert ids[r, j] applied to row r, for each rank j: [rows, k, H]";
  let description = [{ gate, up: [E, I, H]; down: [E, H, I]; biases [E, I], [E, I], [E, H]. Without `up` the expert is not gated. }];
  let arguments = (ins MoE_F32:$x, MoE_I32:$ids, MoE_F32:$weights, MoE_F32:$gate, Optional<MoE_F32>:$up, MoE_F32:$down,
                       Optional<MoE_F32>:$gate_bias, Optional<MoE_F32>:$up_bias, Optional<MoE_F32>:$down_bias,
                       MoE_ActivationAttr:$activation, I64Attr:$layer);
  let results = (outs MoE_F32:$result);
  let assemblyFormat = [{ $x `,` $ids `,` $weights `gate` $gate (`up` $up^)? `down` $down (`gate_bias` $gate_bias^)? (`up_bias` $up_bias^)? (`down_bias` $down_bias^)? attr-dict `:` functional-type(operands, results) }];
  let hasVerifier = 1;
}
def MoE_CombineOp : MoE_Op<"combine", [Pure, AttrSizedOperandSegments]> {
  let summary = "((y[r,0] + y[r,1]) + ...) + shared + residual, in this order";
  let arguments = (ins MoE_F32:$y, Optional<MoE_F32>:$shared, Optional<MoE_F32>:$residual);
  let results = (outs MoE_F32:$result);
  let assemblyFormat = "$y (`shared` $shared^)? (`residual` $residual^)? attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}
def MoE_SelectOp : MoE_Op<"select", [Pure]> {
  let summary = "rows wanted[i] of x";
  let arguments = (ins MoE_F32:$x, MoE_I32:$wanted);
  let results = (outs MoE_F32:$result);
  let assemblyFormat = "$x `,` $wanted attr-dict `:` functional-type(operands, results)";
}
#endif

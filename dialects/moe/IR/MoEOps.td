//===- MoEOps.td - what the model is ------------------------*- tablegen -*-===//
//
// Rules carry a label, (W1), (L2), ...: the description states them, the verifier checks them in this order, and
// test/lit/Dialect/MoE/invalid.mlir and invalid-weights.mlir have one case for each.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_MOE_OPS
#define JANUS_MOE_OPS

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def MoE_Dialect : Dialect {
  let name = "moe";
  let cppNamespace = "::janus::moe";
  let summary = "what the model is: token-major rows, no trace of the exporter";
  let description = [{
    Activations are `tensor<?xCxf32>`: dimension 0 is the rows of a step, one row a token, dimension 1 the columns. Expert
    results are `tensor<?xkxHxf32>`. Weights are symbols (`moe.weight`) that refer to byte ranges of files; no number of a
    weight stands in the IR unless it is tiny. Layers count MoE layers from 0, caches count attention layers from 0.

    A recovered model is a module with `moe.weight`s, one function `@step(ids, positions, wanted) -> logits`, and the
    attribute `moe.model`:
    ```mlir
    moe.model = {vocab = 256 : i64, context = 768 : i64, hidden = 128 : i64, layers = 4 : i64, page_tokens = 32 : i64,
                 moe_layers = [{experts = 16 : i64, k = 2 : i64}, ...],
                 kv_caches = [{kv_heads = 2 : i64, head_dim = 32 : i64, value_dim = 32 : i64, window = 0 : i64}, ...]}
    ```
    `context` is the number of positions the model can take, `layers` the number of attention layers, `window` the keys a
    row sees including itself (0: all), `page_tokens` the positions of one page of a KV cache.

    While a model is being recovered, @step carries `moe.rows = "B*S"` (its number of rows over the graph's sizes) and
    `moe.tokens` (the index of the argument with the token ids), and an operator that no pass recovered `moe.reason`.
  }];
  let useDefaultAttributePrinterParser = 1;
}

class MoE_Op<string mnemonic, list<Trait> traits = []> : Op<MoE_Dialect, mnemonic, traits>;
class MoE_Attr<string name, string mnemonic_> : AttrDef<MoE_Dialect, name> {
  let mnemonic = mnemonic_;
}

//===-- attributes --------------------------------------------------------===//

def MoE_ViewAttr : MoE_Attr<"View", "view"> {
  let summary = "a strided view of numbers stored in a file";
  let description = [{
    Element (i0, i1, ...) of the view is the stored number at byte `offset + sum(i * stride) * sizeof(storage)` of `file`;
    `offset` counts bytes, `strides` count elements of `storage`. Reading converts the storage type to the weight's type,
    exactly. Inside `#moe.quantised` the storage type may be an integer of 2, 4 or 8 bits, the lower bits of a byte first; the
    view starts at a whole byte. Rules: (V1) the storage type is f32, f16, bf16, or ui2, ui4, ui8, i2, i4, i8, (V2) offset
    >= 0, (V3) as many strides as dimensions, at least one, (V4) sizes are positive and strides are not negative, (V5) the
    file has a name, (V6) the view ends below byte 2^62.

    A transposed matrix: `#moe.view<"model.onnx.data", f16, offset = 64, shape = [256, 128], strides = [1, 256]>`.
    Every second row of [E = 4, 2 I = 64, H = 32], from row 1:
    `#moe.view<"model.onnx.data", f32, offset = 128, shape = [4, 32, 32], strides = [2048, 64, 1]>`
  }];
  let parameters = (ins StringRefParameter<"file, relative to the model's folder">:$file,
                        "::mlir::Type":$storage, "int64_t":$offset,
                        ArrayRefParameter<"int64_t">:$shape, ArrayRefParameter<"int64_t">:$strides);
  let assemblyFormat = [{
    `<` $file `,` $storage `,` `offset` `=` $offset `,` `shape` `=` `[` $shape `]` `,` `strides` `=` `[` $strides `]` `>`
  }];
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Bytes of the file that the view can touch, from its offset: the last element's end.
    int64_t getExtentBytes() const;
  }];
}

// Numbers equal janus::abi::ZeroPoints.
def MoE_ZeroPoints : I32EnumAttr<"ZeroPoints", "what is subtracted from the integers of a quantised weight", [
    I32EnumAttrCase<"middle", 0>, I32EnumAttrCase<"integers", 1>, I32EnumAttrCase<"numbers", 2>]> {
  let cppNamespace = "::janus::moe";
  let genSpecializedAttr = 0;
}
def MoE_BlocksAttr : MoE_Attr<"Blocks", "blocks"> {
  let summary = "encoding of the type of a quantised weight: how its numbers are stored";
  let description = [{
    A weight of type `tensor<16x64xf32, #moe.blocks<...>>` has f32 numbers (q - z) * s, computed in f32, one rounding each: q is
    an integer of `bits` bits, s the scale and z the zero point of its block, `size` numbers that follow each other along the
    last dimension (the last block of a row may be shorter). `zeros`: middle, z = 2^(bits - 1); integers, each block has one
    of `bits` bits; numbers, each block has one in floating point. The artifact keeps integers, scales and zero points
    (docs/artifact.md). Rules: (BL1) bits is 2, 4 or 8, (BL2) size >= 1.
    Example: `#moe.blocks<bits = 4, size = 32, zeros = middle>`
  }];
  let parameters = (ins "int64_t":$bits, "int64_t":$size, EnumParameter<MoE_ZeroPoints>:$zeros);
  let assemblyFormat = "`<` `bits` `=` $bits `,` `size` `=` $size `,` `zeros` `=` $zeros `>`";
  let genVerifyDecl = 1;
}
def MoE_QuantisedAttr : MoE_Attr<"Quantised", "quantised"> {
  let summary = "a view of integers with a scale, and perhaps a zero point, for each block of them";
  let description = [{
    Integers [.., K], scales and zeros [.., blocks] with the same leading dimensions; each is a `#moe.view`, or inline numbers
    (ui8 for integers, f32 for scales). An integer stored with a sign (i2, i4, i8) stands for itself plus 2^(bits - 1), be it
    a weight or a zero point, so that differences stay and the middle is 0 as stored. Rules: (Q1) integers are a view of 2, 4
    or 8 bits or inline ui8, (Q2) scales are a view of floating-point numbers or inline f32, (Q3) the dimensions of scales,
    but the last, are those of the integers, (Q4) zeros have the shape of the scales and are stored as these or as integers
    are, (Q5) zeros of integers with a sign are integers.
    Example: `#moe.quantised<integers = #moe.view<"m.data", ui4, offset = 64, shape = [16, 64], strides = [64, 1]>,
    scales = #moe.view<"m.data", f32, offset = 576, shape = [16, 2], strides = [2, 1]>>`
  }];
  let parameters = (ins "::mlir::Attribute":$integers, "::mlir::Attribute":$scales,
                        OptionalParameter<"::mlir::Attribute">:$zeros);
  let assemblyFormat = "`<` `integers` `=` $integers `,` `scales` `=` $scales (`,` `zeros` `=` $zeros^)? `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Of the weight: [.., K].
    llvm::ArrayRef<int64_t> getShape() const;
  }];
}

def MoE_NormKind : I32EnumAttr<"NormKind", "kind of normalisation", [
    I32EnumAttrCase<"rms", 0>, I32EnumAttrCase<"layer", 1>]> {
  let cppNamespace = "::janus::moe";
  let genSpecializedAttr = 0;
}
def MoE_NormKindAttr : EnumAttr<MoE_Dialect, MoE_NormKind, "norm_kind"> {
  let description = [{ Example: `moe.norm rms %x, %scale ...` }];
}

// Numbers equal janus::abi::Score.
def MoE_Score : I32EnumAttr<"Score", "how router logits become weights", [
    I32EnumAttrCase<"softmax", 0>, I32EnumAttrCase<"softmax_selected", 1>, I32EnumAttrCase<"sigmoid", 2>,
    I32EnumAttrCase<"sqrt_softplus", 3>, I32EnumAttrCase<"sparse_mixer", 4>]> {
  let cppNamespace = "::janus::moe";
  let genSpecializedAttr = 0;
}
def MoE_ScoreAttr : EnumAttr<MoE_Dialect, MoE_Score, "score"> {
  let description = [{
    softmax over all experts, softmax over the chosen k only, a sigmoid of each logit, sqrt(log(1 + exp(logit))), or the
    sparse mixer: round by round the largest logit m of those left, with its softmax over those of them whose
    (m - l) / max(|l|, m) is at most 2 jitter. Example: `#moe.score<softmax>`
  }];
  let assemblyFormat = "`<` $value `>`";
}

// Numbers equal janus::abi::GroupScore.
def MoE_GroupScore : I32EnumAttr<"GroupScore", "the score of a group of experts", [
    I32EnumAttrCase<"max", 0>, I32EnumAttrCase<"top2_sum", 1>]> {
  let cppNamespace = "::janus::moe";
  let genSpecializedAttr = 0;
}
def MoE_GroupsAttr : MoE_Attr<"Groups", "groups"> {
  let summary = "chooses groups of experts before it chooses experts";
  let description = [{
    The E experts are `count` groups of E / count, one after the other. A group's score is the largest selection score in
    it, or the sum of the two largest. In all but the `kept` best groups (ties to the lower one) the selection score
    becomes `fill`. Rules: (GR1) count >= 2 and 1 <= kept <= count, (GR2) fill is f32 and no NaN.
    Example: `#moe.groups<count = 8, kept = 4, score = top2_sum, fill = 0xFF800000 : f32>`
  }];
  let parameters = (ins "int64_t":$count, "int64_t":$kept, EnumParameter<MoE_GroupScore>:$score, "::mlir::FloatAttr":$fill);
  let assemblyFormat = "`<` `count` `=` $count `,` `kept` `=` $kept `,` `score` `=` $score `,` `fill` `=` $fill `>`";
  let genVerifyDecl = 1;
}

// Numbers equal janus::abi::Activation.
def MoE_ActivationKind : I32EnumAttr<"ActivationKind", "activation of an MLP", [
    I32EnumAttrCase<"swiglu", 0>, I32EnumAttrCase<"silu", 1>, I32EnumAttrCase<"gelu", 2>, I32EnumAttrCase<"gelu_tanh", 3>,
    I32EnumAttrCase<"relu", 4>, I32EnumAttrCase<"relu2", 5>, I32EnumAttrCase<"identity", 6>]> {
  let cppNamespace = "::janus::moe";
  let genSpecializedAttr = 0;
}
def MoE_ActivationAttr : MoE_Attr<"Activation", "activation"> {
  let summary = "activation of an MLP, with the constants of SwiGLU";
  let description = [{
    With g the gate and u the up projection: swiglu is g' * sigmoid(alpha * g') * (u' + beta), g' = min(g, limit), u' =
    clamp(u, -limit, limit); an infinite limit clamps nothing; plain SwiGLU is alpha 1, beta 0. Any other activation is
    act(g), or act(g) * u where there is an up projection, and leaves the constants aside: silu(g) = g * sigmoid(g), gelu by
    erf, gelu_tanh, relu, relu2 = relu(g)^2, identity. Rules: (A1) the constants are f32, (A2) limit > 0, (A3) alpha and beta
    are finite.
    Example: `#moe.activation<swiglu, alpha = 1.0 : f32, beta = 0.0 : f32, limit = 0x7F800000 : f32>`
  }];
  let parameters = (ins EnumParameter<MoE_ActivationKind>:$kind, "::mlir::FloatAttr":$alpha, "::mlir::FloatAttr":$beta,
                        "::mlir::FloatAttr":$limit);
  let assemblyFormat = "`<` $kind `,` `alpha` `=` $alpha `,` `beta` `=` $beta `,` `limit` `=` $limit `>`";
  let genVerifyDecl = 1;
  let builders = [AttrBuilder<(ins "ActivationKind":$kind, CArg<"float", "1.0f">:$alpha, CArg<"float", "0.0f">:$beta,
                                   CArg<"float", "std::numeric_limits<float>::infinity()">:$limit)>];
}

def MoE_F32 : RankedTensorOf<[F32]>; // activations `tensor<?x128xf32>`, weights `tensor<256x128xf32>`
def MoE_Stored : RankedTensorOf<[AnyFloat, AnyInteger]>; // what a tensor program keeps as the file has it
def MoE_I32 : RankedTensorOf<[I32]>; // ids and positions: `tensor<?xi32>`, `tensor<?x2xi32>`

//===-- weights -----------------------------------------------------------===//

def MoE_WeightOp : MoE_Op<"weight", [Symbol]> {
  let summary = "a weight: views of files, concatenated along dimension 0, or inline values";
  let description = [{
    Linear weights are [N, K] (one row an output), whatever the file's order: the views' strides say how it lies there.
    Rules: (W1) the shape is static, (W2) either views or a value, (W3) at least one view, and all dimensions but the first
    are the weight's, (W4) the views' first dimensions add up to the weight's, (W5) a value has the weight's type, (W6) the
    views are quantised if and only if the type has the encoding `#moe.blocks`, which then says how: their integers have
    its bits, their scales a number for each block, and zeros are there unless it says middle.
    Weights of models are f32; those of a tensor program have the type of their initializer.
    ```mlir
    moe.weight @l0.qkv : tensor<256x128xf32> views [#moe.view<"m.data", f16, offset = 64, shape = [256, 128], strides = [1, 256]>]
    moe.weight @norm : tensor<4xf32> value dense<1.0> : tensor<4xf32>
    moe.weight @up : tensor<16x64xf32, #moe.blocks<bits = 4, size = 32, zeros = middle>> views [#moe.quantised<...>]
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<MoE_Stored>:$type,
                       OptionalAttr<TypedArrayAttrBase<AnyAttrOf<[MoE_ViewAttr, MoE_QuantisedAttr]>, "views">>:$views,
                       OptionalAttr<ElementsAttr>:$value);
  let assemblyFormat = "$sym_name `:` $type (`views` $views^)? (`value` $value^)? attr-dict";
  let hasVerifier = 1;
}

def MoE_GetWeightOp : MoE_Op<"get_weight", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "the value of a weight";
  let description = [{
    Read where it is used; it moves nothing. Rules: (G1) the symbol is a `moe.weight`, (G2) the type is the weight's.
    Example: `%w = moe.get_weight @l0.qkv : tensor<256x128xf32>`
  }];
  let arguments = (ins FlatSymbolRefAttr:$weight);
  let results = (outs MoE_F32:$result);
  let assemblyFormat = "$weight attr-dict `:` type($result)";
}

//===-- rows in, rows out -------------------------------------------------===//

def MoE_EmbeddingOp : MoE_Op<"embedding", [Pure]> {
  let summary = "row ids[r] of the table, for each row r";
  let description = [{
    ids [rows] are token ids in [0, vocab); table [vocab, H]. Rules: (EM1) ids has one dimension, (EM2) the table is static
    [vocab, H], (EM3) the result is [rows, H].
    Example: `%x = moe.embedding %ids, %table : (tensor<?xi32>, tensor<256x128xf32>) -> tensor<?x128xf32>`
  }];
  let arguments = (ins MoE_I32:$ids, MoE_F32:$table);
  let results = (outs MoE_F32:$result);
  let assemblyFormat = "$ids `,` $table attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def MoE_NormOp : MoE_Op<"norm", [Pure]> {
  let summary = "RMS or layer normalisation of each row, or of each segment of `group` columns of it";
  let description = [{
    rms: x / sqrt(mean(x^2) + epsilon) * scale; layer: (x - mean) / sqrt(var + epsilon) * scale + bias. `group` is the
    columns normalised together: 0 is the whole row, else the columns are cut into segments of `group` and scale and bias
    serve each of them (query and key norms, one segment a head). Rules: (N1) x is [rows, C] and the result has its type,
    (N2) group is 0 or divides C, (N3) scale and bias are [group], or [C] for group 0, (N4) an rms norm has no bias, (N5)
    epsilon >= 0.
    ```mlir
    %y = moe.norm rms %x, %g {epsilon = 1.0e-06 : f32} : (tensor<?x128xf32>, tensor<128xf32>) -> tensor<?x128xf32>
    %q = moe.norm rms %p, %s {epsilon = 1.0e-06 : f32, group = 32 : i64} : (tensor<?x128xf32>, tensor<32xf32>) -> tensor<?x128xf32>
    ```
  }];
  let arguments = (ins MoE_NormKindAttr:$kind, MoE_F32:$x, MoE_F32:$scale, Optional<MoE_F32>:$bias,
                       F32Attr:$epsilon, DefaultValuedAttr<I64Attr, "0">:$group);
  let results = (outs MoE_F32:$result);
  let assemblyFormat = "$kind $x `,` $scale (`bias` $bias^)? attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def MoE_LinearOp : MoE_Op<"linear", [Pure, AttrSizedOperandSegments]> {
  let summary = "x . weight^T + bias + residual, added in this order";
  let description = [{
    x [rows, K], weight [N, K], bias [N], residual and result [rows, N]. `router` marks the linear layer that yields the
    logits of MoE layer `layer`: partition puts it on the gate side. Rules: (L1) x is [rows, K] and weight static [N, K], (L2)
    the result is [rows, N], (L3) bias is [N], (L4) residual has the result's type, (L5) `router` needs `layer` >= 0 and takes
    no residual, (L6) `layer` stands only on a router.
    ```mlir
    %o = moe.linear %a, %w bias %b residual %x : (tensor<?x64xf32>, tensor<32x64xf32>, tensor<32xf32>, tensor<?x32xf32>) -> tensor<?x32xf32>
    %r = moe.linear %h, %wr {layer = 0 : i64, router} : (tensor<?x32xf32>, tensor<16x32xf32>) -> tensor<?x16xf32>
    ```
  }];
  let arguments = (ins MoE_F32:$x, MoE_F32:$weight, Optional<MoE_F32>:$bias, Optional<MoE_F32>:$residual,
                       UnitAttr:$router, OptionalAttr<I64Attr>:$layer);
  let results = (outs MoE_F32:$result);
  let assemblyFormat = [{
    $x `,` $weight (`bias` $bias^)? (`residual` $residual^)? attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def MoE_ColumnsOp : MoE_Op<"columns", [Pure]> {
  let summary = "columns [offset, offset + N) of each row; N is the result's";
  let description = [{
    Rules: (CO1) x is [rows, C] and the result [rows, N], (CO2) offset >= 0 and offset + N <= C.
    Example: `%k = moe.columns %qkv {offset = 64 : i64} : (tensor<?x128xf32>) -> tensor<?x32xf32>`
  }];
  let arguments = (ins MoE_F32:$x, I64Attr:$offset);
  let results = (outs MoE_F32:$result);
  let assemblyFormat = "$x attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def MoE_ArrangeOp : MoE_Op<"arrange", [Pure]> {
  let summary = "runs of columns of several values, side by side";
  let description = [{
    `runs` lists (operand, offset, count): columns [offset, offset + count) of that operand follow those of the runs before.
    What the views of heads leave when they are no slice of one value: keys of latent attention, one part of each head's own
    and one shared. Rules: (AR1) operands are [rows, C], alike in rows, (AR2) runs are triples that lie in their operand,
    with counts of at least 1, (AR3) the result is [rows, sum of the counts].
    ```mlir
    %k = moe.arrange %nope, %rope {runs = array<i64: 0, 0, 16, 1, 0, 8, 0, 16, 16, 1, 0, 8>}
        : (tensor<?x32xf32>, tensor<?x8xf32>) -> tensor<?x48xf32>
    ```
  }];
  let arguments = (ins Variadic<MoE_F32>:$inputs, DenseI64ArrayAttr:$runs);
  let results = (outs MoE_F32:$result);
  let assemblyFormat = "$inputs attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def MoE_AddOp : MoE_Op<"add", [Pure, Commutative, SameOperandsAndResultType]> {
  let summary = "a + b, by element";
  let description = [{ Example: `%s = moe.add %a, %b : tensor<?x128xf32>` }];
  let arguments = (ins MoE_F32:$a, MoE_F32:$b);
  let results = (outs MoE_F32:$result);
  let assemblyFormat = "$a `,` $b attr-dict `:` type($result)";
}

def MoE_ActivateOp : MoE_Op<"activate", [Pure]> {
  let summary = "the activation of a dense MLP: act(gate), or gated act(gate) * up";
  let description = [{
    Rules: (AC1) gate, up and the result have one type [rows, I], (AC2) swiglu needs up.
    Example: `%h = moe.activate %g up %u {activation = #moe.activation<...>} : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>`
  }];
  let arguments = (ins MoE_F32:$gate, Optional<MoE_F32>:$up, MoE_ActivationAttr:$activation);
  let results = (outs MoE_F32:$result);
  let assemblyFormat = "$gate (`up` $up^)? attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def MoE_GateOp : MoE_Op<"gate", [Pure]> {
  let summary = "x times the sigmoid of one number a row";
  let description = [{
    x and the result [rows, C], gate [rows, 1]: a shared expert behind its gate. Rules: (GA1) x is [rows, C] and the result has
    its type, (GA2) gate is [rows, 1].
    Example: `%y = moe.gate %x by %g : (tensor<?x128xf32>, tensor<?x1xf32>) -> tensor<?x128xf32>`
  }];
  let arguments = (ins MoE_F32:$x, MoE_F32:$gate);
  let results = (outs MoE_F32:$result);
  let assemblyFormat = "$x `by` $gate attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def MoE_MapOp : MoE_Op<"map", [Pure]> {
  let summary = "a formula of the operands, element by element";
  let description = [{
    An operand is rows [rows, C], one number a row [rows, 1], or a vector over the columns [C]. The formula is postfix: an integer
    is that operand's element, a float a number, a string a function of the last values: add, sub, mul, div, max, min of two, neg,
    abs, sqrt, exp, log, tanh, erf, sigmoid of one. Scales, caps and gates that have no operation of their own.
    Rules: (MA1) the result is [rows, C], each operand one of the three, and one of them counts rows, (MA2) the formula names
    operands and functions that are there and leaves one value; it has at most 256 steps.
    Example: a gate for each column, scaled
    `%y = moe.map %x, %g {formula = [0, 1, "sigmoid", "mul", 0.5 : f32, "mul"]} : (tensor<?x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>`
  }];
  let arguments = (ins Variadic<MoE_F32>:$inputs, ArrayAttr:$formula);
  let results = (outs MoE_F32:$result);
  let assemblyFormat = "$inputs attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def MoE_SelectOp : MoE_Op<"select", [Pure]> {
  let summary = "rows wanted[i] of x";
  let description = [{
    wanted [wanted rows] are row numbers of this step. Rules: (SE1) x is [rows, C] and wanted has one dimension, (SE2) the
    result is [wanted rows, C].
    Example: `%s = moe.select %x, %wanted : (tensor<?x128xf32>, tensor<?xi32>) -> tensor<?x128xf32>`
  }];
  let arguments = (ins MoE_F32:$x, MoE_I32:$wanted);
  let results = (outs MoE_F32:$result);
  let assemblyFormat = "$x `,` $wanted attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

//===-- attention ---------------------------------------------------------===//

def MoE_RotaryOp : MoE_Op<"rotary", [Pure]> {
  let summary = "rotary embedding of each head by row positions[r] of the cos and sin tables";
  let description = [{
    x [rows, heads * head_dim]; positions [rows], absolute, in tokens; cos, sin [P, rotary_dim / 2]. Columns [offset, offset +
    rotary_dim) of a head turn, the others pass. Pairs of those are (i, i + rotary_dim / 2), or (2 i, 2 i + 1) if
    `interleaved`: (a, b) -> (a cos - b sin, b cos + a sin). Rules: (R1) x is [rows, C], the result has its type, positions is
    [rows], (R2) head_dim divides C, (R3) rotary_dim is even and in [2, head_dim - offset], offset not negative, (R4) cos and
    sin are static [P, rotary_dim / 2], alike.
    ```mlir
    %r = moe.rotary %q, %positions, %cos, %sin {head_dim = 32 : i64, rotary_dim = 32 : i64}
        : (tensor<?x128xf32>, tensor<?xi32>, tensor<768x16xf32>, tensor<768x16xf32>) -> tensor<?x128xf32>
    ```
  }];
  let arguments = (ins MoE_F32:$x, MoE_I32:$positions, MoE_F32:$cos, MoE_F32:$sin,
                       I64Attr:$head_dim, I64Attr:$rotary_dim, DefaultValuedAttr<BoolAttr, "false">:$interleaved,
                       DefaultValuedAttr<I64Attr, "0">:$offset);
  let results = (outs MoE_F32:$result);
  let assemblyFormat = "$x `,` $positions `,` $cos `,` $sin attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def MoE_AttentionOp : MoE_Op<"attention"> {
  let summary = "appends k and v of each row to its sequence's cache and attends to it";
  let description = [{
    q [rows, heads * head_dim], k [rows, kv_heads * head_dim], v [rows, kv_heads * value_dim], positions [rows], absolute;
    result [rows, heads * value_dim]. Causal by absolute position. s = scale * q . k; with softcap > 0, s = softcap *
    tanh(s / softcap); `window` keeps the last W keys including the row's own (0: all); `chunk` keeps the keys of the row's own
    chunk, positions [n C, n C + C) (0: all); sinks [heads] add exp(sinks[h]) to the sum of the softmax. `cache` numbers the KV cache (0, 1, ... in order of attention layers). Query head h reads kv head
    h / (heads / kv_heads).
    Rules: (AT1) heads, kv_heads, head_dim and value_dim are positive and kv_heads divides heads, (AT2) q, k, v and the result
    have the shapes above, positions is [rows], (AT3) sinks is [heads], (AT4) cache, window, chunk and softcap are not negative,
    (AT5) scale is finite and positive.
    ```mlir
    %a = moe.attention %q, %k, %v, %positions {cache = 0 : i64, heads = 4 : i64, kv_heads = 2 : i64, head_dim = 32 : i64,
        value_dim = 32 : i64, scale = 0.176776692 : f32}
        : (tensor<?x128xf32>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?xi32>) -> tensor<?x128xf32>
    ```
  }];
  let arguments = (ins MoE_F32:$q, MoE_F32:$k, MoE_F32:$v, MoE_I32:$positions, Optional<MoE_F32>:$sinks,
                       I64Attr:$cache, I64Attr:$heads, I64Attr:$kv_heads, I64Attr:$head_dim, I64Attr:$value_dim,
                       F32Attr:$scale, DefaultValuedAttr<I64Attr, "0">:$window, DefaultValuedAttr<F32Attr, "0.0f">:$softcap,
                       DefaultValuedAttr<I64Attr, "0">:$chunk);
  let results = (outs MoE_F32:$result);
  let assemblyFormat = [{
    $q `,` $k `,` $v `,` $positions (`sinks` $sinks^)? attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

//===-- tensor functions ---------------------------------------------------===//

def MoE_SequenceOp : MoE_Op<"sequence", [DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a tensor function of the rows of one sequence, for each sequence of the step";
  let description = [{
    What no other operation describes: a convolution over tokens, a linear attention, an activation of its own. The function is
    made of `onnx` operations. It is called once for each sequence with rows in the step, with these rows, S of them in the
    order of their positions; what it yields are the rows of the result. (docs/recovery-regions.md)

    Operands are rows, [rows, C] or of i32 [rows], or weights. The function's first arguments are the operands: S rows of C
    columns, or the weight. All other arguments are states, and their new values its last results: numbers that belong to the
    sequence, zero before its first row. `state` numbers the first of them in the model.

    With `history` the function has no state, is given all rows of the sequence up to the step's last one, and what it yields for
    rows of earlier steps is not looked at; `history` numbers the first row operand's memory of earlier rows, the others
    follow. Row i of such a function may depend on rows up to i alone.

    Rules: (SQ1) the function has a body and belongs to the module, (SQ2) each operand is [rows, C] of f32, [rows] of i32 or a
    static weight of f32, and the argument at its place the same with S rows, (SQ3) one operand counts rows, (SQ4) results are [rows, C],
    and the function's first results the same with S rows, (SQ5) the other arguments are static, of f32, and as the
    other results, (SQ6) state and history are not negative, and with history there are no states.
    ```mlir
    %y = moe.sequence @conv(%x, %w) {state = 0 : i64} : (tensor<?x64xf32>, tensor<64x3xf32>) -> tensor<?x64xf32>
    func.func private @conv(%x: tensor<?x64xf32, #onnx.dims<"S", 64>>, %w: tensor<64x3xf32>, %past: tensor<64x2xf32>)
        -> (tensor<?x64xf32, #onnx.dims<"S", 64>>, tensor<64x2xf32>)
    ```
  }];
  let arguments = (ins FlatSymbolRefAttr:$callee, Variadic<AnyTypeOf<[MoE_F32, MoE_I32]>>:$inputs,
                       DefaultValuedAttr<I64Attr, "0">:$state, OptionalAttr<I64Attr>:$history);
  let results = (outs Variadic<MoE_F32>:$results);
  let assemblyFormat = "$callee `(` $inputs `)` attr-dict `:` functional-type(operands, results)";
}

//===-- mixture of experts ------------------------------------------------===//

def MoE_RouteOp : MoE_Op<"route", [Pure, AttrSizedOperandSegments]> {
  let summary = "the k experts of each row and their weights, best first, ties to the lower id";
  let description = [{
    logits [rows, E]; ids and weights [rows, k]. Scores are `score` of the logits; selection is by score + select_bias [E],
    within the groups of experts that `groups` keeps; weights are the scores of the selected, each times the expert_scale
    [E] of its expert, divided by their sum + epsilon with `renormalize`, times `scale`. Rules: (RO1) logits is [rows, E]
    and 1 <= k <= E, (RO2) ids and weights are [rows, k], (RO3) bias and expert_scale are [E], (RO4) layer >= 0, (RO5)
    epsilon is not negative, scale finite, (RO6) the number of groups divides E, (RO7) a sparse mixer has a positive jitter
    and no bias, groups or scales.
    ```mlir
    %e, %p = moe.route %logits {k = 2 : i64, layer = 0 : i64, renormalize = true, score = #moe.score<softmax>}
        : (tensor<?x16xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
    ```
  }];
  let arguments = (ins MoE_F32:$logits, Optional<MoE_F32>:$select_bias, Optional<MoE_F32>:$expert_scale, I64Attr:$k,
                       MoE_ScoreAttr:$score, OptionalAttr<MoE_GroupsAttr>:$groups,
                       DefaultValuedAttr<BoolAttr, "false">:$renormalize, DefaultValuedAttr<F32Attr, "0.0f">:$epsilon,
                       DefaultValuedAttr<F32Attr, "1.0f">:$scale, DefaultValuedAttr<F32Attr, "0.0f">:$jitter, I64Attr:$layer);
  let results = (outs MoE_I32:$ids, MoE_F32:$weights);
  let assemblyFormat = [{
    $logits (`bias` $select_bias^)? (`expert_scale` $expert_scale^)? attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def MoE_ExpertsOp : MoE_Op<"experts", [Pure, AttrSizedOperandSegments]> {
  let summary = "weights[r, j] * expert ids[r, j] applied to row r, for each rank j: [rows, k, H]";
  let description = [{
    x [rows, H]; ids, weights [rows, k]; gate, up [E, I, H]; down [E, H, I]; biases [E, I], [E, I], [E, H]. An expert is
    down . act(gate . x + gate_bias, up . x + up_bias) + down_bias; without `up` it is not gated. With `weigh_input` the
    weight multiplies x instead of the result. Nothing is added across experts: `moe.combine` does. Rules: (E1) x is [rows, H] and the result [rows, k, H], (E2) ids and weights are [rows, k],
    (E3) gate is static [E, I, H], (E4) up is shaped and stored like gate, (E5) down is [E, H, I], (E6) biases are [E, I], [E, I], [E, H],
    (E7) `up_bias` needs `up`, (E8) swiglu needs up, (E9) layer >= 0, (E10) `weigh_input` takes no biases.
    ```mlir
    %y = moe.experts %h, %e, %p gate %g up %u down %d {activation = #moe.activation<...>, layer = 0 : i64}
        : (tensor<?x8xf32>, tensor<?x2xi32>, tensor<?x2xf32>, tensor<4x16x8xf32>, tensor<4x16x8xf32>, tensor<4x8x16xf32>) -> tensor<?x2x8xf32>
    ```
  }];
  let arguments = (ins MoE_F32:$x, MoE_I32:$ids, MoE_F32:$weights, MoE_F32:$gate, Optional<MoE_F32>:$up, MoE_F32:$down,
                       Optional<MoE_F32>:$gate_bias, Optional<MoE_F32>:$up_bias, Optional<MoE_F32>:$down_bias,
                       MoE_ActivationAttr:$activation, UnitAttr:$weigh_input, I64Attr:$layer);
  let results = (outs MoE_F32:$result);
  let assemblyFormat = [{
    $x `,` $ids `,` $weights `gate` $gate (`up` $up^)? `down` $down (`gate_bias` $gate_bias^)? (`up_bias` $up_bias^)?
    (`down_bias` $down_bias^)? attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def MoE_CombineOp : MoE_Op<"combine", [Pure, AttrSizedOperandSegments]> {
  let summary = "((y[r, 0] + y[r, 1]) + ...) + shared + residual, added in this order";
  let description = [{
    y [rows, k, H]; shared, residual and result [rows, H]. Rules: (C1) y is [rows, k, H], k >= 1, and the result [rows, H],
    (C2) shared and residual have the result's type.
    Example: `%x = moe.combine %y residual %o : (tensor<?x2x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>`
  }];
  let arguments = (ins MoE_F32:$y, Optional<MoE_F32>:$shared, Optional<MoE_F32>:$residual);
  let results = (outs MoE_F32:$result);
  let assemblyFormat = "$y (`shared` $shared^)? (`residual` $residual^)? attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

#endif // JANUS_MOE_OPS

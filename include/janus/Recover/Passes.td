//===- Passes.td - the recover stage ------------------------*- tablegen -*-===//
//
// All passes but the first and the last three work on the *candidate*: the function @step with the attribute `moe.rows`.
// Where there is none they do nothing.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RECOVER_PASSES
#define JANUS_RECOVER_PASSES

include "mlir/Pass/PassBase.td"

class RecoverPass<string flag> : Pass<flag, "::mlir::ModuleOp"> {
  let dependentDialects = ["::janus::moe::MoEDialect", "::janus::onnx::OnnxDialect", "::mlir::func::FuncDialect"];
}

def BeginRecoveryPass : RecoverPass<"janus-begin-recovery"> {
  let summary = "makes the candidate: a copy of @main that the other passes rewrite";
  let description = [{
    Before: `func @main(inputs of the model)`. After: besides it `func private @step(%ids, %positions, %wanted, inputs of the
    model)`, a copy of @main with the three arguments of a step in front, not used yet. Recovery works on the copy, so that
    a model which it cannot recover is left as it was.
    ```
    func.func @main(%a: tensor<?x?xi64, ...>)   ->   the same, and
    func.func private @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %wanted: tensor<?xi32>, %a: tensor<?x?xi64, ...>)
    ```
  }];
}

def WidenFloatsPass : RecoverPass<"janus-widen-floats"> {
  let summary = "computes the candidate in f32, whatever the graph's type is";
  let description = [{
    Values of f16 and bf16 become f32, casts among them nothing; stored numbers keep their type in the file. The kernels
    accumulate in f32, so a graph of narrower floats is computed at least as exactly as it asks for.
    ```
    onnx.MatMul(%x, %w) : (tensor<?x8xf16>, tensor<8x4xf16>) -> tensor<?x4xf16>   ->   the same in f32, %w behind a Cast
    ```
  }];
}

def CanonicaliseGraphPass : RecoverPass<"janus-canonicalise-graph"> {
  let summary = "removes operators of the candidate that change nothing";
  let description = [{
    Identity; a Cast, Reshape, Squeeze, Unsqueeze, Flatten, Transpose or Expand whose result has its operand's type; a Cast of
    a Cast of integers to integers is one Cast. Then what is not used. Precondition: shapes inferred.
  }];
}

def FindRowsPass : RecoverPass<"janus-find-rows"> {
  let summary = "says which argument holds the token ids, and so what the rows are";
  let description = [{
    Rows are the elements of the token ids: the integer argument that indexes an embedding table. After: the candidate has
    `moe.rows` (the number of rows as an expression over the model's sizes) and `moe.tokens` (the index of the argument).
    Where there is no such argument: no candidate, and a remark.
  }];
}

def PrintMeaningsPass : RecoverPass<"janus-print-meanings"> {
  let summary = "a remark at each operator: what its results mean";
  let description = [{
    For whoever wants to know why a graph is or is not recovered. Changes nothing. Axes first, `[i0.i1, i5]`, then the term
    (docs/recovery.md); an element of a value that is not looked into is `valueN[...]`, of a stored tensor `wN[...]`, and what
    no rule covers says why. Precondition: `--janus-find-rows`.
  }];
  let options = [Option<"depth", "depth", "unsigned", "6", "levels of a term that are printed">];
}

def FuseNormsPass : RecoverPass<"janus-fuse-norms"> {
  let summary = "norms that are written out -> RMSNormalization, LayerNormalization";
  let description = [{
    x / sqrt(mean(x^2) + epsilon), however quotient, root and square are spelled, over the last dimension, with the weight and,
    for a layer norm, the bias that follow.
    ```
    Mul(%g, Mul(%x, Reciprocal(Sqrt(Add(ReduceMean(Pow(%x, 2)), %eps)))))   ->   onnx.RMSNormalization(%x, %g)
    ```
  }];
}

def ExpandAttentionPass : RecoverPass<"janus-expand-attention"> {
  let summary = "what attention operators do to their operands first -> operators in front of them";
  let description = [{
    MultiHeadAttention's bias of query, key and value becomes an Add of each part; GroupQueryAttention's norms of the heads of
    query and key become SimplifiedLayerNormalization, and a packed query is cut for them. They are recovered as any other.
    ```
    onnx.MultiHeadAttention(%q, %k, %v, %b)   ->   onnx.MultiHeadAttention(Add(%q, %b[0:n]), Add(%k, %b[n:2n]), Add(%v, %b[2n:]))
    ```
  }];
}

def BindInterfacePass : RecoverPass<"janus-bind-interface"> {
  let summary = "says what each input of the candidate is, and gives equal sizes one symbol";
  let description = [{
    By how they are used: the token ids index the table whose rows become the residual stream; positions choose rows of
    tables or are multiplied as numbers; a mask is summed, compared or made a truth; past keys and values are put before new
    ones. Under the language-model contract the mask is all ones, positions count past and new tokens, and the caches hold
    exactly the past tokens, so that sizes that exporters name apart are the same: B, S, P, and P + S for the mask.

    After: `moe.input` on arguments, `moe.rows` and `moe.tokens` on @step, `moe.past` where there are caches. Where the roles
    cannot be told or the sizes contradict each other: no candidate, and a remark.
    ```
    func.func private @step(..., %mask: tensor<?x?xi64, #onnx.dims<"batch", "total">>)
      ->  %mask: tensor<?x?xi64, #onnx.dims<"batch", "past+seq">> {moe.input = "mask"}
    ```
  }];
}

def OutlineStatesPass : RecoverPass<"janus-outline-states"> {
  let summary = "layers that keep a state of their own -> moe.sequence";
  let description = [{
    The operators that read an input with `moe.input = "state"` and all that cannot be told from them by rows become a private
    function of one sequence (docs/recovery-regions.md): its rows and its state in, rows and the new state out. The new state is
    the result of the model with the same name but for words like past and present, else the one of the same type, in order.
    Constants and sizes are made again inside, stored numbers become weights. Where an edge of such a region is no row, or an
    extent counts past tokens: no candidate, and a remark. Precondition: `--janus-bind-interface`.
    ```
    %y, %present = onnx.microsoft.CausalConvWithState(%x, %w, none, %past)
      ->  %y = moe.sequence @region(%x, %w) : (tensor<?x192xf32>, tensor<64x1x3xf32>) -> tensor<?x64xf32>
    ```
  }];
}

def ForgetPastPass : RecoverPass<"janus-forget-past"> {
  let summary = "a graph with caches -> the graph over whole sequences";
  let description = [{
    `Concat(past, x)` becomes `x`, operators drop their past, P becomes 0, and what is no result by row is no result any more.
    Proved first, so that the new graph does in one go what the old one does piece by piece: a past is read only where new keys
    or values are put behind it, and what that yields is a result of the model; known values that meet rows are functions of
    absolute positions (a token at index s of S counts P + s, a key at index k of P + S counts k; then P and S do not occur);
    no operator moves or cuts a dimension that counts past tokens. Otherwise: no candidate, and a remark at the operator.

    A cache of fixed size is a past whose slots a scatter overwrites: `TensorScatter(past, x, P)`, or ScatterElements and
    ScatterND at P + s, become `x`, and what counted slots counts keys. Proved first: key j lies in slot j, slots from P + S
    on are hidden before a softmax goes over them, and nothing moves slots (FixedCaches.h).
    Precondition: `--janus-bind-interface`.
  }];
  let options = [Option<"modelDir", "model-dir", "std::string", [{""}], "where the files with weights are">];
}

def OutlineRegionsPass : RecoverPass<"janus-outline-regions"> {
  let summary = "operators that no pass recovers, between edges of rows -> moe.sequence";
  let description = [{
    docs/recovery-regions.md. Without `rows`: what mixes the rows of a sequence, an attention with a bias by distance or a
    convolution over tokens, becomes a function with history, if it is proved that row i depends on rows up to i alone
    (Causality.h). With `rows`: what is left of operators that keep rows apart becomes a function of the step's rows. The
    smallest region whose edges are rows is taken; operators left over beside each other are one. Where there is none, the
    operator notes the reason. Preconditions: `--janus-forget-past`, `--janus-recover-attention`; with `rows`:
    `--janus-prove-rows`, `--janus-recover-elementwise`.
    ```
    %t = onnx.Transpose(%x); %c = onnx.Conv(%t, %w) {pads = [2, 0]}; %y = onnx.Transpose(%c)
      ->  moe.sequence @region(%x, %w) {history = 0} : (tensor<?x64xf32>, tensor<64x1x3xf32>) -> tensor<?x64xf32>
    ```
  }];
  let options = [Option<"rows", "rows", "bool", "false", "operators that keep rows apart, instead of those that mix them">];
}

def ProveRowsPass : RecoverPass<"janus-prove-rows"> {
  let summary = "proves that outside attention every row is computed from the same row alone";
  let description = [{
    A dataflow analysis (RowAnalysis.h) over the row effects that every onnx operator states of itself. Rows are the elements
    of the token ids: the integer argument that indexes an embedding table. A value carries rows when its leading dimensions,
    flattened, are the rows, each perhaps cut into a constant number of pieces. What `moe` operators do with the rows of a
    sequence is theirs; an operator of the graph that mixes them, or brings in something that differs by place in the batch,
    ends the proof.

    After: the candidate returns the logits alone. Where the proof fails: no candidate, and a remark at the operator that mixes
    rows, with the reason. Preconditions: `--janus-bind-interface`, `--janus-recover-attention`.
  }];
}

def RecoverEmbeddingPass : RecoverPass<"janus-recover-embedding"> {
  let summary = "Gather of a table by the token ids -> moe.embedding";
  let description = [{
    From here on values pass between row form, `tensor<?xCxf32>`, and the graph's form by `unrealized_conversion_cast`, which
    only flattens; `--janus-rewrite-to-rows` removes them.
    ```
    %x = onnx.Gather(%table, %tokens) {axis = 0}   ->   moe.embedding %ids, %table
    ```
  }];
}

def RecoverLinearPass : RecoverPass<"janus-recover-linear"> {
  let summary = "MatMul and Gemm by a weight, with their bias -> moe.linear";
  let description = [{
    Weights become views: [K, N] turns to [N, K] by strides, not by copying; f16 stays f16 in the file. An Add of a constant
    [N] to a linear layer that nothing else uses is its bias. Left: products of two activations.
    ```
    onnx.Add(onnx.MatMul(%x, %w), %b)   ->   moe.linear %x, %w' bias %b
    ```
  }];
}

def RecoverActivationsPass : RecoverPass<"janus-recover-activations"> {
  let summary = "elementwise functions of one or two row values -> moe.activate, moe.gate";
  let description = [{
    The end of an elementwise expression whose leaves are one or two values by row is compared with each activation by its
    values at sample points (docs/recovery.md), however it is spelled; so is a value times the sigmoid of one number a row.
    ```
    onnx.Mul(onnx.Mul(%g, onnx.Sigmoid(%g)), %u)   ->   moe.activate %g up %u {activation = #moe.activation<swiglu, ...>}
    ```
    Precondition: `--janus-recover-linear`, so that projections are leaves.
  }];
}

def RecoverNormFormulasPass : RecoverPass<"janus-recover-norm-formulas"> {
  let summary = "normalisations written as formulas -> moe.norm";
  let description = [{
    A value with a sum of squares over its last dimension is compared with RMS and layer normalisation by its values at
    random points, with the epsilons that occur in it; order and spelling of the formula do not matter (docs/recovery.md).
    ```
    onnx.Mul(%g, onnx.Mul(%x, onnx.Reciprocal(onnx.Sqrt(onnx.Add(onnx.ReduceMean(onnx.Pow(%x, 2)), eps)))))   ->   moe.norm rms %x, %g
    ```
  }];
}

def RecoverNormsPass : RecoverPass<"janus-recover-norms"> {
  let summary = "normalisations over the last dimension -> moe.norm, skip sums -> moe.add";
  let description = [{
    SimplifiedLayerNormalization, RMSNormalization, LayerNormalization, SkipSimplifiedLayerNormalization. Where a row is cut into
    pieces (query and key norms after a Reshape) the norm has a group.
    ```
    %y, %s = onnx.SkipSimplifiedLayerNormalization(%x, %z, %g)   ->   %s = moe.add %x, %z; %y = moe.norm rms %s, %g
    ```
  }];
}

def RecoverLayoutPass : RecoverPass<"janus-recover-layout"> {
  let summary = "Reshape and the like vanish, Split of columns -> moe.columns, Add of rows -> moe.add";
  let description = [{ In row form a Reshape that keeps rows changes nothing. Left: a Split of any dimension but the last. }];
}

def RecoverAttentionPass : RecoverPass<"janus-recover-attention"> {
  let summary = "attention, written out or as an operator -> moe.rotary, moe.arrange, moe.attention";
  let description = [{
    docs/recovery-attention.md says how. Matched are softmax(Q K) V, GroupQueryAttention, MultiHeadAttention and Attention; a
    match is a description: for each head the columns of query, key and value, the distances at which keys are seen, scale,
    softcap, sinks. Rotations become moe.rotary where their columns lie, heads with equal keys and values are one key head.
    Attentions are numbered in order and each has a cache. Rotations in front of norms and embeddings of positions become
    row form, too. Tables that the graph computes are evaluated for positions below the model's context. Preconditions:
    `--janus-bind-interface`, `--janus-forget-past`. What does not fit keeps its operators; a remark says where and why.
    ```
    %s = onnx.MatMul(%q, %kt); %m = onnx.Add(%s, %causal); %p = onnx.Softmax(%m); %y = onnx.MatMul(%p, %v)
      ->  moe.attention %q, %k, %v, %positions {heads = 4, kv_heads = 2, ...}
    ```
  }];
  let options = [Option<"modelDir", "model-dir", "std::string", [{""}], "where the files with weights are">];
}

def RecoverMoEPass : RecoverPass<"janus-recover-moe"> {
  let summary = "mixtures of experts, however they are written -> router, moe.route, moe.experts, moe.combine";
  let description = [{
    Reads what the graph computes (docs/recovery.md): com.microsoft.MoE with any router around it, loops over experts, weights
    gathered by expert, sorted rows, one batched product, masks and one-hot products. Layers are numbered in order. Rows of
    the first projection, however they lie, become strided views gate and up. Ties go to the lower expert. An unrolled loop
    over fewer experts than the router chooses among is an error, JNS-ONNX-020. Precondition: `--janus-find-rows`; it runs on
    the graph as it came, since what it puts in place of a mixture computes each row from that row.
  }];
}

def RecoverElementwisePass : RecoverPass<"janus-recover-elementwise"> {
  let summary = "what is left of arithmetic by element -> moe.map";
  let description = [{
    Scales, caps, gates that have no operation of their own: of rows, one number a row, constants and vectors over the columns.
    Operators that only feed each other are one formula, in the graph's own order and rounding.
    ```
    Mul(%x, Sigmoid(%g))   ->   moe.map %x, %g {formula = [0, 1, "sigmoid", "mul"]}
    ```
    Precondition: `--janus-recover-layout`.
  }];
}

def RewriteToRowsPass : RecoverPass<"janus-rewrite-to-rows"> {
  let summary = "drops the batch form: @step(ids, positions, wanted) -> rows of logits";
  let description = [{
    Removes the conversions, dead operators and the graph's arguments. Where an operator that no pass recovered still needs
    them, they stay and `--janus-finish-recovery` reports it.
  }];
}

def MergeLinearsPass : RecoverPass<"janus-merge-linears"> {
  let summary = "linear layers of one input become one, its columns the results";
  let description = [{
    Query, key and value projections that the exporter kept apart: one weight whose views are those of the parts, one after
    the other, and one kernel call instead of three. Each output stays one chain of multiply-adds, so no bit changes. Left
    alone: routers, layers with a residual, layers of which only some have a bias, inline weights.
    ```
    %q = moe.linear %x, %wq; %k = moe.linear %x, %wk
      ->  %y = moe.linear %x, %w; %q = moe.columns %y {offset = 0}; %k = moe.columns %y {offset = 64}
    ```
  }];
}

def FuseEpiloguesPass : RecoverPass<"janus-fuse-epilogues"> {
  let summary = "moe.add of the one use of a linear layer or a combine becomes its residual";
  let description = [{
    ```
    %s = moe.add %x, (moe.linear %a, %w)   ->   %s = moe.linear %a, %w residual %x
    ```
    The sum is the same numbers in the same order. Of two candidates the later one is fused. Precondition:
    `--janus-rewrite-to-rows`, so that no conversion is a second user.
  }];
}

def SelectWantedPass : RecoverPass<"janus-select-wanted"> {
  let summary = "computes the head for wanted rows only";
  let description = [{
    A moe.select of the returned rows moves up through linear layers, norms and other operators of one row operand, up to the
    first value that something else uses or that needs several.
    ```
    return (moe.linear (moe.norm rms %x))   ->   return (moe.linear (moe.norm rms (moe.select %x, %wanted)))
    ```
  }];
}

def FinishRecoveryPass : RecoverPass<"janus-finish-recovery"> {
  let summary = "accepts the candidate as the model, or drops it and says why";
  let description = [{
    Accepted when only moe operators are left: @step becomes public, `moe.model` is set (its context is the smallest of the
    rotary tables' rows and the limit that the model's configuration states), @main and the initializers go. Otherwise the
    candidate and its weights go, @main stays, and a warning JNS-ONNX-021 names the first operators left over and the reasons.
  }];
  let options = [Option<"require", "require", "bool", "false", "an error instead of the warning">];
}

def OrderStepPass : RecoverPass<"janus-order-step"> {
  let summary = "puts the step's operators in the order in which its result needs them";
  let description = [{
    Operands before their user, the first operand's first, so that one model gives one text, in whatever order an exporter wrote
    its nodes. Each use of a weight reads it itself. What nothing needs goes.
  }];
}

def NumberRegionsPass : RecoverPass<"janus-number-regions"> {
  let summary = "numbers states, histories and functions of regions in the order of the step";
  let description = [{
    Each moe.sequence gets the number of its first state and of its first history, and functions are @region_0, @region_1, ... in
    order of their first call. Precondition: `--janus-finish-recovery`; a model that was not accepted is left as it is.
  }];
}

def NameWeightsPass : RecoverPass<"janus-name-weights"> {
  let summary = "names weights by what they are for: embed, l0.q, l0.gate, head, ...";
  let description = [{
    By use and order, never by the exporter's names, which stay in the locations. Weights that are equal become one; unused
    ones go. Precondition: `--janus-finish-recovery`, which removes the initializers, so that none of them holds a name that a
    weight gets; a model that was not accepted is left as it is.
    ```
    moe.weight @"moe:model.layers.0.mlp.router"   ->   moe.weight @l0.router
    ```
  }];
}

def VerifyRecoverPass : RecoverPass<"janus-verify-recover"> {
  let summary = "checks what holds after recover";
  let description = [{
    Without `moe.model` there is @main and no @step. With it: (1) @step takes ids, positions and wanted, i32 [rows], and
    returns f32 [rows, vocab]; (2) only moe operators stand in it; (3) each layer, from 0, has one router, route, experts and
    combine, which agree in experts and k with `moe_layers`; (4) caches are numbered from 0 and agree with `kv_caches`; (5)
    no rotary table is shorter than the context; (6) exactly one moe.select, by wanted; (7) states and histories of moe.sequence are numbered in order, their functions
    are made of onnx operators.
  }];
}

#endif // JANUS_RECOVER_PASSES

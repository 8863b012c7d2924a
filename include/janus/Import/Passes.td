//===- Passes.td - the import stage --------------------------*- tablegen -*-===//
#ifndef JANUS_IMPORT_PASSES
#define JANUS_IMPORT_PASSES
include "mlir/Pass/PassBase.td"

def InlineConstants : Pass<"janus-inline-constants", "::mlir::ModuleOp"> {
  let summary = "turn constant nodes and small initializers into onnx.constant";
  let description = [{
    ```mlir
    %a = onnx.Constant() {value_ints = array<i64: 1>} : () -> !onnx.unknown
    %b = onnx.initializer_value @shape : tensor<2xi64>
    // becomes
    %a = onnx.constant dense<1> : tensor<1xi64>
    %b = onnx.constant dense<[-1, 16]> : tensor<2xi64>
    ```
    Initializers whose data are elements are small by construction; those that are byte ranges stay. Initializers that
    nothing uses any more are erased. Pays: shapes and axes are then found at the op that defines an operand.
  }];
  let dependentDialects = ["::janus::onnx::OnnxDialect"];
}
def FoldCasts : Pass<"janus-fold-casts", "::mlir::ModuleOp"> {
  let summary = "fold an exact Cast of a stored weight into its reference";
  let description = [{
    A Cast from f16 or bf16 to f32 of an initializer changes no value, so the reference takes it over: the storage
    stays f16, the initializer becomes f32.
    ```mlir
    onnx.initializer @w : tensor<4x8xf16> = #onnx.range<"d", f16, offset = 0, length = 64>
    %h = onnx.initializer_value @w : tensor<4x8xf16>
    %w = onnx.Cast(%h) {to = 1 : i64} : (tensor<4x8xf16>) -> !onnx.unknown
    // becomes
    onnx.initializer @w.as.f32 : tensor<4x8xf32> = #onnx.range<"d", f16, offset = 0, length = 64>
    %w = onnx.initializer_value @w.as.f32 : tensor<4x8xf32>
    ```
    The initializer as f16 is erased when nothing else reads it. Other casts stay.
  }];
  let dependentDialects = ["::janus::onnx::OnnxDialect"];
}
def FoldControlFlow : Pass<"janus-fold-control-flow", "::mlir::ModuleOp"> {
  let summary = "take the branch that shapes decide, unroll loops that only count";
  let description = [{
    Infers shapes and small integer values up to each `onnx.If` and `onnx.Loop`. An If whose condition is known becomes
    the operators of that branch; a Loop of which it is known after each iteration whether there is another becomes
    copies of its body, 100,000 operators at most, and what it stacks a Concat.
    ```mlir
    %y = onnx.If(%c) : (tensor<i1>) -> !onnx.unknown { ... onnx.Yield %a ... } { ... onnx.Yield %b ... }
    // becomes, for %c true, the operators of the first graph, with %a for %y
    ```
    What stays is decided at run time. Pays: exporters write such branches for shapes that they did not know.
  }];
  let dependentDialects = ["::janus::onnx::OnnxDialect"];
}
def InferShapes : Pass<"janus-infer-shapes", "::mlir::ModuleOp"> {
  let summary = "give every value its element type and symbolic dimensions";
  let description = [{
    One walk in order over each function, through the shape interface: dimensions are expressions over the names of the
    inputs' dimensions, and small integer tensors are followed by value (Shape, Gather, Concat, Reshape chains). A size
    known only from data becomes a new symbol with an upper bound (`onnx.bounds`). What must be equal for the graph to
    make sense is an error when it cannot be, settles a symbol when it can (a head size that only the attention op
    tells), and is otherwise left to the entry code as `onnx.require`.
    ```mlir
    %y = onnx.Reshape(%x, %s) : (tensor<?x?x64xf32, #onnx.dims<"B", "S", 64>>, tensor<2xi64>) -> !onnx.unknown
    // becomes, for %s = [-1, 64]
    %y = onnx.Reshape(%x, %s) : (...) -> tensor<?x64xf32, #onnx.dims<"B*S", 64>>
    ```
  }];
  let dependentDialects = ["::janus::onnx::OnnxDialect"];
}
def VerifyImport : Pass<"janus-verify-import", "::mlir::ModuleOp"> {
  let summary = "state what holds after import";
  let description = [{
    (1) There is a function @main, whose arguments and results carry their ONNX names; (2) every op is an onnx op (beside
    func), and no Constant node is left; (3) every result has a shape: no !onnx.unknown, and a symbolic name for every `?`;
    (4) every initializer is a reference into a file: what the model holds by number is an onnx.constant; (5) every
    operator's location names its ONNX node. Changes nothing.
  }];
}
#endif

//===- Passes.td - the lower stage --------------------------*- tablegen -*-===//
#ifndef JANUS_LOWERING_PASSES
#define JANUS_LOWERING_PASSES

include "mlir/Pass/PassBase.td"

def OutlineFragmentsPass : Pass<"janus-outline-fragments", "::mlir::ModuleOp"> {
  let summary = "makes each fragment a function; fragments that differ only in weights, layer and cache become one";
  let description = [{
    Before: step functions (`janus.gate_side`) of fragments, transfers and schedules. After: each fragment is a private
    function `@MESH_N` whose arguments are the fragment's inputs and then its weights; the step function calls it with
    `moe.get_weight` values. A call carries `janus.layer` and `janus.cache` (the first KV cache of the call); inside the
    function layers and caches count from 0, so that layers of the same structure share code. Arguments carry the symbol
    that counts their rows in `janus.rows` ("rows", "step_rows", "pairs", "wanted").
    ```
    %x = janus.fragment @attention origin("...") (%ids) {layer = 3} { %w = moe.get_weight @l3.qkv ... }
    ->
    %w = moe.get_weight @l3.qkv
    %x = call @attention_1(%ids, %w) {janus.cache = 3 : i64, janus.layer = 3 : i64}
    ```
    A fragment that holds a moe.sequence becomes that operation, with `janus.layer`; what it calls becomes a function
    `@sequence_N` marked `janus.sequence`, shared by all whose functions are equal.
    Buffers and layouts are left to later passes.
  }];
}

def BuildProgramsPass : Pass<"janus-build-programs", "::mlir::ModuleOp"> {
  let summary = "turns each step function into the role programs that the run time plays";
  let description = [{
    Precondition: `--janus-outline-fragments`. Each step function becomes one program a role: an ordered list of call,
    sequences, dispatch, receive, schedule, return, exchange and collect instructions over value slots (docs/artifact.md).
    Slots are reused as soon as nothing reads them any more; what a dispatch sends, and what calls behind it read, stays until its collect. Programs are kept as JSON
    text in the module attribute `janus.programs`, keyed by gate side and role; `janus.weights` lists each packed weight
    (name, layout, the `moe.weight`s it is made of, file), `janus.model` the facts of the model, `janus.transfers` the
    transfers. The step functions are gone; the fragment functions are unchanged.
  }];
}

def LowerFragmentsPass : Pass<"janus-lower-fragments", "::mlir::ModuleOp"> {
  let summary = "fragment functions over tensors become functions over buffers: loops over rows and kernel calls";
  let description = [{
    Each fragment function becomes `llvm.func @NAME(!llvm.ptr)` over an `abi::Call` (include/janus/ABI/Program.h) and
    `@NAME.workspace(!llvm.ptr) -> i64` over the symbols. linear, experts, attention and route become kernel calls through
    `Host::parallel`. Runs of the other operations over the same rows become one task function `@NAME.rowsN` each: it
    performs them row by row on vectors of 16 lanes; a sum over columns adds column c in lane c mod 16, and the lanes are
    combined by halving (8, 4, 2, 1). `moe.columns` costs nothing: it is an offset and a stride. Intermediate values lie in
    the workspace, slots are reused by liveness. Multiplications and additions are fused only where the pass says so.
    Left: scf and arith, for `--janus-lower-to-llvm`.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::scf::SCFDialect", "::mlir::arith::ArithDialect"];
}

def VerifyLoweringPass : Pass<"janus-verify-lowering", "::mlir::ModuleOp"> {
  let summary = "checks what holds after lower";
  let description = [{
    (1) every function is an llvm.func with a body, and nothing is declared: code reaches the outside through its Call;
    (2) every operation in it is of the LLVM dialect, except integer casts that fold away; (3) each fragment of each program
    has its function and its workspace function; (4) every weight a program names is listed in `janus.weights`, and what it
    is made of exists. Changes nothing.
  }];
}

def LowerTensorPass : Pass<"janus-lower-tensor", "::mlir::ModuleOp"> {
  let summary = "the tensor contract: function @main of onnx operations becomes loops over buffers";
  let description = [{
    Before: the verified import stage. After: `llvm.func @main(!llvm.ptr)` over an `abi::Call` whose symbols are those of the
    inputs' dimensions, and `@main.workspace`; the module attribute `janus.tensor` is the manifest's section
    (docs/artifact.md). Extents that only data decide are computed where the operator that has them for a result runs, and
    memory for such values is taken from the host there; what must hold at run time is checked in the code. Each operator is a loop over the elements of its output, or over rows, that carries
    `janus.parallel`; reshapes share their operand's memory; values of equal size share parts of the workspace when their
    lives do not overlap. Initializers become `moe.weight`s stored as they are, small ones constants of the code.
    Refused ([JNS-ONNX-007], [JNS-ONNX-040]): operators without a lowering, element types other than floats, integers of 8 to 64
    bits and bool, control flow.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::scf::SCFDialect", "::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::vector::VectorDialect", "::janus::moe::MoEDialect"];
}

def LowerSequencesPass : Pass<"janus-lower-sequences", "::mlir::ModuleOp"> {
  let summary = "functions of onnx operations that moe.sequence calls become loops over buffers";
  let description = [{
    Precondition: `--janus-build-programs`. Each function marked `janus.sequence` becomes `llvm.func @NAME(!llvm.ptr)` over
    an `abi::Call` and `@NAME.workspace`, as @main of a tensor program does (`--janus-lower-tensor`). `Call::operands`: rows
    and states, then results and new states; `Call::weights`: its static operands; `Call::symbols`: the rows, alone.
    Refused ([JNS-ONNX-007]): what a tensor program refuses, and extents that only data decide: there is no memory to take
    in a step.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::scf::SCFDialect", "::mlir::arith::ArithDialect", "::mlir::math::MathDialect", "::mlir::vector::VectorDialect"];
}

def OutlineParallelPass : Pass<"janus-outline-parallel", "::mlir::ModuleOp"> {
  let summary = "loops marked `janus.parallel` become task functions run by the workers";
  let description = [{
    Each marked loop at the top level of an `llvm.func` over an `abi::Call` becomes `@NAME.taskN(args, begin, end, worker)`;
    what the loop reads of its surroundings travels in an array of 8-byte words, constants are made again. In its place
    stands a call of `Host::parallel`. Precondition: the loop has no results.
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

def ExpandMathPass : Pass<"janus-expand-math", "::mlir::ModuleOp"> {
  let summary = "exp, log, tanh, erf, sin and cos of f32 and f64 become arithmetic";
  let description = [{
    exp, log, tanh and erf are the functions of the kernels, bit for bit (lib/Lowering/Polynomials.h). sin and cos reduce
    their argument by multiples of pi/2 in f64 and are good to 1 ulp for |x| <= 2^50; beyond, and for infinity, they give
    NaN. Those of f64, which only tensor programs have, are in lib/Lowering/DoubleMath.h. Code must not refer to a
    mathematical library: another type is an error. Root, fma, absolute value and floor are instructions of the CPU and stay.
    ```
    %y = math.exp %x : f32   ->   arith operations
    ```
  }];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect", "::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect"];
}

#endif // JANUS_LOWERING_PASSES

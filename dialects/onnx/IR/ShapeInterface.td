//===- ShapeInterface.td - what every onnx op tells about itself *- tablegen -*-===//
#ifndef JANUS_ONNX_SHAPE_INTERFACE
#define JANUS_ONNX_SHAPE_INTERFACE

include "mlir/IR/OpBase.td"

def Onnx_ShapeInterface : OpInterface<"ShapeInterface"> {
  let cppNamespace = "::janus::onnx";
  let description = [{
    Every `onnx` op implements it. It answers three questions: how the operator
    is spelled in ONNX (its domain, and which inputs and outputs are required,
    optional or variadic), what shapes and small integer values its results
    have, and which dimensions of an operand pass through to a result without
    being mixed. Positions are ONNX positions: an absent optional input counts.
    Example: of `onnx.Reshape` of [B, S, 64] by [-1, 64], the domain is "", the
    inputs are "rr" and the outputs "r"; `inferShape` gives [B*S, 64]; the row effect
    of input 0 is {0,2,0,1}, {2,3,1,2}: dimensions [0, 2) became dimension 0.
  }];
  let methods = [
    StaticInterfaceMethod<"The ONNX domain: empty for ai.onnx.", "::llvm::StringRef", "getOnnxDomain">,
    StaticInterfaceMethod<"One letter an input: r required, o optional, v variadic (last).", "::llvm::StringRef", "getInputKinds">,
    StaticInterfaceMethod<"One letter an output, as for inputs.", "::llvm::StringRef", "getOutputKinds">,
    InterfaceMethod<[{
      Sets the element type and the dimensions of every result, and the values of small integer results, in the
      context, from those of the operands. Emits an error on the op and fails when the operands contradict the operator.
    }], "::llvm::LogicalResult", "inferShape", (ins "::janus::onnx::ShapeContext &":$context)>,
    InterfaceMethod<[{
      How dimensions of the operand at `operand` reach the result at `result` (both ONNX positions, both present, shapes
      inferred). See DimGroup: a dimension in no group is mixed.
    }], "::llvm::SmallVector<::janus::onnx::DimGroup>", "getRowEffect", (ins "unsigned":$operand, "unsigned":$result)>,
  ];
}
#endif

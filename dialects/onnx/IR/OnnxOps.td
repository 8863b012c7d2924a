//===- OnnxOps.td - the imported graph: dialect, attributes, base *- tablegen -*-===//
#ifndef JANUS_ONNX_OPS
#define JANUS_ONNX_OPS

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/IR/TensorEncoding.td"
include "dialects/onnx/IR/ShapeInterface.td"

def Onnx_Dialect : Dialect {
  let name = "onnx";
  let cppNamespace = "::janus::onnx";
  let summary = "the imported graph: one op per ONNX operator that the importer accepts";
  let description = [{
    An op is named as its ONNX operator (`onnx.MatMul`), its operands stand in
    ONNX order, its attributes have their ONNX names. An operator of com.microsoft
    whose name the standard has too is `onnx.microsoft.NAME`. An absent optional input
    or output is written `none` where others follow it. Node names are
    locations: `loc("/model/layers.0/attn"("model.onnx":17:0))`, where the line is
    the index of the node in the graph. Rules of every operator: (OP1) required
    operands and results are there, (OP2) there are no more than ONNX knows.

    Shapes are row-major; where several operands take part element by element,
    they broadcast as in NumPy. Numbers have no unit; extents and positions count
    elements, or what the dimension's name says (batch B, sequence S in tokens,
    past length P in tokens).

    ```mlir
    %y = onnx.Clip(%x, none, %hi) : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>
    ```

    Discardable attributes. Of the module: `onnx.file`, `onnx.ir_version`,
    `onnx.opset`, `onnx.producer` (as the model states them), `onnx.genai` (what
    genai_config.json beside the model states). Of an argument or result of
    @main: `onnx.name`, and before inference `onnx.declared`, the type that the
    model declares. Of a function after inference: `onnx.bounds = {nonzero0 =
    "8*S"}`, upper bounds of sizes known only from data, `onnx.elements = {size.0
    = array<i64: 1, 0>}`, symbols that are elements of arguments (which argument,
    which element), and `onnx.require = ["K == L"]`, what the inputs have to
    satisfy and the entry code checks.
  }];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
}

class Onnx_Attr<string name, string mnemonic_, list<Trait> traits = []> : AttrDef<Onnx_Dialect, name, traits> {
  let mnemonic = mnemonic_;
}

def Onnx_UnknownType : TypeDef<Onnx_Dialect, "Unknown"> {
  let mnemonic = "unknown";
  let summary = "a tensor whose type shape inference has not found yet";
  let description = [{ Example: `%y = onnx.Exp(%x) : (tensor<4xf32>) -> !onnx.unknown`. None is left after `janus-infer-shapes`. }];
}

def Onnx_RangeAttr : Onnx_Attr<"Range", "range"> {
  let summary = "where the numbers of an initializer are stored";
  let description = [{
    `length` bytes from byte `offset` of `file` (relative to the model's folder),
    row-major, little-endian, of the type `storage`; reading converts to the
    initializer's element type, exactly. Rules: (RA1) the file has a name that is
    relative, (RA2) offset and length >= 0, (RA3) the storage type is one of ONNX's.
    Example: `#onnx.range<"model.onnx.data", f16, offset = 4096, length = 65536>`
  }];
  let parameters = (ins StringRefParameter<>:$file, "::mlir::Type":$storage, "int64_t":$offset, "int64_t":$length);
  let assemblyFormat = "`<` $file `,` $storage `,` `offset` `=` $offset `,` `length` `=` $length `>`";
  let genVerifyDecl = 1;
}

def Onnx_DimsAttr : Onnx_Attr<"Dims", "dims", [DeclareAttrInterfaceMethods<VerifiableTensorEncoding>]> {
  let summary = "symbolic dimensions of a tensor";
  let description = [{
    One entry a dimension: an integer, or an expression over named sizes in the
    canonical form of SymExpr. A type carries it exactly when one of its
    dimensions is `?`. Rules: (DI1) an entry is an integer or an expression, (DI2)
    there is one for each dimension, (DI3) it is an integer exactly where the extent
    is that integer. Example: `tensor<?x?x128xf32, #onnx.dims<"batch", "past+S", 128>>`
  }];
  let parameters = (ins ArrayRefParameter<"::mlir::StringAttr">:$dims);
  let hasCustomAssemblyFormat = 1;
}

def Onnx_Tensor : AnyTypeOf<[AnyRankedTensor, Onnx_UnknownType], "tensor or unknown">; // `tensor<4xf32>`, or before inference `!onnx.unknown`

// An ONNX operator. `inputs`, `attributes`: dags of `ins`; `infer` and `rows` name the functions of Infer.h and RowEffect.h
// that implement the shape interface.
class Onnx_Op<string type, string domain, dag inputs, dag attributes, dag outputs, string infer, string rows, list<Trait> effects = [Pure]>
    : Op<Onnx_Dialect, type> {
  let arguments = !con(inputs, attributes);
  let results = outputs;
  let hasCustomAssemblyFormat = 1;
  string inputKinds = !foldl("", !range(!size(inputs)), s, i, s # !cond(
      !isa<Optional>(!getdagarg<TypeConstraint>(inputs, i)): "o", !isa<Variadic>(!getdagarg<TypeConstraint>(inputs, i)): "v", true: "r"));
  string outputKinds = !foldl("", !range(!size(outputs)), s, i, s # !cond(
      !isa<Optional>(!getdagarg<TypeConstraint>(outputs, i)): "o", !isa<Variadic>(!getdagarg<TypeConstraint>(outputs, i)): "v", true: "r"));
  int variableInputs = !foldl(0, !range(!size(inputs)), n, i, !add(n, !if(!isa<Optional>(!getdagarg<TypeConstraint>(inputs, i)), 1, 0)));
  int variableOutputs = !foldl(0, !range(!size(outputs)), n, i, !add(n, !if(!isa<Optional>(!getdagarg<TypeConstraint>(outputs, i)), 1, 0)));
  let traits = !listconcat(effects, [DeclareOpInterfaceMethods<Onnx_ShapeInterface>],
      !if(!gt(variableInputs, 1), [AttrSizedOperandSegments], []<Trait>),
      !if(!gt(variableOutputs, 1), [AttrSizedResultSegments], []<Trait>));
  let extraClassDefinition = [{
    ::llvm::StringRef $cppClass::getOnnxDomain() { return "}] # domain # [{"; }
    ::llvm::StringRef $cppClass::getInputKinds() { return "}] # inputKinds # [{"; }
    ::llvm::StringRef $cppClass::getOutputKinds() { return "}] # outputKinds # [{"; }
    ::llvm::LogicalResult $cppClass::inferShape(::janus::onnx::ShapeContext &c) { return }] # infer # [{(getOperation(), c); }
    ::llvm::SmallVector<::janus::onnx::DimGroup> $cppClass::getRowEffect(unsigned operand, unsigned result) {
      return }] # rows # [{(getOperation(), operand, result);
    }
    ::mlir::ParseResult $cppClass::parse(::mlir::OpAsmParser &p, ::mlir::OperationState &state) {
      return parseOperator(p, state, getInputKinds(), getOutputKinds());
    }
    void $cppClass::print(::mlir::OpAsmPrinter &p) { printOperator(p, getOperation(), getInputKinds(), getOutputKinds()); }
  }];
}

include "dialects/onnx/IR/OnnxData.td"
include "dialects/onnx/IR/OnnxElementwise.td"
include "dialects/onnx/IR/OnnxLayout.td"
include "dialects/onnx/IR/OnnxIndexing.td"
include "dialects/onnx/IR/OnnxModel.td"
include "dialects/onnx/IR/OnnxAttention.td"
include "dialects/onnx/IR/OnnxMicrosoft.td"
include "dialects/onnx/IR/OnnxControl.td"
#endif

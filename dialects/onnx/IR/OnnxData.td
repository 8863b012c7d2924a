// Initializers and constants.
class Onnx_DataOp<string mnemonic, list<Trait> traits = []> : Op<Onnx_Dialect, mnemonic, traits>;

def Onnx_InitializerOp : Onnx_DataOp<"initializer", [Symbol]> {
  let summary = "a named constant of the graph: a byte range of a file, or values";
  let description = [{
    `data` is `#onnx.range` or, for tensors too small to be worth a reference
    and for those that the file stores by number, elements. `onnx_name` is the
    name in the model, `sym_name` the same name. Rules: (IN1) the shape is static,
    (IN2) a range holds exactly the bytes of the tensor in its storage type, (IN3)
    data is a range or elements, (IN4) elements have the initializer's type.
    ```mlir
    onnx.initializer @w : tensor<128x256xf32> = #onnx.range<"model.onnx.data", f16, offset = 4096, length = 65536>
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<AnyRankedTensor>:$type, AnyAttr:$data);
  let assemblyFormat = "$sym_name `:` $type `=` $data attr-dict";
  let hasVerifier = 1;
}
def Onnx_InitializerValueOp : Onnx_DataOp<"initializer_value", [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "the value of an initializer";
  let description = [{
    Rules: (IV1) the symbol is an `onnx.initializer`, (IV2) the type is the initializer's.
    Example: `%w = onnx.initializer_value @w : tensor<128x256xf32>`
  }];
  let arguments = (ins FlatSymbolRefAttr:$initializer);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$initializer attr-dict `:` type($result)";
}
def Onnx_ConstantValueOp : Onnx_DataOp<"constant", [Pure, ConstantLike, AllTypesMatch<["value", "result"]>]> {
  let summary = "small values known at compile time";
  let description = [{ Example: `%axes = onnx.constant dense<[1]> : tensor<1xi64>` }];
  let arguments = (ins ElementsAttr:$value);
  let results = (outs AnyRankedTensor:$result);
  let assemblyFormat = "$value attr-dict";
  let hasFolder = 1;
  let extraClassDeclaration = [{ static constexpr bool kIsData = true; }];
}

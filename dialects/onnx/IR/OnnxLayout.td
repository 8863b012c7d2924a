// Operators that move, select or create elements.
def Onnx_ConstantOp : Onnx_Op<"Constant", "", (ins), (ins OptionalAttr<ElementsAttr>:$value, OptionalAttr<I64Attr>:$value_int, OptionalAttr<F32Attr>:$value_float,
    OptionalAttr<DenseI64ArrayAttr>:$value_ints, OptionalAttr<DenseF32ArrayAttr>:$value_floats), (outs Onnx_Tensor:$y), "inferConstant", "rowsNone"> {
  let summary = "a constant node; `janus-inline-constants` turns it into onnx.constant";
  let description = [{ Example: `%y = onnx.Constant() {value_ints = array<i64: 1, 2>} : () -> !onnx.unknown` }];
}
def Onnx_ReshapeOp : Onnx_Op<"Reshape", "", (ins Onnx_Tensor:$x, Onnx_Tensor:$shape), (ins DefaultValuedAttr<I64Attr, "0">:$allowzero), (outs Onnx_Tensor:$y), "inferReshape", "rowsReshape"> {
  let summary = "the same elements under another shape; -1 is what is left, 0 copies the dimension (allowzero = 0)";
  let description = [{ Example: `%y = onnx.Reshape(%x, %s) : (tensor<?x?x64xf32, #onnx.dims<"B", "S", 64>>, tensor<2xi64>) -> tensor<?x64xf32, #onnx.dims<"B*S", 64>>` }];
}
def Onnx_TransposeOp : Onnx_Op<"Transpose", "", (ins Onnx_Tensor:$x), (ins OptionalAttr<DenseI64ArrayAttr>:$perm), (outs Onnx_Tensor:$y), "inferTranspose", "rowsTranspose"> {
  let summary = "dimension i of y is dimension perm[i] of x (reversed without perm)";
  let description = [{ Example: `%y = onnx.Transpose(%x) {perm = array<i64: 1, 0>} : (tensor<2x4xf32>) -> tensor<4x2xf32>` }];
}
def Onnx_SqueezeOp : Onnx_Op<"Squeeze", "", (ins Onnx_Tensor:$x, Optional<Onnx_Tensor>:$axes), (ins), (outs Onnx_Tensor:$y), "inferSqueeze", "rowsReshape"> {
  let summary = "drops dimensions of extent 1"; let description = [{ Example: `%y = onnx.Squeeze(%x, %axes) : (tensor<2x1xf32>, tensor<1xi64>) -> tensor<2xf32>` }];
}
def Onnx_UnsqueezeOp : Onnx_Op<"Unsqueeze", "", (ins Onnx_Tensor:$x, Onnx_Tensor:$axes), (ins), (outs Onnx_Tensor:$y), "inferUnsqueeze", "rowsReshape"> {
  let summary = "inserts dimensions of extent 1 at axes of the result"; let description = [{ Example: `%y = onnx.Unsqueeze(%x, %axes) : (tensor<2xf32>, tensor<1xi64>) -> tensor<2x1xf32>` }];
}
def Onnx_FlattenOp : Onnx_Op<"Flatten", "", (ins Onnx_Tensor:$x), (ins DefaultValuedAttr<I64Attr, "1">:$axis), (outs Onnx_Tensor:$y), "inferFlatten", "rowsReshape"> {
  let summary = "two dimensions: those before axis, and the rest"; let description = [{ Example: `%y = onnx.Flatten(%x) {axis = 1 : i64} : (tensor<2x3x4xf32>) -> tensor<2x12xf32>` }];
}
def Onnx_ExpandOp : Onnx_Op<"Expand", "", (ins Onnx_Tensor:$x, Onnx_Tensor:$shape), (ins), (outs Onnx_Tensor:$y), "inferExpand", "rowsElementwise"> {
  let summary = "x broadcast against shape"; let description = [{ Example: `%y = onnx.Expand(%x, %s) : (tensor<1x4xf32>, tensor<2xi64>) -> tensor<3x4xf32>` }];
}
def Onnx_TileOp : Onnx_Op<"Tile", "", (ins Onnx_Tensor:$x, Onnx_Tensor:$repeats), (ins), (outs Onnx_Tensor:$y), "inferTile", "rowsUnscaled"> {
  let summary = "x repeated along each dimension"; let description = [{ Example: `%y = onnx.Tile(%x, %r) : (tensor<2x4xf32>, tensor<2xi64>) -> tensor<4x4xf32>` }];
}
def Onnx_ConcatOp : Onnx_Op<"Concat", "", (ins Variadic<Onnx_Tensor>:$inputs), (ins I64Attr:$axis), (outs Onnx_Tensor:$y), "inferConcat", "rowsAxis"> {
  let summary = "the inputs one after another along axis"; let description = [{ Example: `%y = onnx.Concat(%a, %b) {axis = 0 : i64} : (tensor<1xi64>, tensor<2xi64>) -> tensor<3xi64>` }];
}
def Onnx_SplitOp : Onnx_Op<"Split", "", (ins Onnx_Tensor:$x, Optional<Onnx_Tensor>:$split), (ins DefaultValuedAttr<I64Attr, "0">:$axis, OptionalAttr<I64Attr>:$num_outputs), (outs Variadic<Onnx_Tensor>:$outputs), "inferSplit", "rowsAxis"> {
  let summary = "consecutive pieces along axis, of the extents in `split` or equal ones";
  let description = [{ Example: `%y:2 = onnx.Split(%x, %s) {axis = -1 : i64} : (tensor<2x6xf32>, tensor<2xi64>) -> (tensor<2x4xf32>, tensor<2x2xf32>)` }];
}
def Onnx_SliceOp : Onnx_Op<"Slice", "", (ins Onnx_Tensor:$x, Onnx_Tensor:$starts, Onnx_Tensor:$ends, Optional<Onnx_Tensor>:$axes, Optional<Onnx_Tensor>:$steps), (ins), (outs Onnx_Tensor:$y), "inferSlice", "rowsUnscaled"> {
  let summary = "x[start:end:step] along axes; negative positions count from the end";
  let description = [{ Example: `%y = onnx.Slice(%x, %b, %e, %a, none) : (tensor<8xf32>, tensor<1xi64>, tensor<1xi64>, tensor<1xi64>) -> tensor<4xf32>` }];
}
def Onnx_ShapeOp : Onnx_Op<"Shape", "", (ins Onnx_Tensor:$x), (ins DefaultValuedAttr<I64Attr, "0">:$start, OptionalAttr<I64Attr>:$end), (outs Onnx_Tensor:$y), "inferShapeOf", "rowsNone"> {
  let summary = "the extents of x, dimensions [start, end)"; let description = [{ Example: `%s = onnx.Shape(%x) : (tensor<2x4xf32>) -> tensor<2xi64>` }];
}
def Onnx_SizeOp : Onnx_Op<"Size", "", (ins Onnx_Tensor:$x), (ins), (outs Onnx_Tensor:$y), "inferSize", "rowsNone"> {
  let summary = "the number of elements of x"; let description = [{ Example: `%n = onnx.Size(%x) : (tensor<2x4xf32>) -> tensor<i64>` }];
}
def Onnx_ConstantOfShapeOp : Onnx_Op<"ConstantOfShape", "", (ins Onnx_Tensor:$shape), (ins OptionalAttr<ElementsAttr>:$value), (outs Onnx_Tensor:$y), "inferConstantOfShape", "rowsNone"> {
  let summary = "a tensor of one repeated value (0 without `value`)"; let description = [{ Example: `%z = onnx.ConstantOfShape(%s) {value = dense<0> : tensor<1xi64>} : (tensor<1xi64>) -> tensor<4xi64>` }];
}
def Onnx_RangeOp : Onnx_Op<"Range", "", (ins Onnx_Tensor:$start, Onnx_Tensor:$limit, Onnx_Tensor:$delta), (ins), (outs Onnx_Tensor:$y), "inferRange", "rowsNone"> {
  let summary = "start, start + delta, ... below limit"; let description = [{ Example: `%r = onnx.Range(%a, %b, %d) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?xi64, #onnx.dims<"S">>` }];
}
def Onnx_GatherOp : Onnx_Op<"Gather", "", (ins Onnx_Tensor:$data, Onnx_Tensor:$indices), (ins DefaultValuedAttr<I64Attr, "0">:$axis), (outs Onnx_Tensor:$y), "inferGather", "rowsGather"> {
  let summary = "slices of data along axis at indices; negative indices count from the end";
  let description = [{ Example: `%x = onnx.Gather(%table, %ids) {axis = 0 : i64} : (tensor<256x64xf32>, tensor<2x3xi64>) -> tensor<2x3x64xf32>` }];
}
def Onnx_GatherElementsOp : Onnx_Op<"GatherElements", "", (ins Onnx_Tensor:$data, Onnx_Tensor:$indices), (ins DefaultValuedAttr<I64Attr, "0">:$axis), (outs Onnx_Tensor:$y), "inferGatherElements", "rowsGatherElements"> {
  let summary = "y[i][j] = data[i][indices[i][j]] for axis 1"; let description = [{ Example: `%y = onnx.GatherElements(%d, %i) {axis = 1 : i64} : (tensor<2x8xf32>, tensor<2x3xi64>) -> tensor<2x3xf32>` }];
}
def Onnx_TopKOp : Onnx_Op<"TopK", "", (ins Onnx_Tensor:$x, Onnx_Tensor:$k), (ins DefaultValuedAttr<I64Attr, "-1">:$axis, DefaultValuedAttr<I64Attr, "1">:$largest, DefaultValuedAttr<I64Attr, "1">:$sorted),
    (outs Onnx_Tensor:$values, Onnx_Tensor:$indices), "inferTopK", "rowsTopK"> {
  let summary = "the k largest (smallest) elements along axis and their indices; ties to the lower index";
  let description = [{ Example: `%v, %i = onnx.TopK(%x, %k) {axis = -1 : i64} : (tensor<2x8xf32>, tensor<1xi64>) -> (tensor<2x3xf32>, tensor<2x3xi64>)` }];
}
def Onnx_CumSumOp : Onnx_Op<"CumSum", "", (ins Onnx_Tensor:$x, Onnx_Tensor:$axis), (ins DefaultValuedAttr<I64Attr, "0">:$exclusive, DefaultValuedAttr<I64Attr, "0">:$reverse), (outs Onnx_Tensor:$y), "inferSame", "rowsUnaryMixed"> {
  let summary = "running sum along axis"; let description = [{ Example: `%y = onnx.CumSum(%x, %a) : (tensor<4xi64>, tensor<i64>) -> tensor<4xi64>` }];
}
def Onnx_NonZeroOp : Onnx_Op<"NonZero", "", (ins Onnx_Tensor:$x), (ins), (outs Onnx_Tensor:$y), "inferNonZero", "rowsNone"> {
  let summary = "indices of nonzero elements, one column each, in row-major order";
  let description = [{ The number of columns is a new symbol, at most the size of x. Example: `%i = onnx.NonZero(%x) : (tensor<4xi1>) -> tensor<1x?xi64, #onnx.dims<1, "nonzero0">>` }];
}
def Onnx_CumProdOp : Onnx_Op<"CumProd", "", (ins Onnx_Tensor:$x, Onnx_Tensor:$axis), (ins DefaultValuedAttr<I64Attr, "0">:$exclusive, DefaultValuedAttr<I64Attr, "0">:$reverse), (outs Onnx_Tensor:$y), "inferSame", "rowsUnaryMixed"> {
  let summary = "running product along axis"; let description = [{ Example: `%y = onnx.CumProd(%x, %a) : (tensor<4xi64>, tensor<i64>) -> tensor<4xi64>` }];
}
def Onnx_TriluOp : Onnx_Op<"Trilu", "", (ins Onnx_Tensor:$x, Optional<Onnx_Tensor>:$k), (ins DefaultValuedAttr<I64Attr, "1">:$upper), (outs Onnx_Tensor:$y), "inferSame", "rowsTrilu"> {
  let summary = "the upper (lower) triangle of the last two dimensions from diagonal k on, 0 elsewhere";
  let description = [{ Example: `%y = onnx.Trilu(%x, %k) {upper = 0 : i64} : (tensor<4x4xf32>, tensor<i64>) -> tensor<4x4xf32>` }];
}
def Onnx_EyeLikeOp : Onnx_Op<"EyeLike", "", (ins Onnx_Tensor:$x), (ins OptionalAttr<I64Attr>:$dtype, DefaultValuedAttr<I64Attr, "0">:$k), (outs Onnx_Tensor:$y), "inferEyeLike", "rowsNone"> {
  let summary = "ones on diagonal k of a matrix shaped as x, 0 elsewhere"; let description = [{ Example: `%y = onnx.EyeLike(%x) {dtype = 1 : i64} : (tensor<4x4xi32>) -> tensor<4x4xf32>` }];
}
def Onnx_PadOp : Onnx_Op<"Pad", "", (ins Onnx_Tensor:$x, Onnx_Tensor:$pads, Optional<Onnx_Tensor>:$value, Optional<Onnx_Tensor>:$axes), (ins DefaultValuedAttr<StrAttr, "\"constant\"">:$mode), (outs Onnx_Tensor:$y), "inferPad", "rowsUnscaled"> {
  let summary = "x with pads[i] elements before and pads[n + i] behind along axis i of n; negative pads cut";
  let description = [{ mode: constant (value, or 0), edge, reflect, wrap. Example: `%y = onnx.Pad(%x, %p) : (tensor<2x4xf32>, tensor<4xi64>) -> tensor<2x5xf32>` }];
}

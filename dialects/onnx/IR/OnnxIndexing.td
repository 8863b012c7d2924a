// Operators that read or write at positions found in data.
def Onnx_GatherNDOp : Onnx_Op<"GatherND", "", (ins Onnx_Tensor:$data, Onnx_Tensor:$indices), (ins DefaultValuedAttr<I64Attr, "0">:$batch_dims), (outs Onnx_Tensor:$y), "inferGatherND", "rowsGatherND"> {
  let summary = "slices of data at index tuples, the last dimension of indices; the first batch_dims dimensions are common";
  let description = [{ Example: `%y = onnx.GatherND(%d, %i) : (tensor<8x4x2xf32>, tensor<3x1xi64>) -> tensor<3x4x2xf32>` }];
}
def Onnx_ScatterElementsOp : Onnx_Op<"ScatterElements", "", (ins Onnx_Tensor:$data, Onnx_Tensor:$indices, Onnx_Tensor:$updates),
    (ins DefaultValuedAttr<I64Attr, "0">:$axis, DefaultValuedAttr<StrAttr, "\"none\"">:$reduction), (outs Onnx_Tensor:$y), "inferScatterElements", "rowsScatterElements"> {
  let summary = "data with y[i][indices[i][j]] = updates[i][j] for axis 1; reduction: none, add, mul, max, min";
  let description = [{ Example: `%y = onnx.ScatterElements(%d, %i, %u) {axis = 1 : i64} : (tensor<2x8xf32>, tensor<2x3xi64>, tensor<2x3xf32>) -> tensor<2x8xf32>` }];
}
def Onnx_ScatterNDOp : Onnx_Op<"ScatterND", "", (ins Onnx_Tensor:$data, Onnx_Tensor:$indices, Onnx_Tensor:$updates), (ins DefaultValuedAttr<StrAttr, "\"none\"">:$reduction), (outs Onnx_Tensor:$y), "inferScatterND", "rowsScatterND"> {
  let summary = "data with slices replaced at index tuples, the last dimension of indices; reduction: none, add, mul, max, min";
  let description = [{ Example: `%y = onnx.ScatterND(%d, %i, %u) {reduction = "add"} : (tensor<8x4xf32>, tensor<3x1xi64>, tensor<3x4xf32>) -> tensor<8x4xf32>` }];
}
def Onnx_TensorScatterOp : Onnx_Op<"TensorScatter", "", (ins Onnx_Tensor:$past_cache, Onnx_Tensor:$update, Optional<Onnx_Tensor>:$write_indices),
    (ins DefaultValuedAttr<StrAttr, "\"linear\"">:$mode, DefaultValuedAttr<I64Attr, "-2">:$axis), (outs Onnx_Tensor:$present_cache), "inferTensorScatter", "rowsTensorScatter"> {
  let summary = "past_cache [B, ...] with update written along axis from write_indices[b] on (0 without); circular wraps around";
  let description = [{ Example: `%y = onnx.TensorScatter(%p, %u, %w) : (tensor<2x16x4xf32>, tensor<2x3x4xf32>, tensor<2xi64>) -> tensor<2x16x4xf32>` }];
}
def Onnx_OneHotOp : Onnx_Op<"OneHot", "", (ins Onnx_Tensor:$indices, Onnx_Tensor:$depth, Onnx_Tensor:$values), (ins DefaultValuedAttr<I64Attr, "-1">:$axis), (outs Onnx_Tensor:$y), "inferOneHot", "rowsOneHot"> {
  let summary = "values[1] at each index along a new axis of extent depth, values[0] elsewhere";
  let description = [{ Indices count modulo depth when they are in [-depth, depth - 1]; others select nothing. Example: `%y = onnx.OneHot(%i, %n, %v) : (tensor<2x3xi64>, tensor<i64>, tensor<2xf32>) -> tensor<2x3x8xf32>` }];
}
def Onnx_CompressOp : Onnx_Op<"Compress", "", (ins Onnx_Tensor:$x, Onnx_Tensor:$condition), (ins OptionalAttr<I64Attr>:$axis), (outs Onnx_Tensor:$y), "inferCompress", "rowsCompress"> {
  let summary = "slices of x along axis (elements of x flattened, without) whose condition holds";
  let description = [{ The number of slices is a new symbol. Example: `%y = onnx.Compress(%x, %c) {axis = 0 : i64} : (tensor<4x8xf32>, tensor<4xi1>) -> tensor<?x8xf32, #onnx.dims<"compress0", 8>>` }];
}

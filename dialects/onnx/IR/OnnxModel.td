// Linear algebra, normalisation and the fused operators of language models. B batch, S sequence, H hidden columns.
def Onnx_MatMulOp : Onnx_Op<"MatMul", "", (ins Onnx_Tensor:$a, Onnx_Tensor:$b), (ins), (outs Onnx_Tensor:$y), "inferMatMul", "rowsMatMul"> {
  let summary = "matrix product over the last two dimensions; leading dimensions broadcast";
  let description = [{ Example: `%y = onnx.MatMul(%x, %w) : (tensor<2x3x64xf32>, tensor<64x128xf32>) -> tensor<2x3x128xf32>` }];
}
def Onnx_GemmOp : Onnx_Op<"Gemm", "", (ins Onnx_Tensor:$a, Onnx_Tensor:$b, Optional<Onnx_Tensor>:$c),
    (ins DefaultValuedAttr<F32Attr, "1.0f">:$alpha, DefaultValuedAttr<F32Attr, "1.0f">:$beta, DefaultValuedAttr<I64Attr, "0">:$transA, DefaultValuedAttr<I64Attr, "0">:$transB), (outs Onnx_Tensor:$y), "inferGemm", "rowsGemm"> {
  let summary = "alpha * A * B + beta * C of matrices, A and B transposed on request";
  let description = [{ Example: `%y = onnx.Gemm(%a, %b, %c) {transB = 1 : i64} : (tensor<3x64xf32>, tensor<8x64xf32>, tensor<8xf32>) -> tensor<3x8xf32>` }];
}
def Onnx_LayerNormalizationOp : Onnx_Op<"LayerNormalization", "", (ins Onnx_Tensor:$x, Onnx_Tensor:$scale, Optional<Onnx_Tensor>:$bias),
    (ins DefaultValuedAttr<I64Attr, "-1">:$axis, DefaultValuedAttr<F32Attr, "1e-5f">:$epsilon, DefaultValuedAttr<I64Attr, "1">:$stash_type),
    (outs Onnx_Tensor:$y, Optional<Onnx_Tensor>:$mean, Optional<Onnx_Tensor>:$inv_std), "inferNorm", "rowsNorm"> {
  let summary = "(x - mean) / sqrt(variance + epsilon) * scale + bias over dimensions [axis, rank)";
  let description = [{ Example: `%y = onnx.LayerNormalization(%x, %g, %b) {epsilon = 1.0e-5 : f32} : (tensor<3x64xf32>, tensor<64xf32>, tensor<64xf32>) -> tensor<3x64xf32>` }];
}
def Onnx_RMSNormalizationOp : Onnx_Op<"RMSNormalization", "", (ins Onnx_Tensor:$x, Onnx_Tensor:$scale),
    (ins DefaultValuedAttr<I64Attr, "-1">:$axis, DefaultValuedAttr<F32Attr, "1e-5f">:$epsilon, DefaultValuedAttr<I64Attr, "1">:$stash_type), (outs Onnx_Tensor:$y), "inferNorm", "rowsNorm"> {
  let summary = "x / sqrt(mean(x^2) + epsilon) * scale over dimensions [axis, rank)";
  let description = [{ Example: `%y = onnx.RMSNormalization(%x, %g) {epsilon = 1.0e-6 : f32} : (tensor<3x64xf32>, tensor<64xf32>) -> tensor<3x64xf32>` }];
}
def Onnx_SimplifiedLayerNormalizationOp : Onnx_Op<"SimplifiedLayerNormalization", "", (ins Onnx_Tensor:$x, Onnx_Tensor:$scale),
    (ins DefaultValuedAttr<I64Attr, "-1">:$axis, DefaultValuedAttr<F32Attr, "1e-5f">:$epsilon, DefaultValuedAttr<I64Attr, "1">:$stash_type), (outs Onnx_Tensor:$y, Optional<Onnx_Tensor>:$inv_std), "inferNorm", "rowsNorm"> {
  let summary = "RMS normalisation as ONNX Runtime's exporters write it (domain ai.onnx, though no standard operator)";
  let description = [{ Example: `%y = onnx.SimplifiedLayerNormalization(%x, %g) {epsilon = 1.0e-6 : f32} : (tensor<3x64xf32>, tensor<64xf32>) -> tensor<3x64xf32>` }];
}
def Onnx_EinsumOp : Onnx_Op<"Einsum", "", (ins Variadic<Onnx_Tensor>:$inputs), (ins StrAttr:$equation), (outs Onnx_Tensor:$y), "inferEinsum", "rowsEinsum"> {
  let summary = "sum of products over named dimensions: inputs' labels, ->, the result's";
  let description = [{ Example: `%y = onnx.Einsum(%a, %b) {equation = "bsh,eh->bse"} : (tensor<2x3x64xf32>, tensor<8x64xf32>) -> tensor<2x3x8xf32>` }];
}
def Onnx_ConvOp : Onnx_Op<"Conv", "", (ins Onnx_Tensor:$x, Onnx_Tensor:$w, Optional<Onnx_Tensor>:$b),
    (ins DefaultValuedAttr<StrAttr, "\"NOTSET\"">:$auto_pad, OptionalAttr<DenseI64ArrayAttr>:$dilations, DefaultValuedAttr<I64Attr, "1">:$group, OptionalAttr<DenseI64ArrayAttr>:$kernel_shape,
         OptionalAttr<DenseI64ArrayAttr>:$pads, OptionalAttr<DenseI64ArrayAttr>:$strides), (outs Onnx_Tensor:$y), "inferConv", "rowsConv"> {
  let summary = "convolution of x [B, C, positions...] with w [M, C / group, kernel...], plus b [M]";
  let description = [{ Example: `%y = onnx.Conv(%x, %w) {group = 4 : i64, pads = array<i64: 2, 0>} : (tensor<1x4x8xf32>, tensor<4x1x3xf32>) -> tensor<1x4x8xf32>` }];
}

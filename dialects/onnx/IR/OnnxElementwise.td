// Elementwise, comparison and reduction operators. Units: plain numbers; shapes broadcast as in NumPy.
class Onnx_Unary<string type> : Onnx_Op<type, "", (ins Onnx_Tensor:$x), (ins), (outs Onnx_Tensor:$y), "inferSame", "rowsElementwise">;
class Onnx_Binary<string type> : Onnx_Op<type, "", (ins Onnx_Tensor:$a, Onnx_Tensor:$b), (ins), (outs Onnx_Tensor:$c), "inferBroadcast", "rowsElementwise">;
class Onnx_Compare<string type> : Onnx_Op<type, "", (ins Onnx_Tensor:$a, Onnx_Tensor:$b), (ins), (outs Onnx_Tensor:$c), "inferCompare", "rowsElementwise">;

def Onnx_NegOp : Onnx_Unary<"Neg"> { let summary = "-x"; let description = [{ Example: `%y = onnx.Neg(%x) : (tensor<4xf32>) -> tensor<4xf32>` }]; }
def Onnx_AbsOp : Onnx_Unary<"Abs"> { let summary = "|x|"; let description = [{ Example: `%y = onnx.Abs(%x) : (tensor<4xf32>) -> tensor<4xf32>` }]; }
def Onnx_SqrtOp : Onnx_Unary<"Sqrt"> { let summary = "square root; NaN below 0"; let description = [{ Example: `%y = onnx.Sqrt(%x) : (tensor<4xf32>) -> tensor<4xf32>` }]; }
def Onnx_ReciprocalOp : Onnx_Unary<"Reciprocal"> { let summary = "1 / x"; let description = [{ Example: `%y = onnx.Reciprocal(%x) : (tensor<4xf32>) -> tensor<4xf32>` }]; }
def Onnx_ExpOp : Onnx_Unary<"Exp"> { let summary = "e to the power x"; let description = [{ Example: `%y = onnx.Exp(%x) : (tensor<4xf32>) -> tensor<4xf32>` }]; }
def Onnx_LogOp : Onnx_Unary<"Log"> { let summary = "natural logarithm"; let description = [{ Example: `%y = onnx.Log(%x) : (tensor<4xf32>) -> tensor<4xf32>` }]; }
def Onnx_SigmoidOp : Onnx_Unary<"Sigmoid"> { let summary = "1 / (1 + exp(-x))"; let description = [{ Example: `%y = onnx.Sigmoid(%x) : (tensor<4xf32>) -> tensor<4xf32>` }]; }
def Onnx_TanhOp : Onnx_Unary<"Tanh"> { let summary = "hyperbolic tangent"; let description = [{ Example: `%y = onnx.Tanh(%x) : (tensor<4xf32>) -> tensor<4xf32>` }]; }
def Onnx_ErfOp : Onnx_Unary<"Erf"> { let summary = "Gauss error function"; let description = [{ Example: `%y = onnx.Erf(%x) : (tensor<4xf32>) -> tensor<4xf32>` }]; }
def Onnx_ReluOp : Onnx_Unary<"Relu"> { let summary = "max(x, 0)"; let description = [{ Example: `%y = onnx.Relu(%x) : (tensor<4xf32>) -> tensor<4xf32>` }]; }
def Onnx_SoftplusOp : Onnx_Unary<"Softplus"> { let summary = "log(1 + exp(x))"; let description = [{ Example: `%y = onnx.Softplus(%x) : (tensor<4xf32>) -> tensor<4xf32>` }]; }
def Onnx_SinOp : Onnx_Unary<"Sin"> { let summary = "sine of x radians"; let description = [{ Example: `%y = onnx.Sin(%x) : (tensor<4xf32>) -> tensor<4xf32>` }]; }
def Onnx_CosOp : Onnx_Unary<"Cos"> { let summary = "cosine of x radians"; let description = [{ Example: `%y = onnx.Cos(%x) : (tensor<4xf32>) -> tensor<4xf32>` }]; }
def Onnx_FloorOp : Onnx_Unary<"Floor"> { let summary = "largest integer at most x"; let description = [{ Example: `%y = onnx.Floor(%x) : (tensor<4xf32>) -> tensor<4xf32>` }]; }
def Onnx_NotOp : Onnx_Unary<"Not"> { let summary = "logical not"; let description = [{ Example: `%y = onnx.Not(%x) : (tensor<4xi1>) -> tensor<4xi1>` }]; }
def Onnx_IdentityOp : Onnx_Unary<"Identity"> { let summary = "x"; let description = [{ Example: `%y = onnx.Identity(%x) : (tensor<4xf32>) -> tensor<4xf32>` }]; }
def Onnx_CeilOp : Onnx_Unary<"Ceil"> { let summary = "smallest integer at least x"; let description = [{ Example: `%y = onnx.Ceil(%x) : (tensor<4xf32>) -> tensor<4xf32>` }]; }
def Onnx_RoundOp : Onnx_Unary<"Round"> { let summary = "nearest integer, halves to even"; let description = [{ Example: `%y = onnx.Round(%x) : (tensor<4xf32>) -> tensor<4xf32>` }]; }
def Onnx_SignOp : Onnx_Unary<"Sign"> { let summary = "-1, 0 or 1"; let description = [{ Example: `%y = onnx.Sign(%x) : (tensor<4xf32>) -> tensor<4xf32>` }]; }
def Onnx_HardSwishOp : Onnx_Unary<"HardSwish"> { let summary = "x * max(0, min(1, x / 6 + 0.5))"; let description = [{ Example: `%y = onnx.HardSwish(%x) : (tensor<4xf32>) -> tensor<4xf32>` }]; }
def Onnx_MishOp : Onnx_Unary<"Mish"> { let summary = "x * tanh(softplus(x))"; let description = [{ Example: `%y = onnx.Mish(%x) : (tensor<4xf32>) -> tensor<4xf32>` }]; }
def Onnx_SoftsignOp : Onnx_Unary<"Softsign"> { let summary = "x / (1 + |x|)"; let description = [{ Example: `%y = onnx.Softsign(%x) : (tensor<4xf32>) -> tensor<4xf32>` }]; }
def Onnx_BitwiseNotOp : Onnx_Unary<"BitwiseNot"> { let summary = "every bit inverted"; let description = [{ Example: `%y = onnx.BitwiseNot(%x) : (tensor<4xi32>) -> tensor<4xi32>` }]; }
def Onnx_IsNaNOp : Onnx_Op<"IsNaN", "", (ins Onnx_Tensor:$x), (ins), (outs Onnx_Tensor:$y), "inferPredicate", "rowsElementwise"> {
  let summary = "whether x is no number"; let description = [{ Example: `%y = onnx.IsNaN(%x) : (tensor<4xf32>) -> tensor<4xi1>` }];
}
def Onnx_IsInfOp : Onnx_Op<"IsInf", "", (ins Onnx_Tensor:$x), (ins DefaultValuedAttr<I64Attr, "1">:$detect_negative, DefaultValuedAttr<I64Attr, "1">:$detect_positive), (outs Onnx_Tensor:$y), "inferPredicate", "rowsElementwise"> {
  let summary = "whether x is infinite, of a sign that is asked for"; let description = [{ Example: `%y = onnx.IsInf(%x) {detect_negative = 0 : i64} : (tensor<4xf32>) -> tensor<4xi1>` }];
}
class Onnx_Scaled<string type, string alpha> : Onnx_Op<type, "", (ins Onnx_Tensor:$x), (ins DefaultValuedAttr<F32Attr, alpha>:$alpha), (outs Onnx_Tensor:$y), "inferSame", "rowsElementwise">;
def Onnx_EluOp : Onnx_Scaled<"Elu", "1.0f"> { let summary = "x, below 0 alpha * (exp(x) - 1)"; let description = [{ Example: `%y = onnx.Elu(%x) {alpha = 2.0 : f32} : (tensor<4xf32>) -> tensor<4xf32>` }]; }
def Onnx_CeluOp : Onnx_Scaled<"Celu", "1.0f"> { let summary = "max(0, x) + min(0, alpha * (exp(x / alpha) - 1))"; let description = [{ Example: `%y = onnx.Celu(%x) {alpha = 2.0 : f32} : (tensor<4xf32>) -> tensor<4xf32>` }]; }
def Onnx_LeakyReluOp : Onnx_Scaled<"LeakyRelu", "0.01f"> { let summary = "x, below 0 alpha * x"; let description = [{ Example: `%y = onnx.LeakyRelu(%x) {alpha = 0.1 : f32} : (tensor<4xf32>) -> tensor<4xf32>` }]; }
def Onnx_HardSigmoidOp : Onnx_Op<"HardSigmoid", "", (ins Onnx_Tensor:$x), (ins DefaultValuedAttr<F32Attr, "0.2f">:$alpha, DefaultValuedAttr<F32Attr, "0.5f">:$beta), (outs Onnx_Tensor:$y), "inferSame", "rowsElementwise"> {
  let summary = "max(0, min(1, alpha * x + beta))"; let description = [{ Example: `%y = onnx.HardSigmoid(%x) {alpha = 0.5 : f32} : (tensor<4xf32>) -> tensor<4xf32>` }];
}

def Onnx_AddOp : Onnx_Binary<"Add"> { let summary = "a + b"; let description = [{ Example: `%c = onnx.Add(%a, %b) : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>` }]; }
def Onnx_SubOp : Onnx_Binary<"Sub"> { let summary = "a - b"; let description = [{ Example: `%c = onnx.Sub(%a, %b) : (tensor<4xi64>, tensor<1xi64>) -> tensor<4xi64>` }]; }
def Onnx_MulOp : Onnx_Binary<"Mul"> { let summary = "a * b"; let description = [{ Example: `%c = onnx.Mul(%a, %b) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>` }]; }
def Onnx_DivOp : Onnx_Binary<"Div"> { let summary = "a / b; integers round towards 0"; let description = [{ Example: `%c = onnx.Div(%a, %b) : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>` }]; }
def Onnx_PowOp : Onnx_Binary<"Pow"> { let summary = "a to the power b, of the type of a"; let description = [{ Example: `%c = onnx.Pow(%a, %b) : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>` }]; }
def Onnx_AndOp : Onnx_Binary<"And"> { let summary = "logical and"; let description = [{ Example: `%c = onnx.And(%a, %b) : (tensor<4xi1>, tensor<4xi1>) -> tensor<4xi1>` }]; }
def Onnx_OrOp : Onnx_Binary<"Or"> { let summary = "logical or"; let description = [{ Example: `%c = onnx.Or(%a, %b) : (tensor<4xi1>, tensor<4xi1>) -> tensor<4xi1>` }]; }
def Onnx_XorOp : Onnx_Binary<"Xor"> { let summary = "logical exclusive or"; let description = [{ Example: `%c = onnx.Xor(%a, %b) : (tensor<4xi1>, tensor<4xi1>) -> tensor<4xi1>` }]; }
def Onnx_BitwiseAndOp : Onnx_Binary<"BitwiseAnd"> { let summary = "and of the bits"; let description = [{ Example: `%c = onnx.BitwiseAnd(%a, %b) : (tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>` }]; }
def Onnx_BitwiseOrOp : Onnx_Binary<"BitwiseOr"> { let summary = "or of the bits"; let description = [{ Example: `%c = onnx.BitwiseOr(%a, %b) : (tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>` }]; }
def Onnx_BitwiseXorOp : Onnx_Binary<"BitwiseXor"> { let summary = "exclusive or of the bits"; let description = [{ Example: `%c = onnx.BitwiseXor(%a, %b) : (tensor<4xi32>, tensor<4xi32>) -> tensor<4xi32>` }]; }
def Onnx_BitShiftOp : Onnx_Op<"BitShift", "", (ins Onnx_Tensor:$a, Onnx_Tensor:$b), (ins StrAttr:$direction), (outs Onnx_Tensor:$c), "inferBroadcast", "rowsElementwise"> {
  let summary = "a shifted by b bits to the LEFT or the RIGHT"; let description = [{ Example: `%c = onnx.BitShift(%a, %b) {direction = "LEFT"} : (tensor<4xui8>, tensor<ui8>) -> tensor<4xui8>` }];
}
def Onnx_PReluOp : Onnx_Binary<"PRelu"> { let summary = "a, below 0 a * b"; let description = [{ Example: `%c = onnx.PRelu(%a, %b) : (tensor<2x4xf32>, tensor<4xf32>) -> tensor<2x4xf32>` }]; }
def Onnx_SwiGLUOp : Onnx_Op<"SwiGLU", "", (ins Onnx_Tensor:$a, Onnx_Tensor:$b), (ins DefaultValuedAttr<F32Attr, "1.0f">:$alpha), (outs Onnx_Tensor:$c), "inferBroadcast", "rowsElementwise"> {
  let summary = "a * sigmoid(alpha * a) * b"; let description = [{ Example: `%c = onnx.SwiGLU(%a, %b) {alpha = 1.0 : f32} : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>` }];
}
def Onnx_ModOp : Onnx_Op<"Mod", "", (ins Onnx_Tensor:$a, Onnx_Tensor:$b), (ins DefaultValuedAttr<I64Attr, "0">:$fmod), (outs Onnx_Tensor:$c), "inferBroadcast", "rowsElementwise"> {
  let summary = "remainder, of the sign of b (fmod = 1: of a)"; let description = [{ Example: `%c = onnx.Mod(%a, %b) {fmod = 0 : i64} : (tensor<4xi64>, tensor<i64>) -> tensor<4xi64>` }];
}
def Onnx_EqualOp : Onnx_Compare<"Equal"> { let summary = "a == b"; let description = [{ Example: `%c = onnx.Equal(%a, %b) : (tensor<4xi64>, tensor<i64>) -> tensor<4xi1>` }]; }
def Onnx_LessOp : Onnx_Compare<"Less"> { let summary = "a < b"; let description = [{ Example: `%c = onnx.Less(%a, %b) : (tensor<4xf32>, tensor<f32>) -> tensor<4xi1>` }]; }
def Onnx_LessOrEqualOp : Onnx_Compare<"LessOrEqual"> { let summary = "a <= b"; let description = [{ Example: `%c = onnx.LessOrEqual(%a, %b) : (tensor<4xf32>, tensor<f32>) -> tensor<4xi1>` }]; }
def Onnx_GreaterOp : Onnx_Compare<"Greater"> { let summary = "a > b"; let description = [{ Example: `%c = onnx.Greater(%a, %b) : (tensor<4xf32>, tensor<f32>) -> tensor<4xi1>` }]; }
def Onnx_GreaterOrEqualOp : Onnx_Compare<"GreaterOrEqual"> { let summary = "a >= b"; let description = [{ Example: `%c = onnx.GreaterOrEqual(%a, %b) : (tensor<4xf32>, tensor<f32>) -> tensor<4xi1>` }]; }

def Onnx_MinOp : Onnx_Op<"Min", "", (ins Variadic<Onnx_Tensor>:$inputs), (ins), (outs Onnx_Tensor:$y), "inferBroadcast", "rowsElementwise"> {
  let summary = "smallest of the inputs"; let description = [{ Example: `%y = onnx.Min(%a, %b) : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>` }];
}
def Onnx_MaxOp : Onnx_Op<"Max", "", (ins Variadic<Onnx_Tensor>:$inputs), (ins), (outs Onnx_Tensor:$y), "inferBroadcast", "rowsElementwise"> {
  let summary = "largest of the inputs"; let description = [{ Example: `%y = onnx.Max(%a, %b) : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>` }];
}
def Onnx_SumOp : Onnx_Op<"Sum", "", (ins Variadic<Onnx_Tensor>:$inputs), (ins), (outs Onnx_Tensor:$y), "inferBroadcast", "rowsElementwise"> {
  let summary = "sum of the inputs"; let description = [{ Example: `%y = onnx.Sum(%a, %b) : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>` }];
}
def Onnx_MeanOp : Onnx_Op<"Mean", "", (ins Variadic<Onnx_Tensor>:$inputs), (ins), (outs Onnx_Tensor:$y), "inferBroadcast", "rowsElementwise"> {
  let summary = "mean of the inputs"; let description = [{ Example: `%y = onnx.Mean(%a, %b) : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>` }];
}
def Onnx_ClipOp : Onnx_Op<"Clip", "", (ins Onnx_Tensor:$x, Optional<Onnx_Tensor>:$lower, Optional<Onnx_Tensor>:$upper), (ins), (outs Onnx_Tensor:$y), "inferSame", "rowsElementwise"> {
  let summary = "min(max(x, lower), upper); lower and upper are scalars"; let description = [{ Example: `%y = onnx.Clip(%x, none, %hi) : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>` }];
}
def Onnx_WhereOp : Onnx_Op<"Where", "", (ins Onnx_Tensor:$condition, Onnx_Tensor:$x, Onnx_Tensor:$y), (ins), (outs Onnx_Tensor:$z), "inferWhere", "rowsElementwise"> {
  let summary = "x where the condition holds, else y"; let description = [{ Example: `%z = onnx.Where(%c, %x, %y) : (tensor<4xi1>, tensor<4xf32>, tensor<f32>) -> tensor<4xf32>` }];
}
def Onnx_CastOp : Onnx_Op<"Cast", "", (ins Onnx_Tensor:$x), (ins I64Attr:$to, DefaultValuedAttr<I64Attr, "1">:$saturate, DefaultValuedAttr<StrAttr, "\"up\"">:$round_mode), (outs Onnx_Tensor:$y), "inferCast", "rowsElementwise"> {
  let summary = "x as another element type; `to` is the number of ONNX's TensorProto.DataType";
  let description = [{ Example: `%y = onnx.Cast(%x) {to = 6 : i64} : (tensor<4xi64>) -> tensor<4xi32>` }];
}
def Onnx_CastLikeOp : Onnx_Op<"CastLike", "", (ins Onnx_Tensor:$x, Onnx_Tensor:$target), (ins DefaultValuedAttr<I64Attr, "1">:$saturate, DefaultValuedAttr<StrAttr, "\"up\"">:$round_mode), (outs Onnx_Tensor:$y), "inferCastLike", "rowsCastLike"> {
  let summary = "x as the element type of target";
  let description = [{ Example: `%y = onnx.CastLike(%x, %t) : (tensor<4xi64>, tensor<1xf32>) -> tensor<4xf32>` }];
}
def Onnx_BitCastOp : Onnx_Op<"BitCast", "", (ins Onnx_Tensor:$x), (ins I64Attr:$to), (outs Onnx_Tensor:$y), "inferBitCast", "rowsElementwise"> {
  let summary = "the bits of x as another element type of the same width";
  let description = [{ Example: `%y = onnx.BitCast(%x) {to = 6 : i64} : (tensor<4xf32>) -> tensor<4xi32>` }];
}
def Onnx_DequantizeLinearOp : Onnx_Op<"DequantizeLinear", "", (ins Onnx_Tensor:$x, Onnx_Tensor:$x_scale, Optional<Onnx_Tensor>:$x_zero_point),
    (ins DefaultValuedAttr<I64Attr, "1">:$axis, DefaultValuedAttr<I64Attr, "0">:$block_size, DefaultValuedAttr<I64Attr, "0">:$output_dtype), (outs Onnx_Tensor:$y), "inferDequantizeLinear", "rowsCastLike"> {
  let summary = "(x - x_zero_point) * x_scale of integers, computed in f32";
  let description = [{
    One scale for all (rank 0, or one number), one for each index of `axis` (rank 1), or, with block_size, one for each block of that many indices of `axis` (rank of x). The result has
    the type of the scales, or output_dtype, a number of TensorProto.DataType.
    Example: `%y = onnx.DequantizeLinear(%x, %s, %z) {axis = 0 : i64} : (tensor<4x8xi8>, tensor<4xf32>, tensor<4xi8>) -> tensor<4x8xf32>`
  }];
}
def Onnx_DropoutOp : Onnx_Op<"Dropout", "", (ins Onnx_Tensor:$x, Optional<Onnx_Tensor>:$ratio, Optional<Onnx_Tensor>:$training_mode), (ins OptionalAttr<I64Attr>:$seed), (outs Onnx_Tensor:$y, Optional<Onnx_Tensor>:$mask), "inferDropout", "rowsDropout"> {
  let summary = "x, and a mask of ones: there is no training here";
  let description = [{ Example: `%y:2 = onnx.Dropout(%x) : (tensor<4xf32>) -> (tensor<4xf32>, tensor<4xi1>)` }];
}
def Onnx_SwishOp : Onnx_Op<"Swish", "", (ins Onnx_Tensor:$x), (ins DefaultValuedAttr<F32Attr, "1.0f">:$alpha), (outs Onnx_Tensor:$y), "inferSame", "rowsElementwise"> {
  let summary = "x * sigmoid(alpha * x)"; let description = [{ Example: `%y = onnx.Swish(%x) {alpha = 1.0 : f32} : (tensor<4xf32>) -> tensor<4xf32>` }];
}
def Onnx_GeluOp : Onnx_Op<"Gelu", "", (ins Onnx_Tensor:$x), (ins DefaultValuedAttr<StrAttr, "\"none\"">:$approximate), (outs Onnx_Tensor:$y), "inferSame", "rowsElementwise"> {
  let summary = "x * Phi(x); approximate = tanh for the tanh formula"; let description = [{ Example: `%y = onnx.Gelu(%x) {approximate = "none"} : (tensor<4xf32>) -> tensor<4xf32>` }];
}
def Onnx_SoftmaxOp : Onnx_Op<"Softmax", "", (ins Onnx_Tensor:$x), (ins DefaultValuedAttr<I64Attr, "-1">:$axis), (outs Onnx_Tensor:$y), "inferSame", "rowsSoftmax"> {
  let summary = "exp(x) / sum(exp(x)) along axis"; let description = [{ Example: `%y = onnx.Softmax(%x) {axis = -1 : i64} : (tensor<2x4xf32>) -> tensor<2x4xf32>` }];
}
def Onnx_LogSoftmaxOp : Onnx_Op<"LogSoftmax", "", (ins Onnx_Tensor:$x), (ins DefaultValuedAttr<I64Attr, "-1">:$axis), (outs Onnx_Tensor:$y), "inferSame", "rowsSoftmax"> {
  let summary = "log(softmax(x)) along axis"; let description = [{ Example: `%y = onnx.LogSoftmax(%x) {axis = -1 : i64} : (tensor<2x4xf32>) -> tensor<2x4xf32>` }];
}
def Onnx_LpNormalizationOp : Onnx_Op<"LpNormalization", "", (ins Onnx_Tensor:$x), (ins DefaultValuedAttr<I64Attr, "-1">:$axis, DefaultValuedAttr<I64Attr, "2">:$p), (outs Onnx_Tensor:$y), "inferSame", "rowsSoftmax"> {
  let summary = "x over its norm of order p (1 or 2) along axis; 0 where the norm is 0"; let description = [{ Example: `%y = onnx.LpNormalization(%x) {p = 2 : i64} : (tensor<2x4xf32>) -> tensor<2x4xf32>` }];
}

class Onnx_Reduce<string type> : Onnx_Op<type, "", (ins Onnx_Tensor:$x, Optional<Onnx_Tensor>:$axes_input),
    (ins OptionalAttr<DenseI64ArrayAttr>:$axes, DefaultValuedAttr<I64Attr, "1">:$keepdims, DefaultValuedAttr<I64Attr, "0">:$noop_with_empty_axes), (outs Onnx_Tensor:$y), "inferReduce", "rowsReduce">;
def Onnx_ReduceSumOp : Onnx_Reduce<"ReduceSum"> { let summary = "sum over axes (all when none are named)"; let description = [{ Example: `%y = onnx.ReduceSum(%x, %axes) {keepdims = 0 : i64} : (tensor<2x4xf32>, tensor<1xi64>) -> tensor<2xf32>` }]; }
def Onnx_ReduceMeanOp : Onnx_Reduce<"ReduceMean"> { let summary = "mean over axes"; let description = [{ Example: `%y = onnx.ReduceMean(%x, %axes) {keepdims = 1 : i64} : (tensor<2x4xf32>, tensor<1xi64>) -> tensor<2x1xf32>` }]; }
def Onnx_ReduceMaxOp : Onnx_Reduce<"ReduceMax"> { let summary = "largest over axes"; let description = [{ Example: `%y = onnx.ReduceMax(%x, %axes) {keepdims = 1 : i64} : (tensor<2x4xf32>, tensor<1xi64>) -> tensor<2x1xf32>` }]; }
def Onnx_ReduceMinOp : Onnx_Reduce<"ReduceMin"> { let summary = "smallest over axes"; let description = [{ Example: `%y = onnx.ReduceMin(%x, %axes) {keepdims = 1 : i64} : (tensor<2x4xf32>, tensor<1xi64>) -> tensor<2x1xf32>` }]; }
def Onnx_ReduceProdOp : Onnx_Reduce<"ReduceProd"> { let summary = "product over axes"; let description = [{ Example: `%y = onnx.ReduceProd(%x, %axes) {keepdims = 0 : i64} : (tensor<3xi64>, tensor<1xi64>) -> tensor<i64>` }]; }
def Onnx_ReduceL1Op : Onnx_Reduce<"ReduceL1"> { let summary = "sum of |x| over axes"; let description = [{ Example: `%y = onnx.ReduceL1(%x, %axes) {keepdims = 0 : i64} : (tensor<2x4xf32>, tensor<1xi64>) -> tensor<2xf32>` }]; }
def Onnx_ReduceL2Op : Onnx_Reduce<"ReduceL2"> { let summary = "square root of the sum of x^2 over axes"; let description = [{ Example: `%y = onnx.ReduceL2(%x, %axes) {keepdims = 0 : i64} : (tensor<2x4xf32>, tensor<1xi64>) -> tensor<2xf32>` }]; }
def Onnx_ReduceSumSquareOp : Onnx_Reduce<"ReduceSumSquare"> { let summary = "sum of x^2 over axes"; let description = [{ Example: `%y = onnx.ReduceSumSquare(%x, %axes) {keepdims = 0 : i64} : (tensor<2x4xf32>, tensor<1xi64>) -> tensor<2xf32>` }]; }
def Onnx_ReduceLogSumOp : Onnx_Reduce<"ReduceLogSum"> { let summary = "log of the sum over axes"; let description = [{ Example: `%y = onnx.ReduceLogSum(%x, %axes) {keepdims = 0 : i64} : (tensor<2x4xf32>, tensor<1xi64>) -> tensor<2xf32>` }]; }
def Onnx_ReduceLogSumExpOp : Onnx_Reduce<"ReduceLogSumExp"> { let summary = "log of the sum of exp(x) over axes"; let description = [{ Example: `%y = onnx.ReduceLogSumExp(%x, %axes) {keepdims = 0 : i64} : (tensor<2x4xf32>, tensor<1xi64>) -> tensor<2xf32>` }]; }
def Onnx_ArgMaxOp : Onnx_Op<"ArgMax", "", (ins Onnx_Tensor:$x), (ins DefaultValuedAttr<I64Attr, "0">:$axis, DefaultValuedAttr<I64Attr, "1">:$keepdims, DefaultValuedAttr<I64Attr, "0">:$select_last_index), (outs Onnx_Tensor:$y), "inferArgReduce", "rowsArgReduce"> {
  let summary = "index of the largest element along axis, of equals the first (the last on request)"; let description = [{ Example: `%y = onnx.ArgMax(%x) {axis = 1 : i64, keepdims = 0 : i64} : (tensor<2x4xf32>) -> tensor<2xi64>` }];
}
def Onnx_ArgMinOp : Onnx_Op<"ArgMin", "", (ins Onnx_Tensor:$x), (ins DefaultValuedAttr<I64Attr, "0">:$axis, DefaultValuedAttr<I64Attr, "1">:$keepdims, DefaultValuedAttr<I64Attr, "0">:$select_last_index), (outs Onnx_Tensor:$y), "inferArgReduce", "rowsArgReduce"> {
  let summary = "index of the smallest element along axis, of equals the first (the last on request)"; let description = [{ Example: `%y = onnx.ArgMin(%x) {axis = 1 : i64, keepdims = 0 : i64} : (tensor<2x4xf32>) -> tensor<2xi64>` }];
}

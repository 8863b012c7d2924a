// Control flow: operators with graphs inside. A graph sees the values around it; its block arguments are its inputs, onnx.Yield its outputs.
def Onnx_YieldOp : Onnx_DataOp<"Yield", [Pure, Terminator, ReturnLike]> {
  let summary = "the outputs of a graph inside an operator";
  let description = [{ Example: `onnx.Yield %a, %b : tensor<4xf32>, tensor<i1>` }];
  let arguments = (ins Variadic<Onnx_Tensor>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
}
def Onnx_IfOp : Onnx_Op<"If", "", (ins Onnx_Tensor:$condition), (ins), (outs Variadic<Onnx_Tensor>:$outputs), "inferIf", "rowsNone", [RecursiveMemoryEffects, NoRegionArguments]> {
  let summary = "the outputs of one of two graphs";
  let description = [{
    ```mlir
    %y = onnx.If(%c) : (tensor<i1>) -> (tensor<4xf32>) {
      onnx.Yield %a : tensor<4xf32>
    } {
      onnx.Yield %b : tensor<4xf32>
    }
    ```
    The first graph is taken where the condition holds. A condition that shapes decide is folded by `janus-fold-control-flow`.
  }];
  let regions = (region SizedRegion<1>:$then_branch, SizedRegion<1>:$else_branch);
}
def Onnx_LoopOp : Onnx_Op<"Loop", "", (ins Optional<Onnx_Tensor>:$trip_count, Optional<Onnx_Tensor>:$condition, Variadic<Onnx_Tensor>:$initial), (ins), (outs Variadic<Onnx_Tensor>:$outputs), "inferLoop", "rowsNone", [RecursiveMemoryEffects]> {
  let summary = "a graph run again and again, over values it carries on";
  let description = [{
    The body's arguments are the number of the iteration (tensor<i64>), a condition (tensor<i1>) and the carried values; it yields the condition to go on, the carried values, and further values
    that the results stack along a new first dimension.
    ```mlir
    %y:2 = onnx.Loop(%n, %c, %x) : (tensor<i64>, tensor<i1>, tensor<4xf32>) -> (tensor<4xf32>, tensor<?x4xf32, #onnx.dims<"loop0", 4>>) {
    ^bb0(%i: tensor<i64>, %go: tensor<i1>, %s: tensor<4xf32>):
      %t = onnx.Add(%s, %s) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
      onnx.Yield %go, %t, %t : tensor<i1>, tensor<4xf32>, tensor<4xf32>
    }
    ```
  }];
  let regions = (region SizedRegion<1>:$body);
}

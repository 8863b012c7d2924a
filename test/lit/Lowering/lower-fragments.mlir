// RUN: janus-opt %s --janus-lower-fragments -split-input-file | FileCheck %s

// Norm and add are one task function over rows, run by Host::parallel (2048 columns / 8 = 256 rows a task at least); the linear
// layer is a kernel call. The result is written in place: the workspace holds the two values between, 2 * 16 floats a row.
// CHECK-LABEL: module {
// CHECK: llvm.func @attention_0(%{{.*}}: !llvm.ptr) attributes {janus.role = "attention"}
// CHECK: llvm.mlir.addressof @attention_0.rows0
// CHECK: arith.constant 256 : i64
// CHECK: llvm.call %{{.*}} : !llvm.ptr, (!llvm.ptr, !llvm.ptr, !llvm.ptr, i64, i64) -> ()
// CHECK: llvm.return

// In the task: the sum of squares is one multiply-add in 16 lanes, combined by halving; the norm's two products and the add are
// not fused with anything.
// CHECK: llvm.func internal @attention_0.rows0(
// CHECK-SAME: %{{[a-z0-9]+}}: !llvm.ptr, %[[BEGIN:.*]]: i64, %[[END:.*]]: i64, %{{.*}}: i32)
// CHECK: scf.for %{{.*}} = %[[BEGIN]] to %[[END]]
// CHECK: llvm.intr.fma{{.*}}vector<16xf32>
// CHECK: arith.addf {{.*}}vector<8xf32>
// CHECK: arith.addf {{.*}}vector<4xf32>
// CHECK: arith.addf {{.*}}vector<2xf32>
// CHECK: arith.addf {{.*}}vector<1xf32>
// CHECK: llvm.intr.sqrt
// CHECK-NOT: fma
// CHECK: arith.mulf {{.*}}vector<16xf32>
// CHECK: arith.mulf {{.*}}vector<16xf32>
// CHECK: arith.addf {{.*}}vector<16xf32>
// CHECK-NOT: fma
// CHECK: llvm.return
// CHECK: llvm.func @attention_0.workspace(%{{.*}}: !llvm.ptr) -> i64
// CHECK: arith.constant 128 : i64
func.func private @attention_0(%x: tensor<?x8xf32> {janus.rows = "rows"}, %g: tensor<8xf32>, %w: tensor<4x8xf32>) -> tensor<?x4xf32> attributes {janus.inputs = 1 : i64, janus.role = "attention"} {
  %n = moe.norm rms %x, %g {epsilon = 1.0e-6 : f32} : (tensor<?x8xf32>, tensor<8xf32>) -> tensor<?x8xf32>
  %a = moe.add %n, %x : tensor<?x8xf32>
  %y = moe.linear %a, %w : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

// -----

// Columns are an offset and a stride of their operand: the add reads at column 20 of rows that are 24 wide, and no value lies
// between, so the workspace is empty.
// CHECK-LABEL: module {
// CHECK: llvm.func internal @attention_0.rows0
// CHECK: %[[STRIDE:.*]] = arith.constant 24 : i64
// CHECK: %[[ROW:.*]] = arith.muli %{{.*}}, %[[STRIDE]]
// CHECK: %[[AT:.*]] = llvm.getelementptr %{{.*}}[20] : (!llvm.ptr) -> !llvm.ptr, f32
// CHECK: llvm.getelementptr %[[AT]][%[[ROW]]]
// CHECK: llvm.func @attention_0.workspace
// CHECK: %[[ZERO:.*]] = arith.constant 0 : i64
// CHECK-NEXT: llvm.return %[[ZERO]]
func.func private @attention_0(%x: tensor<?x24xf32> {janus.rows = "rows"}) -> tensor<?x4xf32> attributes {janus.inputs = 1 : i64, janus.role = "attention"} {
  %c = moe.columns %x {offset = 20 : i64} : (tensor<?x24xf32>) -> tensor<?x4xf32>
  %a = moe.add %c, %c : tensor<?x4xf32>
  return %a : tensor<?x4xf32>
}

// -----

// What is not computed in place is copied, last: an input that is a result.
// CHECK-LABEL: module {
// CHECK: llvm.func @attention_0(
// CHECK: llvm.mlir.addressof @attention_0.rows0
// CHECK: llvm.func internal @attention_0.rows0
// CHECK: %[[V:.*]] = llvm.intr.masked.load
// CHECK: llvm.intr.masked.store %[[V]]
func.func private @attention_0(%x: tensor<?x8xf32> {janus.rows = "rows"}) -> tensor<?x8xf32> attributes {janus.inputs = 1 : i64, janus.role = "attention"} {
  return %x : tensor<?x8xf32>
}

// -----

// Rows of several kinds are tasks of their own: what comes after a selection runs over the wanted rows.
// CHECK-LABEL: module {
// CHECK: llvm.func @attention_0(
// CHECK: llvm.mlir.addressof @attention_0.rows0
// CHECK: llvm.mlir.addressof @attention_0.rows1
// CHECK-NOT: llvm.mlir.addressof @attention_0.rows2
// CHECK: llvm.func @attention_0.workspace
func.func private @attention_0(%x: tensor<?x8xf32> {janus.rows = "rows"}, %wanted: tensor<?xi32> {janus.rows = "wanted"}) -> tensor<?x8xf32> attributes {janus.inputs = 2 : i64, janus.role = "attention"} {
  %a = moe.add %x, %x : tensor<?x8xf32>
  %s = moe.select %a, %wanted : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf32>
  %b = moe.add %s, %s : tensor<?x8xf32>
  return %b : tensor<?x8xf32>
}

// -----

// The ranks of a combine are added in order, then the residual: three sums, none fused.
// CHECK-LABEL: module {
// CHECK: llvm.func internal @attention_0.rows0
// CHECK: %[[S:.*]] = arith.addf %[[Y0:.*]], %[[Y1:.*]] : vector<16xf32>
// CHECK: %[[T:.*]] = arith.addf %[[S]], %{{.*}} : vector<16xf32>
// CHECK: %[[U:.*]] = arith.addf %[[T]], %{{.*}} : vector<16xf32>
// CHECK-NOT: fma
// CHECK: llvm.intr.masked.store %[[U]]
func.func private @attention_0(%y: tensor<?x3x8xf32> {janus.rows = "rows"}, %r: tensor<?x8xf32> {janus.rows = "rows"}) -> tensor<?x8xf32> attributes {janus.inputs = 2 : i64, janus.role = "attention"} {
  %z = moe.combine %y residual %r : (tensor<?x3x8xf32>, tensor<?x8xf32>) -> tensor<?x8xf32>
  return %z : tensor<?x8xf32>
}

// -----

// Routing, experts and attention are kernel calls: nothing of them is generated.
// CHECK-LABEL: module {
// CHECK: llvm.func @expert_0(
// CHECK-COUNT-2: llvm.call
// CHECK-NOT: @expert_0.rows0
func.func private @expert_0(%h: tensor<?x8xf32> {janus.rows = "step_rows"}, %w: tensor<4x8xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) attributes {janus.inputs = 1 : i64, janus.role = "expert"} {
  %l = moe.linear %h, %w {layer = 0 : i64, router} : (tensor<?x8xf32>, tensor<4x8xf32>) -> tensor<?x4xf32>
  %e, %p = moe.route %l {k = 2 : i64, layer = 0 : i64, score = #moe.score<softmax>} : (tensor<?x4xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return %e, %p : tensor<?x2xi32>, tensor<?x2xf32>
}

// -----

// A quantised weight: its format (bits, block, integers as zero points) stands behind the other arguments of the kernel, at
// byte 88.
// CHECK-LABEL: module {
// CHECK: llvm.func @attention_0(
// CHECK: %[[BITS:.*]] = llvm.getelementptr %{{.*}}[88] : (!llvm.ptr) -> !llvm.ptr, i8
// CHECK-NEXT: llvm.store %c4_i64{{.*}}, %[[BITS]]
// CHECK: %[[BLOCK:.*]] = llvm.getelementptr %{{.*}}[96] : (!llvm.ptr) -> !llvm.ptr, i8
// CHECK-NEXT: llvm.store %c32_i64{{.*}}, %[[BLOCK]]
// CHECK: %[[ZEROS:.*]] = llvm.getelementptr %{{.*}}[104] : (!llvm.ptr) -> !llvm.ptr, i8
// CHECK-NEXT: llvm.store %c1_i64{{.*}}, %[[ZEROS]]
func.func private @attention_0(%x: tensor<?x48xf32> {janus.rows = "rows"}, %w: tensor<4x48xf32, #moe.blocks<bits = 4, size = 32, zeros = integers>>) -> tensor<?x4xf32> attributes {janus.inputs = 1 : i64, janus.role = "attention"} {
  %y = moe.linear %x, %w : (tensor<?x48xf32>, tensor<4x48xf32, #moe.blocks<bits = 4, size = 32, zeros = integers>>) -> tensor<?x4xf32>
  return %y : tensor<?x4xf32>
}

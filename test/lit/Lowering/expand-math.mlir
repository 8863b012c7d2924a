// RUN: janus-opt %s --janus-expand-math -split-input-file | FileCheck %s

// No mathematical function is left; each is arithmetic, multiply-adds where the polynomial has them. What the values are, the
// golden outputs of tensor programs and the unit tests of kernels/common/Math.h check.
// CHECK-NOT: math.{{exp|log|tanh|erf|sin|cos}}
// CHECK-LABEL: llvm.func @exp(
// CHECK: llvm.intr.fma
// CHECK-LABEL: llvm.func @log(
// CHECK: llvm.intr.fma
// CHECK-LABEL: llvm.func @tanh(
// CHECK: llvm.intr.fma
// CHECK-LABEL: llvm.func @erf(
// CHECK: llvm.intr.fma
llvm.func @exp(%x: f32) -> f32 {
  %0 = math.exp %x : f32
  llvm.return %0 : f32
}
llvm.func @log(%x: f32) -> f32 {
  %0 = math.log %x : f32
  llvm.return %0 : f32
}
llvm.func @tanh(%x: f32) -> f32 {
  %0 = math.tanh %x : f32
  llvm.return %0 : f32
}
llvm.func @erf(%x: f32) -> f32 {
  %0 = math.erf %x : f32
  llvm.return %0 : f32
}

// -----

// sin and cos reduce their argument in f64, so that large arguments keep their phase.
// CHECK-LABEL: llvm.func @sin(
// CHECK: arith.extf %{{.*}} : f32 to f64
// CHECK: arith.truncf %{{.*}} : f64 to f32
// CHECK-LABEL: llvm.func @cos(
// CHECK: arith.extf %{{.*}} : f32 to f64
// CHECK: arith.truncf %{{.*}} : f64 to f32
// CHECK-NOT: math.{{sin|cos}}
llvm.func @sin(%x: f32) -> f32 {
  %0 = math.sin %x : f32
  llvm.return %0 : f32
}
llvm.func @cos(%x: f32) -> f32 {
  %0 = math.cos %x : f32
  llvm.return %0 : f32
}

// -----

// Functions of f64 are arithmetic too. What the values are, the node tests check.
// CHECK-NOT: math.{{exp|log|tanh|erf|sin|cos}}
// CHECK-LABEL: llvm.func @doubles(
func.func private @sink(f64, f64, f64, f64, f64, f64)
llvm.func @doubles(%x: f64) {
  %0 = math.exp %x : f64
  %1 = math.log %x : f64
  %2 = math.tanh %x : f64
  %3 = math.erf %x : f64
  %4 = math.sin %x : f64
  %5 = math.cos %x : f64
  func.call @sink(%0, %1, %2, %3, %4, %5) : (f64, f64, f64, f64, f64, f64) -> ()
  llvm.return
}

// -----

// What the CPU has as an instruction stays.
// CHECK-LABEL: llvm.func @instructions(
// CHECK: math.sqrt
// CHECK: math.fma
// CHECK: math.absf
// CHECK: math.floor
llvm.func @instructions(%x: f32) -> f32 {
  %0 = math.sqrt %x : f32
  %1 = math.fma %0, %x, %x : f32
  %2 = math.absf %1 : f32
  %3 = math.floor %2 : f32
  llvm.return %3 : f32
}

// RUN: janus-opt %s --janus-outline-parallel -split-input-file -verify-diagnostics

// A loop that carries a value from one iteration to the next has an order.
llvm.func @main(%call: !llvm.ptr) {
  %zero = arith.constant 0 : i64
  %one = arith.constant 1 : i64
  // expected-error @below {{expects a parallel loop without results at the top level of a function}}
  %sum = scf.for %i = %zero to %one step %one iter_args(%s = %zero) -> (i64) : i64 {
    %t = arith.addi %s, %i : i64
    scf.yield %t : i64
  } {janus.parallel = 1 : i64}
  llvm.store %sum, %call : i64, !llvm.ptr
  llvm.return
}

// -----

// A loop inside of another one.
llvm.func @main(%call: !llvm.ptr) {
  %zero = arith.constant 0 : i64
  %one = arith.constant 1 : i64
  scf.for %i = %zero to %one step %one : i64 {
    // expected-error @below {{expects a parallel loop without results at the top level of a function}}
    scf.for %j = %zero to %one step %one : i64 {
      llvm.store %j, %call : i64, !llvm.ptr
    } {janus.parallel = 1 : i64}
  }
  llvm.return
}

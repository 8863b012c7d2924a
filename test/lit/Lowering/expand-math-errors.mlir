// RUN: janus-opt %s --janus-expand-math -split-input-file -verify-diagnostics

// A function of f64 would need a mathematical library.
llvm.func @exp(%x: f64) -> f64 {
  // expected-error @below {{is generated for f32 only, found 'f64'}}
  %0 = math.exp %x : f64
  llvm.return %0 : f64
}

// -----

// So would a vector.
llvm.func @sin(%x: vector<16xf32>) -> vector<16xf32> {
  // expected-error @below {{is generated for f32 only, found 'vector<16xf32>'}}
  %0 = math.sin %x : vector<16xf32>
  llvm.return %0 : vector<16xf32>
}

// RUN: janus-opt %s --janus-expand-math -split-input-file -verify-diagnostics

// A function of f16 would need a mathematical library; f16 is computed as f32.
llvm.func @exp(%x: f16) -> f16 {
  // expected-error @below {{is generated for f32 and f64 only, found 'f16'}}
  %0 = math.exp %x : f16
  llvm.return %0 : f16
}

// -----

// So would a vector.
llvm.func @sin(%x: vector<16xf32>) -> vector<16xf32> {
  // expected-error @below {{is generated for f32 and f64 only, found 'vector<16xf32>'}}
  %0 = math.sin %x : vector<16xf32>
  llvm.return %0 : vector<16xf32>
}

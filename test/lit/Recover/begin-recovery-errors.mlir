// RUN: janus-opt %s --janus-begin-recovery -split-input-file -verify-diagnostics

// The import stage has to run first.
// expected-error @below {{expects a function @main; the import stage makes it}}
module {}

// -----

// A function that is only declared cannot be recovered.
// expected-error @below {{expects a function @main; the import stage makes it}}
module {
  func.func private @main(tensor<4xf32>)
}

// -----

// The candidate's name is free: recovery runs once.
func.func @main() { return }
// expected-error @below {{expects no function @step before recovery}}
func.func @step() { return }

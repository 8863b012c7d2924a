// The option has three values.
// RUN: not janus-opt %s --janus-select-gate-side=gate-side=both 2>&1 | FileCheck %s --check-prefix=OPTION
// OPTION: error: expects gate-side=expert, attention or auto but found 'both'

// The recover stage has to run first.
// RUN: echo 'module {}' | not janus-opt --janus-select-gate-side 2>&1 | FileCheck %s --check-prefix=STEP
// STEP: error: expects a function @step; the recover stage makes it
func.func @step() { return }

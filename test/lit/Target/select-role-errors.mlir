// A role or a CPU that does not exist is an error, not an empty program.
// RUN: not janus-opt %s --janus-select-role="role=router" 2>&1 | FileCheck %s --check-prefix=ROLE
// ROLE: error: expects role=attention, expert or tensor but found 'router'
// RUN: not janus-opt %s --janus-select-role="role=expert cpu=z80" 2>&1 | FileCheck %s --check-prefix=CPU
// CPU: error: expects cpu=x86-64-v3 or x86-64-v4 but found 'z80'
llvm.func @expert_0(%call: !llvm.ptr) attributes {janus.role = "expert"} { llvm.return }

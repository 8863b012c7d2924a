//===- Passes.td - the target stage -------------------------*- tablegen -*-===//
#ifndef JANUS_TARGET_PASSES
#define JANUS_TARGET_PASSES

include "mlir/Pass/PassBase.td"

def SelectRolePass : Pass<"janus-select-role", "::mlir::ModuleOp"> {
  let summary = "keeps the code of one role and names its target CPU";
  let description = [{
    Precondition: the lower stage. Functions of other roles (`janus.role`) and everything that is no code is removed; what is
    left can be translated to LLVM IR. Each function gets the target CPU, may not be turned into calls of library functions
    (`no-builtins`), and never unwinds. With x86-64-v4, vectors of 512 bits are preferred.
    ```
    llvm.func @expert_0(!llvm.ptr) attributes {janus.role = "expert"}
    -> llvm.func @expert_0(!llvm.ptr) attributes {no_unwind, passthrough = ["no-builtins"], target_cpu = "x86-64-v3"}
    ```
  }];
  let options = [Option<"role", "role", "std::string", "\"attention\"", "attention, expert or tensor">,
                 Option<"cpu", "cpu", "std::string", "\"x86-64-v3\"", "x86-64-v3 or x86-64-v4">];
  let dependentDialects = ["::mlir::LLVM::LLVMDialect"];
}

#endif // JANUS_TARGET_PASSES

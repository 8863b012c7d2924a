//===- JanusDialect.td - meshes, types and attributes -------*- tablegen -*-===//
#ifndef JANUS_DIALECT
#define JANUS_DIALECT

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/BuiltinAttributes.td"

def Janus_Dialect : Dialect {
  let name = "janus";
  let cppNamespace = "::janus::dist";
  let summary = "where the model runs and how data moves: meshes, fragments, transfers by phase, schedule";
  let description = [{
    A step function (`func.func @step_egate`, `@step_agate`) is a list of fragments, each on a mesh, with transfers between
    them. Meshes and placements are symbols that the run time binds: no number of instances appears in the IR.

    Discardable attributes: `janus.gate_side` ("expert" or "attention") on a step function; `janus.mesh` on an operation of
    the model, set by the user or by `--janus-assign-meshes`, names the mesh it shall run on; `janus.origin` beside it says
    who chose: `user`, `rule: ...` or `inferred: ...`. After `--janus-outline-fragments`, a fragment's function has
    `janus.role`, `janus.inputs` (how many arguments are inputs, not weights) and on arguments `janus.rows` (the symbol that
    counts their rows), a call `janus.layer` and `janus.cache`. After the lower stage, the module has `janus.programs`,
    `janus.model`, `janus.transfers`, `janus.tensor`, `janus.plan` (JSON text, docs/artifact.md) and `janus.weights`, a list
    of packed weights; `janus.parallel` on a loop is the number of iterations a task gets at least.
    ```mlir
    janus.mesh @attention
    %s = moe.add %a, %b {janus.mesh = "attention", janus.origin = "rule: add"} : tensor<?x8xf32>
    ```
  }];
  let dependentDialects = ["::janus::moe::MoEDialect"];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
}

class Janus_Type<string name, string mnemonic_> : TypeDef<Janus_Dialect, name> {
  let mnemonic = mnemonic_;
}
class Janus_Attr<string name, string mnemonic_> : AttrDef<Janus_Dialect, name> {
  let mnemonic = mnemonic_;
}

def Janus_AssignmentType : Janus_Type<"Assignment", "assignment"> {
  let summary = "the (row, rank) pairs of one layer that an instance works on, grouped by slot";
  let description = [{
    At run time an `abi::Assignment` (include/janus/ABI/Program.h). Only `janus.schedule` makes one; a routed
    `janus.dispatch` carries it to the expert side. Example: `!janus.assignment`.
  }];
}

// In `#janus.phase<"send", inter, ...>`.
def Janus_Link : I32EnumAttr<"Link", "class of a link: inside a node, between nodes, or control messages", [
    I32EnumAttrCase<"intra", 0>, I32EnumAttrCase<"inter", 1>, I32EnumAttrCase<"control", 2>]> {
  let cppNamespace = "::janus::dist";
  let genSpecializedAttr = 0;
}

def Janus_PhaseAttr : Janus_Attr<"Phase", "phase"> {
  let summary = "one phase of a transfer scheme: its link class, messages and bytes as expressions";
  let description = [{
    `messages` counts messages of one step and layer, `bytes` their payload in bytes, both over the names listed in
    docs/transfers.md. Rules: (P1) no part is empty.
    Example: `#janus.phase<"send", inter, messages = "m * n", bytes = "rows * n * H * 4">`
  }];
  let parameters = (ins StringRefParameter<"name of the phase">:$name, EnumParameter<Janus_Link>:$link,
                        StringRefParameter<"number of messages">:$messages, StringRefParameter<"payload in bytes">:$bytes);
  let assemblyFormat = "`<` $name `,` $link `,` `messages` `=` $messages `,` `bytes` `=` $bytes `>`";
  let genVerifyDecl = 1;
}

def Janus_SchemeAttr : Janus_Attr<"Scheme", "scheme"> {
  let summary = "a way to carry out a transfer: a name and its phases in order";
  let description = [{
    Rules: (S1) the name is not empty, (S2) there is at least one phase.
    Example: `#janus.scheme<"direct", [<"send", inter, messages = "m * n", bytes = "rows * n * H * 4">]>`
  }];
  let parameters = (ins StringRefParameter<"name of the scheme">:$name, ArrayRefParameter<"PhaseAttr">:$phases);
  let assemblyFormat = "`<` $name `,` `[` $phases `]` `>`";
  let genVerifyDecl = 1;
}

// `[#janus.scheme<"direct", [...]>, #janus.scheme<"case1", [...]>]`; which one is used is decided when meshes are bound.
def Janus_SchemesAttr : TypedArrayAttrBase<Janus_SchemeAttr, "schemes, at least one, with distinct names">;

#endif // JANUS_DIALECT

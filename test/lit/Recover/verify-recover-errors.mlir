// One case for each thing that --janus-verify-recover states, made by changing a line of a whole recovered model.
// DEFINE: %{model} = %S/../Dialect/MoE/tiny-model.mlir
// DEFINE: %{verify} = not janus-opt --janus-verify-recover 2>&1 | FileCheck %s

// Without moe.model: a step that nobody accepted, and nothing at all.
// RUN: echo 'func.func @step() { return } func.func @main() { return }' | %{verify} --check-prefix=LEFT
// RUN: echo 'module {}' | %{verify} --check-prefix=LEFT
// LEFT: error: expects a function @main and no @step in a module without moe.model

// With moe.model: no step.
// RUN: echo 'module attributes {moe.model = {vocab = 1 : i64}} {}' | %{verify} --check-prefix=NOSTEP
// NOSTEP: error: expects a function @step in a module with moe.model

// Without the lists of layers and caches nothing can be compared.
// RUN: sed 's/moe_layers/layers_of_moe/' %{model} | %{verify} --check-prefix=LISTS
// LISTS: error: expects moe_layers and kv_caches in moe.model

// (1) the step's type: logits of the vocabulary's size.
// RUN: sed 's/vocab = 32/vocab = 31/' %{model} | %{verify} --check-prefix=TYPE
// TYPE: error: expects the step's type to be '(tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x31xf32>', found '(tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x32xf32>'

// (1) the step's type: three arguments.
// RUN: sed 's/, %%wanted: tensor<?xi32>)/, %%wanted: tensor<?xi32>, %%more: tensor<?xi32>)/' %{model} | %{verify} --check-prefix=ARGUMENTS
// ARGUMENTS: error: expects the step's type to be {{.*}}, found '(tensor<?xi32>, tensor<?xi32>, tensor<?xi32>, tensor<?xi32>) ->

// (2) another dialect's operator.
// RUN: sed 's/^    return/    %%foreign = arith.constant 1.0 : f32\n    return/' %{model} | %{verify} --check-prefix=FOREIGN
// FOREIGN: error: expects only moe operators in @step

// (3) the router of layer 0 says that it is layer 1's.
// RUN: sed 's/%%r0 = \(.*\){layer = 0/%%r0 = \1{layer = 1/' %{model} | %{verify} --check-prefix=ROUTER
// ROUTER: error: expects routers in order of layers, one a layer
// ROUTER: error: expects the logits of this layer's router

// (3) k is not the one of moe_layers.
// RUN: sed '0,/k = 2/s//k = 1/' %{model} | %{verify} --check-prefix=K
// K: error: expects layers in order, with the experts and k that moe_layers states

// (3) the number of experts is not the one of moe_layers; route and experts both say so.
// RUN: sed '0,/experts = 4/s//experts = 8/' %{model} | %{verify} --check-prefix=EXPERTS
// EXPERTS: error: expects layers in order, with the experts and k that moe_layers states
// EXPERTS: error: expects layers in order, with the experts that moe_layers states

// (3) layer 1's experts take layer 0's choices.
// RUN: sed 's/moe.experts %%h1, %%e1, %%p1/moe.experts %%h1, %%e0, %%p0/' %{model} | %{verify} --check-prefix=IDS
// IDS: error: expects ids and weights of this layer's route

// (3) layer 1's combine adds layer 0's results again.
// RUN: sed 's/%%x2 = moe.combine %%y1/%%x2 = moe.combine %%y0/' %{model} | %{verify} --check-prefix=COMBINE
// COMBINE: error: expects one combine of each layer's experts

// (3) a layer that is not there.
// RUN: sed 's/{experts = 4 : i64, k = 2 : i64}\]/{experts = 4 : i64, k = 2 : i64}, {experts = 4 : i64, k = 2 : i64}]/' %{model} | %{verify} --check-prefix=COUNT
// COUNT: error: expects 3 MoE layers, 2 caches and one selection, found 2 routers, 2 routes, 2 experts, 2 combines, 2 attentions, 1 selections

// (4) two attentions on one cache.
// RUN: sed 's/cache = 1 : i64/cache = 0 : i64/' %{model} | %{verify} --check-prefix=CACHE
// (4) a window that kv_caches does not state.
// RUN: sed 's/window = 4 : i64}\]/window = 5 : i64}]/' %{model} | %{verify} --check-prefix=CACHE
// CACHE: error: expects caches in order, as kv_caches states them

// (5) more positions than the rotary tables have rows.
// RUN: sed 's/context = 64/context = 65/' %{model} | %{verify} --check-prefix=ROTARY
// ROTARY: error: expects rotary tables of at least 65 positions, the context

// (6) a selection by something else than wanted.
// RUN: sed 's/moe.select %%x2, %%wanted/moe.select %%x2, %%ids/' %{model} | %{verify} --check-prefix=SELECT
// (6) a second selection.
// RUN: sed 's/%%sn = moe.norm rms %%s,/%%s2 = moe.select %%s, %%wanted : (tensor<?x16xf32>, tensor<?xi32>) -> tensor<?x16xf32>\n    %%sn = moe.norm rms %%s2,/' %{model} | %{verify} --check-prefix=SELECT
// SELECT: error: expects one selection, by the third argument

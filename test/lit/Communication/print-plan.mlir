// The report of janus-compile --explain, from a module after schedule. Bytes are checked by hand:
//   attention: panels of embed-free linear layers (N padded to 32, K, 4 bytes): q 32*8*4 = 1024, k, v, o the same, in two
//   layers 8192; head 32*8*4 = 1024; rows of embed 32*8*4 = 1024, cos and sin 16*2*4 = 128 each, norms 32 each, padded to
//   64: 5 * 64 = 320. Sum 8192 + 1024 + 1024 + 256 + 320 = 10816.
//   router panels 32*8*4 = 1024 a layer. One expert: gate and up 16-row panels 16*2*8*4 = 1024, down 32*6*4 = 768.
//   KV per token: 2 layers * 1 head * (4 + 4) * 4 = 64.
// RUN: janus-opt %S/../Partition/Inputs/tiny-model.mlir --janus-partition=gate-side=auto --janus-communicate --janus-schedule -o %t 2>/dev/null
// RUN: janus-opt %t --janus-print-plan -o /dev/null | FileCheck %s --check-prefix=TEXT
// RUN: janus-opt %t --janus-print-plan=json=true -o /dev/null > %t.json
// RUN: %python -c "import json; s = json.load(open('%t.json'))['steps']; print([x['memory'] for x in s])" | FileCheck %s --check-prefix=MEMORY
// RUN: janus-opt %t --janus-print-plan=json=true -o /dev/null | diff %t.json -

// TEXT: model
// TEXT: hidden        8
// TEXT: recovered
// TEXT: moe.attention   2
// TEXT: moe.experts     2
// TEXT: @step_egate: the router runs on the expert side
// TEXT: @attention, layer 0
// TEXT-NEXT: moe.embedding   x1   rule: embedding
// TEXT: @expert, layer 0, 1
// TEXT-NEXT: moe.linear      x1   rule: router (EGate)
// TEXT-NEXT: moe.route       x1   rule: router (EGate)
// TEXT: transfers
// TEXT-NEXT: dispatch, layer 0, 1
// TEXT-NEXT: direct {{ *}}send {{.*}}messages {{.*}}; bytes
// TEXT: attention  weights 10.6 KiB, KV cache 64 B per token
// TEXT: expert     weights 2048 B, one slot in every layer 3584 B
// TEXT: @step_agate: the router runs on the attention side
// TEXT: exchange, layer 0, 1
// TEXT: dispatch, routed, layer 0, 1

// MEMORY: [{'attention': {'kv_per_token': 64, 'weights': 10816}, 'expert': {'experts': [4, 4], 'slot': [1792, 1792], 'weights': 2048}},
// MEMORY-SAME: {'attention': {'kv_per_token': 64, 'weights': 12864}, 'expert': {'experts': [4, 4], 'slot': [1792, 1792], 'weights': 0}}]

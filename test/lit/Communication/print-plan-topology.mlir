// Predicted traffic of one layer, against numbers worked out by hand from docs/transfers.md. H = 8, k = 2, so a row is 32
// bytes and a pair comes back as 8 + 32 = 40. a0, a1 on node 0; e0, e1 on node 1, e2 on node 2; one row each.
// RUN: echo '{"attention_nodes": [0, 0], "expert_nodes": [1, 1, 2], "rows": [1], "slots": 3, "kv_tokens": 1000}' > %t.topology
// RUN: janus-opt %S/../Partition/Inputs/tiny-model.mlir --janus-partition=gate-side=auto --janus-communicate --janus-schedule -o %t 2>/dev/null
// RUN: janus-opt %t --janus-print-plan=topology=%t.topology -o /dev/null | FileCheck %s

// CHECK: prediction for a0,a1@0;e0,e1@1;e2@2
// CHECK-NEXT: @step_egate
// CHECK-NEXT: layer 0, 1
// CHECK-NEXT: 1 rows per attention instance: case1
// Every attention instance sends its row to every expert instance: 2 * 3 messages of 32; 2 rows * 2 ranks come back.
// CHECK-NEXT: direct
// CHECK-NEXT: dispatch send inter 6 messages, 192 bytes
// CHECK-NEXT: return send inter 6 messages, 160 bytes
// a1 gives its row to a0, a0 both rows to the leaders of nodes 1 and 2, e0 both to e1.
// CHECK-NEXT: case1 {{.*}}<- chosen
// CHECK-NEXT: dispatch gather intra 1 messages, 32 bytes
// CHECK-NEXT: dispatch node inter 2 messages, 128 bytes
// CHECK-NEXT: dispatch fanout intra 1 messages, 64 bytes
// Each of nodes 1 and 2 sends one message back; a0 hands each on to a1: 2 messages with a1's 2 pairs.
// CHECK-NEXT: return gather intra 1 messages
// CHECK-NEXT: return node inter 2 messages, 160 bytes
// CHECK-NEXT: return scatter intra 2 messages, 80 bytes
// a0 sends to e0 alone, which passes both rows to node 2.
// CHECK-NEXT: case2
// CHECK-NEXT: dispatch gather intra 1 messages, 32 bytes
// CHECK-NEXT: dispatch node inter 1 messages, 64 bytes
// CHECK-NEXT: dispatch exchange inter 1 messages, 64 bytes
// CHECK-NEXT: dispatch fanout intra 1 messages, 64 bytes
// 64 bytes of KV cache a token; 3 slots of 1792 bytes in each of 2 layers.
// CHECK: a0 weights 10.6 KiB, KV cache 62.5 KiB
// CHECK: e2 weights 2048 B, slots 10.5 KiB
// AGate: the ids of one row, 2 * 2 bytes, each way.
// CHECK: @step_agate
// CHECK: exchange ids control 2 messages, 8 bytes

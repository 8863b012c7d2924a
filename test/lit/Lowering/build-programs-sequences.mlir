// RUN: janus-opt %S/../Partition/Inputs/sequences.mlir --janus-partition --janus-communicate --janus-schedule -o %t 2>/dev/null
// RUN: janus-opt %t --janus-outline-fragments --janus-build-programs -o %t.out
// RUN: %python -c "import re, json; text = open('%t.out').read(); pick = lambda name: json.loads(re.search(name + r' = \"(.*?)\"[,}]', text).group(1).replace('\\\\22', '\"')); m = pick('janus.model'); p = pick('janus.programs')['expert']['attention']; print(m['states'], m['histories']); [print(s) for s in p['steps'] if s['op'] == 'sequences']; print([f for f in p['fragments'] if 'sequence' in f['name']]); print([s['op'] for s in p['steps']])" | FileCheck %s

// The model lists states and histories: of each operand of @all that counts rows.
// CHECK: [{'elements': 16}, {'elements': 16}] [{'columns': 8, 'type': 'f32'}, {'columns': 1, 'type': 'i32'}]
// CHECK-NEXT: {'fragment': 1, 'history': -1, 'layer': 0, 'op': 'sequences', 'operands': [3, 4], 'outputs': 1, 'state': 0, 'states': 1, 'weights': ['conv0']}
// CHECK-NEXT: {'fragment': 2, 'history': 0, 'layer': 0, 'op': 'sequences', 'operands': [4, 1, 3], 'outputs': 1, 'state': 0, 'states': 0, 'weights': []}
// Behind the dispatch of value 4: what is read there stays until the collect, since it may be done again. So 5 and 6, not 3 or 5 again.
// CHECK-NEXT: {'fragment': 1, 'history': -1, 'layer': 0, 'op': 'sequences', 'operands': [4, 5], 'outputs': 1, 'state': 1, 'states': 1, 'weights': ['conv1']}
// CHECK-NEXT: {'fragment': 4, 'history': -1, 'layer': 0, 'op': 'sequences', 'operands': [5, 6], 'outputs': 1, 'state': 0, 'states': 0, 'weights': []}
// A fragment takes values, and each state twice.
// CHECK-NEXT: [{'name': 'sequence_0', 'operands': 4, 'weights': 1}, {'name': 'sequence_1', 'operands': 3, 'weights': 0}, {'name': 'sequence_2', 'operands': 2, 'weights': 0}]
// CHECK-NEXT: ['call', 'sequences', 'sequences', 'call', 'dispatch', 'sequences', 'sequences', 'collect', 'call']

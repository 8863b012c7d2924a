// What a topology file can get wrong: field, found, expected.
// RUN: echo '{"attention_nodes": [0]}' > %t.1
// RUN: not janus-opt %s --janus-print-plan=topology=%t.1 2>&1 | FileCheck %s --check-prefix=MISSING
// MISSING: error: topology file: 'expert_nodes' is null, expected a non-empty list of integers from 0 to 1048576 (docs/topology.md)
// RUN: echo '{"attention_nodes": [0], "expert_nodes": [-1]}' > %t.2
// RUN: not janus-opt %s --janus-print-plan=topology=%t.2 2>&1 | FileCheck %s --check-prefix=NEGATIVE
// NEGATIVE: error: topology file: 'expert_nodes' is -1, expected
// RUN: echo '{"attention_nodes": [0], "expert_nodes": [1], "slot": 3}' > %t.3
// RUN: not janus-opt %s --janus-print-plan=topology=%t.3 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// UNKNOWN: error: topology file: unknown field 'slot', expected attention_nodes
// RUN: echo '{"attention_nodes": [0], "expert_nodes": [1], "rows": [0]}' > %t.4
// RUN: not janus-opt %s --janus-print-plan=topology=%t.4 2>&1 | FileCheck %s --check-prefix=ROWS
// ROWS: error: topology file: 'rows' is 0, expected a non-empty list of integers from 1
// RUN: echo '{"attention_nodes": [0], "expert_nodes": [1], "profile": {}}' > %t.5
// RUN: not janus-opt %s --janus-print-plan=topology=%t.5 2>&1 | FileCheck %s --check-prefix=PROFILE
// PROFILE: error: hardware profile: links.intra
// RUN: echo 'nodes' > %t.6
// RUN: not janus-opt %s --janus-print-plan=topology=%t.6 2>&1 | FileCheck %s --check-prefix=JSON
// JSON: error: topology file '{{.*}}' is not JSON; docs/topology.md shows one
// RUN: not janus-opt %s --janus-print-plan=topology=%t.none 2>&1 | FileCheck %s --check-prefix=NONE
// NONE: error: cannot read topology file '{{.*}}': No such file or directory

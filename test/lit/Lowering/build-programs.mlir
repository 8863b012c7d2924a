// RUN: janus-opt %S/../Partition/Inputs/tiny-model.mlir --janus-partition=gate-side=auto --janus-communicate --janus-schedule --janus-outline-fragments -o %t 2>/dev/null
// RUN: janus-opt %t --janus-build-programs -o %t.programs && %python %S/Inputs/programs.py %t.programs > %t.text
// RUN: FileCheck %s --check-prefix=EGATE < %t.text
// RUN: FileCheck %s --check-prefix=AGATE < %t.text
// RUN: FileCheck %s --check-prefix=MODULE < %t.programs

// EGate, attention: slots 0 to 2 are the inputs. What layer 0 dispatches (slot 4) stays until its collect, so the collect
// needs another slot (5); after it slot 4 is free for layer 1's residual, and what it dispatches takes slot 6.
// EGATE: expert.attention inputs {'ids': 0, 'positions': 1, 'wanted': 2} outputs {'logits': 7}
// EGATE-NEXT: value 0: i32 [rows, 1]
// EGATE-NEXT: value 1: i32 [rows, 1]
// EGATE-NEXT: value 2: i32 [wanted, 1]
// EGATE-NEXT: value 3: f32 [rows, 8]
// EGATE-NEXT: value 4: f32 [rows, 8]
// EGATE-NEXT: value 5: f32 [rows, 16]
// EGATE-NEXT: value 6: f32 [rows, 8]
// EGATE-NEXT: value 7: f32 [wanted, 32]
// EGATE-NEXT: call attention_0 layer=0 operands=[0, 1, 3, 4] outputs=2 weights=['embed', 'l0.norm1', 'l0.q', 'l0.k', 'l0.v', 'cos', 'sin', 'l0.o', 'l0.norm2']
// EGATE-NEXT: dispatch layer=0 transfer=0 values=[4]
// EGATE-NEXT: collect layer=0 transfer=0 value=5
// EGATE-NEXT: call attention_1 cache=1 layer=1 operands=[5, 3, 1, 4, 6] outputs=2 weights=['l1.norm1',
// EGATE-NEXT: dispatch layer=1 transfer=1 values=[6]
// EGATE-NEXT: collect layer=1 transfer=1 value=5
// EGATE-NEXT: call attention_2 layer=1 operands=[5, 4, 2, 7] outputs=1 weights=['norm', 'head']

// EGate, expert: receive, router, schedule, experts, return; the assignment has no slot, gate and up are one packed weight.
// EGATE: expert.expert inputs {} outputs {}
// EGATE-NEXT: value 0: f32 [step_rows, 8]
// EGATE-NEXT: value 1: i32 [step_rows, 2]
// EGATE-NEXT: value 2: f32 [step_rows, 2]
// EGATE-NEXT: value 3: f32 [pairs, 8]
// EGATE-NEXT: receive layer=0 transfer=0 values=[0]
// EGATE-NEXT: call expert_0 layer=0 operands=[0, 1, 2] outputs=2 weights=['l0.router']
// EGATE-NEXT: schedule experts=4 ids=1 k=2 layer=0 weights=2
// EGATE-NEXT: call expert_1 layer=0 operands=[0, 3] outputs=1 weights=['l0.gate+l0.up', 'l0.down']
// EGATE-NEXT: return layer=0 transfer=0 value=3
// EGATE-NEXT: receive layer=1 transfer=1

// AGate: attention exchanges ids, schedules, and dispatches rows with ids and weights; the expert side only computes.
// AGATE: attention.attention
// AGATE: call attention_3 layer=0 operands=[0, 1, [[O:[0-9]+]], [[H:[0-9]+]], [[I:[0-9]+]], [[W:[0-9]+]]] outputs=4
// AGATE-NEXT: exchange layer=0 value=[[I]]
// AGATE-NEXT: schedule experts=4 ids=[[I]] k=2 layer=0 weights=[[W]]
// AGATE-NEXT: dispatch layer=0 transfer=2 values=[[[H]], [[I]], [[W]]]
// AGATE-NEXT: collect layer=0 transfer=2
// AGATE: attention.expert
// AGATE: receive layer=0 transfer=2 values=[0]
// AGATE-NEXT: call expert_1 layer=0 operands=[0, 1] outputs=1
// AGATE-NEXT: return layer=0 transfer=2 value=1

// Each packed weight with its layout and file, experts by layer; the step functions are gone, their functions stay.
// MODULE: {file = "weights/attention.safetensors", layout = "rows.f32", name = "embed", parts = [@embed]}
// MODULE-SAME: {experts, file = "weights/experts.0.safetensors", layout = "expert-up32.f32", name = "l0.gate+l0.up", parts = [@l0.gate, @l0.up]}
// MODULE-NOT: func.func @step
// MODULE: func.func private @attention_0(

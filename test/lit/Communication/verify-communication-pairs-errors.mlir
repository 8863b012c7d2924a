// Rules of --janus-verify-communication that a stage's own output breaks when one line of it is changed.
// RUN: janus-opt %S/../Partition/Inputs/tiny-model.mlir --janus-partition=gate-side=auto --janus-communicate -o %t 2>/dev/null

// (2) the return of layer 0 claims to be that of another transfer
// RUN: sed '0,/janus.collect/s/\(janus.collect.*\)transfer = 0/\1transfer = 7/' %t > %t.number
// RUN: not janus-opt %t.number --janus-verify-communication 2>&1 | FileCheck %s --check-prefix=NUMBER
// NUMBER: error: 'janus.collect' op expects a janus.dispatch with transfer = 7 before it, and no other collect of it
// NUMBER: error: 'janus.dispatch' op expects a janus.collect with transfer = 0 after it; each forward has its return

// (2) two dispatches with one number
// RUN: sed 's/transfer = 3/transfer = 1/' %t > %t.twice
// RUN: not janus-opt %t.twice --janus-verify-communication 2>&1 | FileCheck %s --check-prefix=TWICE
// TWICE: error: 'janus.dispatch' op expects a transfer number of its own but 1 is taken
// TWICE: note: by this dispatch

// (2) the return claims another layer
// RUN: sed '0,/janus.collect/s/\(janus.collect.*{layer = \)0/\11/' %t > %t.layer
// RUN: not janus-opt %t.layer --janus-verify-communication 2>&1 | FileCheck %s --check-prefix=LAYER
// LAYER: error: 'janus.collect' op expects layer 0, that of its dispatch, but found 1
// LAYER: note: the dispatch is here

// (3) nobody exchanges the ids
// RUN: sed '0,/janus.exchange/{/janus.exchange/d}' %t > %t.exchange
// RUN: not janus-opt %t.exchange --janus-verify-communication 2>&1 | FileCheck %s --check-prefix=EXCHANGE
// EXCHANGE: error: 'janus.dispatch' op expects a janus.exchange of its ids before it; every attention instance schedules the whole step

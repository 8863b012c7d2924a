//===- GraphChecks.h - names and order of a graph -------------------*- C++ -*-===//
#pragma once
#include "lib/Import/Reader/Diagnostics.h"
#include "lib/Import/Reader/Model.h"

namespace janus::onnx {

/// Reports names that are defined twice or not at all or are not UTF-8, and cycles; sorts the nodes so that each comes
/// after those it reads (the file's order where that already holds), in the graphs inside nodes too. Linear in the size
/// of the graph, up to sorting.
void checkAndSort(Model &model, Diagnostics &diagnostics);

} // namespace janus::onnx

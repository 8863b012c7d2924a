//===- ImportOnnx.h - an ONNX file as a module of onnx ops ----------*- C++ -*-===//
#pragma once
#include "lib/Import/Reader/Diagnostics.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/PassManager.h"

namespace janus {

/// Reads the model at `path` into a module with one function @main: an op a node, results of type !onnx.unknown,
/// initializers as references into the files beside the model. Null when there are errors; `diagnostics` holds all of
/// them (and warnings, also on success). Loads the dialects it needs into the context. Run the import pipeline next.
mlir::OwningOpRef<mlir::ModuleOp> importOnnx(llvm::StringRef path, mlir::MLIRContext *context,
                                             onnx::Diagnostics &diagnostics);

/// The same as MLIR text with locations, before any pass. Diagnostics go to `errors`; false when one is an error.
bool importOnnxAsText(llvm::StringRef path, std::string &text, llvm::raw_ostream &errors);

} // namespace janus

//===- ImportOnnx.h - an ONNX file as a module of onnx ops ----------*- C++ -*-===//
#pragma once
#include "lib/Import/Reader/Diagnostics.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Pass/PassManager.h"
#include <map>
#include <string>

namespace janus {

/// What a file says of itself, before anything is made of it.
struct FileFacts {
  int64_t irVersion = 0;
  std::string producer;                     // name and version, as the file has them
  std::string exporter;                     // what wrote it, guessed from the producer and its way of naming; or empty
  std::map<std::string, int64_t> opsets;    // by domain, "" for ai.onnx
  int64_t nodes = 0;                        // of all graphs, functions inlined
  std::map<std::string, int64_t> operators; // nodes by operator, "MatMul", "com.microsoft.MoE"
};

/// What a user says of a file that the file does not say itself.
struct ImportOptions {
  /// Weights of a QMoE without weights_prepacked are [experts, rows, columns * bits / 8], also where their shapes would
  /// fit the layout of a GPU kernel as well.
  bool rawQMoE = false;
  /// Of an MoE whose weights have the shapes of old descriptions: bytes are rows of outputs, [experts, rows, hidden],
  /// or of inputs, as the shapes have it.
  enum class ExpertLayout : uint8_t { kUnknown, kRows, kColumns };
  ExpertLayout expertLayout = ExpertLayout::kUnknown;
};

/// Reads the model at `path` into a module with one function @main: an op a node, results of type !onnx.unknown,
/// initializers as references into the files beside the model. Null when there are errors; `diagnostics` holds all of
/// them (and warnings, also on success). `facts` is filled wherever the file is a model at all. Loads the dialects it
/// needs into the context. Run the import pipeline next.
mlir::OwningOpRef<mlir::ModuleOp> importOnnx(llvm::StringRef path, mlir::MLIRContext *context,
                                             onnx::Diagnostics &diagnostics, const ImportOptions &options = {},
                                             FileFacts *facts = nullptr);

/// The same as MLIR text with locations, before any pass. Diagnostics go to `errors`; false when one is an error.
bool importOnnxAsText(llvm::StringRef path, std::string &text, llvm::raw_ostream &errors);

} // namespace janus

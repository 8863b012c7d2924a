// Shared by the files of the importer; not for others.
#pragma once
#include "dialects/onnx/IR/OnnxOps.h"
#include "janus/Import/ImportOnnx.h"
#include "lib/Import/Reader/Diagnostics.h"
#include "lib/Import/Reader/MappedFile.h"
#include "lib/Import/Reader/Model.h"
#include <map>
#include <memory>
#include <optional>
#include <set>

namespace janus {

/// Tensors of a model as attributes.
class TensorImporter {
public:
  TensorImporter(const onnx::Model &model, mlir::MLIRContext *context) : model_(model), context_(context) {}

  /// The tensor's static type; null for an element type that MLIR lacks.
  mlir::RankedTensorType type(const onnx::Tensor &tensor) const;
  /// True for tensors kept as elements: integers and bool of at most 1024 elements, single numbers of any type.
  static bool isSmall(const onnx::Tensor &tensor);
  /// The elements, read from where they are stored; null when they cannot be read.
  mlir::DenseElementsAttr elements(const onnx::Tensor &tensor);
  /// Of the value `name`: #onnx.range, or elements for small tensors, those stored by number and short ones that say
  /// what is computed.
  mlir::Attribute data(const onnx::Tensor &tensor, llvm::StringRef name);

private:
  bool isStructural(const onnx::Tensor &tensor, llvm::StringRef name);
  std::optional<llvm::StringRef> bytes(const onnx::Tensor &tensor);
  const onnx::Model &model_;
  mlir::MLIRContext *context_;
  std::map<std::string, std::unique_ptr<onnx::MappedFile>> files_;
  std::optional<std::set<std::string>> structural_; // names
};

/// Facts of a model as it was read.
FileFacts fileFacts(const onnx::Model &model);

/// Reports features of a node that the importer knows and does not support (codes 011, 013, 014, 030).
void checkFeatures(mlir::Operation *op, const onnx::Node &node, int64_t opset, onnx::Diagnostics &diagnostics);

/// Gives an MoE the layout of its definition where the options say which it has; reports layouts of a QMoE that cannot
/// be decoded or that nothing tells (code 010). The operands that are initializers have their types.
void settleExpertLayout(mlir::Operation *op, const onnx::Node &node, int64_t opset, const ImportOptions &options,
                        onnx::Diagnostics &diagnostics);

/// max_position_embeddings of the config.json in `folder`, or of its text_config; nothing when there is none.
std::optional<int64_t> readContextLimit(llvm::StringRef folder);

/// Facts of the genai_config.json in `folder`, as onnx.genai; null when there is none. A file that is there and is not
/// what it should be is ignored: it is no part of the model.
mlir::DictionaryAttr readGenaiConfig(llvm::StringRef folder, mlir::MLIRContext *context);

} // namespace janus

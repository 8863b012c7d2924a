//===- StoredNumbers.h - numbers of small constant tensors ------*- C++ -*-===//
#ifndef JANUS_RECOVER_ATTENTION_STOREDNUMBERS_H
#define JANUS_RECOVER_ATTENTION_STOREDNUMBERS_H

#include "mlir/IR/Value.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/SmallVector.h"

#include <memory>
#include <string>
#include <vector>

namespace janus::recover {

/// Reads constants and initializers of the graph, once each: tables and masks, never weights.
class StoredNumbers {
public:
  /// `folder`: where the files with weights are.
  explicit StoredNumbers(std::string folder) : folder_(std::move(folder)) {}
  struct Tensor {
    llvm::SmallVector<int64_t> shape;
    std::vector<double> numbers; // row-major; truths are 0 and 1
  };
  /// Null when the value is no constant, has more than kMaxNumbers elements, or its file cannot be read.
  const Tensor *read(mlir::Value value);
  static constexpr int64_t kMaxNumbers = int64_t{1} << 26;

private:
  std::string folder_;
  llvm::DenseMap<mlir::Value, std::unique_ptr<Tensor>> tensors_;
};

} // namespace janus::recover

#endif // JANUS_RECOVER_ATTENTION_STOREDNUMBERS_H

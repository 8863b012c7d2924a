//===- AttentionCore.h - what one attention computes ------------*- C++ -*-===//
//
// Finds the product of probabilities and values, or an attention operator, and describes it: for each head the columns
// of query, key and value, the mask as a set of distances, scale, softcap, sinks. It changes no IR.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RECOVER_ATTENTION_ATTENTIONCORE_H
#define JANUS_RECOVER_ATTENTION_ATTENTIONCORE_H

#include "lib/Recover/Attention/ColumnView.h"
#include "lib/Recover/Attention/MaskShape.h"

namespace janus::recover {

struct AttentionCore {
  mlir::Operation *root = nullptr; // the operator that yields `output`
  mlir::Value output;
  Parts outputDims; // parts of `output`; columns are heads, then value columns
  int64_t heads = 0, headDim = 0, valueDim = 0;
  std::vector<Column> q, k, v; // [heads * headDim], [heads * headDim], [heads * valueDim]
  double scale = 1, softcap = 0;
  MaskShape mask;
  llvm::SmallVector<ElementRef> sinks; // one for each head, or none
  bool smooth = false;                 // a sink of 0 for each head
};

class AttentionMatcher {
public:
  AttentionMatcher(KnownValues &known, ColumnViews &views, StoredNumbers &numbers, const ModelInterface &interface)
      : known_(known), views_(views), numbers_(numbers), interface_(interface) {}

  /// Could `op` be the end of an attention? Cheap.
  bool isCandidate(mlir::Operation *op) const;
  /// Nothing when it is no attention that can be described; `culprit` and `reason` say where and why.
  std::optional<AttentionCore> match(mlir::Operation *op);

  mlir::Operation *culprit = nullptr;
  std::string reason;

private:
  /// Scores [.., tokens, keys] on their way: scale * q . k, perhaps capped, masked.
  struct Scores {
    Parts dims; // the last two: tokens, keys (with sinks: keys and one more)
    int64_t heads = 0, headDim = 0;
    std::vector<Column> q, k;
    double scale = 1, post = 1; // post: behind tanh
    bool tanh = false, masked = false;
    MaskShape mask;
    llvm::SmallVector<ElementRef> sinks;
    mlir::Value normalised; // what the softmax is given
  };
  std::optional<Scores> scores(mlir::Value value);
  std::optional<Scores> probabilities(mlir::Value value);
  std::optional<Scores> product(mlir::Operation *op, mlir::Value a, mlir::Value b, bool transposed, double alpha);
  bool mask(Scores &scores, mlir::Value mask, mlir::Operation *op);
  bool intersect(Scores &scores, ElementRef element, mlir::Operation *op);
  bool addSinks(Scores &scores, onnx::ConcatOp op);
  /// The product times sigmoid(log(sum(exp(scores))) - sink) is attention with a sink for each head.
  void sinkGate(AttentionCore &core, const Scores &scores);
  bool scaleBy(Scores &scores, double factor, mlir::Operation *op);
  bool regroupScores(Scores &scores, mlir::Value result);

  std::optional<AttentionCore> matchProduct(mlir::Operation *op);
  std::optional<AttentionCore> matchGroupQuery(onnx::GroupQueryAttentionOp op);
  std::optional<AttentionCore> matchMultiHead(onnx::MultiHeadAttentionOp op);
  std::optional<AttentionCore> matchStandard(onnx::AttentionOp op);
  /// Query, key, value given as [B, S, heads * d] or [B, heads, S, d]; key heads are repeated to the query's.
  bool setOperands(AttentionCore &core, mlir::Value q, mlir::Value k, mlir::Value v, int64_t heads, int64_t kvHeads);
  bool headColumns(mlir::Value value, int64_t heads, int64_t repeat, int64_t &width, std::vector<Column> &columns);
  bool setOutput(AttentionCore &core, mlir::Value output);
  /// The additive or boolean mask of an operator, broadcast to [B, heads, S, T].
  bool operandMask(AttentionCore &core, mlir::Value mask);
  std::nullopt_t fail(mlir::Operation *op, const llvm::Twine &why);

  KnownValues &known_;
  ColumnViews &views_;
  StoredNumbers &numbers_;
  ModelInterface interface_;
};

} // namespace janus::recover

#endif // JANUS_RECOVER_ATTENTION_ATTENTIONCORE_H

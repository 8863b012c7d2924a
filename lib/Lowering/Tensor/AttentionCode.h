//===- AttentionCode.h - the code of all attention operators ----*- C++ -*-===//
//
// One loop over (batch, query head, row). What differs between operators is how
// an element of q, k and v is found, which keys count, and what is added to the
// scores; each operator says that in a Spec.
//
//   s_j = softcap(scale q.k_j) + bias_j over the keys j of [begin, end) that count
//   y   = sum_j exp(s_j - max s) v_j / (sum_j exp(s_j - max s) [+ exp(sink - max s)])
//
// The softmax is in f32 (f64 for f64). A row without a key that counts is 0.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_LOWERING_TENSOR_ATTENTIONCODE_H
#define JANUS_LOWERING_TENSOR_ATTENTIONCODE_H

#include "lib/Lowering/Tensor/Operators.h"

namespace janus::lowering {

struct AttentionSpec {
  const Buffer *q;             // [B, heads, S, d]
  const Buffer *keys, *values; // [B, kv heads, T, d], [B, kv heads, T, dv]
  mlir::Value batch, heads, kvHeads, rows, total, keySize, valueSize;
  double scale = 1, softcap = 0;
  /// The keys [begin, end) of a row that may count, within [0, total).
  std::function<std::pair<mlir::Value, mlir::Value>(mlir::Value batch, mlir::Value row)> range;
  /// Whether a key counts (i1); null: all of the range do.
  std::function<mlir::Value(mlir::Value batch, mlir::Value head, mlir::Value row, mlir::Value key)> counts;
  /// What is added to a score; null: nothing.
  std::function<mlir::Value(mlir::Value batch, mlir::Value head, mlir::Value row, mlir::Value key)> bias;
  /// A further score of the softmax's sum, without a value; null: none.
  std::function<mlir::Value(mlir::Value head)> sink;
  /// The output: y [B, S, heads * dv] when `rowMajor`, else [B, heads, S, dv].
  const Buffer *out = nullptr;
  bool rowMajor = false;
  /// Scores of one stage, [B, heads, S, T]: 0 scaled products, 1 after softcap, 2 with what is added, 3 the softmax.
  const Buffer *scoresOut = nullptr;
  int64_t scoresStage = 0;
  /// What a score is rounded to before the softmax, and weights after it; null: nothing.
  mlir::Type softmaxType;
};

/// `scores`: [B, heads, S, T] of the compute type of q, for the op alone.
void emitAttention(OperatorContext &c, const AttentionSpec &spec, const Buffer &scores);

/// q, k or v as [B, heads, S, d]: the input itself where it lies so, else a view by index of [B, S, heads * d] or of
/// a packed [B, S, heads, parts, d].
struct HeadView {
  const Buffer &buffer;
  int64_t heads, part = 0, parts = 1, first = 0; // `first`: head within the columns of a packed query
  mlir::Value headSize;

  /// Where element 0 of a head of a row lies.
  mlir::Value begin(Emitter &e, mlir::Value batch, mlir::Value head, mlir::Value row) const;
};

/// The attribute, or 1 / sqrt(head size).
double attentionScale(const OperatorContext &c, const onnx::SymExpr &headSize);

/// Element `column` of a head rotated by the angles of `position`: x's head begins at `begin`. Half-split, or pairs of
/// neighbours when interleaved; columns from 2 * angles on stay. `angle` gives the index of an angle in cos and sin.
mlir::Value rotated(Emitter &e, const Buffer &x, mlir::Value begin, mlir::Value column, mlir::Value angles,
                    bool interleaved, const Buffer &cos, const Buffer &sin,
                    llvm::function_ref<mlir::Value(mlir::Value angle)> entry);

llvm::LogicalResult lowerGroupQueryAttention(OperatorContext &c);

} // namespace janus::lowering

#endif // JANUS_LOWERING_TENSOR_ATTENTIONCODE_H

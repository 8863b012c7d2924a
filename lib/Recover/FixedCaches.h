//===- FixedCaches.h - caches with more slots than tokens -------*- C++ -*-===//
//
// A cache of fixed size has M slots, of which the first P + S hold keys; a scatter writes the new ones at P. Attention
// then goes over all slots, and a mask hides those that hold none. Under the names of keys instead of slots that is the
// attention over P + S keys: proved here, value by value, before anything is changed.
//
// A value may have one dimension that counts slots. What stands in slots from P + S on is undefined at first, a very
// low score once a mask has hidden it, and 0 behind a softmax. Only then may a product or a sum go over slots.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RECOVER_FIXEDCACHES_H
#define JANUS_RECOVER_FIXEDCACHES_H

#include "lib/Recover/Attention/KnownValues.h"
#include "lib/Recover/PastCaches.h"

namespace janus::recover {

class FixedCaches {
public:
  FixedCaches(KnownValues &known, const ModelInterface &interface) : known_(known), interface_(interface) {}

  /// Does the scatter write new keys to slots P, P + 1, ..? Else `culprit` and `reason` say why not.
  bool provesWrite(const PastCache &cache);
  /// Follows slots through the operators behind the scatters; false where keys cannot take their place.
  bool follow(mlir::func::FuncOp step);
  /// Gives every dimension that counts slots the extent of keys, P + S.
  void retype();

  mlir::Operation *culprit = nullptr;
  std::string reason;

private:
  enum class Rest : uint8_t { kAnything, kHidden, kZero }; // what slots without keys hold
  struct Slots {
    unsigned dim = 0;
    int64_t extra = 0; // columns behind the slots: sinks
    Rest rest = Rest::kAnything;
  };
  bool fail(mlir::Operation *op, const llvm::Twine &why);
  const Slots *slots(mlir::Value value) const;
  bool transfer(mlir::Operation *op);
  bool attention(onnx::AttentionOp op);
  bool product(mlir::Operation *op);
  bool carry(mlir::Operation *op);
  bool concat(onnx::ConcatOp op, const Slots &slots);
  bool cut(onnx::SliceOp op, const Slots &slots);
  /// What a mask makes of slots without keys: `value` of a result with slots in dimension `dim` of `rank`.
  Rest hidden(mlir::Operation *op, unsigned dim, unsigned rank);
  /// The element of a known operand at slot P + S + j; null when it is not known.
  ElementRef behind(mlir::Value value, unsigned dim, unsigned rank);
  bool isIndex(ElementRef element, const std::string &symbol, bool shifted) const;

  KnownValues &known_;
  ModelInterface interface_;
  llvm::DenseMap<mlir::Value, Slots> slots_;
};

} // namespace janus::recover

#endif // JANUS_RECOVER_FIXEDCACHES_H

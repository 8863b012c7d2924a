#include "janus/Recover/Passes.h"
#include "lib/Recover/ModelInterface.h"
#include "lib/Recover/PastCaches.h"
#include "lib/Recover/RowAnalysis.h"
#include "lib/Recover/RowForm.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_BINDINTERFACEPASS
#include "lib/Recover/Passes.h.inc"

namespace {

using onnx::Dims;
using onnx::SymExpr;

constexpr unsigned kMaxFollowed = 256; // values that are looked at behind an input

bool isIntegerTensor(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getElementType().isInteger() && !tensor.getElementType().isInteger(1);
}

/// Operators that hand on what they are given, element by element or moved.
bool movesElements(Operation *op) {
  return isa<onnx::IdentityOp, onnx::ReshapeOp, onnx::SqueezeOp, onnx::UnsqueezeOp, onnx::FlattenOp, onnx::ExpandOp,
             onnx::TransposeOp, onnx::SliceOp, onnx::ConcatOp, onnx::TileOp, onnx::DropoutOp>(op);
}

/// Does a gathered row become the residual stream: does a norm or a weight see it, through sums and casts alone?
bool becomesStream(Value gathered) {
  SmallVector<Value> stack = {gathered};
  llvm::DenseSet<Value> seen;
  while (!stack.empty() && seen.size() < kMaxFollowed) {
    Value value = stack.pop_back_val();
    if (!seen.insert(value).second)
      continue;
    for (OpOperand &use : value.getUses()) {
      Operation *user = use.getOwner();
      if (isa<onnx::SimplifiedLayerNormalizationOp, onnx::RMSNormalizationOp, onnx::LayerNormalizationOp,
              onnx::SkipSimplifiedLayerNormalizationOp, onnx::SkipLayerNormalizationOp, onnx::ReduceMeanOp,
              onnx::GemmOp, onnx::MatMulNBitsOp>(user) ||
          (isa<onnx::MatMulOp>(user) && use.getOperandNumber() == 0))
        return use.getOperandNumber() == 0 || !isa<onnx::GemmOp, onnx::MatMulNBitsOp>(user);
      bool scaled =
          isa<onnx::MulOp, onnx::DivOp, onnx::PowOp>(user) &&
          !isa_and_nonnull<onnx::ShapeInterface>(user->getOperand(1 - use.getOperandNumber()).getDefiningOp());
      if (isa<onnx::CastOp, onnx::AddOp>(user) || movesElements(user) || scaled)
        stack.push_back(user->getResult(0));
    }
  }
  return false;
}

/// What the uses of an integer, truth or number input say it is.
struct Evidence {
  bool positions = false, mask = false;
};

Evidence examine(BlockArgument argument) {
  Evidence result;
  SmallVector<Value> stack = {argument};
  llvm::DenseSet<Value> seen;
  while (!stack.empty() && seen.size() < kMaxFollowed) {
    Value value = stack.pop_back_val();
    if (!seen.insert(value).second)
      continue;
    Type element = cast<RankedTensorType>(value.getType()).getElementType();
    for (OpOperand &use : value.getUses()) {
      Operation *user = use.getOwner();
      unsigned at = use.getOperandNumber();
      if (auto conversion = dyn_cast<onnx::CastOp>(user)) {
        if (cast<RankedTensorType>(conversion.getY().getType()).getElementType().isInteger(1))
          result.mask = true;
        else
          stack.push_back(conversion.getY());
      } else if (isa<onnx::GatherOp>(user) && at == 1) {
        result.positions |= isa<FloatType>(cast<RankedTensorType>(user->getOperand(0).getType()).getElementType());
      } else if (isa<onnx::RotaryEmbeddingOp, onnx::MicrosoftRotaryEmbeddingOp, onnx::GroupQueryAttentionOp>(user)) {
        result.positions = true;
      } else if (isa<onnx::MulOp, onnx::MatMulOp, onnx::EinsumOp>(user) && isa<FloatType>(element)) {
        result.positions = true;
      } else if (isa<onnx::ReduceSumOp, onnx::CumSumOp, onnx::WhereOp, onnx::NotOp, onnx::EqualOp, onnx::GatherOp,
                     onnx::GatherNDOp, onnx::AttentionOp, onnx::MultiHeadAttentionOp>(user)) {
        result.mask = true;
      } else if (isa<onnx::SubOp>(user) && at == 1) { // 1 - mask
        result.mask = true;
      } else if (movesElements(user)) {
        stack.push_back(user->getResult(0));
      }
    }
  }
  return result;
}

struct BindInterface : impl::BindInterfacePassBase<BindInterface> {
  using Base::Base;

  void runOnOperation() override {
    auto step = getOperation().lookupSymbol<func::FuncOp>(moe::kStepFunction);
    if (step && !step->hasAttr(recover::kRowsAttr) && failed(bind(step)))
      step.erase();
  }

  BlockArgument findTokens(func::FuncOp step) {
    llvm::SetVector<Value> found, streams;
    step.walk([&](Operation *op) {
      if (!isa<onnx::GatherOp, onnx::GatherBlockQuantizedOp>(op))
        return;
      auto table = dyn_cast<RankedTensorType>(op->getOperand(0).getType());
      BlockArgument argument = recover::traceArgument(op->getOperand(1));
      if (!argument || !table || table.getRank() != 2 || isIntegerTensor(op->getResult(0).getType()))
        return;
      found.insert(argument);
      if (becomesStream(op->getResult(0)))
        streams.insert(argument);
    });
    if (found.size() == 1)
      return cast<BlockArgument>(found.front());
    // Several: positions are gathered by, too, rows of rotary tables or embeddings of positions.
    llvm::SmallVector<BlockArgument> left;
    for (Value value : streams)
      if (auto argument = cast<BlockArgument>(value); !examine(argument).mask)
        left.push_back(argument);
    return left.size() == 1 ? left.front() : BlockArgument();
  }

  LogicalResult bind(func::FuncOp step) {
    past_.reset(), values_.clear(), limit_.reset();
    BlockArgument tokens = findTokens(step);
    auto dims = tokens ? onnx::getDims(tokens.getType()) : std::nullopt;
    if (!dims || dims->empty() || dims->size() > 2)
      return refuse(step.getLoc(), "expects one integer argument that indexes an embedding table");
    for (BlockArgument argument : step.getArguments())
      if (auto extents = onnx::getDims(argument.getType()))
        for (const SymExpr &extent : *extents)
          for (const std::string &name : extent.symbols())
            if (name.front() == '.')
              return refuse(step.getLoc(), "the size '" + name + "' has a name that is reserved");
    batch_ = dims->size() == 2 ? dims->front() : SymExpr(1);
    sequence_ = dims->back();
    if (dims->size() == 2 && sequence_.constant())
      return refuse(tokens.getLoc(), "the length of its sequences is fixed at " + sequence_.str());

    recover::PastProblem problem;
    auto caches = recover::findCaches(step, problem);
    if (!caches)
      return refuse(problem.op->getLoc(), problem.op->getName().getStringRef() + " " + problem.reason);
    Builder b(&getContext());
    auto setRole = [&](BlockArgument argument, StringRef role) {
      step.setArgAttr(argument.getArgNumber(), recover::kInputAttr, b.getStringAttr(role));
    };
    setRole(tokens, "tokens");
    for (const recover::PastCache &cache : *caches) {
      setRole(cache.past, "past");
      auto extents = *onnx::getDims(cache.past.getType());
      if (!past_)
        past_ = extents[cache.axis];
      if (failed(unify(cache.past, {{0, batch_}, {cache.axis, *past_}})))
        return failure();
    }
    SymExpr keys = past_ ? *past_ + sequence_ : sequence_;
    for (BlockArgument argument : step.getArguments().drop_front(recover::kStepArguments)) {
      auto type = dyn_cast<RankedTensorType>(argument.getType());
      if (argument == tokens || inputIsPast(argument) || !type || type.getRank() == 0 || type.getRank() > 2)
        continue;
      Evidence evidence = examine(argument);
      unsigned last = type.getRank() - 1;
      SmallVector<std::pair<unsigned, SymExpr>> wanted;
      if (last == 1)
        wanted.push_back({0, batch_});
      if (evidence.positions && isIntegerTensor(type)) {
        setRole(argument, "positions");
        wanted.push_back({last, sequence_});
      } else if (evidence.mask && last == 1) {
        setRole(argument, "mask");
        wanted.push_back({last, keys});
      } else {
        continue;
      }
      if (failed(unify(argument, wanted)))
        return failure();
    }
    substituteTypes(step);
    if (failed(checkRequirements(step)))
      return failure();
    if (limit_) // within the limit, what is cut there is whole
      substituteTypes(step);
    batch_ = batch_.substitute(values_), sequence_ = sequence_.substitute(values_);
    step->setAttr(recover::kRowsAttr, b.getStringAttr((batch_ * sequence_).str()));
    step->setAttr(recover::kTokensAttr, b.getI64IntegerAttr(tokens.getArgNumber()));
    if (past_)
      step->setAttr(recover::kPastAttr, b.getStringAttr(past_->substitute(values_).str()));
    return success();
  }

  bool inputIsPast(BlockArgument argument) { return recover::inputRole(argument) == "past"; }

  /// Makes dimensions of an argument equal to given sizes, by giving symbols that nothing has settled yet their value.
  LogicalResult unify(BlockArgument argument, ArrayRef<std::pair<unsigned, SymExpr>> wanted) {
    Dims dims = *onnx::getDims(argument.getType());
    for (const auto &[d, size] : wanted) {
      SymExpr extent = dims[d].substitute(values_), target = size.substitute(values_);
      if (extent == target || extent.isConstant(1))
        continue;
      auto free = target.symbols();
      bool solved = false;
      for (const std::string &name : extent.symbols()) {
        SymExpr rest = extent.substitute({{name, SymExpr(0)}});
        if (free.count(name) || rest + SymExpr::symbol(name) != extent || isFixed(name))
          continue;
        std::map<std::string, SymExpr> step = {{name, target - rest}};
        for (auto &entry : values_)
          entry.second = entry.second.substitute(step);
        values_[name] = target - rest;
        solved = true;
        break;
      }
      if (!solved)
        return refuse(argument.getLoc(), "dimension " + Twine(d) + " of argument " + Twine(argument.getArgNumber()) +
                                             " is " + extent.str() + ", expected " + target.str());
    }
    return success();
  }

  /// Sizes of the tokens and of the past name themselves.
  bool isFixed(const std::string &name) {
    return batch_.symbols().count(name) || sequence_.symbols().count(name) || (past_ && past_->symbols().count(name));
  }

  void substituteTypes(func::FuncOp step) {
    if (values_.empty() && !limit_)
      return;
    SymExpr keys = past_ ? *past_ + sequence_ : sequence_;
    keys = keys.substitute(values_);
    auto simplify = [&](const std::string &name, const SymExpr &a, const SymExpr &b) -> std::optional<SymExpr> {
      auto whole = [&](const SymExpr &size, const SymExpr &cut) {
        return limit_ && size == keys && cut.constant() && *cut.constant() >= *limit_;
      };
      if (name != "min" || (!whole(a, b) && !whole(b, a)))
        return std::nullopt;
      return keys;
    };
    auto renew = [&](Value value) {
      if (auto dims = onnx::getDims(value.getType())) {
        for (SymExpr &dim : *dims)
          dim = dim.substitute(values_, simplify);
        value.setType(onnx::getTensorType(*dims, cast<RankedTensorType>(value.getType()).getElementType()));
      }
    };
    for (BlockArgument argument : step.getArguments().drop_front(recover::kStepArguments))
      renew(argument);
    step.walk([&](Operation *op) {
      if (op != step)
        llvm::for_each(op->getResults(), renew);
    });
    step.setFunctionType(FunctionType::get(&getContext(), step.front().getArgumentTypes(),
                                           step.front().getTerminator()->getOperandTypes()));
  }

  /// What the graph requires of its sizes has to hold for all sizes that a step may have. Extents that data determine
  /// are not among them: what they are counted for (rows of an expert) is recovered from its meaning or not at all. A
  /// size that is cut at a number limits the positions.
  LogicalResult checkRequirements(func::FuncOp step) {
    auto requirements = step->getAttrOfType<ArrayAttr>(onnx::kRequireAttr);
    auto bounds = step->getAttrOfType<DictionaryAttr>(onnx::kBoundsAttr);
    for (Attribute requirement : requirements ? requirements.getValue() : ArrayRef<Attribute>()) {
      auto [left, right] = cast<StringAttr>(requirement).getValue().split(" == ");
      auto a = SymExpr::parse(left.str()), b = SymExpr::parse(right.str());
      if (!a || !b)
        return refuse(step.getLoc(), "it requires " + cast<StringAttr>(requirement).getValue());
      SymExpr x = a->substitute(values_), y = b->substitute(values_);
      auto fromData = [&](const std::string &name) { return bounds && bounds.contains(name); };
      if (x == y || llvm::any_of((x + y).symbols(), fromData) || limits(step, x, y) || limits(step, y, x))
        continue;
      return refuse(step.getLoc(), "it requires " + cast<StringAttr>(requirement).getValue());
    }
    step->removeAttr(onnx::kRequireAttr);
    return success();
  }

  /// size == min(size, N): at most N tokens.
  bool limits(func::FuncOp step, const SymExpr &size, const SymExpr &cut) {
    std::optional<int64_t> limit;
    (void)cut.substitute({},
                         [&](const std::string &name, const SymExpr &a, const SymExpr &b) -> std::optional<SymExpr> {
                           if (name == "min")
                             limit = a == size ? b.constant() : b == size ? a.constant() : std::nullopt;
                           return std::nullopt;
                         });
    SymExpr keys = past_ ? past_->substitute(values_) + sequence_.substitute(values_) : sequence_.substitute(values_);
    if (!limit || *limit < 1 || size != keys || cut != SymExpr::min(size, SymExpr(*limit)))
      return false;
    recover::limitPositions(step, *limit);
    limit_ = std::min(limit_.value_or(*limit), *limit);
    return true;
  }

  LogicalResult refuse(Location loc, const Twine &reason) {
    emitRemark(loc) << "rows cannot be told apart: " << reason;
    getOperation()->setAttr(recover::kReasonAttr, StringAttr::get(&getContext(), reason));
    return failure();
  }

  SymExpr batch_, sequence_;
  std::optional<SymExpr> past_;
  std::map<std::string, SymExpr> values_;
  std::optional<int64_t> limit_;
};
} // namespace
} // namespace janus

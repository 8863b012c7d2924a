#include "janus/Recover/Passes.h"
#include "lib/Recover/InputUses.h"
#include "lib/Recover/ModelInterface.h"
#include "lib/Recover/PastCaches.h"
#include "lib/Recover/Regions/States.h"
#include "lib/Recover/RowAnalysis.h"
#include "lib/Recover/RowForm.h"
#include "lib/Recover/SingleTokens.h"

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_BINDINTERFACEPASS
#include "lib/Recover/Passes.h.inc"

namespace {

using onnx::Dims;
using onnx::SymExpr;

struct BindInterface : impl::BindInterfacePassBase<BindInterface> {
  using Base::Base;

  void runOnOperation() override {
    auto step = getOperation().lookupSymbol<func::FuncOp>(moe::kStepFunction);
    if (step && step->hasAttr(recover::kTokensAttr) && failed(bind(step)))
      step.erase();
  }

  LogicalResult bind(func::FuncOp step) {
    past_.reset(), values_.clear(), limit_.reset();
    BlockArgument tokens =
        step.getArgument(static_cast<unsigned>(step->getAttrOfType<IntegerAttr>(recover::kTokensAttr).getInt()));
    auto dims = onnx::getDims(tokens.getType());
    if (!dims || dims->empty() || dims->size() > 2)
      return refuse(tokens.getLoc(),
                    "the token ids have " + Twine(dims ? dims->size() : 0) + " dimensions, expected 1 or 2");
    for (BlockArgument argument : step.getArguments())
      if (auto extents = onnx::getDims(argument.getType()))
        for (const SymExpr &extent : *extents)
          for (const std::string &name : extent.symbols())
            if (name.front() == '.')
              return refuse(step.getLoc(), "the size '" + name + "' has a name that is reserved");
    batch_ = dims->size() == 2 ? dims->front() : SymExpr(1);
    sequence_ = dims->back();
    bool single = sequence_.isConstant(1) && recover::findStates(step).empty();
    if (dims->size() == 2 && sequence_.constant() && !single)
      return refuse(tokens.getLoc(), "the length of its sequences is fixed at " + sequence_.str());

    Builder b(&getContext());
    auto setRole = [&](BlockArgument argument, StringRef role) {
      step.setArgAttr(argument.getArgNumber(), recover::kInputAttr, b.getStringAttr(role));
    };
    setRole(tokens, "tokens");
    for (BlockArgument state : recover::findStates(step)) {
      setRole(state, "state");
      if (failed(unify(state, {{0, batch_}})))
        return failure();
    }
    recover::PastProblem problem;
    auto caches = recover::findCaches(step, problem);
    if (!caches)
      return refuse(problem.op->getLoc(), problem.op->getName().getStringRef() + " " + problem.reason);
    std::optional<SymExpr> slots;
    for (const recover::PastCache &cache : *caches) {
      setRole(cache.past, "past");
      auto extents = *onnx::getDims(cache.past.getType());
      if (cache.fixed) {
        SymExpr count = extents[cache.axis];
        if (slots && *slots != count)
          return refuse(cache.past.getLoc(),
                        "caches of " + slots->str() + " and of " + count.str() + " slots are not filled alike");
        slots = count;
      } else if (!past_) {
        past_ = extents[cache.axis];
      }
    }
    if (slots && !past_) // no dimension counts the past
      past_ = SymExpr::symbol(unusedName(step, "past"));
    for (const recover::PastCache &cache : *caches) {
      SmallVector<std::pair<unsigned, SymExpr>> wanted = {{0, batch_}};
      if (!cache.fixed)
        wanted.push_back({cache.axis, *past_});
      if (failed(unify(cache.past, wanted)))
        return failure();
    }
    SymExpr keys = past_ ? *past_ + sequence_ : sequence_;
    for (BlockArgument argument : step.getArguments().drop_front(recover::kStepArguments)) {
      auto type = dyn_cast<RankedTensorType>(argument.getType());
      if (argument == tokens || !recover::inputRole(argument).empty() || !type || type.getRank() > 2)
        continue;
      recover::InputUses evidence = recover::examineUses(argument);
      if (slots && type.getRank() < 2 && (evidence.written || evidence.valid) && recover::isIntegerTensor(type)) {
        if (evidence.written && evidence.valid)
          return refuse(argument.getLoc(), "argument " + Twine(argument.getArgNumber()) +
                                               " says both how many tokens are written and how many are valid");
        setRole(argument, evidence.written ? "written" : "valid");
        if (type.getRank() == 1 && failed(unify(argument, {{0, batch_}})))
          return failure();
        continue;
      }
      if (type.getRank() == 0)
        continue;
      unsigned last = type.getRank() - 1;
      SmallVector<std::pair<unsigned, SymExpr>> wanted;
      if (last == 1)
        wanted.push_back({0, batch_});
      if (evidence.positions && recover::isIntegerTensor(type)) {
        setRole(argument, "positions");
        wanted.push_back({last, sequence_});
      } else if (evidence.mask && last == 1) {
        setRole(argument, "mask");
        if (!slots || (*onnx::getDims(type))[last] != *slots)
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
    if (past_)
      step->setAttr(recover::kPastAttr, b.getStringAttr(past_->substitute(values_).str()));
    if (slots)
      step->setAttr(recover::kSlotsAttr, b.getStringAttr(slots->substitute(values_).str()));
    if (sequence_.constant() && !recover::freeLength(step) && dims->size() == 2)
      return refuse(tokens.getLoc(), "the length of its sequences is fixed at " + sequence_.str());
    return success();
  }

  /// A name that no extent of an argument has.
  static std::string unusedName(func::FuncOp step, std::string name) {
    std::set<std::string> used;
    for (BlockArgument argument : step.getArguments())
      if (auto extents = onnx::getDims(argument.getType()))
        for (const SymExpr &extent : *extents)
          used.merge(extent.symbols());
    while (used.count(name))
      name += "_";
    return name;
  }

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

  /// A step has at least one token: what min and max make of a sequence that may be empty goes.
  SymExpr nonEmpty(const SymExpr &size) const {
    std::map<std::string, SymExpr> up, down;
    for (const SymExpr &extent : {batch_.substitute(values_), sequence_.substitute(values_)})
      if (auto name = extent.asSymbol()) {
        up[*name] = extent + SymExpr(1);
        down[*name] = extent - SymExpr(1);
      }
    return size.substitute(up).substitute(down);
  }

  void substituteTypes(func::FuncOp step) {
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
    recover::replaceExtents(step,
                            [&](const SymExpr &extent) { return nonEmpty(extent.substitute(values_, simplify)); });
  }

  /// What the graph requires of its sizes has to hold for all sizes that a step may have. Extents that data determine
  /// are not among them: what they are counted for (rows of an expert) is recovered from its meaning or not at all. A
  /// size that is cut at a number limits the positions.
  LogicalResult checkRequirements(func::FuncOp step) {
    auto requirements = step->getAttrOfType<ArrayAttr>(onnx::kRequireAttr);
    std::set<std::string> given;
    for (BlockArgument argument : step.getArguments())
      if (auto dims = onnx::getDims(argument.getType()))
        for (const SymExpr &extent : *dims)
          given.merge(extent.symbols());
    for (Attribute requirement : requirements ? requirements.getValue() : ArrayRef<Attribute>()) {
      auto [left, right] = cast<StringAttr>(requirement).getValue().split(" == ");
      auto a = SymExpr::parse(left.str()), b = SymExpr::parse(right.str());
      if (!a || !b)
        return refuse(step.getLoc(), "it requires " + cast<StringAttr>(requirement).getValue());
      SymExpr x = nonEmpty(a->substitute(values_)), y = nonEmpty(b->substitute(values_));
      auto fromData = [&](const std::string &name) { return !given.count(name); };
      if (x == y || llvm::any_of((x + y).symbols(), fromData) || limits(step, x, y) || limits(step, y, x))
        continue;
      return refuse(step.getLoc(), "it requires " + cast<StringAttr>(requirement).getValue());
    }
    step->removeAttr(onnx::kRequireAttr);
    return success();
  }

  /// An equality that holds as long as there are at most N tokens, as size == min(size, N).
  bool limits(func::FuncOp step, const SymExpr &size, const SymExpr &cut) {
    SymExpr keys = past_ ? past_->substitute(values_) + sequence_.substitute(values_) : sequence_.substitute(values_);
    std::optional<int64_t> limit;
    SymExpr whole =
        cut.substitute({}, [&](const std::string &name, const SymExpr &a, const SymExpr &b) -> std::optional<SymExpr> {
          const int64_t most = a == keys ? b.constant().value_or(0) : b == keys ? a.constant().value_or(0) : 0;
          if (name != "min" || most < 1)
            return std::nullopt;
          limit = std::min(limit.value_or(most), most);
          return keys;
        });
    if (!limit || whole != size)
      return false;
    recover::limitPositions(step, *limit);
    limit_ = std::min(limit_.value_or(*limit), *limit);
    return true;
  }

  LogicalResult refuse(Location loc, const Twine &reason) {
    emitRemark(loc) << "rows cannot be told apart: " << reason;
    return recover::giveUp(getOperation(), loc, reason);
  }

  SymExpr batch_, sequence_;
  std::optional<SymExpr> past_;
  std::map<std::string, SymExpr> values_;
  std::optional<int64_t> limit_;
};
} // namespace
} // namespace janus

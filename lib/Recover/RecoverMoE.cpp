#include "janus/Recover/Missed.h"
#include "janus/Recover/Passes.h"
#include "lib/Recover/FusedExperts.h"
#include "lib/Recover/MatchRouter.h"
#include "lib/Recover/PlainChoices.h"
#include "lib/Recover/RowForm.h"

#include "llvm/ADT/StringExtras.h"

#include <cmath>
#include <set>

using namespace mlir;

namespace janus {
#define GEN_PASS_DEF_RECOVERMOEPASS
#include "lib/Recover/Passes.h.inc"

namespace {

using recover::Activation;
using recover::Interpreter;
using recover::Mixture;
using recover::notRecovered;
using recover::ReadExpert;
using recover::ReadRouter;
using recover::RowForm;
using recover::StoredWeight;
using recover::T;
using recover::Term;

/// The experts of a mixture: one entry with everything stacked, or one for each.
using Experts = std::vector<ReadExpert>;

struct RecoverMoE : impl::RecoverMoEPassBase<RecoverMoE> {
  using Base::Base;

  void runOnOperation() override {
    func::FuncOp step = recover::findCandidate(getOperation());
    if (!step)
      return;
    RowForm form(step);
    auto interpreter = std::make_unique<Interpreter>(form);
    if (auto plain = recover::plainChoices(form, *interpreter); !plain.empty())
      interpreter = std::make_unique<Interpreter>(form, plain);
    Interpreter &in = *interpreter;
    DenseSet<int32_t> absorbed, done;
    refused_ = false;
    for (const Mixture &mixture : in.mixtures())
      if (mixture.whole)
        absorbed.insert(mixture.absorbs.begin(), mixture.absorbs.end());
    int64_t layer = 0;
    for (auto [i, mixture] : llvm::enumerate(in.mixtures())) {
      if (!mixture.whole || absorbed.contains(static_cast<int32_t>(i)) || mixture.at.use_empty())
        continue;
      if (succeeded(rewrite(in, form, mixture, layer))) {
        done.insert(mixture.choice);
        ++layer;
      }
    }
    if (failed(report(in, step, done)) || refused_)
      return signalPassFailure();
    recover::eraseDead(step);
  }

  /// Every choice among experts whose experts were not all found.
  LogicalResult report(Interpreter &in, func::FuncOp step, const DenseSet<int32_t> &done) {
    std::map<int32_t, const Mixture *> longest;
    DenseSet<int32_t> whole; // all experts are there, whether or not they could be read
    for (auto [i, mixture] : llvm::enumerate(in.mixtures())) {
      if (mixture.whole) {
        whole.insert(mixture.choice);
        for (int32_t rank : in.mixtureList().ranksOf(static_cast<int32_t>(i)))
          whole.insert(in.mixtures()[rank].choice);
      }
      const Mixture *&known = longest[mixture.choice];
      if (!known || in.mixtureList().countOf(*known) < in.mixtureList().countOf(mixture))
        known = &mixture;
    }
    bool ok = true;
    DenseSet<int32_t> told(done);
    for (const recover::Refusal &refusal : in.refusals()) {
      if (!told.insert(refusal.choice).second)
        continue;
      ok = false;
      int64_t width = in.terms().choice(refusal.choice).width;
      if (refusal.experts >= 0 && refusal.experts < width)
        refusePartial(refusal.op->getLoc(), layerOf(in, refusal.choice), width, refusal.experts);
      else
        emitError(refusal.op->getLoc()) << "[JNS-ONNX-040] " << refusal.op->getName() << ": " << refusal.text
                                        << "; the export computes something else than its model for other inputs; "
                                           "export again with a loop over all experts or a fused MoE operator";
    }
    for (auto [choice, mixture] : longest) {
      if (told.contains(choice) || told.contains(in.terms().wholeOf(choice)) || whole.contains(choice) ||
          mixture->form != Mixture::kEach)
        continue;
      int64_t width = in.terms().choice(choice).width, found = expertsOf(in, choice);
      if (found >= width || !areExperts(in, *mixture) || losesTrack(in, step, choice))
        continue;
      refusePartial(mixture->at.getLoc(), layerOf(in, choice), width, found);
      told.insert(choice);
      told.insert(in.terms().wholeOf(choice));
      ok = false;
    }
    explain(in, step, told);
    return success(ok);
  }

  /// Is there an operator behind a choice that is not followed? Experts may be there that are not seen.
  static bool losesTrack(Interpreter &in, func::FuncOp step, int32_t choice) {
    return llvm::any_of(step.front().without_terminator(), [&](Operation &op) {
      return !in.reason(&op).empty() && !isa<onnx::ShapeOp, onnx::SizeOp>(op) &&
             llvm::any_of(op.getOperands(),
                          [&](Value operand) { return in.terms().isRouted(in.meaning(operand).term, choice); });
    });
  }

  /// How many experts of a choice are anywhere in the graph: what is not followed to their sum need not be missing.
  static int64_t expertsOf(Interpreter &in, int32_t choice) {
    std::set<int64_t> experts;
    std::optional<int64_t> twice;
    for (const Mixture &mixture : in.mixtures())
      if (mixture.choice == choice && mixture.form == Mixture::kEach)
        for (const auto &[expert, part] : in.mixtureList().experts(mixture, twice))
          experts.insert(expert);
    return static_cast<int64_t>(experts.size());
  }

  /// Is every part of a mixture an expert, and not a masked row on the way to one?
  static bool areExperts(Interpreter &in, const Mixture &mixture) {
    std::optional<int64_t> twice;
    return llvm::all_of(in.mixtureList().experts(mixture, twice), [&](const auto &part) {
      std::string reason;
      recover::ExpertSource source{mixture.choice, std::nullopt, part.second.weight};
      return recover::readExpert(in, part.second.body, source, reason).has_value();
    });
  }

  void refusePartial(Location loc, int64_t layer, int64_t width, int64_t found) {
    emitError(loc) << "[JNS-ONNX-020] the router of MoE layer " << layer << " chooses among " << width
                   << " experts, but only " << found
                   << " are in the graph: the export dropped experts that its example input did not use; export again "
                      "with a loop over all experts or a fused MoE operator";
  }

  /// The number of an MoE layer: choices of mixtures and wrong ones in order.
  static int64_t layerOf(Interpreter &in, int32_t choice) {
    // Choices that belong to one layer are the first one's.
    std::map<int32_t, int32_t> first;
    for (const Mixture &mixture : in.mixtures())
      for (int32_t rank : mixture.ranks)
        first.try_emplace(in.terms().wholeOf(in.mixtures()[rank].choice),
                          in.terms().wholeOf(in.mixtures()[mixture.ranks.front()].choice));
    auto keyOf = [&](int32_t id) {
      const auto &members = in.terms().choice(id).members;
      int32_t key = in.terms().wholeOf(members.empty() ? id : members.front());
      auto it = first.find(key);
      return it == first.end() ? key : it->second;
    };
    std::set<int32_t> choices;
    for (const Mixture &mixture : in.mixtures())
      choices.insert(keyOf(mixture.choice));
    for (const recover::Refusal &refusal : in.refusals())
      choices.insert(keyOf(refusal.choice));
    return std::distance(choices.begin(), choices.find(keyOf(choice)));
  }

  /// The first operator behind each other choice whose meaning is not followed.
  void explain(Interpreter &in, func::FuncOp step, DenseSet<int32_t> &told) {
    // What a choice that was read rests on, groups of experts, was read with it.
    for (SmallVector<int32_t> stack(told.begin(), told.end()); !stack.empty();)
      for (int32_t inner : in.terms().restsOn(stack.pop_back_val()))
        if (told.insert(inner).second)
          stack.push_back(inner);
    for (Operation &op : step.front().without_terminator()) {
      StringRef reason = in.reason(&op);
      if (reason.empty() || isa<onnx::ShapeOp, onnx::SizeOp>(op))
        continue;
      if (isa<onnx::MoEOp, onnx::QMoEOp>(op)) {
        (void)notRecovered(&op, reason);
        continue;
      }
      SmallVector<int32_t, 2> routed;
      for (Value operand : op.getOperands())
        llvm::append_range(routed, in.meaning(operand).term->routed);
      for (int32_t choice : routed) {
        if (told.contains(in.terms().wholeOf(choice)) || !told.insert(choice).second)
          continue;
        InFlightDiagnostic warning = emitWarning(op.getLoc())
                                     << "[JNS-ONNX-021] " << recover::kMissedChoice << in.terms().choice(choice).width
                                     << " experts was not recovered: " << op.getName() << ": " << reason
                                     << "; it stays as ordinary operators and cannot be partitioned";
        if (Operation *maker = in.makerOf(choice))
          warning.attachNote(maker->getLoc()) << "chosen here";
      }
    }
  }

  static bool isMadeOf(T term, T part) {
    DenseSet<T> seen;
    SmallVector<T> stack{term};
    while (!stack.empty() && stack.back() != part)
      if (T next = stack.pop_back_val(); seen.insert(next).second)
        stack.append(next->operands.begin(), next->operands.end());
    return !stack.empty();
  }

  /// `expert` against the first one: experts of other shapes or activations are no export of a model that Janus knows.
  LogicalResult compare(Interpreter &in, Operation *op, const ReadExpert &first, const ReadExpert &expert,
                        int64_t number) {
    auto shape = [](const std::optional<StoredWeight> &weight) {
      return weight ? weight->shape() : ArrayRef<int64_t>();
    };
    auto sizes = [](ArrayRef<int64_t> shape) {
      return llvm::join(llvm::map_range(shape, [](int64_t size) { return std::to_string(size); }), ", ");
    };
    const recover::ExpertWeights &a = first.weights, &b = expert.weights;
    auto refuse = [&](StringRef what) {
      emitError(op->getLoc()) << "[JNS-ONNX-022] expert " << number << " differs from expert 0 in " << what
                              << "; expects experts that differ in their numbers only";
      refused_ = true;
      return failure();
    };
    // Its own layers make what it reads: there are more of them.
    bool more = isMadeOf(expert.input, first.input), less = isMadeOf(first.input, expert.input);
    if (first.input != expert.input && more != less)
      return refuse(more ? "the number of its linear layers: it has one in front of those that expert 0 has"
                         : "the number of its linear layers: expert 0 has one in front of those that it has");
    if (!a.up != !b.up)
      return refuse(a.up
                        ? "the number of its linear layers: it has no gate beside its up projection, expert 0 has one"
                        : "the number of its linear layers: it has a gate beside its up projection, expert 0 has none");
    using Part = std::pair<StringRef, std::optional<StoredWeight> recover::ExpertWeights::*>;
    StringRef gate = a.up ? "gate" : "first";
    for (auto [name, part] : {Part(gate, &recover::ExpertWeights::gate), Part("up", &recover::ExpertWeights::up),
                              Part("down", &recover::ExpertWeights::down)})
      if (shape(a.*part) != shape(b.*part))
        return refuse(("the shape of its weights: [" + sizes(shape(b.*part)) + "] of its " + name +
                       " projection, expert 0 has [" + sizes(shape(a.*part)) + "]")
                          .str());
    if (!(first.activation == expert.activation))
      return refuse("its activation");
    for (auto [name, part] :
         {Part(gate, &recover::ExpertWeights::gateBias), Part("up", &recover::ExpertWeights::upBias),
          Part("down", &recover::ExpertWeights::downBias)})
      if (!(a.*part) != !(b.*part))
        return refuse(("the bias of its " + name + " projection: it has " + (b.*part ? "one" : "none") +
                       ", expert 0 has " + (a.*part ? "one" : "none"))
                          .str());
    if (first.input != expert.input || first.scaled != expert.scaled || !in.space().same(first.columns, expert.columns))
      return notRecovered(op, "expert " + Twine(number) + " differs from expert 0 in its input or result");
    constexpr double kRounding = 1e-6; // of numbers that activations are spelled with
    if (first.weight != expert.weight || std::fabs(first.factor - expert.factor) > kRounding * std::fabs(first.factor))
      return notRecovered(op, "expert " + Twine(number) + " is weighted in another way than expert 0");
    return success();
  }

  FailureOr<Experts> readExperts(Interpreter &in, const RowForm &form, const Mixture &mixture, Operation *op) {
    recover::Terms &terms = in.terms();
    if (mixture.form == Mixture::kRanks)
      return readRanks(in, form, mixture, op);
    int64_t width = terms.choice(mixture.choice).width;
    std::string reason;
    recover::ExpertSource source{mixture.choice, std::nullopt, mixture.weighted ? mixture.weight : nullptr};
    Experts result;
    if (mixture.form == Mixture::kFused) {
      auto fused = recover::readFused(mixture.op, form, width, reason);
      if (!fused)
        return notRecovered(op, reason);
      fused->input = in.meaning(mixture.op->getOperand(0)).term;
      fused->weight = mixture.weight;
      return Experts{*fused};
    }
    std::map<int64_t, recover::MixturePart> parts;
    std::optional<int64_t> twice;
    if (mixture.form == Mixture::kEach) {
      parts = in.mixtureList().experts(mixture, twice);
    } else {
      if (!recover::spellsEach(mixture)) {
        source.stacked = recover::stackedBy(mixture);
        auto all = recover::readExpert(in, mixture.body, source, reason);
        if (!all)
          return notRecovered(op, "its experts: " + reason);
        return Experts{*all};
      }
      for (int64_t expert = 0; expert < width; ++expert) {
        T body = recover::expertBody(in, mixture, expert);
        if (!body)
          return notRecovered(op, "its experts are not told apart");
        parts[expert] = {-1, 1, expert, source.weight, body};
      }
    }
    // What no expert of a trace was put over is the number that was there before.
    auto found = llvm::count_if(parts, [](const auto &part) { return part.second.body->kind != Term::kNumber; });
    if (found > 0 && found < width) {
      refusePartial(op->getLoc(), layerOf(in, mixture.choice), width, found);
      refused_ = true;
      return failure();
    }
    for (const auto &[expert, part] : parts) {
      source.weight = part.weight;
      auto one = recover::readExpert(in, part.body, source, reason);
      if (!one)
        return notRecovered(op, "expert " + Twine(expert) + ": " + reason);
      if (!result.empty() && failed(compare(in, op, result.front(), *one, expert)))
        return failure();
      result.push_back(*one);
    }
    return result;
  }

  /// The experts of mixtures of one rank each, which are the same; each rank has its weight.
  FailureOr<Experts> readRanks(Interpreter &in, const RowForm &form, const Mixture &mixture, Operation *op) {
    recover::Terms &terms = in.terms();
    Experts result;
    SmallVector<T> weights;
    for (int32_t rank : mixture.ranks) {
      auto experts = readExperts(in, form, in.mixtures()[rank], op);
      if (failed(experts))
        return failure();
      const ReadExpert &first = experts->front();
      weights.push_back(terms.apply(recover::Fn::kMul, {terms.number(first.factor), first.weight}));
      if (result.empty())
        result = *experts;
      else if (!areSame(in, result, *experts))
        return notRecovered(op, "its ranks choose among different experts");
    }
    for (ReadExpert &expert : result) {
      expert.weight = terms.family(terms.choice(mixture.choice).rank, weights);
      expert.factor = 1;
    }
    return result;
  }

  static bool areSame(Interpreter &in, const Experts &a, const Experts &b) {
    auto same = [](const std::optional<StoredWeight> &x, const std::optional<StoredWeight> &y) {
      return !x == !y && (!x || x->isSame(*y));
    };
    return a.size() == b.size() && llvm::all_of(llvm::zip(a, b), [&](const auto &pair) {
             const auto &[x, y] = pair;
             return same(x.weights.gate, y.weights.gate) && same(x.weights.up, y.weights.up) &&
                    same(x.weights.down, y.weights.down) && same(x.weights.gateBias, y.weights.gateBias) &&
                    same(x.weights.upBias, y.weights.upBias) && same(x.weights.downBias, y.weights.downBias) &&
                    x.activation == y.activation && x.input == y.input && x.scaled == y.scaled &&
                    in.space().same(x.columns, y.columns);
           });
  }

  LogicalResult rewrite(Interpreter &in, const RowForm &form, const Mixture &mixture, int64_t layer) {
    Operation *op = mixture.at.getDefiningOp();
    recover::Axes axes = in.meaning(mixture.at).axes;
    recover::Dim flat = in.space().flat(axes);
    size_t rows = in.rowVars().size();
    if (flat.size() <= rows || !std::equal(in.rowVars().begin(), in.rowVars().end(), flat.begin()))
      return notRecovered(op, "its result is not by row");
    auto experts = readExperts(in, form, mixture, op);
    if (failed(experts))
      return failure();
    const ReadExpert &first = experts->front();
    if (mixture.form != Mixture::kFused &&
        in.space().resolve(first.columns) != recover::Dim(flat.begin() + static_cast<int64_t>(rows), flat.end()))
      return notRecovered(op, "its result's columns are not those of the experts");
    bool alone = in.terms().choice(mixture.choice).k == 1; // its renormalised weight is 1
    if (!first.weight && !alone)
      return notRecovered(op, "its experts are not weighted as they were chosen");
    std::string reason;
    T weight = first.weight ? first.weight : in.terms().number(1);
    if (first.factor != 1)
      weight = in.terms().apply(recover::Fn::kMul, {weight, in.terms().number(first.factor)});
    auto router = mixture.sparseMixer ? recover::readSparseMixer(in, mixture.choice, reason)
                                      : recover::readRouter(in, mixture.choice, weight, reason);
    if (!router)
      return notRecovered(op, "its router: " + reason);
    SmallVector<T> bodies{weight, in.terms().choice(mixture.choice).input};
    if (mixture.body)
      bodies.push_back(mixture.body);
    std::optional<int64_t> twice;
    for (const auto &[expert, part] : in.mixtureList().experts(mixture, twice))
      bodies.push_back(part.body);
    for (int32_t rank : mixture.ranks) {
      if (T body = in.mixtures()[rank].body)
        bodies.push_back(body);
      for (const auto &[expert, part] : in.mixtureList().experts(in.mixtures()[rank], twice))
        bodies.push_back(part.body);
    }
    for (T body : bodies)
      if (!in.terms().isConsistent(body, {first.input, router->input}))
        return notRecovered(op, "indices that it keeps apart run together elsewhere");
    Value xValue = in.valueOf(first.input), routerValue = in.valueOf(router->input);
    OpBuilder builder(op->getContext());
    builder.setInsertionPointAfter(op);
    Value x = xValue ? form.toRows(builder, xValue) : Value();
    Value routed = routerValue ? form.toRows(builder, routerValue) : Value();
    if (!x || !routed)
      return notRecovered(op, "its input is not f32 by row");
    int64_t hidden = cast<RankedTensorType>(x.getType()).getShape()[1];
    ArrayRef<int64_t> down = first.weights.down->shape();
    if (down[down.size() - 2] != hidden ||
        cast<RankedTensorType>(routed.getType()).getShape()[1] != router->weight->shape()[1])
      return notRecovered(op, "its result is not as wide as its input");
    SmallVector<Value> rest;
    for (Value value : mixture.rest) {
      rest.push_back(form.toRows(builder, value));
      if (!rest.back() || rest.back().getType() != x.getType())
        return notRecovered(op, "what is added to its experts is not f32 by row");
    }
    const recover::ExpertWeights &parts = first.weights;
    if (parts.up && parts.up->blocks(op->getContext()) != parts.gate->blocks(op->getContext()))
      return notRecovered(op, "its gate and up projections are not quantised alike");
    auto stored = stack(builder, form.symbols(), *experts);
    if (failed(stored))
      return notRecovered(op, "its experts' weights are partly constants of the graph, or not quantised alike");

    Value y = build(builder, form, op->getLoc(), *router, *stored, first, x, routed, layer);
    for (Value value : rest)
      y = moe::AddOp::create(builder, op->getLoc(), y, value);
    Value result = form.fromRows(builder, y, mixture.at.getType());
    Value(mixture.at).replaceAllUsesWith(result);
    emitRemark(op->getLoc()) << "MoE layer " << layer << ": " << router->k << " of "
                             << in.terms().choice(mixture.choice).width << " experts";
    return success();
  }

  /// gate, up, down and their biases.
  using Stacked = std::array<Value, 6>;

  FailureOr<Stacked> stack(OpBuilder &builder, SymbolTable &symbols, const Experts &experts) {
    Stacked result;
    std::optional<StoredWeight> recover::ExpertWeights::*const parts[] = {
        &recover::ExpertWeights::gate,     &recover::ExpertWeights::up,     &recover::ExpertWeights::down,
        &recover::ExpertWeights::gateBias, &recover::ExpertWeights::upBias, &recover::ExpertWeights::downBias};
    for (auto [value, part] : llvm::zip(result, parts)) {
      if (!(experts.front().weights.*part))
        continue;
      if (experts.size() == 1 && (experts.front().weights.gate->shape().size() == 3)) {
        value = (experts.front().weights.*part)->materialise(builder, symbols);
        continue;
      }
      SmallVector<StoredWeight> list;
      for (const ReadExpert &expert : experts)
        list.push_back(*(expert.weights.*part));
      if (!(value = StoredWeight::stack(builder, symbols, list)))
        return failure();
    }
    return result;
  }

  Value build(OpBuilder &builder, const RowForm &form, Location loc, const ReadRouter &router, const Stacked &stacked,
              const ReadExpert &first, Value x, Value routed, int64_t layer) {
    MLIRContext *context = builder.getContext();
    IntegerAttr number = builder.getI64IntegerAttr(layer);
    auto put = [&](const std::optional<StoredWeight> &weight) {
      return weight ? weight->materialise(builder, form.symbols()) : Value();
    };
    int64_t experts = router.weight->shape()[0], k = router.k;
    int64_t hidden = cast<RankedTensorType>(x.getType()).getShape()[1];
    Value logits = moe::LinearOp::create(builder, loc, form.rowsType(experts), routed, put(router.weight),
                                         put(router.bias), Value(), builder.getUnitAttr(), number);
    auto ranks = [&](Type element) { return RankedTensorType::get({ShapedType::kDynamic, k}, element); };
    const recover::RoutingRule &rule = router.rule;
    auto groups = rule.groups > 1 ? moe::GroupsAttr::get(context, rule.groups, rule.keptGroups, rule.groupScore,
                                                         builder.getF32FloatAttr(static_cast<float>(rule.groupFill)))
                                  : moe::GroupsAttr();
    auto route = moe::RouteOp::create(
        builder, loc, ranks(builder.getI32Type()), ranks(builder.getF32Type()), logits, put(router.selectBias),
        put(router.expertScale), builder.getI64IntegerAttr(k), moe::ScoreAttr::get(context, rule.score), groups,
        builder.getBoolAttr(rule.renormalize), builder.getF32FloatAttr(static_cast<float>(rule.epsilon)),
        builder.getF32FloatAttr(static_cast<float>(rule.scale)),
        builder.getF32FloatAttr(static_cast<float>(rule.jitter)), number);
    const Activation &a = first.activation;
    auto activation = moe::ActivationAttr::get(context, a.kind, a.alpha, a.beta, a.limit);
    auto pairs = RankedTensorType::get({ShapedType::kDynamic, k, hidden}, builder.getF32Type());
    Value y = moe::ExpertsOp::create(builder, loc, pairs, x, route.getIds(), route.getWeights(), stacked[0], stacked[1],
                                     stacked[2], stacked[3], stacked[4], stacked[5], activation,
                                     first.scaled ? builder.getUnitAttr() : UnitAttr(), number);
    return moe::CombineOp::create(builder, loc, form.rowsType(hidden), y, Value(), Value());
  }

  bool refused_ = false;
};
} // namespace
} // namespace janus

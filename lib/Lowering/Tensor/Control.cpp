// Operators with graphs inside: blocks of the function, so that what a graph checks and allocates is as everywhere.
#include "lib/Lowering/Tensor/TensorFunction.h"

using namespace mlir;

namespace janus::lowering {

Block *TensorFunction::newBlock() {
  Block *block = new Block;
  code_.getBody().push_back(block);
  return block;
}

LogicalResult TensorFunction::lowerGraph(Block &graph) {
  for (Operation &op : graph.without_terminator())
    if (failed(lowerOp(op)))
      return failure();
  e_->setLocation(graph.getTerminator()->getLoc());
  return success();
}

void TensorFunction::copy(const Buffer &from, const Buffer &to) {
  e_->fillFlat(to, [&](Value position) { return e_->load(from, position); });
}

/// Both graphs fill the same results. One whose extents the taken graph decides lies in memory that this graph takes,
/// which reaches the block behind both, as its extents do, as an argument.
LogicalResult TensorFunction::lowerIf(onnx::IfOp choice) {
  Type pointer = pointerType(), i64 = builder_.getI64Type();
  SmallVector<bool> decided;
  for (Value result : choice.getResults()) {
    const auto dims = onnx::getDims(result.getType());
    decided.push_back(llvm::all_of(*dims, [&](const SymExpr &dim) { return knows(dim); }));
    if (decided.back() && failed(allocate(result, outputPointer_.lookup(result), choice)))
      return failure();
  }
  Value condition = e_->load(buffers_[choice.getCondition()], e_->i64(0));
  Block *first = newBlock(), *second = newBlock(), *behind = newBlock();
  LLVM::CondBrOp::create(builder_, loc(), condition, first, second);
  for (auto [block, region] : {std::pair(first, &choice.getThenBranch()), std::pair(second, &choice.getElseBranch())}) {
    builder_.setInsertionPointToStart(block);
    if (failed(lowerGraph(region->front())))
      return failure();
    Operation *yield = region->front().getTerminator();
    SmallVector<Value> arguments;
    for (auto [result, known, value] : llvm::zip(choice.getResults(), decided, yield->getOperands())) {
      const Buffer source = buffers_[value];
      if (known) {
        copy(source, buffers_[result]);
        continue;
      }
      Buffer target = source;
      target.pointer = allocate(source.extents, source.element);
      target.packed = false;
      copy(source, target);
      arguments.push_back(target.pointer);
      arguments.append(source.extents.begin(), source.extents.end());
    }
    giveBackOperands(*yield);
    LLVM::BrOp::create(builder_, loc(), arguments, behind);
  }
  builder_.setInsertionPointToStart(behind);
  for (auto [result, known] : llvm::zip(choice.getResults(), decided)) {
    if (known)
      continue;
    memory_[result] = behind->addArgument(pointer, loc());
    const auto dims = onnx::getDims(result.getType());
    for (const SymExpr &dim : *dims) {
      Value extent = behind->addArgument(i64, loc());
      if (auto symbol = dim.asSymbol(); symbol && !e_->knows(*symbol))
        e_->define(*symbol, extent);
    }
    if (failed(bind(result, memory_[result], choice)))
      return failure();
  }
  checkPending(choice);
  return success();
}

/// Carried values lie where the results do, from one iteration to the next; stacked values in memory for as many as the
/// trip count says.
LogicalResult TensorFunction::lowerLoop(onnx::LoopOp loop) {
  Block &graph = loop.getBody().front();
  Operation *yield = graph.getTerminator();
  unsigned carried = loop.getInitial().size();
  auto number = [&](Type element) {
    Buffer buffer{partPointer(workspace_->acquire(SymExpr(elementBytes(element)))), element, {}, {}};
    return buffer;
  };
  Type i64 = builder_.getI64Type(), i1 = builder_.getI1Type();
  Value trips = loop.getTripCount() ? e_->loadIndex(buffers_[loop.getTripCount()], e_->i64(0))
                                    : e_->i64(std::numeric_limits<int64_t>::max());
  Value begin = loop.getCondition() ? e_->load(buffers_[loop.getCondition()], e_->i64(0)) : e_->i1(true);
  for (auto [index, initial] : llvm::enumerate(loop.getInitial())) {
    Value result = loop.getResult(index);
    if (failed(allocate(result, outputPointer_.lookup(result), loop)))
      return failure();
    copy(buffers_[initial], buffers_[result]);
  }
  std::vector<Buffer> stacked;
  for (auto [result, value] :
       llvm::zip(loop.getResults().drop_front(carried), yield->getOperands().drop_front(carried + 1))) {
    const auto dims = onnx::getDims(value.getType());
    if (!loop.getTripCount() || !llvm::all_of(*dims, [&](const SymExpr &dim) { return knows(dim); }))
      return loop.emitOpError("[JNS-ONNX-040] stacks values whose extents or number are known only when it ends");
    Buffer list{{}, cast<RankedTensorType>(value.getType()).getElementType(), {}, {e_->max(trips, e_->i64(0))}};
    for (const SymExpr &dim : *dims)
      list.extents.push_back(e_->expression(dim));
    list.pointer = memory_[result] = allocate(list.extents, list.element);
    stacked.push_back(list);
  }
  Buffer iteration = number(i64), going = number(i1);

  Block *head = newBlock(), *body = newBlock(), *behind = newBlock();
  Value i = head->addArgument(i64, loc()), go = head->addArgument(i1, loc());
  LLVM::BrOp::create(builder_, loc(), ValueRange{e_->i64(0), begin}, head);
  builder_.setInsertionPointToStart(head);
  LLVM::CondBrOp::create(builder_, loc(), e_->both(go, e_->less(i, trips)), body, behind);
  builder_.setInsertionPointToStart(body);
  e_->store(iteration, e_->i64(0), i);
  e_->store(going, e_->i64(0), go);
  buffers_[graph.getArgument(0)] = iteration;
  buffers_[graph.getArgument(1)] = going;
  for (auto [argument, result] : llvm::zip(graph.getArguments().drop_front(2), loop.getResults())) {
    const Buffer buffer = buffers_[result];
    buffers_[argument] = buffer;
  }
  if (failed(lowerGraph(graph)))
    return failure();
  Value next = e_->load(buffers_[yield->getOperand(0)], e_->i64(0));
  for (auto [list, value] : llvm::zip(stacked, yield->getOperands().drop_front(carried + 1))) {
    Buffer row = list;
    row.extents.erase(row.extents.begin());
    row.pointer = e_->address(list, e_->mul(i, e_->product(row.extents)));
    copy(buffers_[value], row);
  }
  // A value that lies where another is carried is read before that one is written.
  std::vector<std::pair<Buffer, Buffer>> copies;
  SmallVector<Value> aside;
  for (auto [index, value] : llvm::enumerate(yield->getOperands().slice(1, carried))) {
    Value from = root(value);
    if (from == graph.getArgument(index + 2))
      continue;
    Buffer source = buffers_[value];
    if (llvm::is_contained(graph.getArguments(), from)) {
      Buffer kept = source;
      kept.pointer = aside.emplace_back(allocate(source.extents, source.element));
      kept.packed = false;
      copy(source, kept);
      source = kept;
    }
    copies.emplace_back(source, buffers_[loop.getResult(index)]);
  }
  for (const auto &[from, to] : copies)
    copy(from, to);
  for (Value memory : aside)
    release(memory);
  giveBackOperands(*yield);
  LLVM::BrOp::create(builder_, loc(), ValueRange{e_->add(i, e_->i64(1)), next}, head);

  builder_.setInsertionPointToStart(behind);
  for (Value result : loop.getResults().drop_front(carried)) {
    const auto dims = onnx::getDims(result.getType());
    if (auto symbol = (*dims)[0].asSymbol(); symbol && !e_->knows(*symbol))
      e_->define(*symbol, i);
    if (failed(bind(result, memory_[result], loop)))
      return failure();
  }
  checkPending(loop);
  return success();
}

} // namespace janus::lowering

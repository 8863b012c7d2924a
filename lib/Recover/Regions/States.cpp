#include "lib/Recover/Regions/States.h"

#include "lib/Recover/PastCaches.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/raw_ostream.h"

using namespace mlir;

namespace janus::recover {

using onnx::SymExpr;

bool isStateType(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  auto dims = onnx::getDims(type);
  return tensor && dims && dims->size() >= 2 && tensor.getElementType().isF32() &&
         ((*dims)[0].asSymbol() || (*dims)[0].isConstant(1)) &&
         llvm::all_of(llvm::drop_begin(*dims), [](const SymExpr &dim) { return dim.constant().value_or(0) > 0; });
}

bool sameState(Type a, Type b) {
  if (!isStateType(a) || !isStateType(b))
    return false;
  auto x = cast<RankedTensorType>(a).getShape(), y = cast<RankedTensorType>(b).getShape();
  return x.drop_front() == y.drop_front();
}

SmallVector<BlockArgument> findStates(func::FuncOp step) {
  Operation *terminator = step.front().getTerminator();
  SmallVector<BlockArgument> states;
  for (BlockArgument argument : step.getArguments()) {
    bool comesOut = llvm::any_of(terminator->getOperands(), [&](Value value) {
      return !isa<BlockArgument>(value) && sameState(value.getType(), argument.getType());
    });
    bool byPosition = llvm::any_of(argument.getUses(), [&](OpOperand &use) {
      return pastOperands(use.getOwner()) || isCacheWrite(use.getOwner()) || isWritten(argument, use);
    });
    if (comesOut && !byPosition && !argument.use_empty())
      states.push_back(argument);
  }
  return states;
}

namespace {

/// What is left of a name without the words that say which way it goes.
SmallVector<std::string> wordsOf(StringRef name) {
  static const char *const kWay[] = {"past", "present", "in",  "out",     "input", "output", "new",
                                     "next", "prev",    "old", "updated", "key",   "values", "cache"};
  SmallVector<std::string> words;
  std::string word;
  auto end = [&] {
    if (!word.empty() && !llvm::is_contained(kWay, word))
      words.push_back(word);
    word.clear();
  };
  for (char c : name)
    if (llvm::isAlnum(c))
      word += llvm::toLower(c);
    else
      end();
  end();
  return words;
}

} // namespace

llvm::DenseMap<BlockArgument, unsigned> pairByName(func::FuncOp step, ArrayRef<BlockArgument> states) {
  llvm::DenseMap<BlockArgument, unsigned> pairs;
  Operation *terminator = step.front().getTerminator();
  std::map<SmallVector<std::string>, SmallVector<unsigned>> results, arguments;
  auto nameOf = [](StringAttr name) { return name ? wordsOf(name.getValue()) : SmallVector<std::string>(); };
  for (unsigned i = 0; i < terminator->getNumOperands(); ++i)
    if (isStateType(terminator->getOperand(i).getType()))
      results[nameOf(step.getResultAttrOfType<StringAttr>(i, onnx::kNameAttr))].push_back(i);
  for (BlockArgument state : states)
    arguments[nameOf(step.getArgAttrOfType<StringAttr>(state.getArgNumber(), onnx::kNameAttr))].push_back(
        state.getArgNumber());
  for (auto &[words, numbers] : arguments) {
    auto it = results.find(words);
    if (words.empty() || it == results.end() || numbers.size() != 1 || it->second.size() != 1)
      continue;
    BlockArgument state = step.getArgument(numbers[0]);
    if (sameState(state.getType(), terminator->getOperand(it->second[0]).getType()))
      pairs[state] = it->second[0];
  }
  return pairs;
}

std::string describeType(Type type) {
  auto dims = onnx::getDims(type);
  if (!dims)
    return "no known form";
  std::string text;
  llvm::raw_string_ostream out(text);
  out << "[";
  llvm::interleaveComma(*dims, out, [&](const SymExpr &dim) { out << dim.str(); });
  out << "] of " << cast<RankedTensorType>(type).getElementType();
  return text;
}

} // namespace janus::recover

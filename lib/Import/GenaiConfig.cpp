#include "lib/Import/ImportInternal.h"
#include "mlir/IR/Builders.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace mlir;

namespace janus {

namespace {
/// A JSON object; nothing when there is no such file, or when it is not what it should be.
std::optional<llvm::json::Object> readObject(StringRef folder, StringRef name) {
  llvm::SmallString<128> path(folder);
  llvm::sys::path::append(path, name);
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/true);
  if (!buffer || (*buffer)->getBufferSize() > (1 << 20))
    return std::nullopt;
  auto parsed = llvm::json::parse((*buffer)->getBuffer());
  if (!parsed) {
    llvm::consumeError(parsed.takeError());
    return std::nullopt;
  }
  auto *object = parsed->getAsObject();
  return object ? std::optional(std::move(*object)) : std::nullopt;
}
} // namespace

std::optional<int64_t> readContextLimit(StringRef folder) {
  auto root = readObject(folder, "config.json");
  if (!root)
    return std::nullopt;
  auto *text = root->getObject("text_config");
  auto limit = text ? text->getInteger("max_position_embeddings") : std::nullopt;
  if (!limit)
    limit = root->getInteger("max_position_embeddings");
  return limit && *limit > 0 && *limit <= INT32_MAX ? limit : std::nullopt;
}

DictionaryAttr readGenaiConfig(StringRef folder, MLIRContext *context) {
  auto root = readObject(folder, "genai_config.json");
  auto *model = root ? root->getObject("model") : nullptr;
  if (!model)
    return {};
  Builder b(context);
  NamedAttrList facts;
  for (StringRef key : {"context_length", "vocab_size", "bos_token_id", "pad_token_id"})
    if (auto value = model->getInteger(key))
      facts.set(key, b.getI64IntegerAttr(*value));
  // One end token, or a list of them.
  SmallVector<int64_t> ends;
  if (auto value = model->getInteger("eos_token_id"))
    ends.push_back(*value);
  if (auto *list = model->getArray("eos_token_id"))
    for (const llvm::json::Value &item : *list)
      if (auto value = item.getAsInteger())
        ends.push_back(*value);
  if (!ends.empty())
    facts.set("eos_token_id", b.getDenseI64ArrayAttr(ends));
  if (auto type = model->getString("type"))
    facts.set("type", b.getStringAttr(*type));
  // Name templates of the KV cache and the other inputs and outputs: {inputs = {past_key_names = "...%d..."}, ...}.
  if (auto *decoder = model->getObject("decoder"))
    for (StringRef side : {"inputs", "outputs"})
      if (auto *names = decoder->getObject(side)) {
        NamedAttrList entries;
        for (const auto &entry : *names)
          if (auto name = entry.second.getAsString())
            entries.set(StringRef(entry.first), b.getStringAttr(*name));
        facts.set(side, entries.getDictionary(context));
      }
  return facts.getDictionary(context);
}
} // namespace janus

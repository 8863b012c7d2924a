#include "janus/Runtime/Runtime.h"

#include "kernels/Kernels.h"
#include "runtime/artifact/Artifact.h"
#include "runtime/base/AvailableCores.h"
#include "runtime/base/ElementType.h"
#include "runtime/base/Expression.h"
#include "runtime/base/WorkerPool.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <set>
#include <unistd.h>
#include <utility>

namespace janus {
namespace {

constexpr int64_t kMaxBytes = int64_t{1} << 46; // of one value, and of the workspace

struct Free {
  void operator()(char *p) const { std::free(p); }
};
using Memory = std::unique_ptr<char, Free>;

/// What values whose extents come at run time may take together: the system would promise more than it has, and end
/// whoever touches it.
int64_t MachineBytes() {
  const int64_t pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGE_SIZE);
  return pages > 0 && size > 0 ? pages / 4 * 3 * size : kMaxBytes;
}

absl::StatusOr<Memory> Allocate(int64_t bytes) {
  const int64_t rounded = (std::max<int64_t>(bytes, 1) + abi::kAlignment - 1) / abi::kAlignment * abi::kAlignment;
  Memory memory(bytes > kMaxBytes ? nullptr : static_cast<char *>(std::aligned_alloc(abi::kAlignment, rounded)));
  if (!memory)
    return absl::ResourceExhaustedError(absl::StrCat("tensor program: cannot allocate ", rounded, " bytes"));
  return memory;
}

/// What the host functions of one call work on.
struct Context {
  WorkerPool *pool;
  absl::Status status;
  std::map<void *, std::pair<Memory, int64_t>> taken; // by the program, for values whose extents it computes
  int64_t takenBytes = 0, mostBytes = MachineBytes();
};

void Parallel(void *context, abi::Task task, const void *args, int64_t count, int64_t grain) {
  static_cast<Context *>(context)->pool->Parallel(task, args, count, grain);
}

void Fail(void *context, int64_t code, const char *message) {
  Context *c = static_cast<Context *>(context);
  if (c->status.ok())
    c->status = absl::Status(static_cast<absl::StatusCode>(code), message);
}

void *AllocateValue(void *context, const int64_t *extents, int64_t rank, int64_t bytes) {
  Context *c = static_cast<Context *>(context);
  for (int64_t d = 0; d < rank; ++d)
    if (extents[d] < 0 || __builtin_mul_overflow(bytes, extents[d], &bytes) || bytes > kMaxBytes) {
      Fail(context, static_cast<int64_t>(absl::StatusCode::kResourceExhausted),
           absl::StrCat("tensor program: a value of shape [", absl::StrJoin(extents, extents + rank, ", "),
                        "] is too large or has a negative extent")
               .c_str());
      return nullptr;
    }
  if (bytes > c->mostBytes - c->takenBytes) {
    c->status.Update(absl::ResourceExhaustedError(
        absl::StrCat("tensor program: a value of shape [", absl::StrJoin(extents, extents + rank, ", "), "] takes ",
                     bytes, " bytes beside ", c->takenBytes, "; this machine has ", c->mostBytes, " for them")));
    return nullptr;
  }
  absl::StatusOr<Memory> memory = Allocate(bytes);
  if (!memory.ok()) {
    c->status.Update(memory.status());
    return nullptr;
  }
  void *address = memory->get();
  c->taken.emplace(address, std::pair(*std::move(memory), bytes));
  c->takenBytes += bytes;
  return address;
}

void ReleaseValue(void *context, void *memory) {
  Context *c = static_cast<Context *>(context);
  auto found = c->taken.find(memory);
  if (found == c->taken.end())
    return;
  c->takenBytes -= found->second.second;
  c->taken.erase(found);
}

absl::StatusOr<int64_t> Bytes(const NamedTensor &tensor) {
  int64_t bytes = ElementBytes(tensor.type);
  for (int64_t dim : tensor.dims)
    if (dim < 0 || __builtin_mul_overflow(bytes, dim, &bytes) || bytes > kMaxBytes)
      return absl::InvalidArgumentError(
          absl::StrCat("tensor '", tensor.name, "': found shape [", absl::StrJoin(tensor.dims, ", "), "], too large"));
  return bytes;
}

/// Orders the inputs as the program wants them, binds each symbol and checks every dimension.
absl::StatusOr<std::vector<const NamedTensor *>> BindInputs(const TensorContract &contract,
                                                            const std::vector<NamedTensor> &inputs,
                                                            std::map<std::string, int64_t> &symbols) {
  std::vector<const NamedTensor *> ordered;
  std::vector<std::string> known;
  for (const TensorDesc &desc : contract.inputs)
    known.push_back(absl::StrCat(desc.name, ": ", desc.type, "[", absl::StrJoin(desc.dims, ", "), "]"));
  std::set<std::string> given;
  for (const NamedTensor &input : inputs)
    if (!given.insert(input.name).second)
      return absl::InvalidArgumentError(absl::StrCat("--input: '", input.name, "' is given twice, expected once"));
  for (const NamedTensor &input : inputs)
    if (std::none_of(contract.inputs.begin(), contract.inputs.end(),
                     [&](const TensorDesc &desc) { return desc.name == input.name; }))
      return absl::InvalidArgumentError(absl::StrCat("--input: the program has no input '", input.name,
                                                     "'; its inputs are ", absl::StrJoin(known, "; ")));
  for (const TensorDesc &desc : contract.inputs) {
    auto found =
        std::find_if(inputs.begin(), inputs.end(), [&](const NamedTensor &input) { return input.name == desc.name; });
    if (found == inputs.end())
      return absl::InvalidArgumentError(absl::StrCat("--input: '", desc.name, "' is missing; expected ", desc.type, "[",
                                                     absl::StrJoin(desc.dims, ", "), "]"));
    absl::StatusOr<int64_t> bytes = Bytes(*found);
    if (!bytes.ok())
      return bytes.status();
    if (found->type != desc.type || found->dims.size() != desc.dims.size() ||
        *bytes != static_cast<int64_t>(found->bytes.size()))
      return absl::InvalidArgumentError(
          absl::StrCat("--input ", desc.name, ": found ", found->type, "[", absl::StrJoin(found->dims, ", "), "] of ",
                       found->bytes.size(), " bytes, expected ", desc.type, "[", absl::StrJoin(desc.dims, ", "), "]"));
    for (size_t d = 0; d < desc.dims.size(); ++d)
      if (IsSymbol(desc.dims[d]))
        symbols.try_emplace(desc.dims[d], found->dims[d]);
    ordered.push_back(&*found);
  }
  for (size_t i = 0; i < ordered.size(); ++i)
    for (size_t d = 0; d < contract.inputs[i].dims.size(); ++d) {
      absl::StatusOr<int64_t> expected = Evaluate(contract.inputs[i].dims[d], symbols);
      if (!expected.ok())
        return expected.status();
      if (*expected != ordered[i]->dims[d])
        return absl::InvalidArgumentError(absl::StrCat("--input ", ordered[i]->name, ": dimension ", d, ": found ",
                                                       ordered[i]->dims[d], ", expected ", *expected, " (",
                                                       contract.inputs[i].dims[d], ")"));
    }
  for (const auto &[left, right] : contract.require) {
    absl::StatusOr<int64_t> found = Evaluate(left, symbols), expected = Evaluate(right, symbols);
    if (!found.ok() || !expected.ok())
      return found.ok() ? expected.status() : found.status();
    if (*found != *expected)
      return absl::InvalidArgumentError(absl::StrCat("--input: the model needs ", left, " == ", right, ", found ",
                                                     *found, " and ", *expected,
                                                     "; give inputs whose dimensions agree"));
  }
  return ordered;
}

/// The dimensions of a tensor, once all symbols in them are known.
absl::Status SetDims(const TensorDesc &desc, const std::map<std::string, int64_t> &symbols, NamedTensor &tensor) {
  tensor.dims.clear();
  for (const std::string &dim : desc.dims) {
    absl::StatusOr<int64_t> extent = Evaluate(dim, symbols);
    if (!extent.ok())
      return extent.status();
    tensor.dims.push_back(*extent);
  }
  absl::StatusOr<int64_t> bytes = Bytes(tensor);
  if (!bytes.ok())
    return bytes.status();
  tensor.bytes.resize(*bytes);
  return absl::OkStatus();
}

/// Whether the program computes a symbol of a dimension of this output.
bool IsComputed(const TensorDesc &desc, const std::map<std::string, int64_t> &symbols) {
  for (const std::string &dim : desc.dims)
    if (!Evaluate(dim, symbols).ok())
      return true;
  return false;
}

/// Bytes of the workspace; an error where a part is larger than there can be.
absl::StatusOr<int64_t> WorkspaceBytes(const TensorContract &contract, const std::map<std::string, int64_t> &symbols) {
  int64_t total = 0;
  for (const std::string &part : contract.workspace) {
    absl::StatusOr<int64_t> bytes = Evaluate(part, symbols);
    if (!bytes.ok())
      return bytes.status();
    if (*bytes < 0 || *bytes > kMaxBytes || (total += *bytes) > kMaxBytes)
      return absl::InvalidArgumentError(absl::StrCat("--input: with these dimensions the model needs ", part, " = ",
                                                     *bytes, " bytes for a value; give smaller inputs"));
  }
  return total;
}

} // namespace

absl::StatusOr<std::vector<NamedTensor>> RunTensorProgram(const std::string &path,
                                                          const std::vector<NamedTensor> &inputs, int threads,
                                                          const std::string &kernels) {
  absl::StatusOr<std::unique_ptr<Artifact>> artifact = Artifact::Open(path);
  if (!artifact.ok())
    return artifact.status();
  const Manifest &manifest = (*artifact)->manifest();
  if (!manifest.tensor)
    return absl::FailedPreconditionError(absl::StrCat(
        "'", path,
        "' is a language model: it takes --prompt or --prompt-ids; compile with --contract=tensor for named tensors"));
  const TensorContract &contract = manifest.contract;
  std::map<std::string, int64_t> symbols;
  absl::StatusOr<std::vector<const NamedTensor *>> ordered = BindInputs(contract, inputs, symbols);
  if (!ordered.ok())
    return ordered.status();
  absl::StatusOr<const abi::KernelTable *> table = SelectKernels(kernels);
  if (!table.ok())
    return table.status();
  absl::StatusOr<const abi::Program *> program = (*artifact)->Code("tensor");
  if (!program.ok())
    return program.status();
  const abi::Fragment *main = (*program)->fragment_count == 1 ? (*program)->fragments : nullptr;
  if (!main || main->operands != contract.inputs.size() + contract.outputs.size() ||
      main->weights != contract.weights.size())
    return absl::FailedPreconditionError(absl::StrCat(
        path,
        ": the tensor program's fragment does not have the manifest's operands and weights; compile the model again"));

  std::vector<int64_t> values;
  for (const std::string &symbol : contract.symbols) {
    if (!symbols.contains(symbol))
      return absl::InvalidArgumentError(absl::StrCat(path, ": symbol '", symbol, "' is no dimension of an input"));
    values.push_back(symbols[symbol]);
  }
  std::vector<Memory> memory;
  std::vector<void *> operands;
  auto add = [&](int64_t bytes) -> absl::StatusOr<char *> {
    absl::StatusOr<Memory> block = Allocate(bytes);
    if (!block.ok())
      return block.status();
    operands.push_back(block->get());
    memory.push_back(*std::move(block));
    return memory.back().get();
  };
  for (const NamedTensor *input : *ordered) {
    absl::StatusOr<char *> block = add(input->bytes.size());
    if (!block.ok())
      return block.status();
    std::memcpy(*block, input->bytes.data(), input->bytes.size());
  }
  std::vector<NamedTensor> outputs;
  for (const TensorDesc &desc : contract.outputs) {
    NamedTensor &output = outputs.emplace_back();
    output.name = desc.name;
    output.type = desc.type;
    if (!contract.computed.empty() && IsComputed(desc, symbols)) {
      operands.push_back(nullptr); // the program puts its memory there
      continue;
    }
    if (absl::Status status = SetDims(desc, symbols, output); !status.ok())
      return status;
    if (absl::StatusOr<char *> block = add(output.bytes.size()); !block.ok())
      return block.status();
  }
  std::vector<const void *> weights;
  for (const std::string &name : contract.weights) {
    absl::StatusOr<WeightView> view = (*artifact)->Tensor(name);
    if (!view.ok())
      return view.status();
    weights.push_back(view->data);
  }
  absl::StatusOr<int64_t> bytes = WorkspaceBytes(contract, symbols);
  if (!bytes.ok())
    return bytes.status();
  absl::StatusOr<Memory> workspace = Allocate(std::max(*bytes, main->workspace(values.data())));
  if (!workspace.ok())
    return workspace.status();
  values.resize(values.size() + contract.computed.size());

  WorkerPool pool(threads > 0 ? threads : AvailableCores());
  Context context{&pool, {}, {}};
  const abi::Host host{abi::kProgramAbiVersion, sizeof(abi::Host), *table, Parallel, Fail, AllocateValue, ReleaseValue};
  abi::Call call{&host, &context, values.data(), operands.data(), weights.data(), workspace->get(), nullptr, nullptr};
  main->run(&call);
  if (!context.status.ok())
    return context.status;
  for (size_t i = 0; i < contract.computed.size(); ++i)
    symbols[contract.computed[i]] = values[contract.symbols.size() + i];
  for (size_t i = 0; i < outputs.size(); ++i) {
    void *memory = operands[ordered->size() + i];
    if (context.taken.contains(memory))
      if (absl::Status status = SetDims(contract.outputs[i], symbols, outputs[i]); !status.ok())
        return status;
    std::memcpy(outputs[i].bytes.data(), memory, outputs[i].bytes.size());
  }
  return outputs;
}

} // namespace janus

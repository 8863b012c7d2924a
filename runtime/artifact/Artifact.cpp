#include "runtime/artifact/Artifact.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <set>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

namespace janus {
namespace {

constexpr int64_t kMaxManifestBytes = int64_t{1} << 30;

absl::StatusOr<int64_t> FileSize(const std::string &path) {
  struct stat info;
  if (stat(path.c_str(), &info) != 0)
    return absl::NotFoundError(
        absl::StrCat(path, ": ", std::strerror(errno), "; the artifact is incomplete, compile the model again"));
  if (!S_ISREG(info.st_mode))
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": is no regular file, expected one; the artifact is damaged, compile the model again"));
  return info.st_size;
}

/// The first `bytes` of a file.
absl::StatusOr<std::string> ReadStart(const std::string &path, int64_t bytes) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return absl::PermissionDeniedError(absl::StrCat(path, ": ", std::strerror(errno)));
  std::string text(bytes, '\0');
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t count = read(file, text.data() + done, text.size() - done);
    if (count <= 0)
      break;
    done += count;
  }
  close(file);
  if (done != text.size())
    return absl::DataLossError(absl::StrCat(path, ": read ", done, " of ", text.size(), " bytes"));
  return text;
}

absl::StatusOr<std::string> ReadFile(const std::string &path, int64_t limit) {
  absl::StatusOr<int64_t> size = FileSize(path);
  if (!size.ok())
    return size.status();
  if (*size > limit)
    return absl::InvalidArgumentError(absl::StrCat(path, ": found ", *size, " bytes, expected at most ", limit));
  return ReadStart(path, *size);
}

absl::Status CheckCode(const std::string &path, const CodeEntry &entry) {
  absl::StatusOr<std::string> bytes = ReadFile(path, entry.bytes);
  if (!bytes.ok())
    return bytes.status();
  if (XXH3_64bits(bytes->data(), bytes->size()) != entry.hash)
    return absl::DataLossError(
        absl::StrCat(path, ": its checksum differs from the manifest's; the code is damaged, compile the model again"));
  return absl::OkStatus();
}

} // namespace

/// A weight file, mapped read-only; which ranges were verified.
struct Artifact::File {
  ~File() {
    if (data)
      munmap(const_cast<char *>(data), size);
  }
  const char *data = nullptr;
  int64_t size = 0;
  std::set<int64_t> verified; // offsets; ranges do not overlap
};

std::vector<std::string> RunnableTargets() {
  std::vector<std::string> targets;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v4"))
    targets.push_back("x86-64-v4");
  if (__builtin_cpu_supports("x86-64-v3"))
    targets.push_back("x86-64-v3");
#endif
  return targets;
}

Artifact::Artifact() = default;

Artifact::~Artifact() {
  for (const auto &[role, library] : libraries_)
    dlclose(library);
}

absl::StatusOr<std::unique_ptr<Artifact>> Artifact::Open(const std::string &directory) {
  const std::string path = directory + "/manifest.json";
  absl::StatusOr<std::string> text = ReadFile(path, kMaxManifestBytes);
  if (absl::IsNotFound(text.status()))
    return absl::NotFoundError(absl::StrCat(
        "'", directory, "' is no artifact: it has no manifest.json; make one with janus-compile MODEL.onnx -o ",
        directory));
  if (!text.ok())
    return text.status();
  absl::StatusOr<Manifest> manifest = ParseManifest(*text);
  if (!manifest.ok())
    return absl::Status(manifest.status().code(), absl::StrCat(path, ": ", manifest.status().message()));
  std::unique_ptr<Artifact> artifact(new Artifact);
  artifact->directory_ = directory;
  artifact->manifest_ = *std::move(manifest);
  if (absl::Status status = artifact->CheckFiles(); !status.ok())
    return status;
  return artifact;
}

absl::Status Artifact::CheckFiles() {
  for (const WeightEntry &entry : manifest_.weights)
    by_name_[entry.name] = &entry;
  std::map<std::string, int64_t> sizes;
  for (const auto &[name, file] : manifest_.files)
    sizes[name] = file.bytes;
  for (const CodeEntry &entry : manifest_.code)
    sizes[entry.file] = entry.bytes;
  for (const auto &[name, expected] : sizes) {
    absl::StatusOr<int64_t> size = FileSize(directory_ + "/" + name);
    if (!size.ok())
      return size.status();
    if (*size != expected)
      return absl::DataLossError(absl::StrCat(directory_, "/", name, ": found ", *size, " bytes, expected ", expected,
                                              "; the file was cut or changed, compile the model again"));
  }
  for (const auto &[name, file] : manifest_.files) {
    const std::string path = directory_ + "/" + name;
    absl::StatusOr<std::string> header = ReadStart(path, file.header);
    if (!header.ok())
      return header.status();
    if (XXH3_64bits(header->data(), header->size()) != file.hash)
      return absl::DataLossError(absl::StrCat(path, ": its first ", file.header,
                                              " bytes do not match their checksum; the file is damaged, compile the "
                                              "model again"));
  }
  for (const CodeEntry &entry : manifest_.code) // of every CPU: an artifact that is damaged anywhere is damaged
    if (absl::Status status = CheckCode(directory_ + "/" + entry.file, entry); !status.ok())
      return status;
  return absl::OkStatus();
}

absl::Status Artifact::CheckProgramHash(const std::string &role, const abi::Program &program,
                                        const std::string &path) const {
  std::vector<uint64_t> hashes;
  for (const auto &[side, roles] : manifest_.programs)
    if (auto found = roles.find(role); found != roles.end())
      hashes.push_back(found->second.hash);
  // Code of several programs has no hash of its own; the file's checksum binds it.
  if (hashes.size() == 1 ? program.program_hash == hashes[0] : program.program_hash == 0)
    return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrFormat(
      "%s: found the code of program %016x, expected that of %016x; code and manifest are not of one artifact, compile "
      "the model again",
      path, program.program_hash, hashes.size() == 1 ? hashes[0] : 0));
}

absl::StatusOr<const abi::Program *> Artifact::Code(const std::string &role) {
  auto [library, fresh] = libraries_.try_emplace(role, nullptr);
  std::string path;
  if (fresh) {
    libraries_.erase(library);
    const CodeEntry *chosen = nullptr;
    std::vector<std::string> offered, targets = RunnableTargets();
    for (const CodeEntry &entry : manifest_.code)
      if (entry.role == role)
        offered.push_back(entry.target);
    for (const std::string &target : targets)
      for (const CodeEntry &entry : manifest_.code)
        if (!chosen && entry.role == role && entry.target == target)
          chosen = &entry;
    for (const CodeEntry &entry : manifest_.code) // "native": made on a machine like this one, by the compiler's word
      if (!chosen && entry.role == role && entry.target == "native")
        chosen = &entry;
    if (!chosen)
      return absl::FailedPreconditionError(
          absl::StrCat("no '", role, "' program for this CPU: the artifact has {", absl::StrJoin(offered, ", "),
                       "}, this CPU runs {", absl::StrJoin(targets, ", "),
                       "}; compile with --target-cpu=", targets.empty() ? "native" : targets.front()));
    path = directory_ + "/" + chosen->file;
    if (absl::Status status = CheckCode(path, *chosen); !status.ok()) // it may have changed since Open
      return status;
    const std::string absolute = path.front() == '/' ? path : "./" + path;
    void *handle = dlopen(absolute.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!handle)
      return absl::FailedPreconditionError(absl::StrCat(path, ": cannot be loaded: ", dlerror()));
    library = libraries_.try_emplace(role, handle).first;
  }
  auto *program = static_cast<const abi::Program *>(dlsym(library->second, "janus_program"));
  if (!program)
    return absl::FailedPreconditionError(absl::StrCat(path, ": exports no janus_program"));
  if (program->magic != abi::kProgramMagic || program->version != abi::kProgramAbiVersion ||
      program->size != sizeof(abi::Program) || program->kernel_version != abi::kKernelAbiVersion)
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": found magic ", program->magic, ", ABI ", program->version, " of ", program->size,
                     " bytes and kernel ABI ", program->kernel_version, ", expected ", abi::kProgramMagic, ", ",
                     abi::kProgramAbiVersion, " of ", sizeof(abi::Program), " and ", abi::kKernelAbiVersion,
                     "; compile the model with a matching janus-compile"));
  if (absl::Status status = CheckProgramHash(role, *program, path); !status.ok())
    return status;
  return program;
}

absl::StatusOr<const WeightEntry *> Artifact::Find(const std::string &name) const {
  auto entry = by_name_.find(name);
  if (entry == by_name_.end())
    return absl::NotFoundError(absl::StrCat(directory_, ": no weight '", name, "' in the manifest"));
  return entry->second;
}

absl::StatusOr<Artifact::File *> Artifact::MapFile(const std::string &name) {
  std::unique_ptr<File> &file = files_[name];
  if (file)
    return file.get();
  const std::string path = directory_ + "/" + name;
  absl::StatusOr<int64_t> size = FileSize(path);
  if (!size.ok())
    return size.status();
  const int64_t expected = manifest_.files.at(name).bytes;
  if (*size != expected) // it may have changed since Open
    return absl::DataLossError(absl::StrCat(path, ": found ", *size, " bytes, expected ", expected));
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return absl::PermissionDeniedError(absl::StrCat(path, ": ", std::strerror(errno)));
  void *data = mmap(nullptr, *size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  close(descriptor);
  if (data == MAP_FAILED)
    return absl::ResourceExhaustedError(absl::StrCat(path, ": cannot be mapped: ", std::strerror(errno)));
  file = std::make_unique<File>();
  file->data = static_cast<const char *>(data);
  file->size = *size;
  return file.get();
}

absl::StatusOr<WeightView> Artifact::Map(const WeightEntry &entry, const WeightRange &range) {
  absl::StatusOr<File *> file = MapFile(entry.file);
  if (!file.ok())
    return file.status();
  const char *data = (*file)->data + range.offset;
  if ((*file)->verified.contains(range.offset))
    return WeightView{data, range.bytes};
  const std::string path = directory_ + "/" + entry.file;
  if (XXH3_64bits(data, range.bytes) != range.hash)
    return absl::DataLossError(
        absl::StrCat(path, ": weight '", entry.name, "' at offset ", range.offset,
                     " does not match its checksum; the file is damaged, compile the model again"));
  // Up to the next weight there are zeros.
  const int64_t end = range.offset + range.bytes;
  const int64_t aligned = std::min((*file)->size, (end + abi::kAlignment - 1) / abi::kAlignment * abi::kAlignment);
  if (std::any_of((*file)->data + end, (*file)->data + aligned, [](char byte) { return byte != 0; }))
    return absl::DataLossError(absl::StrCat(path, ": found bytes other than zero behind weight '", entry.name,
                                            "' at offset ", end, "; the file is damaged, compile the model again"));
  (*file)->verified.insert(range.offset);
  return WeightView{data, range.bytes};
}

absl::StatusOr<int64_t> Artifact::Experts(const std::string &name) {
  absl::StatusOr<const WeightEntry *> entry = Find(name);
  if (!entry.ok())
    return entry.status();
  return static_cast<int64_t>((*entry)->experts.size());
}

absl::StatusOr<int64_t> Artifact::Bytes(const std::string &name, int64_t expert) {
  absl::StatusOr<const WeightEntry *> entry = Find(name);
  if (!entry.ok())
    return entry.status();
  const auto &experts = (*entry)->experts;
  if (experts.empty())
    return (*entry)->whole.bytes;
  if (expert < 0 || expert >= static_cast<int64_t>(experts.size()))
    return absl::InvalidArgumentError(
        absl::StrCat(directory_, ": weight '", name, "' has ", experts.size(), " experts, asked for expert ", expert));
  return experts[expert].bytes;
}

absl::StatusOr<WeightView> Artifact::Tensor(const std::string &name) {
  absl::StatusOr<const WeightEntry *> entry = Find(name);
  if (!entry.ok())
    return entry.status();
  if (!(*entry)->experts.empty())
    return absl::InvalidArgumentError(absl::StrCat(directory_, ": weight '", name, "' is addressable by expert only"));
  return Map(**entry, (*entry)->whole);
}

absl::StatusOr<const WeightEntry *> Artifact::FindExpert(const std::string &name, int64_t expert) const {
  absl::StatusOr<const WeightEntry *> entry = Find(name);
  if (!entry.ok())
    return entry.status();
  const int64_t count = (*entry)->experts.size();
  if (expert < 0 || expert >= count)
    return absl::InvalidArgumentError(
        absl::StrCat(directory_, ": weight '", name, "' has ", count, " experts, asked for expert ", expert));
  return entry;
}

absl::StatusOr<WeightView> Artifact::Expert(const std::string &name, int64_t expert) {
  absl::StatusOr<const WeightEntry *> entry = FindExpert(name, expert);
  if (!entry.ok())
    return entry.status();
  return Map(**entry, (*entry)->experts[expert]);
}

absl::StatusOr<UncheckedWeight> Artifact::Unchecked(const std::string &name, int64_t expert) {
  absl::StatusOr<const WeightEntry *> entry = FindExpert(name, expert);
  if (!entry.ok())
    return entry.status();
  absl::StatusOr<File *> file = MapFile((*entry)->file);
  if (!file.ok())
    return file.status();
  const WeightRange &range = (*entry)->experts[expert];
  return UncheckedWeight{(*file)->data + range.offset, range.bytes, range.hash};
}

} // namespace janus

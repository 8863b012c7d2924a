#include "lib/Target/PackWeights.h"

#include "janus/ABI/Kernels.h"
#include "kernels/common/Quantised.h"
#include "lib/Target/WeightFile.h"
#include "lib/Target/WeightReader.h"
#include "runtime/base/ElementType.h"
#include "runtime/base/WeightFormat.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

#include <array>
#include <map>

namespace janus {
namespace {

using nlohmann::json;

/// What a packed tensor is made of.
struct Job {
  std::string name, layout;
  bool perExpert = false;
  std::vector<WeightReader> parts;

  int64_t experts() const { return perExpert ? parts[0].shape()[0] : 1; }
  bool rowsLayout() const { return absl::StartsWith(layout, "rows."); }
  bool pairLayout() const { return absl::StartsWith(layout, "expert-up32."); }
  abi::WeightFormat format; // of panels
  /// Of the artifact; another type than f32 is copied as it is stored.
  int64_t elementBytes() const { return rowsLayout() ? ElementBytes(layout.substr(5)) : 4; }
  int64_t panels() const {
    int64_t rows = pairLayout() ? abi::kPanel / 2 : abi::kPanel; // of each part in a panel
    return (parts[0].rows() + rows - 1) / rows;
  }
  /// Elements of one unit of layout rows.f32. Per expert the weight is [E, N]: an expert is a row of each part.
  int64_t unitElements() const {
    int64_t elements = 0;
    for (const WeightReader &part : parts)
      elements += perExpert ? part.columns() : part.rows() * part.columns() * part.experts();
    return elements;
  }
  int64_t unitBytes() const {
    return rowsLayout() ? elementBytes() * unitElements() : panels() * abi::PanelBytes(format, parts[0].columns());
  }
  /// [rows, columns] of the model, experts first.
  json shape() const {
    std::vector<int64_t> dims = parts[0].shape();
    if (parts.size() > 1)
      dims[1] += parts[1].shape()[1];
    return dims;
  }
};

/// out[k][j] = rows[j][k], in blocks so that both orders of storage read whole cache lines.
void transposePanel(const std::array<RowRef, abi::kPanel> &rows, int64_t columns, std::vector<float> &out) {
  constexpr int64_t kBlock = 64;
  out.assign(columns * abi::kPanel, 0.0f);
  for (int64_t begin = 0; begin < columns; begin += kBlock)
    for (int64_t j = 0; j < abi::kPanel; ++j)
      if (rows[j].data)
        for (int64_t k = begin; k < std::min(columns, begin + kBlock); ++k)
          out[k * abi::kPanel + j] = rows[j].element(k);
}

/// A panel of integers with scales and zero points, as they are stored.
void packIntegers(const std::array<RowRef, abi::kPanel> &rows, const abi::WeightFormat &format, int64_t columns,
                  std::vector<unsigned char> &out) {
  out.assign(abi::PanelBytes(format, columns), 0);
  for (int64_t j = 0; j < abi::kPanel; ++j) {
    const RowRef &row = rows[j];
    if (row.data)
      portable::PackQuantisedColumn(
          format, columns, j, [&](int64_t k, int64_t) { return static_cast<int>(row.StoredRow::element(k)); },
          [&](int64_t b, int64_t) { return row.scales.element(b); }, [&](int64_t b, int64_t) { return row.zero(b); },
          out.data());
  }
}

class Packer {
public:
  Packer(const Job &job, WeightFile &file) : job(job), file(file) {}

  absl::Status pack(int64_t expert) {
    if (job.rowsLayout())
      return packRows(expert);
    for (int64_t panel = 0; panel < job.panels(); ++panel) {
      std::array<RowRef, abi::kPanel> rows{};
      for (int64_t j = 0; j < abi::kPanel; ++j) {
        bool pair = job.pairLayout(); // 16 rows of gate, then the same rows of up
        const WeightReader &part = job.parts[pair && j >= 16 ? 1 : 0];
        int64_t row = pair ? panel * 16 + j % 16 : panel * abi::kPanel + j;
        if (row < part.rows())
          rows[j] = part.row(expert, row);
      }
      const void *data;
      if (job.format.bits) {
        packIntegers(rows, job.format, job.parts[0].columns(), bytes);
        data = bytes.data();
      } else {
        transposePanel(rows, job.parts[0].columns(), buffer);
        data = buffer.data();
      }
      if (absl::Status status = file.write(data, abi::PanelBytes(job.format, job.parts[0].columns())); !status.ok())
        return status;
    }
    return absl::OkStatus();
  }

private:
  absl::Status packRows(int64_t expert) {
    for (const WeightReader &part : job.parts) {
      if (job.perExpert) {
        if (absl::Status status = writeRow(part.row(0, expert), part.columns()); !status.ok())
          return status;
        continue;
      }
      for (int64_t e = 0; e < part.experts(); ++e)
        for (int64_t row = 0; row < part.rows(); ++row)
          if (absl::Status status = writeRow(part.row(e, row), part.columns()); !status.ok())
            return status;
    }
    return absl::OkStatus();
  }
  absl::Status writeRow(const RowRef &row, int64_t columns) {
    if (job.layout != "rows.f32") {
      if (row.stride != 1 || row.bytes != job.elementBytes())
        return absl::InternalError(absl::StrCat("weight ", job.name, " is not stored as ", job.layout));
      return file.write(row.data, columns * row.bytes);
    }
    buffer.resize(columns);
    for (int64_t k = 0; k < columns; ++k)
      buffer[k] = row.element(k);
    return file.write(buffer.data(), columns * 4);
  }

  const Job &job;
  WeightFile &file;
  std::vector<float> buffer;
  std::vector<unsigned char> bytes;
};

absl::StatusOr<Job> makeJob(mlir::ModuleOp module, mlir::DictionaryAttr entry, MappedFiles &files) {
  Job job;
  job.name = entry.getAs<mlir::StringAttr>("name").str();
  job.layout = entry.getAs<mlir::StringAttr>("layout").str();
  job.perExpert = entry.contains("experts");
  if (!job.rowsLayout()) {
    auto format = ParseWeightFormat(std::string_view(job.layout).substr(job.layout.find('.') + 1));
    if (!format)
      return absl::InternalError(absl::StrCat("weight ", job.name, " has layout ", job.layout, ", which is unknown"));
    job.format = *format;
  }
  for (auto part : entry.getAs<mlir::ArrayAttr>("parts").getAsRange<mlir::FlatSymbolRefAttr>()) {
    auto weight = module.lookupSymbol<moe::WeightOp>(part.getAttr());
    if (!weight)
      return absl::InternalError(absl::StrCat("weight ", part.getValue().str(), " does not exist"));
    absl::StatusOr<WeightReader> reader = WeightReader::create(weight, files);
    if (!reader.ok())
      return reader.status();
    moe::BlocksAttr blocks = moe::blocksOf(weight.getType());
    if (job.format.bits && (!blocks || blocks.getBits() != job.format.bits || blocks.getSize() != job.format.block ||
                            static_cast<int64_t>(blocks.getZeros()) != job.format.zeros))
      return absl::InvalidArgumentError(
          absl::StrCat("weight ", part.getValue().str(), " is not quantised as layout ", job.layout, " of ", job.name));
    job.parts.push_back(*std::move(reader));
  }
  return job;
}

absl::Status writeFile(const std::string &name, const std::vector<Job> &jobs, const std::string &directory,
                       MappedFiles &files, json &manifest, json &written) {
  std::vector<PackedTensor> tensors;
  for (const Job &job : jobs)
    tensors.push_back({job.name, job.experts(), job.unitBytes()});
  WeightFile file(directory + "/" + name, std::move(tensors));
  if (absl::Status status = file.open(); !status.ok())
    return status;
  for (const Job &job : jobs) {
    json entry = {{"name", job.name}, {"file", name}, {"layout", job.layout}, {"shape", job.shape()}};
    Packer packer(job, file);
    for (int64_t expert = 0; expert < job.experts(); ++expert) {
      if (absl::Status status = packer.pack(expert); !status.ok())
        return status;
      absl::StatusOr<UnitRange> range = file.finishUnit();
      if (!range.ok())
        return range.status();
      json fields = {{"offset", range->offset}, {"bytes", range->bytes}, {"xxh3", range->xxh3}};
      if (job.perExpert)
        entry["experts"].push_back(fields);
      else
        entry.update(fields);
    }
    manifest.push_back(entry);
    files.drop();
  }
  absl::Status status = file.close();
  written.push_back(file.entry(name));
  return status;
}

} // namespace

absl::StatusOr<json> packWeights(mlir::ModuleOp module, const std::string &directory, const ArtifactOptions &options,
                                 json &written) {
  json manifest = json::array();
  auto weights = module->getAttrOfType<mlir::ArrayAttr>("janus.weights");
  if (!weights)
    return manifest;
  MappedFiles files(options.modelDirectory);
  std::vector<std::string> names;
  std::map<std::string, std::vector<Job>> byFile;
  for (auto entry : weights.getAsRange<mlir::DictionaryAttr>()) {
    absl::StatusOr<Job> job = makeJob(module, entry, files);
    if (!job.ok())
      return job.status();
    std::string file = entry.getAs<mlir::StringAttr>("file").str();
    if (!byFile.count(file))
      names.push_back(file);
    byFile[file].push_back(*std::move(job));
  }
  for (const std::string &name : names) {
    if (options.progress)
      options.progress(name);
    if (absl::Status status = writeFile(name, byFile[name], directory, files, manifest, written); !status.ok())
      return status;
  }
  return manifest;
}

} // namespace janus

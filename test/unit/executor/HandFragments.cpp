// The code of the model: what a compiler would generate.
#include "test/unit/executor/HandModel.h"

#include "janus/ABI/Program.h"

#include <cmath>
#include <cstring>

namespace janus::hand {
namespace {

using abi::Call;

struct RowTask {
  void (*row)(const RowTask &task, int64_t row);
  const void *in[4];
  float *out;
  int64_t width;
};

void RunRows(const void *args, int64_t begin, int64_t end, uint32_t) {
  const RowTask &task = *static_cast<const RowTask *>(args);
  for (int64_t row = begin; row < end; ++row)
    task.row(task, row);
}

void Rows(const Call *call, const RowTask &task, int64_t rows) {
  if (rows > 0)
    call->host->parallel(call->context, RunRows, &task, rows, 4);
}

void RunKernel(const Call *call, const abi::Kernel &kernel, const void *args) {
  if (int64_t count = kernel.count(args))
    call->host->parallel(call->context, kernel.run, args, count, 1);
}

void Linear(const Call *call, int64_t rows, int64_t k, int64_t n, const float *x, const void *weight, const void *bias,
            const float *residual, float *y) {
  abi::LinearArgs args = {rows,     k, n, x, k, static_cast<const float *>(weight), static_cast<const float *>(bias),
                          residual, n, y, n, {}};
  RunKernel(call, call->host->kernels->linear, &args);
}

void NormRow(const RowTask &task, int64_t row) {
  const float *x = static_cast<const float *>(task.in[0]) + row * kHidden;
  const float *scale = static_cast<const float *>(task.in[1]);
  float sum = 0.0f;
  for (int64_t i = 0; i < kHidden; ++i)
    sum += x[i] * x[i];
  float factor = 1.0f / std::sqrt(sum / static_cast<float>(kHidden) + kEpsilon);
  for (int64_t i = 0; i < kHidden; ++i)
    task.out[row * kHidden + i] = x[i] * factor * scale[i];
}

void Norm(const Call *call, int64_t rows, const float *x, const void *scale, float *y) {
  Rows(call, RowTask{NormRow, {x, scale}, y, kHidden}, rows);
}

void RotateRow(const RowTask &task, int64_t row) {
  const int32_t position = static_cast<const int32_t *>(task.in[0])[row];
  const float *cosine = static_cast<const float *>(task.in[1]) + position * (kHeadDim / 2);
  const float *sine = static_cast<const float *>(task.in[2]) + position * (kHeadDim / 2);
  for (int64_t head = 0; head < kHeads + kKvHeads; ++head) {
    float *x = task.out + row * kQkv + head * kHeadDim;
    for (int64_t i = 0; i < kHeadDim / 2; ++i) {
      float a = x[i], b = x[i + kHeadDim / 2];
      x[i] = a * cosine[i] - b * sine[i];
      x[i + kHeadDim / 2] = b * cosine[i] + a * sine[i];
    }
  }
}

/// ids -> x; weights: embed.
void Embed(const Call *call) {
  const int64_t rows = call->symbols[abi::kRows];
  const int32_t *ids = static_cast<const int32_t *>(call->operands[0]);
  for (int64_t row = 0; row < rows; ++row)
    if (ids[row] < 0 || ids[row] >= kVocab)
      return call->host->fail(call->context, 3, "a token id is not in the vocabulary");
  auto copy = [](const RowTask &task, int64_t row) {
    std::memcpy(task.out + row * kHidden,
                static_cast<const float *>(task.in[1]) + static_cast<const int32_t *>(task.in[0])[row] * kHidden,
                kHidden * sizeof(float));
  };
  Rows(call, RowTask{copy, {ids, call->weights[0]}, static_cast<float *>(call->operands[1]), kHidden}, rows);
}

/// x, positions -> x', h; weights: norm, qkv, qkv bias, cos, sin, out, norm, [sinks].
template <bool kWindowed> void Attend(const Call *call) {
  const int64_t rows = call->symbols[abi::kRows];
  const float *x = static_cast<const float *>(call->operands[0]);
  const int32_t *positions = static_cast<const int32_t *>(call->operands[1]);
  float *next = static_cast<float *>(call->operands[2]), *h = static_cast<float *>(call->operands[3]);
  float *normed = static_cast<float *>(call->workspace), *qkv = normed + rows * kHidden, *y = qkv + rows * kQkv;
  Norm(call, rows, x, call->weights[0], normed);
  Linear(call, rows, kHidden, kQkv, normed, call->weights[1], call->weights[2], nullptr, qkv);
  Rows(call, RowTask{RotateRow, {positions, call->weights[3], call->weights[4]}, qkv, kQkv}, rows);
  abi::AttentionArgs args = {};
  args.rows = rows, args.heads = kHeads, args.kv_heads = kKvHeads, args.head_dim = args.value_dim = kHeadDim;
  args.window = kWindowed ? kWindow : 0;
  args.scale = 0.25f;
  args.q = qkv, args.k = qkv + kAttended, args.v = qkv + kAttended + kKvHeads * kHeadDim;
  args.q_stride = args.k_stride = args.v_stride = kQkv;
  args.sinks = kWindowed ? static_cast<const float *>(call->weights[7]) : nullptr;
  args.positions = positions, args.kv = call->kv;
  args.y = y, args.y_stride = kAttended;
  RunKernel(call, call->host->kernels->kv_append, &args);
  RunKernel(call, call->host->kernels->attention, &args);
  Linear(call, rows, kAttended, kHidden, y, call->weights[5], nullptr, x, next);
  Norm(call, rows, next, call->weights[6], h);
}

int64_t AttendWorkspace(const int64_t *symbols) {
  return symbols[abi::kRows] * (kHidden + kQkv + kAttended) * static_cast<int64_t>(sizeof(float));
}

/// h -> ids, weights; weights: router, router bias. The workspace holds the logits.
template <abi::Symbol kSymbol> void Route(const Call *call) {
  const int64_t rows = call->symbols[kSymbol];
  float *logits = static_cast<float *>(call->workspace);
  Linear(call, rows, kHidden, kExperts, static_cast<const float *>(call->operands[0]), call->weights[0],
         call->weights[1], nullptr, logits);
  abi::RouteArgs args = {};
  args.rows = rows, args.experts = kExperts, args.k = kTopK;
  args.score = static_cast<int64_t>(abi::Score::kSoftmax), args.renormalize = 1, args.scale = 1.0f;
  args.logits = logits, args.logits_stride = kExperts;
  args.ids = static_cast<int32_t *>(call->operands[1]), args.weights = static_cast<float *>(call->operands[2]);
  RunKernel(call, call->host->kernels->route, &args);
}

template <abi::Symbol kSymbol> int64_t RouteWorkspace(const int64_t *symbols) {
  return symbols[kSymbol] * kExperts * static_cast<int64_t>(sizeof(float));
}

constexpr int64_t kScratch = (kIntermediate + 15) / 16 * 16;

/// h -> y by pair; weights: up, down, up bias, down bias, each by slot.
void Experts(const Call *call) {
  const abi::Assignment &work = *call->assignment;
  abi::ExpertsArgs args = {};
  args.hidden = kHidden, args.intermediate = kIntermediate, args.gated = 1;
  args.activation = static_cast<int64_t>(abi::Activation::kSwiGlu);
  args.alpha = kAlpha, args.beta = kBeta, args.limit = kLimit;
  args.groups = work.groups, args.group_slot = work.group_slot, args.group_begin = work.group_begin;
  args.pair_row = work.pair_row, args.pair_weight = work.pair_weight;
  args.x = static_cast<const float *>(call->operands[0]), args.x_stride = kHidden;
  args.up = static_cast<const void *const *>(call->weights[0]);
  args.down = static_cast<const void *const *>(call->weights[1]);
  args.up_bias = static_cast<const void *const *>(call->weights[2]);
  args.down_bias = static_cast<const void *const *>(call->weights[3]);
  args.h = static_cast<float *>(call->workspace), args.y = static_cast<float *>(call->operands[1]);
  RunKernel(call, call->host->kernels->experts_up, &args);
  RunKernel(call, call->host->kernels->experts_down, &args);
}

int64_t ExpertsWorkspace(const int64_t *symbols) {
  return symbols[abi::kPairs] * kScratch * static_cast<int64_t>(sizeof(float));
}

/// h -> s; weights: shared.
void Shared(const Call *call) {
  Linear(call, call->symbols[abi::kRows], kHidden, kHidden, static_cast<const float *>(call->operands[0]),
         call->weights[0], nullptr, nullptr, static_cast<float *>(call->operands[1]));
}

/// y by rank, s, x' -> x.
void Combine(const Call *call) {
  auto add = [](const RowTask &task, int64_t row) {
    const float *y = static_cast<const float *>(task.in[0]) + row * kTopK * kHidden;
    const float *s = static_cast<const float *>(task.in[1]) + row * kHidden;
    const float *residual = static_cast<const float *>(task.in[2]) + row * kHidden;
    for (int64_t i = 0; i < kHidden; ++i)
      task.out[row * kHidden + i] = ((y[i] + y[kHidden + i]) + s[i]) + residual[i];
  };
  Rows(call,
       RowTask{add,
               {call->operands[0], call->operands[1], call->operands[2]},
               static_cast<float *>(call->operands[3]),
               kHidden},
       call->symbols[abi::kRows]);
}

/// x, wanted -> logits; weights: norm, head.
void Head(const Call *call) {
  const int64_t wanted = call->symbols[abi::kWanted];
  auto normed = static_cast<float *>(call->workspace);
  auto select = [](const RowTask &task, int64_t row) {
    const int32_t from = static_cast<const int32_t *>(task.in[1])[row];
    std::memcpy(task.out + row * kHidden, static_cast<const float *>(task.in[0]) + from * kHidden,
                kHidden * sizeof(float));
  };
  Rows(call, RowTask{select, {call->operands[0], call->operands[1]}, normed, kHidden}, wanted);
  Norm(call, wanted, normed, call->weights[0], normed);
  Linear(call, wanted, kHidden, kVocab, normed, call->weights[1], nullptr, nullptr,
         static_cast<float *>(call->operands[2]));
}

int64_t HeadWorkspace(const int64_t *symbols) {
  return symbols[abi::kWanted] * kHidden * static_cast<int64_t>(sizeof(float));
}

int64_t NoWorkspace(const int64_t *) { return 0; }

constexpr abi::Fragment kFragments[] = {
    {"embed", Embed, NoWorkspace, 2, 1},
    {"attend_all", Attend<false>, AttendWorkspace, 4, 7},
    {"attend_window", Attend<true>, AttendWorkspace, 4, 8},
    {"route_rows", Route<abi::kRows>, RouteWorkspace<abi::kRows>, 3, 2},
    {"route_step", Route<abi::kStepRows>, RouteWorkspace<abi::kStepRows>, 3, 2},
    {"experts", Experts, ExpertsWorkspace, 2, 4},
    {"shared", Shared, NoWorkspace, 2, 1},
    {"combine", Combine, NoWorkspace, 4, 0},
    {"head", Head, HeadWorkspace, 3, 2},
};

constexpr abi::Program kCode = {abi::kProgramMagic,
                                abi::kProgramAbiVersion,
                                sizeof(abi::Program),
                                abi::kKernelAbiVersion,
                                0,
                                "any",
                                sizeof(kFragments) / sizeof(kFragments[0]),
                                0,
                                kFragments};

} // namespace

const abi::Program &Code() { return kCode; }

} // namespace janus::hand

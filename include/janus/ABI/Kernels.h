//===- Kernels.h - the kernel ABI -------------------------------*- C++ -*-===//
//
// The contract between whoever *calls* heavy kernels (generated role programs,
// hand-written role programs, tests) and whoever *implements* them
// (kernels/reference, kernels/cpu, later kernels/cuda).
//
// Every kernel is split into independent tasks. `count(args)` says how many;
// `run(args, begin, end, worker)` performs tasks [begin, end). Tasks of one call
// may run on any threads in any order; they write disjoint memory. `worker` is
// a dense thread index below the pool's size, for per-thread scratch.
// No kernel allocates, locks, throws or keeps state.
//
// Determinism (bits equal for any batch, thread count, task split and CPU):
//  * each output of a linear layer is ONE chain of fused multiply-adds over
//    k = 0 .. K-1 starting from +0.0f; then, as separate f32 additions and in
//    this order: bias, residual;
//  * attention visits key blocks of kKeyBlock keys at absolute positions;
//  * nothing is added across experts.
//
// All tensors are f32, row-major; strides are in elements. Structures are
// standard layout, 8-byte aligned, without padding between fields; generated
// code builds them field by field, so a change bumps kKernelAbiVersion.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_ABI_KERNELS_H
#define JANUS_ABI_KERNELS_H

#include <cstddef>
#include <cstdint>

namespace janus::abi {

inline constexpr uint32_t kKernelAbiVersion = 4;

/// Columns of one packed panel. Layout "panel32.f32" of a weight W[N, K]:
/// ceil(N/32) panels, each [K][32]; element (n, k) at
/// ((n / 32) * K + k) * 32 + n % 32; missing columns are zero.
inline constexpr int64_t kPanel = 32;

/// Keys of one attention block; a KV page holds a multiple of it.
inline constexpr int64_t kKeyBlock = 32;

/// Alignment in bytes of every packed tensor, KV page and value buffer.
inline constexpr int64_t kAlignment = 64;

/// What is subtracted from the integers of a quantised weight before they are
/// scaled.
enum class ZeroPoints : int64_t {
  kMiddle = 0,   // 2^(bits - 1)
  kIntegers = 1, // an integer for each block
  kNumbers = 2,  // an f32 for each block
};

/// How the numbers of a packed weight are stored. bits = 0: f32, as the layouts
/// below say. Otherwise integers q of 2, 4 or 8 bits, with a scale s and a zero
/// point z for each `block` numbers along k of a column (the last block of a
/// column may be shorter). The weight is the f32 number (q - z) * s, both
/// operations in f32; kernels give the bits that they would give for these
/// numbers in f32.
///
/// Layouts "panel32.qBITSbBLOCK", "expert-up32.qBITSbBLOCK", with the suffix
/// "zi" for kIntegers and "zf" for kNumbers: the panels of the f32 layouts, each
/// stored as its blocks of rows one after the other, and a block as
///   s: f32[32], one for each column; z: nothing, u8[32] or f32[32];
///   rows k of the block, BITS * 4 bytes each: byte j holds columns j + i * B,
///   B = BITS * 4, in its bits i * BITS and up, i = 0 .. 8 / BITS - 1.
struct WeightFormat {
  int64_t bits = 0;
  int64_t block = 0; // >= 1 unless bits is 0
  int64_t zeros = 0; // enum ZeroPoints
};

/// Bytes in front of the rows of a block, of a row, and of a panel of k rows.
/// Always inlined: kernels are compiled for several instruction sets.
[[gnu::always_inline]] constexpr int64_t BlockHeaderBytes(const WeightFormat &format) {
  const auto zeros = static_cast<ZeroPoints>(format.zeros);
  return kPanel * 4 + (zeros == ZeroPoints::kIntegers ? kPanel : zeros == ZeroPoints::kNumbers ? kPanel * 4 : 0);
}
[[gnu::always_inline]] constexpr int64_t PanelRowBytes(const WeightFormat &format) {
  return format.bits ? format.bits * kPanel / 8 : kPanel * 4;
}
[[gnu::always_inline]] constexpr int64_t PanelBytes(const WeightFormat &format, int64_t k) {
  return k * PanelRowBytes(format) + (format.bits ? ((k - 1) / format.block + 1) * BlockHeaderBytes(format) : 0);
}

using Task = void (*)(const void *args, int64_t begin, int64_t end, uint32_t worker);
using Count = int64_t (*)(const void *args);

struct Kernel {
  Count count;
  Task run;
};

/// y[r, n] = chain_k(x[r, k] * w[n, k]) + bias[n] + residual[r, n].
struct LinearArgs {
  int64_t rows;          // R >= 0
  int64_t k;             // K >= 1
  int64_t n;             // N >= 1
  const float *x;        // [R, K]
  int64_t x_stride;      // >= K
  const void *weight;    // panel32.f32 of [N, K], or the same quantised
  const float *bias;     // [N] or null
  const float *residual; // [R, N] or null; may alias y exactly
  int64_t residual_stride;
  float *y;            // [R, N]
  int64_t y_stride;    // >= N
  WeightFormat format; // of weight
};

enum class Activation : int64_t {
  kSwiGlu = 0, // g' = min(g, limit); u' = clamp(u, -limit, limit);
               // h = g' * sigmoid(alpha * g') * (u' + beta)
  kSilu = 1,   // ungated: h = g * sigmoid(g)
  kGelu = 2,   // erf form;  gated: h = act(g) * u
  kGeluTanh = 3,
  kRelu = 4,
  kRelu2 = 5, // relu(g)^2
  kIdentity = 6,
};

/// The experts of one layer on one instance, for work obtained from a schedule.
/// Pairs (row, rank) are grouped by slot; a pair's result is
///   y[p] = weight[p] * (down . act(gate . x[row[p]] + b, up . x + b) + b),
/// or, with weigh_input, which goes without biases, and as gate and up are linear,
///   y[p] = down . act(weight[p] * (gate . x[row[p]]), weight[p] * (up . x)).
/// Two kernels share this structure: experts_up fills h, experts_down reads it.
struct ExpertsArgs {
  int64_t hidden;       // H
  int64_t intermediate; // I
  int64_t gated;        // 1: gate and up; 0: gate only
  int64_t activation;   // enum Activation
  float alpha, beta;    // SwiGLU constants (1, 0 for plain SwiGLU)
  float limit;          // +inf when unset
  int32_t weigh_input;
  int64_t groups;             // number of slots with work
  const int32_t *group_slot;  // [groups] physical slot
  const int32_t *group_begin; // [groups + 1] first pair of each group
  const int32_t *pair_row;    // [pairs] row of x
  const float *pair_weight;   // [pairs] combine weight of the router
  const float *x;             // [rows, H]
  int64_t x_stride;
  const void *const *up;        // [slots] "expert-up32.f32" of the slot, or the same quantised
  const void *const *down;      // [slots] "panel32.f32" of [H, I], or the same quantised
  const void *const *up_bias;   // [slots] f32 [2 I] (gate..., up...) or null table
  const void *const *down_bias; // [slots] f32 [H] or null table
  float *h;                     // [pairs, round_up(I, 16)] scratch
  float *y;                     // [pairs, H]
  WeightFormat up_format, down_format;
};
// Layout "expert-up32.f32" of gate[I, H], up[I, H]: ceil(I/16) panels, each
// [H][32]: columns 0..15 hold gate rows 16p..16p+15, columns 16..31 the same up
// rows; missing rows are zero. Ungated: "panel32.f32" of gate[I, H].

/// One attention cache (one layer's K and V) inside an instance's page pool.
/// Page p starts at base + p * page_stride. Inside it, per kv head:
///   K: [page_tokens / 32][head_dim][32]   (keys innermost)
///   V: [page_tokens / 32][32][value_dim]
/// all kv heads' K first, then all kv heads' V.
struct KvView {
  float *base;                 // of this cache: page 0
  int64_t page_stride;         // in floats
  int64_t page_tokens;         // multiple of kKeyBlock
  const int32_t *const *pages; // [sequence] page table
  const int32_t *row_sequence; // [rows] index into pages
};

struct AttentionArgs {
  int64_t rows;            // R
  int64_t heads, kv_heads; // heads % kv_heads == 0
  int64_t head_dim, value_dim;
  int64_t window; // last W keys including self; 0: all
  float scale;    // on q . k
  float softcap;  // 0: none; cap * tanh(s / cap) before masking
  const float *q; // [R, heads * head_dim], rotated
  int64_t q_stride;
  const float *k; // [R, kv_heads * head_dim], rotated (kv_append)
  int64_t k_stride;
  const float *v; // [R, kv_heads * value_dim]          (kv_append)
  int64_t v_stride;
  const float *sinks;       // [heads] or null: adds exp(sink) to the sum
  const int32_t *positions; // [R] absolute position of each row
  const KvView *kv;
  float *y; // [R, heads * value_dim]
  int64_t y_stride;
  int64_t chunk; // keys of the row's own chunk of this many positions; 0: all
};

enum class Score : int64_t {
  kSoftmax = 0,         // softmax over all experts, in f32
  kSoftmaxSelected = 1, // softmax over the chosen k
  kSigmoid = 2,
  kSqrtSoftplus = 3, // sqrt(log(1 + exp(logit)))
  kSparseMixer = 4,  // see RouteArgs
};

/// The score of a group of experts: the largest selection score in it, or the
/// sum of the two largest.
enum class GroupScore : int64_t { kMax = 0, kTop2Sum = 1 };

/// Chooses k experts per row: the largest score (+ select_bias), ties to the
/// lower id; ids and weights in descending order of the selection score.
///
/// groups > 1: the experts are that many groups of experts / groups each, one
/// after the other. In all but the kept_groups best ones (ties to the lower)
/// the selection score becomes group_fill.
///
/// kSparseMixer, without biases and groups: round by round the largest logit m
/// among the experts not yet chosen; its weight is its softmax over those of
/// them with (m - l) / max(|l|, m) <= 2 jitter.
struct RouteArgs {
  int64_t rows, experts, k;
  int64_t score;       // enum Score
  int64_t renormalize; // 1: weights divided by (their sum + epsilon)
  float epsilon;
  float scale;         // multiplies the final weights
  const float *logits; // [rows, experts]
  int64_t logits_stride;
  const float *select_bias; // [experts] or null; for selection only
  int32_t *ids;             // [rows, k]
  float *weights;           // [rows, k]
  int64_t groups;           // 1: none; divides experts
  int64_t kept_groups;
  int64_t group_score; // enum GroupScore
  float group_fill;
  float jitter;              // kSparseMixer
  const float *expert_scale; // [experts] or null: multiplies an expert's weight before it is renormalised
};

/// The table a kernel library fills. Order is part of the ABI: append only.
struct KernelTable {
  uint32_t version;    // kKernelAbiVersion
  uint32_t size;       // sizeof(KernelTable)
  const char *name;    // "reference", "avx2", "avx512"
  Kernel linear;       // LinearArgs
  Kernel experts_up;   // ExpertsArgs
  Kernel experts_down; // ExpertsArgs
  Kernel kv_append;    // AttentionArgs: k, v rows into their pages
  Kernel attention;    // AttentionArgs: after kv_append of the same rows
  Kernel route;        // RouteArgs
};

static_assert(sizeof(WeightFormat) == 24 && sizeof(LinearArgs) == 112 && offsetof(LinearArgs, y) == 72);
static_assert(sizeof(ExpertsArgs) == 200 && offsetof(ExpertsArgs, groups) == 48);
static_assert(sizeof(KvView) == 40);
static_assert(sizeof(AttentionArgs) == 152 && offsetof(AttentionArgs, chunk) == 144);
static_assert(sizeof(RouteArgs) == 128 && offsetof(RouteArgs, groups) == 88);
static_assert(sizeof(KernelTable) == 16 + 6 * sizeof(Kernel));

} // namespace janus::abi

#endif // JANUS_ABI_KERNELS_H

// The CUDA block gives the bytes of the serial block. Skips, and says so, where there is no device.
#include "runtime/scheduler/cuda/AebsCuda.h"
#include "test/unit/scheduler/Cases.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <cuda_runtime.h>

namespace janus::scheduler {
namespace {

/// A vector in device memory.
template <typename T> class OnDevice {
public:
  explicit OnDevice(const T *from, size_t size) : size_(size) {
    EXPECT_EQ(cudaMalloc(&data_, std::max<size_t>(1, size) * sizeof(T)), cudaSuccess);
    if (from) {
      EXPECT_EQ(cudaMemcpy(data_, from, size * sizeof(T), cudaMemcpyHostToDevice), cudaSuccess);
    }
  }
  explicit OnDevice(size_t size) : OnDevice(nullptr, size) {}
  ~OnDevice() { cudaFree(data_); }
  OnDevice(const OnDevice &) = delete;
  OnDevice &operator=(const OnDevice &) = delete;
  T *get() const { return static_cast<T *>(data_); }
  std::vector<T> Read() const {
    std::vector<T> values(size_);
    EXPECT_EQ(cudaMemcpy(values.data(), data_, size_ * sizeof(T), cudaMemcpyDeviceToHost), cudaSuccess);
    return values;
  }

private:
  void *data_ = nullptr;
  size_t size_;
};

Outcome SolveOnDevice(const Case &input, Rule rule) {
  const Job job(input, rule);
  const ReplicaTableView table = job.table.view();
  const size_t experts = table.experts, replicas = table.replicas;
  const OnDevice<uint16_t> ids(input.ids.data(), input.ids.size()), order(table.order, experts),
      instance(table.instance, replicas), missing(experts);
  const OnDevice<uint8_t> mask(input.row_mask.data(), input.row_mask.size());
  const OnDevice<int32_t> begin(table.begin, experts + 1), slot(table.slot, replicas), chosen(experts),
      slots(input.ids.size());
  const OnDevice<AebsResult> result(1);
  CudaLaunch launch = {input.choices(), table, {chosen.get(), missing.get(), result.get()}, slots.get()};
  launch.choices.ids = ids.get();
  launch.choices.row_mask = input.row_mask.empty() ? nullptr : mask.get();
  launch.table.order = order.get();
  launch.table.begin = begin.get();
  launch.table.instance = instance.get();
  launch.table.slot = slot.get();
  EXPECT_EQ(LaunchAebs(launch, nullptr), "");
  EXPECT_EQ(cudaDeviceSynchronize(), cudaSuccess);
  return MakeOutcome(table, result.Read()[0], chosen.Read(), missing.Read(), slots.Read());
}

class AebsCuda : public testing::Test {
protected:
  void SetUp() override {
    std::string why;
    if (CudaDevices(why) == 0)
      GTEST_SKIP() << "skipped: no CUDA device (" << why << ")";
  }
};

TEST_F(AebsCuda, GivesTheSerialSchedule) {
  std::mt19937_64 random(13);
  for (int i = 0; i < 300; ++i) {
    const Case input = RandomCase(random, i % 6 ? 160 : 1024, i % 6 ? 16 : 1024);
    for (Rule rule : {Rule::kExact, Rule::kJanusGreedy, Rule::kMetroGreedy})
      ASSERT_TRUE(SolveOnDevice(input, rule) == Solve(input, rule)) << "case " << i;
  }
}

/// 65,536 rows of 16 choices of 1,024 experts on 1,024 instances.
TEST_F(AebsCuda, TheLargestStep) {
  std::mt19937_64 random(14);
  Case input;
  input.instances = 1024;
  input.k = 16;
  for (int32_t e = 0; e < 1024; ++e)
    input.hosts.push_back({std::min(e, (e * 7 + 1) % 1024), std::max(e, (e * 7 + 1) % 1024)});
  for (int i = 0; i < 65536 * 16; ++i)
    input.ids.push_back(static_cast<uint16_t>(random() % 1024));
  const Outcome outcome = SolveOnDevice(input, Rule::kExact);
  EXPECT_EQ(outcome.result.a_max, 1);
  EXPECT_TRUE(outcome == Solve(input));
}

/// Without a device a launch says what is wrong.
TEST(CudaWithoutDevice, IsAnError) {
  std::string why;
  if (CudaDevices(why) > 0)
    GTEST_SKIP() << "there is one";
  EXPECT_NE(why, "");
  EXPECT_NE(LaunchAebs({}, nullptr), "");
}

} // namespace
} // namespace janus::scheduler

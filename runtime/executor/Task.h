//===- Task.h - the coroutines that steps are written in --------*- C++ -*-===//
//
// A step of an instance waits in many places (for messages, for credits), yet
// reads best as straight code. So it is a coroutine: `co_await` suspends it to
// the instance, which resumes the innermost one when what it waits for is
// there. Frames come from an arena of the instance, in stack order, so that a
// step does not allocate; destroying the outermost task abandons the step.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_EXECUTOR_TASK_H
#define JANUS_RUNTIME_EXECUTOR_TASK_H

#include "absl/status/status.h"

#include <coroutine>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <utility>

namespace janus::executor {

/// Frames of one instance, last in first out.
class FrameArena {
public:
  explicit FrameArena(size_t capacity) : bytes(new std::byte[capacity]), capacity(capacity) {}
  void *Push(size_t size) {
    size = (size + kAlign - 1) / kAlign * kAlign;
    if (size > capacity - used)
      std::abort(); // nesting is fixed by the code; the capacity has room for twice of it
    void *frame = bytes.get() + used;
    used += size;
    return frame;
  }
  void Pop(void *frame) { used = static_cast<std::byte *>(frame) - bytes.get(); }

private:
  static constexpr size_t kAlign = alignof(std::max_align_t);
  std::unique_ptr<std::byte[]> bytes;
  size_t capacity, used = 0;
};

/// A coroutine of an instance that ends with a status. The class whose member
/// function it is has a `FrameArena frames` and a `std::coroutine_handle<>
/// innermost`, the handle to resume.
class [[nodiscard]] Task {
public:
  struct promise_type {
    absl::Status status;
    std::coroutine_handle<> parent;

    template <typename Owner, typename... Args> static void *operator new(size_t size, Owner &owner, Args &&...) {
      auto *header = static_cast<FrameArena **>(owner.frames.Push(size + kHeader));
      *header = &owner.frames;
      return reinterpret_cast<std::byte *>(header) + kHeader;
    }
    static void operator delete(void *frame, size_t) {
      auto *header = reinterpret_cast<FrameArena **>(static_cast<std::byte *>(frame) - kHeader);
      (*header)->Pop(header);
    }

    Task get_return_object() { return Task(std::coroutine_handle<promise_type>::from_promise(*this)); }
    std::suspend_always initial_suspend() noexcept { return {}; }
    struct Final {
      bool await_ready() noexcept { return false; }
      std::coroutine_handle<> await_suspend(std::coroutine_handle<promise_type> self) noexcept {
        return self.promise().parent ? self.promise().parent : std::noop_coroutine();
      }
      void await_resume() noexcept {}
    };
    Final final_suspend() noexcept { return {}; }
    void return_value(absl::Status value) { status = std::move(value); }
    void unhandled_exception() { std::abort(); }
  };

  Task() = default;
  Task(Task &&other) noexcept : handle(std::exchange(other.handle, nullptr)) {}
  Task &operator=(Task &&other) noexcept {
    if (this != &other) {
      Reset();
      handle = std::exchange(other.handle, nullptr);
    }
    return *this;
  }
  ~Task() { Reset(); }

  void Reset() {
    if (handle)
      std::exchange(handle, nullptr).destroy();
  }
  explicit operator bool() const { return static_cast<bool>(handle); }
  bool done() const { return handle.done(); }
  absl::Status &status() const { return handle.promise().status; }
  std::coroutine_handle<> get() const { return handle; }

  // co_await task: runs it, and gives its status.
  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> parent) noexcept {
    handle.promise().parent = parent;
    return handle;
  }
  absl::Status await_resume() { return std::move(handle.promise().status); }

private:
  static constexpr size_t kHeader = alignof(std::max_align_t);
  explicit Task(std::coroutine_handle<promise_type> handle) : handle(handle) {}
  std::coroutine_handle<promise_type> handle;
};

} // namespace janus::executor

#endif // JANUS_RUNTIME_EXECUTOR_TASK_H

//===- Await.h - where a step may suspend -----------------------*- C++ -*-===//
//
// Internal to the executor: included by the files that hold coroutines.
//
//===----------------------------------------------------------------------===//
#ifndef JANUS_RUNTIME_EXECUTOR_AWAIT_H
#define JANUS_RUNTIME_EXECUTOR_AWAIT_H

#include "runtime/executor/Clock.h"
#include "runtime/executor/State.h"

#include "absl/strings/str_cat.h"

/// Ends the coroutine with the status of `expression` unless it is ok.
#define JANUS_CO_RETURN_IF_ERROR(expression)                                                                           \
  if (absl::Status status_ = (expression); !status_.ok())                                                              \
  co_return status_

namespace janus {

/// Awaits one message by name.
struct Instance::State::GetAwaiter : Waiter {
  GetAwaiter(State &state, const executor::Key &key) : state(state), key(key) {}
  bool Try() override { return state.mail->Take(key, message); }
  std::string Describe() const override { return executor::Describe(key); }
  Address peer() const override { return key.source; }
  bool await_ready() {
    state.mail->Expect(key);
    return Try();
  }
  void await_suspend(std::coroutine_handle<> handle) {
    since = Nanoseconds();
    state.innermost = handle;
    state.waiter = this;
  }
  executor::Received await_resume() {
    if (since)
      state.wait_ns += Nanoseconds() - since;
    return std::move(message);
  }
  State &state;
  executor::Key key;
  executor::Received message;
  int64_t since = 0;
};

/// Awaits room for one message of `bytes` bytes; gives the memory to fill if
/// mail->status() is ok.
struct Instance::State::RoomAwaiter : Waiter {
  RoomAwaiter(State &state, Address to, const executor::Key &key, int64_t bytes)
      : state(state), to(to), key(key), bytes(bytes) {}
  std::string Describe() const override {
    return absl::StrCat("room for ", bytes, " bytes to ", janus::Describe(to), ", ", executor::Describe(key));
  }
  Address peer() const override { return to; }
  bool Try() override { return state.mail->Reserve(to, key, bytes, room); }
  bool await_ready() { return Try(); }
  void await_suspend(std::coroutine_handle<> handle) {
    since = Nanoseconds();
    state.innermost = handle;
    state.waiter = this;
  }
  char *await_resume() {
    if (since)
      state.wait_ns += Nanoseconds() - since;
    return room;
  }
  State &state;
  Address to;
  executor::Key key;
  int64_t bytes;
  char *room = nullptr;
  int64_t since = 0;
};

inline Instance::State::GetAwaiter Instance::State::Get(Phase phase, Address from, int32_t part) {
  return GetAwaiter(*this, {layer, phase, from, part});
}

inline Instance::State::RoomAwaiter Instance::State::Room(Address to, Phase phase, int32_t part, int64_t bytes) {
  return RoomAwaiter(*this, to, {layer, phase, mail->self(), part}, bytes);
}

} // namespace janus

#endif // JANUS_RUNTIME_EXECUTOR_AWAIT_H

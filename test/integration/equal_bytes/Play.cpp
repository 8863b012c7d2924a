#include "test/integration/equal_bytes/Play.h"
#include "test/integration/equal_bytes/Generator.h"

#include "absl/strings/str_cat.h"

#include <algorithm>

namespace janus::equal_bytes {
namespace {

constexpr int kOthers = 8;
constexpr int64_t kLongestOther = 40; // rows of a prompt: more than a page and a key block
constexpr int64_t kArrivals = 12;     // steps over which requests come

/// A request on its way through a runtime.
struct Guest {
  int64_t arrives = 0;      // step
  int64_t cancelled_at = 0; // step; 0: never
  GenerateRequest request;
  Answer *answer = nullptr; // of an observed one
  std::string name;
  RequestId id = 0;
  bool ended = false;
};

GenerateRequest AnyRequest(int64_t vocab, bool scoring, Generator &generator) {
  GenerateRequest request;
  request.prompt.resize(1 + generator.Below(kLongestOther));
  for (int32_t &token : request.prompt)
    token = static_cast<int32_t>(generator.Below(vocab));
  request.score = scoring;
  if (!scoring)
    request.max_new_tokens = 1 + static_cast<int64_t>(generator.Below(16));
  request.temperature = 0.5f * static_cast<float>(generator.Below(3));
  request.seed = generator.Next();
  return request;
}

/// Takes what a request has produced. An error if it ended otherwise than by its length or its score.
absl::Status Collect(Runtime &runtime, Guest &guest) {
  TokenEvent event;
  while (runtime.Next(guest.id, event))
    if (guest.answer) {
      guest.answer->tokens.push_back(event.token);
      guest.answer->logits.insert(guest.answer->logits.end(), event.logits.begin(), event.logits.end());
    }
  RequestResult result;
  if (!runtime.Finish(guest.id, result))
    return absl::OkStatus();
  guest.ended = true;
  if (guest.answer && guest.request.score)
    guest.answer->logits = std::move(result.logits);
  const bool cancelled = guest.cancelled_at > 0 && result.reason == FinishReason::kCancelled;
  if (!result.status.ok() && !cancelled)
    return absl::Status(result.status.code(), absl::StrCat(guest.name, ": ", result.status.message()));
  return absl::OkStatus();
}

absl::Status Play(Runtime &runtime, std::vector<Guest> &guests) {
  auto waits = [](const Guest &guest) { return guest.answer && !guest.ended; };
  for (int64_t step = 1; std::any_of(guests.begin(), guests.end(), waits); ++step) {
    for (Guest &guest : guests) {
      if (guest.ended)
        continue;
      if (guest.arrives + 1 == step) {
        absl::StatusOr<RequestId> id = runtime.Submit(guest.request);
        if (!id.ok())
          return absl::Status(id.status().code(), absl::StrCat(guest.name, ": ", id.status().message()));
        guest.id = *id;
      } else if (guest.id && guest.cancelled_at == step) {
        if (absl::Status status = runtime.Cancel(guest.id); !status.ok())
          return status;
      }
    }
    absl::StatusOr<bool> ran = runtime.Step();
    if (!ran.ok())
      return ran.status();
    bool ended = false;
    for (Guest &guest : guests)
      if (guest.id && !guest.ended) {
        if (absl::Status status = Collect(runtime, guest); !status.ok())
          return status;
        ended |= guest.ended;
      }
    if (!*ran && !ended && step > kArrivals)
      return absl::InternalError("the runtime has requests but runs none of them");
  }
  return absl::OkStatus();
}

} // namespace

absl::StatusOr<std::vector<Answer>> PlayAlone(Runtime &runtime, const std::vector<Observed> &requests) {
  std::vector<Answer> answers(requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    std::vector<Guest> guests(1);
    guests[0].request = requests[i].request;
    guests[0].answer = &answers[i];
    guests[0].name = requests[i].name;
    if (absl::Status status = Play(runtime, guests); !status.ok())
      return status;
  }
  return answers;
}

absl::StatusOr<std::vector<Answer>> PlayAmongOthers(Runtime &runtime, const std::vector<Observed> &requests,
                                                    uint64_t seed) {
  Generator generator(seed);
  std::vector<Answer> answers(requests.size());
  std::vector<Guest> guests(requests.size() + kOthers);
  std::vector<int> order(guests.size()); // of those who come at the same step
  for (size_t i = 0; i < guests.size(); ++i)
    order[i] = static_cast<int>(i);
  generator.Shuffle(order);
  for (size_t i = 0; i < guests.size(); ++i) {
    Guest &guest = guests[order[i]];
    guest.arrives = static_cast<int64_t>(generator.Below(kArrivals));
    if (i < requests.size()) {
      guest.request = requests[i].request;
      guest.answer = &answers[i];
      guest.name = requests[i].name;
      continue;
    }
    guest.request = AnyRequest(runtime.model().vocab, i % 4 == 0, generator);
    guest.name = absl::StrCat("other ", i);
    if (generator.Below(3) == 0)
      guest.cancelled_at = guest.arrives + 2 + static_cast<int64_t>(generator.Below(6));
  }
  if (absl::Status status = Play(runtime, guests); !status.ok())
    return status;
  return answers;
}

int64_t MostRows(const std::vector<Observed> &requests) {
  int64_t rows = kOthers * kLongestOther;
  for (const Observed &observed : requests)
    rows += static_cast<int64_t>(observed.request.prompt.size());
  return rows;
}

} // namespace janus::equal_bytes

#include "test/integration/failures/Cases.h"

#include "absl/strings/str_cat.h"

namespace janus::failures {
namespace {

constexpr int kAttention = 3, kExperts = 3, kSteps = 3;
constexpr int64_t kDeadlineMs = 4; // for who is silent

std::string Name(int instance) {
  return instance < kAttention ? absl::StrCat("attention:", instance) : absl::StrCat("expert:", instance - kAttention);
}

/// The phases in which an instance of the kind can have messages.
std::vector<std::string> Phases(bool attention, const std::string &scheme, const std::string &gate_side) {
  std::vector<std::string> phases = {"step"};
  if (attention && gate_side == "attention")
    phases.push_back("exchange");
  if (scheme == "direct")
    phases.insert(phases.end(), {"direct", "return"});
  else if (attention)
    phases.insert(phases.end(), {"gather", "node", "return-node", "scatter"});
  else
    phases.insert(phases.end(), {"node", "relay", "fanout", "return-gather", "return-node"});
  if (attention)
    phases.push_back("result");
  return phases;
}

RuntimeOptions Wide(const Setting &setting) {
  RuntimeOptions options = Plain();
  options.attention = kAttention;
  options.experts = kExperts;
  options.nodes = "a0,a1,e0@0;a2,e1,e2@1";
  options.slots = (setting.experts + 1) / 2; // two instances hold all experts
  options.failure_deadline_ms = kDeadlineMs;
  return options;
}

} // namespace

RuntimeOptions Plain() {
  RuntimeOptions options;
  options.threads = 1;
  options.max_batch = 8;
  options.step_rows = 128;
  options.scoring = true;
  return options;
}

std::string Describe(const Case &of) {
  const RuntimeOptions &o = of.options;
  std::string text = absl::StrCat("--attention ", o.attention, " --experts ", o.experts, " --nodes '", o.nodes,
                                  "' --scheme ", o.scheme, " --gate-side ", o.gate_side, " --slots ", o.slots,
                                  " --rebalance ", o.rebalance, " --failure-deadline ", o.failure_deadline_ms);
  for (const std::string &fault : o.fail)
    absl::StrAppend(&text, " --fail ", fault);
  for (const std::string &restoration : o.restore)
    absl::StrAppend(&text, " --restore ", restoration);
  return text;
}

std::vector<Case> AnyInstanceAtAnyPhase(const Setting &setting) {
  std::vector<Case> cases;
  for (const char *gate_side : {"expert", "attention"})
    for (const char *scheme : {"direct", "case1", "case2"})
      for (int instance = 0; instance < kAttention + kExperts; ++instance)
        for (const std::string &phase : Phases(instance < kAttention, scheme, gate_side))
          for (int step = 1; step <= kSteps; ++step)
            for (const char *how : {"dead", "silent"}) {
              Case of = {Wide(setting), 1};
              of.options.scheme = scheme;
              of.options.gate_side = gate_side;
              const bool whole = phase == "step" || phase == "result";
              const size_t turn = cases.size() / 2;
              of.options.fail = {absl::StrCat(
                  Name(instance), "@step=", step, ",phase=", phase,
                  whole ? "" : absl::StrCat(",layer=", turn % setting.layers, ",after=", turn / 3 % 2), ",how=", how)};
              cases.push_back(of);
            }
  return cases;
}

std::vector<Case> SeveralAndRestored(const Setting &setting) {
  std::vector<Case> cases;
  for (const char *gate_side : {"expert", "attention"})
    for (const char *how : {"dead", "silent"}) {
      const std::string end = absl::StrCat(",how=", how);
      Case of = {Wide(setting), 4};
      of.options.gate_side = gate_side;
      of.options.slots = setting.experts;
      of.options.fail = {"expert:0@step=1,layer=1" + end, "attention:0@step=2,layer=0" + end,
                         "expert:2@step=3,phase=step" + end, "attention:2@step=5" + end};
      cases.push_back(of);

      of = {Wide(setting), 2};
      of.options.gate_side = gate_side;
      of.options.fail = {"expert:1@step=2,layer=1" + end, "attention:1@step=3" + end};
      of.options.restore = {"expert:1@step=4", "attention:1@step=5"};
      cases.push_back(of);

      for (const char *instance : {"expert:2", "attention:0"}) { // without it nothing can run
        of = {Wide(setting), 1};
        of.options.gate_side = gate_side;
        of.options.attention = 1;
        of.options.nodes.clear();
        of.options.slots = (setting.experts + kExperts - 1) / kExperts;
        of.options.fail = {absl::StrCat(instance, "@step=3,layer=1", end)};
        of.options.restore = {absl::StrCat(instance, "@step=4")};
        cases.push_back(of);
      }
    }
  return cases;
}

std::vector<Case> WhileExpertsMove(const Setting &setting) {
  std::vector<Case> cases;
  const auto add = [&](const char *gate_side, const char *from, int instance, const std::string &where) {
    for (const char *how : {"dead", "silent"}) {
      Case of = {Wide(setting), 1, false};
      of.options.gate_side = gate_side;
      of.options.rebalance = absl::StrCat("every=1,plan=random,budget=100000000,from=", from);
      of.options.fail = {absl::StrCat(Name(instance), "@", where, ",how=", how)};
      cases.push_back(of);
    }
  };
  for (const char *gate_side : {"expert", "attention"})
    for (const char *from : {"peer", "artifact"})
      for (int instance = 0; instance < kAttention + kExperts; ++instance) {
        for (const char *phase : {"load", "weights", "loaded", "epoch", "ready"})
          for (const int after : {0, 1, 4})
            if (instance >= kAttention || phase[0] == 'e' || phase[0] == 'r') // what attention instances have, too
              add(gate_side, from, instance, absl::StrCat("step=1,phase=", phase, ",after=", after));
        for (int step = 2; step <= 7; ++step)
          add(gate_side, from, instance, absl::StrCat("step=", step, ",phase=step"));
      }
  return cases;
}

} // namespace janus::failures

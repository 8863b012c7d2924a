#include "runtime/traffic/Schemes.h"

#include "runtime/base/Expression.h"
#include "runtime/base/Json.h"

#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

#include <algorithm>
#include <set>

namespace janus::traffic {
namespace {

constexpr LinkClass kIntra = LinkClass::kIntra, kInter = LinkClass::kInter, kControl = LinkClass::kControl;

std::vector<Scheme> WholeDispatch() {
  const PhaseCost gather{"gather", kIntra, "gatherers", "gather_rows*H*4"};
  const PhaseCost fanout{"fanout", kIntra, "A*(n - E)", "rows*(n - E)*H*4"};
  return {{"direct",
           {{"send", kIntra, "near_links", "near_rows*H*4"},
            {"send", kInter, "active*n - near_links", "(rows*n - near_rows)*H*4"}}},
          {"case1",
           {gather,
            {"node", kIntra, "same_nodes", "same_node_rows*H*4"},
            {"node", kInter, "A*E - same_nodes", "(rows*E - same_node_rows)*H*4"},
            fanout}},
          {"case2",
           {gather,
            {"node", kIntra, "home_nodes", "home_node_rows*H*4"},
            {"node", kInter, "A - home_nodes", "(rows - home_node_rows)*H*4"},
            {"exchange", kInter, "A*(E - 1)", "rows*(E - 1)*H*4"},
            fanout}}};
}

std::vector<Scheme> RoutedDispatch() {
  const PhaseCost gather{"gather", kIntra, "gatherers", "gather_rows*(H*4 + k*20)"};
  const PhaseCost fanout{"fanout", kIntra, "A*(n - E)", "fanout_needs*H*4 + member_pairs*20"};
  return {{"direct",
           {{"send", kIntra, "near_links", "near_needs*H*4 + near_pairs*20"},
            {"send", kInter, "active*n - near_links", "far_needs*H*4 + (rows*k - near_pairs)*20"}}},
          {"case1",
           {gather,
            {"node", kIntra, "same_nodes", "same_node_needs*H*4 + near_pairs*20"},
            {"node", kInter, "A*E - same_nodes", "other_node_needs*H*4 + (rows*k - near_pairs)*20"},
            fanout}},
          {"case2",
           {gather,
            {"node", kIntra, "home_nodes", "home_node_rows*(H*4 + k*20)"},
            {"node", kInter, "A - home_nodes", "(rows - home_node_rows)*(H*4 + k*20)"},
            {"exchange", kInter, "A*(E - 1)", "away_needs*H*4 + away_pairs*20"},
            fanout}}};
}

std::vector<Scheme> Return() {
  const std::vector<PhaseCost> nodes = {{"gather", kIntra, "n - E", "member_pairs*(8 + 4*H)"},
                                        {"node", kIntra, "same_nodes", "near_pairs*(8 + 4*H)"},
                                        {"node", kInter, "A*E - same_nodes", "(rows*k - near_pairs)*(8 + 4*H)"},
                                        {"scatter", kIntra, "gatherers*E", "gather_rows*k*(8 + 4*H)"}};
  return {{"direct",
           {{"send", kIntra, "near_links", "near_pairs*(8 + 4*H)"},
            {"send", kInter, "active*n - near_links", "(rows*k - near_pairs)*(8 + 4*H)"}}},
          {"case1", nodes},
          {"case2", nodes}};
}

/// The instances of one kind on the nodes that have any, ascending.
struct Groups {
  explicit Groups(const std::vector<int> &nodes) {
    std::set<int> sorted(nodes.begin(), nodes.end());
    node.assign(sorted.begin(), sorted.end());
    for (int n : nodes)
      of.push_back(std::lower_bound(node.begin(), node.end(), n) - node.begin());
    leader.assign(node.size(), -1);
    for (size_t i = nodes.size(); i-- > 0;)
      leader[of[i]] = static_cast<int>(i);
  }
  std::vector<int> node, of, leader; // by group; by instance; by group
};

/// Sets that count each (x, y) once: rows an instance or a node needs.
class Once {
public:
  bool Add(int64_t key) { return seen_.insert(key).second; }

private:
  std::set<int64_t> seen_;
};

} // namespace

const char *Name(LinkClass link) { return link == kIntra ? "intra" : link == kInter ? "inter" : "control"; }

const std::vector<Scheme> &SchemesOf(Kind kind) {
  static const std::vector<Scheme> kWhole = WholeDispatch(), kRouted = RoutedDispatch(), kReturn = Return();
  static const std::vector<Scheme> kExchange = {
      {"direct", {{"ids", kControl, "active*(active - 1)", "rows*(active - 1)*k*2"}}}};
  return kind == Kind::kDispatch         ? kWhole
         : kind == Kind::kRoutedDispatch ? kRouted
         : kind == Kind::kExchange       ? kExchange
                                         : kReturn;
}

int SchemeIndex(const std::string &name) {
  const std::vector<Scheme> &schemes = SchemesOf(Kind::kDispatch);
  for (int i = 0; i < kSchemeCount; ++i)
    if (schemes[i].name == name)
      return i;
  return -1;
}

std::map<std::string, int64_t> Symbols(const Topology &topology, const std::vector<int64_t> &rows, int64_t columns,
                                       int64_t k, const Assignment *assignment) {
  const Groups attention(topology.attention_nodes()), expert(topology.expert_nodes());
  const int64_t n = topology.experts(), nodes = expert.node.size();
  std::map<std::string, int64_t> s;
  for (const char *name :
       {"active",     "rows",        "near_links",     "near_rows",       "gatherers",        "gather_rows",
        "A",          "same_nodes",  "same_node_rows", "home_nodes",      "home_node_rows",   "near_needs",
        "far_needs",  "near_pairs",  "member_pairs",   "same_node_needs", "other_node_needs", "away_needs",
        "away_pairs", "fanout_needs"})
    s[name] = 0;
  s["n"] = n, s["E"] = nodes, s["H"] = columns, s["k"] = k;

  std::vector<int64_t> node_rows(attention.node.size()), near(topology.attention());
  for (int i = 0; i < topology.attention(); ++i) {
    for (int j = 0; j < n; ++j)
      near[i] += topology.expert_node(j) == topology.attention_node(i);
    if (rows[i] == 0)
      continue;
    ++s["active"];
    s["rows"] += rows[i];
    s["near_links"] += near[i];
    s["near_rows"] += near[i] * rows[i];
    node_rows[attention.of[i]] += rows[i];
    if (attention.leader[attention.of[i]] != i) {
      ++s["gatherers"];
      s["gather_rows"] += rows[i];
    }
  }
  auto home = [&](int64_t group) { return group % nodes; };
  for (size_t a = 0; a < attention.node.size(); ++a) {
    if (node_rows[a] == 0)
      continue;
    ++s["A"];
    const bool same = std::binary_search(expert.node.begin(), expert.node.end(), attention.node[a]);
    s["same_nodes"] += same;
    s["same_node_rows"] += same * node_rows[a];
    const bool at_home = expert.node[home(a)] == attention.node[a];
    s["home_nodes"] += at_home;
    s["home_node_rows"] += at_home * node_rows[a];
  }

  Assignment uniform;
  if (!assignment) { // rank after rank to the next instance: the spread that replicas of equal load give
    for (int64_t p = 0; p < s["rows"] * k; ++p)
      uniform.push_back(static_cast<int32_t>(p % n));
    assignment = &uniform;
  }
  int64_t row = 0;
  Once by_instance, by_node, by_member;
  for (int i = 0; i < topology.attention(); ++i)
    for (int64_t r = 0; r < rows[i]; ++r, ++row)
      for (int64_t rank = 0; rank < k; ++rank) {
        const int32_t j = (*assignment)[row * k + rank];
        if (j < 0)
          continue;
        const int group = expert.of[j], node = expert.node[group];
        const bool same = node == topology.attention_node(i), leads = expert.leader[group] == j,
                   away = group != home(attention.of[i]);
        s["near_pairs"] += same;
        s["member_pairs"] += !leads;
        s["away_pairs"] += away;
        if (by_instance.Add(row * n + j)) {
          s[same ? "near_needs" : "far_needs"] += 1;
          s["fanout_needs"] += !leads;
        }
        if (by_node.Add(row * nodes + group)) {
          s[same ? "same_node_needs" : "other_node_needs"] += 1;
          s["away_needs"] += away;
        }
      }
  return s;
}

absl::StatusOr<std::vector<PhaseAmount>> Predict(const Scheme &scheme, const std::map<std::string, int64_t> &symbols) {
  std::vector<PhaseAmount> amounts;
  for (const PhaseCost &cost : scheme.phases) {
    absl::StatusOr<int64_t> messages = Evaluate(cost.messages, symbols), bytes = Evaluate(cost.bytes, symbols);
    for (const auto *value : {&messages, &bytes})
      if (!value->ok())
        return absl::Status(value->status().code(), absl::StrCat("scheme ", scheme.name, ", phase ", cost.phase, ": ",
                                                                 value->status().message()));
    amounts.push_back({cost.phase, cost.link, {*messages, *bytes}});
  }
  return amounts;
}

absl::StatusOr<HardwareProfile> HardwareProfile::FromJson(const std::string &text) {
  const nlohmann::json document = ParseJson(text);
  HardwareProfile profile;
  for (int i = 0; i < 3; ++i) {
    const std::string name = Name(static_cast<LinkClass>(i));
    const auto links = document.is_object() ? document.value("links", nlohmann::json()) : nlohmann::json();
    const auto entry = links.is_object() ? links.value(name, nlohmann::json()) : nlohmann::json();
    const auto alpha = entry.is_object() ? entry.value("alpha", nlohmann::json()) : nlohmann::json(),
               beta = entry.is_object() ? entry.value("beta", nlohmann::json()) : nlohmann::json();
    if (!alpha.is_number() || !beta.is_number() || alpha.get<double>() < 0 || !(beta.get<double>() > 0))
      return absl::InvalidArgumentError(
          absl::StrCat("hardware profile: links.", name,
                       ": expected {\"alpha\": seconds a message, \"beta\": bytes a second}; see docs/transfers.md"));
    profile.links[i] = {alpha.get<double>(), beta.get<double>()};
  }
  return profile;
}

double Seconds(const std::vector<PhaseAmount> &phases, const HardwareProfile &profile) {
  double seconds = 0;
  for (const PhaseAmount &phase : phases) {
    const HardwareProfile::Class &link = profile.links[static_cast<int>(phase.link)];
    seconds += phase.amount.messages * link.alpha + phase.amount.bytes / link.beta;
  }
  return seconds;
}

int ChooseScheme(const Topology &topology, const std::vector<int64_t> &rows, int64_t columns, int64_t k, bool routed,
                 const HardwareProfile &profile) {
  const auto symbols = Symbols(topology, rows, columns, k, nullptr);
  int best = 0;
  double best_seconds = 0;
  for (int i = 0; i < kSchemeCount; ++i) {
    double seconds = 0;
    for (Kind kind : {routed ? Kind::kRoutedDispatch : Kind::kDispatch, Kind::kReturn}) {
      auto amounts = Predict(SchemesOf(kind)[i], symbols);
      if (amounts.ok())
        seconds += Seconds(*amounts, profile);
    }
    if (i == 0 || seconds < best_seconds)
      best = i, best_seconds = seconds;
  }
  return best;
}

} // namespace janus::traffic

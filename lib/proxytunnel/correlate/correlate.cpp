// SPDX-License-Identifier: GPL-2.0-or-later
// summary: which leg is which tunnel's.
//
// Theory of operation: first, pairs that are alone with what they said, whenever that was, tell how far the clocks are
// apart. Then each tunnel's candidates are those that lived while it did. Which addresses are the proxy's own on the
// other side is learned from those that cannot be mistaken. At last pairs are taken, the strongest first; where two
// equally strong ones meet in a tunnel or a leg, none of them is.
#include "correlate/correlate.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "correlate/judge.hpp"
#include "correlate/leg_index.hpp"
#include "correlate/proxy_addresses.hpp"
#include "correlate/span.hpp"

namespace proxytunnel {
namespace {

constexpr auto client = Direction::from_client, server = Direction::from_server;
constexpr std::array directions = {client, server};
constexpr std::size_t sure_votes = 3;

struct Pair {
  std::uint32_t tunnel, leg;
  Grounds grounds;
  double score;
};

// A forwarded request, and one on a leg.
struct RequestPair {
  std::uint32_t tunnel, asked;
  std::uint32_t leg, request;

  [[nodiscard]] std::uint64_t outer() const noexcept { return std::uint64_t{tunnel} << 32 | asked; }
  [[nodiscard]] std::uint64_t inner() const noexcept { return std::uint64_t{leg} << 32 | request; }
};

template <class T, class Key>
std::unordered_map<std::uint64_t, std::size_t> count_by(const std::vector<T>& all, Key key) {
  std::unordered_map<std::uint64_t, std::size_t> counts;
  for (const T& each : all) ++counts[key(each)];
  return counts;
}

// Those that are alone on both sides.
template <class T, class One, class Another>
std::vector<T> alone(const std::vector<T>& all, One one, Another another) {
  const auto ones = count_by(all, one), others = count_by(all, another);
  std::vector<T> result;
  for (const T& each : all) {
    if (ones.at(one(each)) == 1 && others.at(another(each)) == 1) result.push_back(each);
  }
  return result;
}

std::uint64_t tunnel_of(const Pair& pair) {
  return pair.tunnel;
}
std::uint64_t leg_of(const Pair& pair) {
  return pair.leg;
}
std::uint64_t outer_of(const RequestPair& pair) {
  return pair.outer();
}
std::uint64_t inner_of(const RequestPair& pair) {
  return pair.inner();
}

class Correlator {
 public:
  Correlator(std::span<const Tunnelled> tunnels, std::span<const Leg> legs, const CorrelationOptions& options)
      : tunnels_(tunnels), legs_(legs), options_(options), ahead_(options.sources, 0), clocks_(options.sources) {
    result_.tunnels.resize(tunnels.size());
    for (const Tunnelled& tunnel : tunnels) addresses_.add_client(tunnel.client.address);
  }

  Correlation operator()() {
    set_clocks();
    note_copies();
    const LegIndex index(legs_, options_.hash_key, ahead_);
    std::vector<Pair> pairs = pairs_of(index);
    std::vector<RequestPair> requests = requests_of(index);
    learn_addresses(pairs, requests);
    std::erase_if(pairs, [this](const Pair& pair) { return !is_believed(pair); });
    std::erase_if(requests,
                  [this](const RequestPair& pair) { return !is_of_proxy(pair.tunnel, pair.leg, Unknown::allowed); });
    take_pairs(std::move(pairs));
    take_requests(requests);
    tell_legs();
    return std::move(result_);
  }

 private:
  // Of each source, what is alone in what it said; and what follows for its clock.
  void set_clocks() {
    for (LegClock& clock : clocks_) clock.slack = options_.skew;
    const LegIndex index(legs_, options_.hash_key, ahead_);
    std::vector<std::vector<ClockBounds>> bounds(options_.sources);
    const std::vector<Pair> pairs = pairs_of(index);
    const std::vector<RequestPair> requests = requests_of(index);
    for (std::size_t source = 0; source < bounds.size(); ++source) {
      for (const Pair& pair : alone(of_source(pairs, source), tunnel_of, leg_of)) {
        const auto of = bounds_of(tunnels_[pair.tunnel], legs_[pair.leg]);
        const bool tells = pair.grounds.is_unmistakable() || pair.grounds.has(Ground::same_bytes);
        if (of && tells) bounds[source].push_back(*of);
      }
      for (const RequestPair& pair : alone(of_source(requests, source), outer_of, inner_of)) {
        const HttpRequest& outer = tunnels_[pair.tunnel].content.requests[pair.asked];
        const HttpRequest& inner = legs_[pair.leg].content.requests[pair.request];
        if (outer.answered == 0 || inner.answered == 0) continue;
        bounds[source].push_back({minus(inner.answered, outer.answered), minus(inner.stamp.time, outer.stamp.time)});
      }
      const auto offset = agree(bounds[source]);
      result_.clocks.push_back({source, offset});
      const bool is_sure = offset && offset->votes >= sure_votes;
      ahead_[source] = clocks_[source].ahead = is_sure || (offset && source != 0) ? offset->ahead : 0;
      clocks_[source].slack =
          is_sure ? plus(clock_jitter, offset->uncertainty) : clock_slack + options_.skew.value_or(0);
    }
  }

  template <class T>
  [[nodiscard]] std::vector<T> of_source(const std::vector<T>& pairs, std::size_t source) const {
    std::vector<T> result;
    std::copy_if(pairs.begin(), pairs.end(), std::back_inserter(result),
                 [&](const T& pair) { return legs_[pair.leg].source == source; });
    return result;
  }

  // A connection that an earlier source has, too, is one leg and not two that are alike.
  void note_copies() {
    std::map<std::pair<Endpoint, Endpoint>, std::vector<std::uint32_t>> known;
    for (std::uint32_t number = 0; number < legs_.size(); ++number) {
      const Leg& leg = legs_[number];
      std::vector<std::uint32_t>& same = known[{leg.ends.initiator, leg.ends.acceptor}];
      const auto is_copy = [&](std::uint32_t of) { return legs_[of].source < leg.source && are_one(legs_[of], leg); };
      if (std::any_of(same.begin(), same.end(), is_copy)) {
        copies_.insert(number);
      } else {
        same.push_back(number);
      }
    }
  }
  // With the same ends.
  [[nodiscard]] bool are_one(const Leg& one, const Leg& another) const {
    const auto begun = [this](const Leg& leg) { return minus(leg.first.time, clocks_[leg.source].ahead); };
    const Time slack = plus(*clocks_[one.source].slack, *clocks_[another.source].slack);
    if (minus(std::max(begun(one), begun(another)), std::min(begun(one), begun(another))) > slack ||
        one.transport != another.transport)
      return false;
    return std::all_of(directions.begin(), directions.end(), [&](Direction direction) {
      return Beginning::compare(one.content.beginning[direction], another.content.beginning[direction]) !=
             Agreement::differ;
    });
  }

  // Candidates of all tunnels, those of one behind each other.
  [[nodiscard]] std::vector<Pair> pairs_of(const LegIndex& index) {
    crowded_.clear();
    std::vector<Pair> pairs;
    std::vector<std::uint32_t> legs;
    for (std::uint32_t number = 0; number < tunnels_.size(); ++number) {
      const Tunnelled& tunnel = tunnels_[number];
      if (tunnel.is_forwarded) continue;
      candidates_of(tunnel, index, legs);
      for (const std::uint32_t leg : legs) {
        const LegClock& clock = clocks_[legs_[leg].source];
        if (!is_in_time(tunnel, legs_[leg], clock)) continue;
        std::optional<Grounds> grounds = judge_content(tunnel, legs_[leg]);
        if (!grounds) continue;
        if (clock.slack) grounds->add(Ground::time);
        pairs.push_back({number, leg, *grounds, grounds->score()});
      }
    }
    if (!crowded_.empty()) std::erase_if(pairs, [&](const Pair& pair) { return is_crowded(pair, index); });
    return pairs;
  }

  // Others share with the leg what speaks for it, and were too many to be looked at.
  [[nodiscard]] bool is_crowded(const Pair& pair, const LegIndex& index) const {
    using By = LegIndex::By;
    if (pair.grounds.is_unmistakable()) return false;
    const By by = pair.grounds.has(Ground::same_bytes) ? By::all_bytes
                  : pair.grounds.has_content()         ? By::first_bytes
                                                       : By::server;
    return index.is_found(legs_[pair.leg], by, crowded_);
  }

  // Legs that share something with a tunnel, each once. What too many share tells nothing, for no tunnel: another one,
  // for which there are fewer, would get what may be this one's.
  void candidates_of(const Tunnelled& tunnel, const LegIndex& index, std::vector<std::uint32_t>& legs) {
    legs.clear();
    const auto add = [&](LegIndex::Found found) {
      found = in_time(tunnel, found);
      if (found.size() > limits::legs_looked_at) {
        crowded_.insert(found.front().key);
        return;
      }
      for (const LegIndex::Entry& entry : found) {
        if (!copies_.contains(entry.leg)) legs.push_back(entry.leg);
      }
    };
    if (tunnel.bound) add(index.by_client(*tunnel.bound));
    for (const Direction direction : {client, server}) {
      if (tunnel.content.random[direction] != 0) add(index.by_random(tunnel.content.random[direction]));
      add_by_bytes(tunnel, direction, index, add);
    }
    const std::uint16_t port = tunnel.target.port;
    if (tunnel.target.address) add(index.by_server({tunnel.target.address->unmapped(), port}));
    for (const Address& address : tunnel.named) add(index.by_server({address, port}));
    std::sort(legs.begin(), legs.end());
    legs.erase(std::unique(legs.begin(), legs.end()), legs.end());
  }

  // Legs that said all of it, or else as much of it as any did.
  template <class Add>
  void add_by_bytes(const Tunnelled& tunnel, Direction direction, const LegIndex& index, Add add) const {
    const Beginning& beginning = tunnel.content.beginning[direction];
    if (beginning.size == 0) return;
    const LegIndex::Found whole = in_time(tunnel, index.by_bytes(direction, beginning.whole));
    if (!whole.empty()) return add(whole);
    for (std::size_t i = Beginning::marks.size(); i-- > LegIndex::first_mark;) {
      if (Beginning::marks[i] > beginning.size) continue;
      const LegIndex::Found found = in_time(tunnel, index.by_bytes(direction, beginning.up_to[i]));
      if (!found.empty()) return add(found);
    }
  }

  [[nodiscard]] LegIndex::Found in_time(const Tunnelled& tunnel, LegIndex::Found found) const {
    const auto slack = longest_slack();
    return slack ? LegIndex::within(found, minus(tunnel.request.time, *slack), plus(tunnel.end, *slack)) : found;
  }

  [[nodiscard]] std::optional<Time> longest_slack() const {
    std::optional<Time> longest = 0;
    for (const LegClock& clock : clocks_) {
      if (!clock.slack) return std::nullopt;
      longest = std::max(longest, clock.slack);
    }
    return longest;
  }

  [[nodiscard]] std::vector<RequestPair> requests_of(const LegIndex& index) {
    crowded_.clear();
    std::vector<RequestPair> pairs;
    for (std::uint32_t number = 0; number < tunnels_.size(); ++number) {
      const Tunnelled& tunnel = tunnels_[number];
      if (!tunnel.is_forwarded) continue;
      for (std::uint32_t asked = 0; asked < tunnel.content.requests.size(); ++asked) {
        add_requests(number, asked, index, pairs);
      }
    }
    std::erase_if(pairs, [this](const RequestPair& pair) {
      return crowded_.contains(tunnels_[pair.tunnel].content.requests[pair.asked].asked);
    });
    return pairs;
  }

  void add_requests(std::uint32_t number, std::uint32_t asked, const LegIndex& index, std::vector<RequestPair>& pairs) {
    const HttpRequest& outer = tunnels_[number].content.requests[asked];
    LegIndex::Found found = index.by_request(outer.asked);
    const Time end = outer.answered != 0 ? outer.answered : tunnels_[number].end;
    if (const auto slack = longest_slack())
      found = LegIndex::within(found, minus(outer.stamp.time, *slack), plus(end, *slack));
    if (found.size() > limits::legs_looked_at) {
      crowded_.insert(outer.asked);
      return;
    }
    for (const LegIndex::Entry& entry : found) {
      if (copies_.contains(entry.leg)) continue;
      const LegClock& clock = clocks_[legs_[entry.leg].source];
      const HttpRequest& inner = legs_[entry.leg].content.requests[entry.request];
      const bool is_in_time = !clock.slack || (entry.time >= minus(outer.stamp.time, *clock.slack) &&
                                               entry.time <= plus(end, *clock.slack));
      const bool is_answered_first = !clock.slack || inner.answered == 0 || outer.answered == 0 ||
                                     minus(inner.answered, clock.ahead) <= plus(outer.answered, *clock.slack);
      if (is_in_time && is_answered_first && !is_for_another(number, outer, inner))
        pairs.push_back({number, asked, entry.leg, entry.request});
    }
  }

  // The proxy added a node that names another one of its clients. Nodes may be handed on as they were, and be forged:
  // they speak against somebody only where there is one more than the client sent.
  [[nodiscard]] bool is_for_another(std::uint32_t number, const HttpRequest& outer, const HttpRequest& inner) const {
    const Address client_address = tunnels_[number].client.address.unmapped();
    const bool is_added = inner.forwarded_for && inner.forwarded_nodes == outer.forwarded_nodes + 1;
    return is_added && *inner.forwarded_for != client_address && addresses_.is_client(*inner.forwarded_for);
  }

  void learn_addresses(const std::vector<Pair>& pairs, const std::vector<RequestPair>& requests) {
    const auto proxy = [this](const auto& pair) -> const Address& { return tunnels_[pair.tunnel].proxy.address; };
    const auto address = [this](const auto& pair) -> const Address& { return legs_[pair.leg].ends.initiator.address; };
    for (const Pair& pair : pairs) {
      if (pair.grounds.is_unmistakable()) addresses_.learn(proxy(pair), address(pair));
    }
    for (const Pair& pair : alone(pairs, tunnel_of, leg_of)) {
      if (pair.grounds.has_content()) addresses_.vote(proxy(pair), address(pair));
    }
    for (const RequestPair& pair : alone(requests, outer_of, inner_of)) addresses_.vote(proxy(pair), address(pair));
    addresses_.count_votes();
  }

  using Unknown = ProxyAddresses::Unknown;
  [[nodiscard]] bool is_of_proxy(std::uint32_t tunnel, std::uint32_t leg, Unknown unknown) const {
    return addresses_.has(tunnels_[tunnel].proxy.address, legs_[leg].ends.initiator.address, unknown);
  }

  // Where and when tell something only where nothing was said.
  [[nodiscard]] bool is_believed(const Pair& pair) const {
    const Content &outer = tunnels_[pair.tunnel].content, &inner = legs_[pair.leg].content;
    const bool is_silent = outer.bytes[client] + outer.bytes[server] + inner.bytes[client] + inner.bytes[server] == 0;
    if (pair.score < match_score) return false;
    if (pair.grounds.is_unmistakable()) return true;
    if (pair.grounds.has_content()) return is_of_proxy(pair.tunnel, pair.leg, Unknown::allowed);
    return is_silent && is_of_proxy(pair.tunnel, pair.leg, Unknown::denied);
  }

  [[nodiscard]] LegSummary summary_of(std::uint32_t number) const {
    const Leg& leg = legs_[number];
    return {leg.ends, leg.source, leg.first, leg.last};
  }

  // The strongest first; those of one strength together.
  void take_pairs(std::vector<Pair> pairs) {
    std::stable_sort(pairs.begin(), pairs.end(),
                     [](const Pair& one, const Pair& another) { return one.score > another.score; });
    std::unordered_set<std::uint64_t> settled, taken;  // tunnels, and legs
    for (std::size_t begin = 0; begin < pairs.size();) {
      std::size_t end = begin;
      while (end < pairs.size() && pairs[end].score == pairs[begin].score) ++end;
      std::vector<Pair> level;
      for (std::size_t i = begin; i < end; ++i) {
        if (!settled.contains(pairs[i].tunnel) && !taken.contains(pairs[i].leg)) level.push_back(pairs[i]);
      }
      for (const Pair& pair : alone(level, tunnel_of, leg_of)) {
        WanLeg& found = result_.tunnels[pair.tunnel];
        found.parts.push_back({summary_of(pair.leg), {}});
        found.score = pair.score;
        found.grounds = pair.grounds;
      }
      for (const Pair& pair : level) {
        settled.insert(pair.tunnel);
        taken.insert(pair.leg);
        WanLeg& found = result_.tunnels[pair.tunnel];
        if (!found.is_known()) list({summary_of(pair.leg), pair.score, pair.grounds}, found);
      }
      begin = end;
    }
  }

  static void list(const LegCandidate& candidate, WanLeg& found) {
    if (found.candidates.size() >= limits::legs_listed) return;
    const auto is_it = [&candidate](const LegCandidate& listed) { return listed.leg == candidate.leg; };
    if (std::none_of(found.candidates.begin(), found.candidates.end(), is_it)) found.candidates.push_back(candidate);
  }

  [[nodiscard]] Grounds grounds_of_request(const RequestPair& pair) const {
    Grounds grounds;
    grounds.add(Ground::same_requests);
    judge_ends(tunnels_[pair.tunnel], legs_[pair.leg], grounds);
    if (clocks_[legs_[pair.leg].source].slack) grounds.add(Ground::time);
    const HttpRequest& inner = legs_[pair.leg].content.requests[pair.request];
    const bool is_named = inner.forwarded_for == tunnels_[pair.tunnel].client.address.unmapped();
    if (is_named) grounds.add(Ground::forwarded_for);
    return grounds;
  }

  void take_requests(const std::vector<RequestPair>& pairs) {
    const std::vector<RequestPair> found = alone(pairs, outer_of, inner_of);
    std::unordered_set<std::uint64_t> settled;
    std::map<std::uint32_t, std::vector<RequestPair>> by_tunnel;
    for (const RequestPair& pair : found) {
      settled.insert(pair.outer());
      by_tunnel[pair.tunnel].push_back(pair);
    }
    for (const auto& [tunnel, requests] : by_tunnel) take_requests(result_.tunnels[tunnel], requests);
    for (const RequestPair& pair : pairs) {
      if (settled.contains(pair.outer())) continue;
      const Grounds grounds = grounds_of_request(pair);
      list({summary_of(pair.leg), grounds.score(), grounds}, result_.tunnels[pair.tunnel]);
    }
    for (std::size_t i = 0; i < tunnels_.size(); ++i) {
      if (tunnels_[i].is_forwarded) result_.tunnels[i].asked = tunnels_[i].content.requests.size();
    }
  }

  // Of one tunnel: the requests of each leg, in their order.
  void take_requests(WanLeg& found, const std::vector<RequestPair>& requests) const {
    std::map<std::uint32_t, std::set<std::uint32_t>> by_leg;
    for (const RequestPair& pair : requests) by_leg[pair.leg].insert(pair.request);
    found.found = requests.size();
    found.grounds = grounds_of_request(requests.front());
    found.score = found.grounds.score();
    for (const auto& [number, own] : by_leg) {
      const Leg& leg = legs_[number];
      const auto& all = leg.content.requests;
      LegPart part{summary_of(number), {}};
      if (own.size() < all.size() || !leg.content.is_all_http) {
        found.is_shared = true;
        for (const std::uint32_t request : own) {
          const bool is_last = request + 1 == all.size();
          const Offset end = is_last ? static_cast<Offset>(leg.content.bytes[client]) : all[request + 1].begin;
          part.ranges.emplace_back(all[request].begin, end);
        }
      }
      found.parts.push_back(std::move(part));
    }
  }

  // The same seen from the other side.
  void tell_legs() {
    std::set<Address> proxies;
    for (const Tunnelled& tunnel : tunnels_) proxies.insert(tunnel.proxy.address);
    for (const auto& [proxy, address] : addresses_.known()) proxies.insert(address);
    std::map<std::pair<std::size_t, FrameNumber>, std::size_t> places;
    for (std::uint32_t number = 0; number < legs_.size(); ++number) {
      if (copies_.contains(number) || !proxies.contains(legs_[number].ends.initiator.address)) continue;
      places.emplace(std::pair(legs_[number].source, legs_[number].first.frame), result_.legs.size());
      result_.legs.emplace_back().leg = summary_of(number);
    }
    const auto served = [&](const LegSummary& leg) -> ServedLeg* {
      const auto place = places.find({leg.source, leg.first.frame});
      return place == places.end() ? nullptr : &result_.legs[place->second];
    };
    for (std::size_t tunnel = 0; tunnel < result_.tunnels.size(); ++tunnel) {
      for (const LegPart& part : result_.tunnels[tunnel].parts) {
        ServedLeg* leg = served(part.leg);
        if (leg == nullptr) continue;
        leg->clients.push_back({tunnel, part.ranges});
        leg->is_shared |= !part.ranges.empty();
      }
      for (const LegCandidate& candidate : result_.tunnels[tunnel].candidates) {
        if (ServedLeg* leg = served(candidate.leg)) leg->is_candidate = true;
      }
    }
  }

  std::span<const Tunnelled> tunnels_;
  std::span<const Leg> legs_;
  const CorrelationOptions& options_;
  std::unordered_set<std::uint32_t> copies_;   ///< legs
  std::unordered_set<std::uint64_t> crowded_;  ///< what too many legs share: keys of the index, or requests
  std::vector<Time> ahead_;
  std::vector<LegClock> clocks_;
  ProxyAddresses addresses_;
  Correlation result_;
};

}  // namespace

Correlation correlate(std::span<const Tunnelled> tunnels, std::span<const Leg> legs,
                      const CorrelationOptions& options) {
  return Correlator(tunnels, legs, options)();
}

}  // namespace proxytunnel

// SPDX-License-Identifier: GPL-2.0-or-later
// summary: --correlate, --wan: the legs of all captures, and what follows for the tunnels of an input.
#include "correlation/correlation.hpp"

#include <algorithm>

#include "capture/open.hpp"
#include "capture/random_key.hpp"

namespace unproxy {

using proxytunnel::Leg;
using proxytunnel::LegSource;
using proxytunnel::Tunnelled;

bool needs_correlation(const Options& options) noexcept {
  return options.correlate || !options.wan.empty();
}

Correlator::Correlator(const Options& options, const StopFlag& stop)
    : options_(options), stop_(stop), key_(random_key()) {}

LegSurvey Correlator::survey() const {
  return {key_, options_.correlate ? LegSurvey::Wants::both : LegSurvey::Wants::tunnels, 0};
}

void Correlator::read_wan_files() {
  if (has_read_) return;
  has_read_ = true;
  for (const std::string& file : options_.wan) {
    LegSurvey survey(key_, LegSurvey::Wants::legs, wan_sources_.size() + 1);
    const auto reader = open_capture(file, nullptr, &stop_);
    Session session(options_);
    session.run(*reader, nullptr, survey);
    std::vector<Leg> legs = survey.legs();
    LegSource& source = wan_sources_.emplace_back();
    source.file = file;
    source.legs = legs.size();
    source.legs_dropped = survey.dropped_legs();
    wan_legs_.insert(wan_legs_.end(), std::make_move_iterator(legs.begin()), std::make_move_iterator(legs.end()));
    names_.emplace_back(session.names());
  }
}

// Proxies ask for names on the other side.
void Correlator::name_targets(std::vector<Tunnelled>& tunnels) const {
  for (Tunnelled& tunnel : tunnels) {
    if (tunnel.target.address) continue;
    const auto add = [&tunnel](const proxytunnel::Address& address) {
      const auto& known = tunnel.named;
      if (std::find(known.begin(), known.end(), address) == known.end()) tunnel.named.push_back(address);
    };
    for (const proxytunnel::AddressBook& names : names_) {
      const proxytunnel::NameChoice choice = names.choose(tunnel.target.host, tunnel.proxy.address);
      if (choice.address) add(*choice.address);
      for (const proxytunnel::Candidate& candidate : choice.candidates) add(candidate.address);
    }
  }
}

WanLegs Correlator::correlate(LegSurvey& surveyed, std::size_t input) {
  read_wan_files();
  std::vector<Tunnelled> tunnels = surveyed.tunnels();
  name_targets(tunnels);
  std::vector<Leg> legs = surveyed.legs();
  sources_.assign(1, LegSource{});
  sources_.front().legs = legs.size();
  sources_.front().legs_dropped = surveyed.dropped_legs();
  sources_.insert(sources_.end(), wan_sources_.begin(), wan_sources_.end());
  legs.insert(legs.end(), wan_legs_.begin(), wan_legs_.end());
  const proxytunnel::CorrelationOptions options{options_.skew, key_, sources_.size()};
  proxytunnel::Correlation found = proxytunnel::correlate(tunnels, legs, options);
  for (const proxytunnel::SourceClock& clock : found.clocks) {
    if (!clock.offset) continue;
    sources_[clock.source].clock = {clock.offset->ahead, clock.offset->uncertainty, clock.offset->votes};
  }
  for (LegSource& source : sources_) source.input = input;
  if (!options_.correlate) sources_.erase(sources_.begin());
  return {tunnels, std::move(found)};
}

}  // namespace unproxy

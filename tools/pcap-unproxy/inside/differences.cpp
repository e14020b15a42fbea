// SPDX-License-Identifier: GPL-2.0-or-later
// summary: anomalies of what is inside: another name, or another service, than the target says.
#include "inside/differences.hpp"

#include <array>
#include <string_view>

#include "inside/inspector.hpp"
#include "names/canonical_name.hpp"

namespace unproxy {
namespace {

using proxytunnel::Attempt;
using proxytunnel::Inside;
using proxytunnel::Target;
using proxytunnel::Transport;

struct WellKnown {
  Transport transport;
  std::uint16_t port;
  std::string_view service;
};

// IANA's, where one service is all that is expected. Alternates such as 8080 say nothing.
constexpr std::array well_known = {
    WellKnown{Transport::tcp, 21, "ftp"},   WellKnown{Transport::tcp, 22, "ssh"},
    WellKnown{Transport::tcp, 25, "smtp"},  WellKnown{Transport::tcp, 53, "dns"},
    WellKnown{Transport::tcp, 80, "http"},  WellKnown{Transport::tcp, 110, "pop3"},
    WellKnown{Transport::tcp, 143, "imap"}, WellKnown{Transport::tcp, 443, "ssl"},
    WellKnown{Transport::tcp, 465, "ssl"},  WellKnown{Transport::tcp, 587, "smtp"},
    WellKnown{Transport::tcp, 636, "ssl"},  WellKnown{Transport::tcp, 853, "ssl"},
    WellKnown{Transport::tcp, 993, "ssl"},  WellKnown{Transport::tcp, 995, "ssl"},
    WellKnown{Transport::tcp, 3389, "rdp"}, WellKnown{Transport::udp, 53, "dns"},
    WellKnown{Transport::udp, 443, "quic"},
};

std::string_view service_at(Transport transport, std::uint16_t port) noexcept {
  for (const WellKnown& each : well_known) {
    if (each.transport == transport && each.port == port) return each.service;
  }
  return {};
}

// Of a name that is too long for nDPI only the end can be compared.
bool is_other_name(const Target& target, const std::string& seen) {
  if (seen.empty() || target.address || target.host.empty()) return false;
  const std::string asked = proxytunnel::canonical_name(target.host), name = proxytunnel::canonical_name(seen);
  const bool is_cut = seen.size() >= longest_seen_name && asked.size() > name.size();
  return is_cut ? !asked.ends_with(name) : asked != name;
}

void compare(const Target& target, const Inside& inside, Transport transport, Carries carries, Attempt& attempt) {
  if (is_other_name(target, inside.sni)) attempt.note("sni-differs");
  if (carries == Carries::payload && is_other_name(target, inside.http_host)) attempt.note("host-differs");
  const std::string_view expected = service_at(transport, target.port);
  const bool differs = !expected.empty() && !inside.service.empty() && expected != inside.service;
  if (differs) attempt.note("service-differs-from-port");
}

}  // namespace

void note_differences(proxytunnel::ReportEntry& entry, Carries carries) {
  Attempt& attempt = entry.attempt;
  if (attempt.command == proxytunnel::Command::udp_associate) {
    for (std::size_t i = 0; i < entry.inside.size() && i < attempt.flows.size(); ++i) {
      compare(attempt.flows[i].target, entry.inside[i], Transport::udp, carries, attempt);
    }
  } else if (attempt.target && !entry.inside.empty()) {
    compare(*attempt.target, entry.inside.front(), attempt.transport, carries, attempt);
  }
}

}  // namespace unproxy

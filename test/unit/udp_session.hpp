// SPDX-License-Identifier: GPL-2.0-or-later
// summary: a UDP association under test, and what came of its datagrams.
#pragma once

#include <string>

#include "tracker_run.hpp"
#include "unit.hpp"

namespace udp_session {

using namespace tracker_run;

inline const Endpoint from = wire::endpoint("10.0.0.5", 50000), relay = wire::endpoint("10.0.0.1", 5000);
inline const std::string associate = "\x05\x03\x00\x01\x00\x00\x00\x00\x00\x00"s;  // from any port
inline const std::string granted = "\x05\x00\x00\x01\x0a\x00\x00\x01\x13\x88"s;    // at 10.0.0.1:5000
inline const std::string v4 = "\x01\xc0\x00\x02\x07\x00\x35"s;                     // 192.0.2.7:53
inline const std::string v6 = "\x04\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07\x01\xbb"s;
inline const std::string name = "\x03\x0b"s + "example.com\x01\xbb"s;
inline const Endpoint origin4 = wire::endpoint("192.0.2.7", 53), origin6 = wire::endpoint("2001:db8::7", 443);

inline std::string wrapped(const std::string& target, const std::string& payload, char fragment = 0) {
  return std::string(2, '\0') + fragment + target + payload;
}

/// An association, and datagrams over it.
struct Session {
  explicit Session(const std::string& request = associate, const std::string& answer = granted,
                   const TrackerOptions& options = {})
      : c(client, proxy), udp(c), run(options) {
    put_opening(run, c);
    run.put(c.say(End::client, greeting));
    run.put(c.say(End::server, method));
    run.put(c.say(End::client, request));
    run.put(c.say(End::server, answer));
  }
  void send(const std::string& payload) { run.put(udp.datagram(from, relay, payload)); }
  void receive(const std::string& payload) { run.put(udp.datagram(relay, from, payload)); }
  Conversation& seen() { return run.conversations[0]; }

  wire::Connection c;
  wire::Sender udp;
  Run run;
};

inline void assert_shown(const Session& s, std::size_t index, const Endpoint& sender, const Endpoint& receiver,
                         const std::string& payload) {
  const Conversation& seen = s.run.conversations.at(0);
  assert_true(index < seen.packets.size());
  const VirtualPacket& packet = seen.packets[index];
  assert_true(packet.transport == Transport::udp);
  assert_string_equal(packet.sender.text().c_str(), sender.text().c_str());
  assert_string_equal(packet.receiver.text().c_str(), receiver.text().c_str());
  assert_string_equal(seen.payloads[index].c_str(), payload.c_str());
  assert_int_equal(packet.length, payload.size());
  const std::uint16_t checksum = packet.as_datagram().checksum;
  assert_int_equal(checksum, wire::udp_checksum(sender, receiver, bytes_of(payload)));
}

}  // namespace udp_session

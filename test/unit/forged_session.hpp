// SPDX-License-Identifier: GPL-2.0-or-later
// summary: a whole session for tests, between whose segments others are forged.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "tracker_run.hpp"

namespace forged_session {

using namespace tracker_run;

constexpr unsigned ack = tcp_flag::ack, psh = tcp_flag::psh, syn = tcp_flag::syn, fin = tcp_flag::fin,
                   rst = tcp_flag::rst;
inline const Endpoint origin = wire::endpoint("192.0.2.7", 80);
inline const std::string get = "GET / HTTP/1.1\r\n\r\n", answer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";

/// The checksum of a segment that was made is wrong from now on.
inline Segment damaged(Segment segment) {
  auto* at = const_cast<std::uint8_t*>(segment.header.data()) + 16;
  put16(at, get16(at) ^ 0x1234U);
  return segment;
}

/// A SOCKS5 session whose every step may be preceded by what somebody else sends.
struct Session {
  explicit Session(const char* from = "10.0.0.5", const char* to = "10.0.0.1")
      : c(wire::endpoint(from, 40000), wire::endpoint(to, 1080)) {}

  wire::Connection c;
  Run run;
  std::function<void(unsigned)> before = [](unsigned) {};

  [[nodiscard]] std::uint32_t next(End from) const { return c.next(from); }
  /// As of the real connection, but `off`.
  Segment forged(End from, unsigned flags, std::uint32_t off, std::string_view payload) {
    const End to = from == End::client ? End::server : End::client;
    return c.at(from, flags, next(from) + off, (flags & ack) != 0 ? next(to) : 0, payload);
  }
  void play() {
    unsigned step = 0;
    const auto put = [&](const std::function<Segment()>& make) {
      if (step > 2) before(step);
      ++step;
      run.put(make());
    };
    put([&] { return c.syn(); });
    put([&] { return c.syn_ack(); });
    put([&] { return c.ack(End::client); });
    put([&] { return c.say(End::client, greeting); });
    put([&] { return c.say(End::server, method); });
    put([&] { return c.say(End::client, request); });
    put([&] { return c.say(End::server, reply); });
    for (int i = 0; i < 2; ++i) {
      put([&] { return c.say(End::client, get); });
      put([&] { return c.say(End::server, answer); });
    }
    put([&] { return c.fin(End::client); });
    put([&] { return c.fin(End::server); });
    put([&] { return c.ack(End::client); });
    run.finish();
  }
  void expect_whole(std::string_view anomaly) {
    assert_int_equal(run.ended.size(), 1);
    const Attempt& attempt = run.ended[0];
    assert_true(attempt.status == Status::established && attempt.closed.frame != 0);
    for (const Direction direction : {Direction::from_client, Direction::from_server}) {
      assert_int_equal(attempt.payload[direction].missing_bytes(), 0);
    }
    std::string said, answered;
    for (const std::string& payload : run.conversations.at(0).payloads) {
      (payload.starts_with("GET") ? said : answered) += payload;
    }
    assert_string_equal(said.c_str(), (get + get).c_str());
    assert_string_equal(answered.c_str(), (answer + answer).c_str());
    if (anomaly.empty()) {
      assert_true(attempt.anomalies.empty());
    } else {
      assert_true(has_noted_once(attempt, anomaly));
      assert_int_equal(attempt.anomalies.size(), 1);
    }
  }
};

/// What is forged comes once, at each of the steps of a session in its turn.
inline void at_every_step(std::string_view anomaly, const std::function<Segment(Session&)>& make) {
  for (const bool is_v6 : {false, true}) {
    for (unsigned when = 3; when <= 11; ++when) {
      Session s(is_v6 ? "2001:db8::5" : "10.0.0.5", is_v6 ? "2001:db8::1" : "10.0.0.1");
      s.before = [&](unsigned step) {
        if (step == when) s.run.put(make(s));
      };
      s.play();
      s.expect_whole(anomaly);
    }
  }
}

}  // namespace forged_session

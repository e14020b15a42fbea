// SPDX-License-Identifier: GPL-2.0-or-later
// summary: a connection whose two ends speak HTTP, and the tracker that sees it.
#pragma once

#include <string>
#include <string_view>

#include "tracker_run.hpp"

namespace tracker_run {

struct HttpSession {
  HttpSession(const TrackerOptions& options, const Endpoint& peer, const Endpoint& server)
      : c(peer, server), run(options) {
    put_opening(run, c);
  }
  void ask(std::string_view bytes) { run.put(c.say(End::client, bytes)); }
  void answer(std::string_view bytes) { run.put(c.say(End::server, bytes)); }
  void close() {
    run.put(c.fin(End::client));
    run.put(c.fin(End::server));
    run.put(c.ack(End::client));
    run.finish();
  }

  wire::Connection c;
  Run run;
};

inline void assert_text(const std::string& actual, const std::string& expected) {
  assert_string_equal(actual.c_str(), expected.c_str());
}

}  // namespace tracker_run

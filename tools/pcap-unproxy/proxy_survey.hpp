// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the sink of the first pass of --handshakes drop: finds the connections in which a tunnel opened.
#pragma once

#include "replacer.hpp"
#include "session.hpp"

namespace unproxy {

class ProxySurvey final : public Sink {
 public:
  void opened(const proxytunnel::Attempt& attempt) override {
    if (attempt.parent != proxytunnel::no_tunnel) {
      found_.inside.insert(attempt.parent);
    } else if (attempt.transport == proxytunnel::Transport::udp) {
      found_.begun_in.insert(attempt.first.frame);
    }
  }
  [[nodiscard]] bool wants_all() const override { return true; }
  void connection(proxytunnel::Ticket, FrameNumber begun_in, proxytunnel::Progress progress) override {
    if (progress == proxytunnel::Progress::open) found_.begun_in.insert(begun_in);
  }
  ProxyConnections take() { return std::move(found_); }

 private:
  ProxyConnections found_;
};

}  // namespace unproxy

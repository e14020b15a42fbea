// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the sink that makes what the user asked for: a capture of virtual conversations, and report entries.
#pragma once

#include <algorithm>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "log/logs.hpp"
#include "payload_hash.hpp"
#include "replacer.hpp"
#include "session.hpp"
#include "virtual_writer.hpp"

namespace unproxy {

/// Tunnels that are to be left out of the capture (--layers leaf: those in which a further tunnel opened).
using TunnelSet = std::unordered_set<proxytunnel::TunnelId>;

/// The sink of the first pass of --layers leaf: finds the tunnels in which a further one opened.
class LeafSurvey final : public Sink {
 public:
  void opened(const proxytunnel::Attempt& attempt) override {
    const auto has = [&attempt](std::string_view anomaly) {
      return std::find(attempt.anomalies.begin(), attempt.anomalies.end(), anomaly) != attempt.anomalies.end();
    };
    const bool is_shown = !has("layer-limit");
    if (is_shown && attempt.parent != proxytunnel::no_tunnel) carriers_.insert(attempt.parent);
  }
  TunnelSet take_carriers() { return std::move(carriers_); }

 private:
  TunnelSet carriers_;
};

/// The sink of the first pass of --handshakes drop: finds the connections in which a tunnel opened.
class ProxySurvey final : public Sink {
 public:
  void opened(const proxytunnel::Attempt& attempt) override {
    if (attempt.parent != proxytunnel::no_tunnel) {
      found_.inside.insert(attempt.parent);
    } else if (attempt.transport == proxytunnel::Transport::udp) {
      found_.begun_in.insert(attempt.first.frame);
    }
  }
  void connection(proxytunnel::Ticket, FrameNumber begun_in, proxytunnel::Progress progress) override {
    if (progress == proxytunnel::Progress::open) found_.begun_in.insert(begun_in);
  }
  ProxyConnections take() { return std::move(found_); }

 private:
  ProxyConnections found_;
};

class Exporter final : public Sink {
 public:
  /// `writer` may be null: no capture is written. `replacer` gets all packets, if it is not null. `lines` gets what is
  /// told of what ended and what was skipped. All are borrowed.
  Exporter(const Options& options, std::size_t input, VirtualWriter* writer, Replacer* replacer, TunnelSet left_out,
           LineSink& lines);

  void begin(proxytunnel::Time first) override { logs_.begin(first); }
  void secrets(const Secrets& secrets) override;
  void name(const NameRecord& record) override;
  void opened(const proxytunnel::Attempt& attempt) override;
  void flow(const proxytunnel::Attempt& attempt) override;
  proxytunnel::Ticket packet(const proxytunnel::VirtualPacket& packet) override;
  proxytunnel::Ticket captured(const Packet& packet, const proxytunnel::Decoded& decoded) override {
    return replacer_ == nullptr ? 0 : replacer_->captured(packet, decoded);
  }
  void waits(proxytunnel::Ticket ticket) override { replacer_->waits(ticket); }
  void remains(const proxytunnel::Remainder& remainder) override { replacer_->remains(remainder); }
  void connection(proxytunnel::Ticket ticket, FrameNumber begun_in, proxytunnel::Progress) override {
    if (replacer_ != nullptr) replacer_->begun_in(ticket, begun_in);
  }
  proxytunnel::Ticket done(Time now) override { return replacer_ == nullptr ? 0 : replacer_->done(now); }
  void ended(proxytunnel::Attempt&& attempt) override;
  void skipped(const proxytunnel::SkippedEvent& event) override;
  void connection_ended(const proxytunnel::ConnectionRecord& record) override { logs_.connection(record); }

  /// Attempts that ended, opened or not.
  [[nodiscard]] proxytunnel::TunnelId attempts() const { return attempts_; }
  /// Whether keys of TLS were in the capture, at whatever place.
  [[nodiscard]] bool has_seen_keys() const { return has_seen_keys_; }

 private:
  using Hashes = proxytunnel::PerDirection<PayloadHash>;

  std::size_t input_;
  VirtualWriter* writer_;
  Replacer* replacer_;
  TunnelSet left_out_;
  const Options& options_;
  LineSink& lines_;
  Logs logs_;
  bool wants_entries_;   ///< somebody reads what is known of attempts
  bool hashes_payload_;  ///< somebody reads the hashes
  std::unordered_map<proxytunnel::TunnelId, Hashes> hashes_;
  proxytunnel::TunnelId attempts_ = 0;
  bool has_seen_keys_ = false;
};

}  // namespace unproxy

// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the sink that makes what the user asked for: a capture of virtual conversations, and report entries.
#pragma once

#include "correlation/wan_legs.hpp"
#include "elsewhere.hpp"
#include "findings.hpp"
#include "log/logs.hpp"
#include "replacer.hpp"
#include "selection.hpp"
#include "session.hpp"
#include "virtual_writer.hpp"

namespace unproxy {

class Exporter final : public Sink {
 public:
  /// `writer` may be null: no capture is written. `replacer` gets all packets, if it is not null. `legs`: of the input.
  /// `lines` gets what is told of what ended and what was skipped. All are borrowed.
  Exporter(const Options& options, std::size_t input, VirtualWriter* writer, Replacer* replacer, Surveyed surveyed,
           const WanLegs& legs, LineSink& lines);

  void begin(proxytunnel::Time first) override { logs_.begin(first); }
  void secrets(const Secrets& secrets) override;
  void name(const NameRecord& record) override;
  void opened(const proxytunnel::Attempt& attempt) override;
  void flow(const proxytunnel::Attempt& attempt) override;
  proxytunnel::Ticket packet(const proxytunnel::VirtualPacket& packet) override;
  [[nodiscard]] bool wants_all() const override { return replacer_ != nullptr; }
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
  Sink* elsewhere() override { return &elsewhere_; }
  /// Behind all attempts: a leg of a proxy that served some of them.
  void leg(const proxytunnel::ServedLeg& leg, const proxytunnel::ConnAccount& account) {
    logs_.leg(leg, account, legs_);
  }

  /// Attempts that ended, opened or not.
  [[nodiscard]] proxytunnel::TunnelId attempts() const { return attempts_; }
  /// Those of them that --select chose.
  [[nodiscard]] std::uint64_t chosen() const { return selection_.count(); }
  /// Whether keys of TLS were in the capture, at whatever place.
  [[nodiscard]] bool has_seen_keys() const { return has_seen_keys_; }

 private:
  [[nodiscard]] bool is_written(proxytunnel::TunnelId tunnel) const {
    if (writer_ == nullptr || (!left_out_.empty() && left_out_.contains(tunnel))) return false;
    return selection_.has(tunnel);
  }

  std::size_t input_;
  VirtualWriter* writer_;
  Replacer* replacer_;
  TunnelSet left_out_;  ///< by --layers leaf
  Selection selection_;
  const Options& options_;
  const WanLegs& legs_;
  LineSink& lines_;
  Logs logs_;
  bool wants_entries_;  ///< somebody reads what is known of attempts
  Findings findings_;   ///< if somebody reads them
  Elsewhere elsewhere_;
  proxytunnel::TunnelId attempts_ = 0;
  bool has_seen_keys_ = false;
};

}  // namespace unproxy

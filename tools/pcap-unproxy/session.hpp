// SPDX-License-Identifier: GPL-2.0-or-later
// summary: one capture on its way through the core: packets are decoded, segments go in at the door, and what comes
//          back goes to a sink - layer by layer, since a virtual segment is a segment.
#pragma once

#include <array>
#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "capture/capture.hpp"
#include "decode/decode.hpp"
#include "decryption.hpp"
#include "filter.hpp"
#include "options.hpp"
#include "tracker/tracker.hpp"

namespace unproxy {

class WindowSink;

/// Where results go, in the order in which they are to be shown.
class Sink {
 public:
  virtual ~Sink() = default;
  Sink() = default;
  Sink(const Sink&) = delete;
  Sink& operator=(const Sink&) = delete;

  /// The first packet of the capture comes next; it has this time.
  virtual void begin(proxytunnel::Time) {}
  virtual void secrets(const Secrets&) {}
  virtual void name(const NameRecord&) {}
  virtual void opened(const proxytunnel::Attempt&) {}
  /// The first datagram to or from a target of a UDP association comes next: the attempt with that target.
  virtual void flow(const proxytunnel::Attempt&) {}
  /// Whether captured() and connection() are to tell of what is nothing of ours, too.
  [[nodiscard]] virtual bool wants_all() const { return false; }
  /// The next packet of the capture, and the next one of a virtual conversation. Who wants to know what remains of them
  /// gives each a ticket.
  virtual proxytunnel::Ticket captured(const Packet&, const proxytunnel::Decoded&) { return 0; }
  virtual proxytunnel::Ticket packet(const proxytunnel::VirtualPacket&) { return 0; }
  /// It is told later what remains of it.
  virtual void waits(proxytunnel::Ticket) {}
  /// What is never told of stays as it is.
  virtual void remains(const proxytunnel::Remainder&) {}
  /// Of a captured packet, the first frame of its connection, and what is known of that.
  virtual void connection(proxytunnel::Ticket, FrameNumber, proxytunnel::Progress) {}
  /// All that comes of a captured packet has come, or nothing comes for a while. What is returned waited for too long,
  /// and is to be let go.
  virtual proxytunnel::Ticket done(Time) { return 0; }
  virtual void ended(proxytunnel::Attempt&&) {}
  virtual void skipped(const proxytunnel::SkippedEvent&) {}
  /// The connection of a proxy session is over, if Options::tracker asks for accounts.
  virtual void connection_ended(const proxytunnel::ConnectionRecord&) {}

  /// Who is told of attempts and packets that belong to other windows; null: nobody needs to be.
  virtual Sink* elsewhere() { return nullptr; }
};

/// What was read, for the report.
struct SessionSummary {
  std::uint64_t packets = 0;
  std::optional<proxytunnel::Time> first_time, last_time;
  std::map<std::string, std::uint64_t> passed_over;  ///< packets, by reason
  DroppedBlocks dropped;                             ///< names also by the address book
};

/// What of a window was not over where reading ended.
struct Unfinished {
  std::size_t looked_at = 0, silent = 0;  ///< as Tracker::Unfinished; clients that are declared are among the former
};

class Session {
 public:
  /// With Mode::replace the sink gives tickets. Options are borrowed. Throws CaptureError if a hosts file cannot be
  /// read.
  explicit Session(const Options& options, Mode mode = Mode::virtual_packets);

  /// Reads the capture to its end, to damage or until the reader is stopped; with Options::window, until all that
  /// belongs to it is over, and nothing else gets to the sink. `decryption` tells what TLS carries; it may be null.
  void run(CaptureReader& reader, Decryption* decryption, Sink& sink);

  /// The reader waits for a packet.
  void idle(Time now, Sink& sink) { let_go(now, sink); }

  /// With Options::window, of its files; so are counters().
  [[nodiscard]] const SessionSummary& summary() const { return told_.summary; }
  /// Before run(): where proxies went, as far as that is known.
  void know_origins(proxytunnel::KnownOrigins origins) { tracker_.know_origins(std::move(origins)); }
  /// What the capture says of names.
  [[nodiscard]] const proxytunnel::AddressBook& names() { return tracker_.names(); }
  [[nodiscard]] const proxytunnel::TrackerCounters& counters() const { return told_.counters; }
  [[nodiscard]] const Unfinished& unfinished() const { return unfinished_; }
  /// Decrypted pieces of sessions with proxies for which there was no connection that carries them.
  [[nodiscard]] std::uint64_t unmatched() const { return unmatched_; }

 private:
  /// What was counted.
  struct Counts {
    SessionSummary summary;
    proxytunnel::TrackerCounters counters;
  };
  /// Of the capture so far, or all of it.
  enum class Part : std::uint8_t { so_far, all };

  [[nodiscard]] Counts counts(const CaptureReader& reader, Part part);
  [[nodiscard]] static Counts less(Counts counts, const Counts& before);
  void read_window(CaptureReader& reader, Sink& sink);
  [[nodiscard]] bool is_over(FrameNumber next, const WindowSink& own);
  void finish(Sink& sink);
  void read_hosts_files();
  void take_side_blocks(CaptureReader& reader, Sink& sink);
  /// Whether the DNS answers of a packet are still to be entered in the address book.
  enum class Names { to_enter, entered };

  void packet(const Packet& packet, const CaptureReader& reader, Names names, Sink& sink);
  [[nodiscard]] bool passes(const proxytunnel::Segment& segment);
  void put_in(const proxytunnel::Segment& segment, proxytunnel::Direction direction, Sink& sink);
  void put_in_decrypted(const proxytunnel::Segment& segment, const DecryptedPiece& piece, Sink& sink);
  void put_in(const proxytunnel::Datagram& datagram, Sink& sink);
  void let_go(Time now, Sink& sink);
  template <class PutIn>
  void through(PutIn put_in, Sink& sink, proxytunnel::Ticket ticket = 0);
  void take(proxytunnel::Outcome& outcome, Sink& sink);
  void report_event(proxytunnel::Event& event, Sink& sink);
  void look_up(const proxytunnel::MessageEvent& event);

  const Options& options_;
  proxytunnel::Tracker tracker_;
  bool may_pass_ = false;  ///< what is nothing of ours need not come by
  Decryption* decryption_ = nullptr;
  proxytunnel::Decoder decoder_;
  std::optional<Filter> filter_;
  std::vector<std::uint8_t> envelope_;
  /// One for each call that goes on: what comes out is put in again while it is looked at. Mostly one for each layer;
  /// a packet of another connection, which had to make room, may come out at any depth.
  std::deque<proxytunnel::Outcome> outcomes_;
  std::size_t depth_ = 0;
  std::array<std::uint64_t, proxytunnel::reason_count> passed_over_{};
  std::uint64_t filtered_ = 0, unmatched_ = 0;
  FrameNumber frame_ = 0;  ///< that is looked at
  SessionSummary summary_;
  Counts told_;
  Unfinished unfinished_;
  FrameNumber next_look_ = 0;  ///< behind a window: when it is looked again whether all is over
};

}  // namespace unproxy

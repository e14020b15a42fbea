// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the JSON report: one entry for each attempt, opened or not.
// spec: docs/contract.md, "proxytunnel-report/1"
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "correlate/wan_leg.hpp"
#include "tunnel/event.hpp"

namespace proxytunnel {

/// How keys were made use of: tshark read what TLS carries to its end; it did not; or nobody read it.
enum class DecryptionStatus : std::uint8_t { complete, incomplete, unavailable };

struct DecryptionSummary {
  DecryptionStatus status = DecryptionStatus::complete;
  std::string reason;  ///< empty: complete
};

/// Packets of a capture from an interface, as the system counts them.
struct LiveSummary {
  std::uint64_t received = 0, dropped = 0, dropped_by_interface = 0;
};

/// What lies between a file of a capture that is cut into files, and the one before it.
struct InputGap {
  Time time = 0;              ///< from the latest packet so far to its first one; negative: that is older
  std::uint64_t missing = 0;  ///< files that should be between them, by the numbers in their names
};

struct InputSummary {
  std::string file;                                     ///< empty: not known
  std::string sha256;                                   ///< empty: not asked for
  std::optional<std::uint64_t> packets = 0, bytes = 0;  ///< absent: not known
  std::optional<Time> first_time, last_time;
  std::string damaged;                          ///< empty: not damaged
  std::string unreadable;                       ///< empty: it was read
  std::optional<DecryptionSummary> decryption;  ///< absent: nobody asked for it
  std::optional<LiveSummary> live;              ///< absent: it is no interface
  std::optional<InputGap> gap;                  ///< absent: it follows no other file
};

/// What the first payload of a conversation tells. Empty: not known, or none.
struct Inside {
  std::string service;    ///< as Zeek names it: "ssl"
  std::string sni, alpn;  ///< of a TLS or QUIC client; of several protocols, in its order, with commas between them
  std::string http_host;  ///< of the first request, without a port
};

/// An attempt with what only the tool knows of it.
struct ReportEntry {
  Attempt attempt;
  std::size_t input = 0;
  PerDirection<std::string> sha256;  ///< empty: null
  std::vector<Inside> inside{};      ///< of its conversation, and of an association of each flow; may be shorter
  std::vector<WanLeg> wan{};         ///< likewise: the proxy's own connections for it
};

/// Of an attempt in an input, or in one of the files that a capture is cut into: `input` is the first of them.
[[nodiscard]] inline ReportEntry entry_of(Attempt attempt, std::size_t input) {
  const std::size_t file = file_of(attempt.first.frame);
  return {std::move(attempt), input + file, {}};
}

/// A capture in which legs were looked for.
struct LegSource {
  std::size_t input = 0;  ///< whose tunnels they are
  std::string file;       ///< empty: that input itself
  std::uint64_t legs = 0, legs_dropped = 0;
  struct Clock {
    Time ahead = 0, uncertainty = 0;
    std::size_t conversations = 0;  ///< that say so
  };
  std::optional<Clock> clock;
};

/// For whom a leg was.
struct LegClient {
  Endpoint client;
  TunnelId input_id = no_tunnel;  ///< of the attempt, as its input counts
  std::uint32_t flow = 0;
  bool is_udp = false;
  std::string host;  ///< whom it asked for; empty: an address
};

/// What only a program knows that reads and writes capture files itself.
struct FileCounters {
  std::uint64_t packets_read = 0, packets_written = 0;
  std::uint64_t secrets_dropped = 0;                         ///< blocks of decryption secrets, by the reader
  std::map<std::string, std::uint64_t> packets_passed_over;  ///< by reason
};

struct ReportCounters {
  std::optional<FileCounters> files = FileCounters{};
  std::uint64_t connections = 0, tunnels = 0, dropped_connections = 0;
  std::uint64_t gave_way = 0;       ///< connections that were given up undecided, for want of room
  std::uint64_t names_dropped = 0;  ///< of those with addresses: by limits::names, or by the reader
};

enum class Passwords : std::uint8_t { redact, show };

/// Which program wrote the report.
struct Tool {
  std::string name, version;
  std::vector<std::string> command{};              ///< how it was called; empty: not known
  std::map<std::string, std::string> libraries{};  ///< that read the capture, and their versions
};

/// Takes the report piece by piece: a report of a large capture is never one text in memory.
using Put = std::function<void(std::string_view)>;

/// The files of a sequence whose connections the report is of, what was read around them, and what that left open.
struct WindowSummary {
  std::size_t first = 0, last = 0;                   ///< from 0, in the order of the sequence
  std::optional<std::size_t> look_back, look_ahead;  ///< as they were asked for; absent: as far as is needed
  std::uint64_t unfinished = 0;                      ///< proxy sessions, or what may be one, that were not over
  std::uint64_t silent = 0;                          ///< connections that had brought no payload by then
  std::uint64_t midstream = 0;                       ///< connections whose first packet there is no SYN
};

/// What the document begins with.
struct ReportHead {
  Tool tool;
  bool interrupted = false;
  std::optional<WindowSummary> window{};  ///< absent: everything was read
};

/// An entry of `tunnels`, and one of `skipped`: one line each, without its end.
[[nodiscard]] std::string tunnel_json(const ReportEntry& entry, Passwords passwords);
[[nodiscard]] std::string skipped_json(const SkippedEvent& event);
/// One of `legs`. `input`: whose tunnels they are; `clients`: of all of them, by number.
[[nodiscard]] std::string served_leg_json(const ServedLeg& leg, std::size_t input,
                                          const std::vector<LegClient>& clients);
/// And one of `correlation`.
[[nodiscard]] std::string leg_source_json(const LegSource& source);

/// The document. Nothing is kept: a program that cannot hold all entries has their texts written somewhere as attempts
/// end, and gives them here in the end. Each kind of entry as often as there are some, in the order of the functions.
class ReportWriter {
 public:
  ReportWriter(const ReportHead& head, Put put);

  void input(const InputSummary& input);
  /// What tunnel_json() made, in the order of ids.
  void tunnel(std::string_view json) { entry(Array::tunnels, json); }
  /// What skipped_json() made.
  void skipped(std::string_view json) { entry(Array::skipped, json); }
  /// What served_leg_json() made.
  void leg(std::string_view json) { entry(Array::legs, json); }
  /// What leg_source_json() made. Without any there is no such array.
  void leg_source(std::string_view json) { entry(Array::correlation, json); }
  void finish(const ReportCounters& counters);

 private:
  enum class Array : std::uint8_t { none, inputs, tunnels, skipped, legs, correlation };
  void entry(Array array, std::string_view json);
  void advance_to(Array array);
  void close_array();

  Put put_;
  Array array_ = Array::none;
  bool is_first_ = true;
};

/// A report that is in memory, for programs that keep all of it.
struct Report {
  std::vector<InputSummary> inputs;
  std::vector<ReportEntry> tunnels;
  std::vector<SkippedEvent> skipped;
  ReportCounters counters;
  bool interrupted = false;

  /// Attempts come in the order in which they ended; everything shown is in the order of their ids.
  void sort();
};

void write_report(const Report& report, const Tool& tool, Passwords passwords, const Put& put);

}  // namespace proxytunnel

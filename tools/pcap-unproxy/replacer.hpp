// SPDX-License-Identifier: GPL-2.0-or-later
// summary: --mode replace: the packets of the capture and those of the virtual conversations, in one order, each as
//          what remains of it; what is not known so far waits, and with it all that comes behind it.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_set>
#include <variant>
#include <vector>

#include "capture/capture.hpp"
#include "decode/decode.hpp"
#include "splice.hpp"
#include "tracker/outcome.hpp"
#include "virtual_writer.hpp"

namespace unproxy {

/// What waits at most. Beyond, the first one goes as it is.
struct ReplacerLimits {
  /// Much longer than clients and proxies take to shake hands; a proxy that needs longer to reach an origin holds up
  /// nothing but what was sent to that origin before.
  Time time = 10'000'000'000;
  /// So that a busy link does not fill the memory in that time; with what is kept beside the bytes of each packet,
  /// about half a kilobyte.
  std::size_t bytes = std::size_t{64} << 20;
};

/// What a survey found in which tunnels opened: it is left out (--handshakes drop).
struct ProxyConnections {
  std::unordered_set<FrameNumber> begun_in;          ///< on the wire: their first frames
  std::unordered_set<proxytunnel::TunnelId> inside;  ///< virtual conversations
};

class Replacer {
 public:
  using Ticket = proxytunnel::Ticket;

  /// The writer is borrowed.
  Replacer(VirtualWriter& writer, ProxyConnections left_out, ReplacerLimits limits = {})
      : writer_(writer), left_out_(std::move(left_out)), limits_(limits) {}

  /// The next packet of the capture; both are borrowed until done(). 0: it is out already, and stays as it is.
  Ticket captured(const Packet& packet, const proxytunnel::Decoded& decoded);
  /// The next one of a virtual conversation.
  Ticket packet(const proxytunnel::VirtualPacket& packet);
  /// What the core tells of them.
  void waits(Ticket ticket);
  void remains(const proxytunnel::Remainder& remainder);
  void begun_in(Ticket ticket, FrameNumber connection);

  /// Nothing more comes of the captured packet: what is known goes out. The ticket of one that waits for too long by
  /// the time of the capture, and is to be let go; 0 if there is none.
  Ticket done(Time now);
  /// All of them, as far as is known.
  void finish();

  /// Packets that went out as they were, since what becomes of them was not known in time.
  [[nodiscard]] std::uint64_t let_go() const { return let_go_; }

 private:
  enum class Fate : std::uint8_t { as_it_is, waits, remainder };
  struct Captured {
    Packet packet;
    std::optional<CapturedSegment> segment{};  ///< TCP only
    std::vector<Address> ends{};
    std::vector<std::uint8_t> bytes{};  ///< once it is kept: what the views view

    void keep();
  };
  struct Virtual {
    proxytunnel::VirtualPacket packet;
    std::string comment;
    std::vector<std::uint8_t> bytes;
  };
  struct Item {
    std::variant<Captured, Virtual> what;
    Time time = 0;
    Fate fate = Fate::as_it_is;
    bool is_left_out = false;
    std::vector<proxytunnel::Translation> pieces{};
    std::vector<Ticket> fragments{};  ///< that it was put together from
    Ticket whole = 0;                 ///< of a fragment, once it is known: what is put together from it
    std::size_t size = 0;
  };

  [[nodiscard]] Item* find(Ticket ticket);
  Ticket add(Item item);
  [[nodiscard]] bool take_fragments(const proxytunnel::Decoded& decoded, FrameNumber frame, Item& item);
  void join_fragments(Ticket whole);
  void settle_fragments(const Item& item);
  void write_known();
  void write(const Item& item);
  void write(const Captured& captured, const Item& item);
  void write(const Virtual& made, const Item& item);
  [[nodiscard]] bool is_too_much(Time now) const;

  VirtualWriter& writer_;
  ProxyConnections left_out_;
  ReplacerLimits limits_;
  std::deque<Item> items_;  // with consecutive tickets
  Ticket first_ = 1;        // of the first item
  std::size_t bytes_ = 0;
  std::map<FrameNumber, Ticket> fragments_;  // that wait for the rest of their datagrams
  Ticket whole_ = 0;                         // the current packet, if it was put together from some
  Ticket asked_ = 0;                         // the one to be let go that was told last
  std::uint64_t let_go_ = 0;
};

}  // namespace unproxy

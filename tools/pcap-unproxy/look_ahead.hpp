// SPDX-License-Identifier: GPL-2.0-or-later
// summary: DNS in time, although the capture has it too late.
//
// A capture of several interfaces is not in the order of time: dumpcap and others write what one interface brought,
// then what the next one did. The answer that the proxy got on one leg may so stand behind the tunnel that it opened on
// the other. Segments keep the order of the file; only DNS questions and answers are read ahead, within limits, and
// heard in the order of time, when the time of the capture has reached them. A capture of one interface is read
// straight through.
#pragma once

#include <map>
#include <vector>

#include "capture/capture.hpp"
#include "decode/decode.hpp"
#include "filter.hpp"
#include "tracker/tracker.hpp"
#include "waiting_packets.hpp"

namespace unproxy {

class LookAhead {
 public:
  /// All are borrowed. `filter` may be null: every packet counts.
  LookAhead(CaptureReader& reader, Filter* filter, proxytunnel::Tracker& tracker)
      : reader_(reader), filter_(filter), tracker_(tracker) {}

  /// The next packet in the order of the file, as CaptureReader::next(). DNS messages that are not later have been
  /// heard.
  const Packet* next();
  /// True if DNS messages are heard from here: the caller leaves them out.
  [[nodiscard]] bool enters_names() const { return ahead_; }

 private:
  void fill();
  void wait(const Packet& packet);
  void read_names(const Packet& packet);
  void enter_names(Time now);

  CaptureReader& reader_;
  Filter* filter_;
  proxytunnel::Tracker& tracker_;
  proxytunnel::Decoder decoder_;
  bool ahead_ = false;
  WaitingPackets waiting_;
  struct Message {
    proxytunnel::Datagram datagram;
    std::vector<std::uint8_t> payload;
  };
  std::multimap<Time, Message> messages_;  // not heard yet; never more than packets that wait
};

}  // namespace unproxy

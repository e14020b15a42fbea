// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what two ends said to each other, as little of it as tells whether it is what two others said.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/direction.hpp"
#include "base/streams.hpp"
#include "correlate/beginning.hpp"
#include "correlate/http_requests.hpp"
#include "tcp/stream_buffer.hpp"

namespace proxytunnel {

struct Content {
  PerDirection<Beginning> beginning;
  PerDirection<std::uint64_t> bytes{0, 0};   ///< how far each direction was seen; of datagrams, all of them
  PerDirection<Stamp> first;                 ///< payload; frame 0: none
  PerDirection<std::uint64_t> random{0, 0};  ///< a hash of the TLS random; 0: none
  std::string sni;                           ///< empty: none
  std::vector<HttpRequest> requests;         ///< of an HTTP client, at most limits::requests_per_leg
  bool is_all_http = false;                  ///< all that the client said is in `requests`
};

/// Bytes that all readers together may keep while they wait for others.
struct Room {
  std::size_t left;
};

/// Reads the two streams of a conversation, in whatever order their segments come.
class ContentReader {
 public:
  /// `room` is borrowed.
  ContentReader(const HashKey& key, Room& room);
  ContentReader(const ContentReader&) = delete;
  ContentReader& operator=(const ContentReader&) = delete;
  ~ContentReader();

  /// Captured bytes at an offset of their direction, and how many there were on the wire.
  void segment(Direction direction, Offset offset, Bytes bytes, std::uint32_t length, Stamp stamp);
  void datagram(Direction direction, Bytes bytes, std::uint32_t length, Stamp stamp);

  /// What was said so far.
  [[nodiscard]] Content value() const;

 private:
  struct OneDirection {
    std::optional<BeginningHash> beginning;
    Offset next = 0;                        ///< up to where the stream was read
    Offset end = 0;                         ///< up to where it was seen
    bool is_read = true;                    ///< somebody wants what follows
    std::unique_ptr<StreamBuffer> waiting;  ///< behind a hole
    std::vector<std::uint8_t> hello;        ///< the beginning of what may be a TLS hello
    bool is_hello = false;
    std::size_t charged = 0;  ///< bytes of room that it has
  };

  void read(Direction direction, Bytes bytes, Stamp stamp);
  void read_hello(Direction direction, Bytes bytes);
  void read_requests(Bytes bytes, Stamp stamp);
  void note_answer(Stamp stamp);
  void charge(Direction direction);
  void give_up(Direction direction);

  HashKey key_;
  Room& room_;
  PerDirection<OneDirection> streams_;
  std::unique_ptr<HttpRequestReader> reader_;
  Content content_;
};

}  // namespace proxytunnel

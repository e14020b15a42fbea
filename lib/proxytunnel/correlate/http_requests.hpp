// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the requests of an HTTP/1.x connection, one after the other, as hashes of what a proxy leaves as it is.
// spec: RFC 9112 sections 3 and 6
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/siphash.hpp"
#include "base/streams.hpp"
#include "handshake/http_framing.hpp"
#include "handshake/http_head.hpp"

namespace proxytunnel {

struct HttpRequest {
  std::uint64_t asked = 0;  ///< a hash of method, host, port and path: whoever asks for the same has the same
  Stamp stamp;              ///< of its last byte of the head
  Offset begin = 0;         ///< in its direction
  /// Whom the last one before its sender says that it is for: a node of Forwarded or X-Forwarded-For, if that is an
  /// address; and how many nodes there are.
  std::optional<Address> forwarded_for;
  std::size_t forwarded_nodes = 0;
  Time answered = 0;  ///< the first byte of the other direction behind it; 0: none
};

class HttpRequestReader {
 public:
  explicit HttpRequestReader(const HashKey& key) noexcept : key_(key) {}

  /// The bytes that follow, of one segment. False once no more can be read: what comes is no request, or nobody can
  /// tell where one ends, or there are more than limits::requests_per_leg.
  [[nodiscard]] bool add(Bytes bytes, Stamp stamp, std::vector<HttpRequest>& requests);
  /// Bytes that it keeps.
  [[nodiscard]] std::size_t kept() const noexcept { return head_.size(); }

 private:
  [[nodiscard]] std::uint64_t asked_by(const HttpRequestHead& head) const;

  HashKey key_;
  std::vector<std::uint8_t> head_;  ///< that is not whole yet
  HeadSearch search_;
  std::optional<HttpFraming> body_;
  Offset at_ = 0;  ///< of the first byte of what is kept, or of the next one
};

}  // namespace proxytunnel

// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what two ends said to each other, as little of it as tells whether it is what two others said.
#include "correlate/content.hpp"

#include <algorithm>

#include "base/limits.hpp"
#include "correlate/tls_hello.hpp"

namespace proxytunnel {
namespace {

constexpr std::uint8_t tls_handshake = 22;
constexpr auto client = Direction::from_client, server = Direction::from_server;

bool may_begin_method(std::uint8_t byte) noexcept {
  return byte >= 'A' && byte <= 'Z';
}

}  // namespace

ContentReader::ContentReader(const HashKey& key, Room& room) : key_(key), room_(room) {
  for (OneDirection& one : streams_) one.beginning.emplace(key);
}

ContentReader::~ContentReader() {
  for (const OneDirection& one : streams_) room_.left += one.charged;
}

// What is kept counts against the room of all.
void ContentReader::charge(Direction direction) {
  OneDirection& one = streams_[direction];
  const std::size_t of_requests = direction == client && reader_ ? reader_->kept() : 0;
  const std::size_t kept = one.hello.size() + (one.waiting ? one.waiting->kept() : 0) + of_requests;
  if (kept == one.charged) return;
  room_.left += one.charged;
  one.charged = std::min(kept, room_.left);
  room_.left -= one.charged;
  if (one.charged < kept) give_up(direction);
}

// Nothing of it is read any more.
void ContentReader::give_up(Direction direction) {
  OneDirection& one = streams_[direction];
  one.is_read = false;
  one.waiting.reset();
  one.hello = {};
  one.is_hello = false;
  if (direction == client) reader_.reset();
  room_.left += one.charged;
  one.charged = 0;
}

void ContentReader::segment(Direction direction, Offset offset, Bytes bytes, std::uint32_t length, Stamp stamp) {
  if (length == 0) return;
  OneDirection& one = streams_[direction];
  if (content_.first[direction].frame == 0) content_.first[direction] = stamp;
  if (direction == server) note_answer(stamp);
  one.end = std::max(one.end, offset + static_cast<Offset>(length));
  if (!one.is_read || bytes.empty()) return;
  if (offset + static_cast<Offset>(bytes.size()) <= one.next) return;
  if (offset <= one.next && !one.waiting) {
    read(direction, bytes.subspan(static_cast<std::size_t>(one.next - offset)), stamp);
    return;
  }
  if (!one.waiting) {
    one.waiting = std::make_unique<StreamBuffer>();
    one.waiting->take(static_cast<std::size_t>(one.next));
  }
  if (!one.waiting->insert(offset, bytes, {})) return give_up(direction);
  const Bytes ready = one.waiting->untaken();
  if (!ready.empty()) {
    const std::vector<std::uint8_t> now(ready.begin(), ready.end());
    one.waiting->take(now.size());
    read(direction, now, stamp);
  }
  if (one.waiting && !one.waiting->has_hole()) one.waiting.reset();
  charge(direction);
}

void ContentReader::datagram(Direction direction, Bytes bytes, std::uint32_t length, Stamp stamp) {
  OneDirection& one = streams_[direction];
  if (content_.first[direction].frame == 0) content_.first[direction] = stamp;
  one.end += length;
  if (bytes.size() < length) one.is_read = false;
  if (one.is_read) one.beginning->add(bytes);
}

void ContentReader::read(Direction direction, Bytes bytes, Stamp stamp) {
  OneDirection& one = streams_[direction];
  const bool is_first = one.next == 0 && !bytes.empty();
  one.next += static_cast<Offset>(bytes.size());
  one.beginning->add(bytes);
  if (is_first && bytes[0] == tls_handshake) one.is_hello = true;
  if (is_first && direction == client && may_begin_method(bytes[0]))
    reader_ = std::make_unique<HttpRequestReader>(key_);
  if (one.is_hello) read_hello(direction, bytes);
  if (direction == client && reader_) read_requests(bytes, stamp);
  const bool is_wanted = !one.beginning->is_full() || one.is_hello || (direction == client && reader_);
  if (!is_wanted) return give_up(direction);
  charge(direction);
}

void ContentReader::read_hello(Direction direction, Bytes bytes) {
  OneDirection& one = streams_[direction];
  one.hello.insert(one.hello.end(), bytes.begin(), bytes.end());
  const auto hello = parse_tls_hello(one.hello, direction == client ? TlsSide::client : TlsSide::server);
  const bool is_too_long = one.hello.size() > limits::hello_bytes;
  if (hello.result == ParseResult::need_more && !is_too_long) return;
  if (hello.is_ok()) {
    content_.random[direction] = siphash(key_, hello.value.random) | 1;
    content_.sni = direction == client ? hello.value.sni : content_.sni;
  }
  one.hello = {};
  one.is_hello = false;
}

void ContentReader::read_requests(Bytes bytes, Stamp stamp) {
  const bool goes_on = reader_->add(bytes, stamp, content_.requests);
  content_.is_all_http = goes_on;
  if (!goes_on) reader_.reset();
}

// The first word behind a request answers it; what was asked in one go is answered at the same time.
void ContentReader::note_answer(Stamp stamp) {
  const auto latest = content_.requests.rbegin(), oldest = content_.requests.rend();
  const auto answered = std::find_if(latest, oldest, [](const HttpRequest& request) { return request.answered != 0; });
  std::for_each(latest, answered, [stamp](HttpRequest& request) { request.answered = stamp.time; });
}

Content ContentReader::value() const {
  Content result = content_;
  for (const Direction direction : {client, server}) {
    result.beginning[direction] = streams_[direction].beginning->value();
    result.bytes[direction] = static_cast<std::uint64_t>(streams_[direction].end);
  }
  return result;
}

}  // namespace proxytunnel

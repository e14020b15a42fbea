// SPDX-License-Identifier: GPL-2.0-or-later
// summary: fuzzes correlation: what is read of legs and tunnels, in two orders; and what is claimed of them.
//
// Input: packets, each behind four bytes: bits 0 to 2 of the first which conversation, bit 3 the direction, bits 4 to 7
// how far the segment is moved; the 16-bit length; milliseconds since the one before. Even conversations are tunnels,
// odd ones are legs.
#include <algorithm>
#include <array>
#include <memory>

#include "correlate/correlate.hpp"
#include "demand.hpp"

using namespace proxytunnel;

namespace {

constexpr HashKey key{7, 9};
constexpr std::size_t conversations = 8;

struct Piece {
  std::size_t conversation;
  Direction direction;
  Offset offset;
  Bytes bytes;
  Stamp stamp;
};

std::vector<Piece> pieces_of(Bytes rest) {
  std::vector<Piece> pieces;
  std::array<PerDirection<Offset>, conversations> next{};
  Stamp stamp{1, 1'000'000'000};
  while (rest.size() >= 4) {
    const unsigned how = rest[0];
    const std::size_t size = std::min<std::size_t>(get16(&rest[1]), rest.size() - 4);
    stamp.time += rest[3] * Time{1'000'000};
    const auto direction = (how & 8) != 0 ? Direction::from_server : Direction::from_client;
    Offset& at = next[how % conversations][direction];
    pieces.push_back({how % conversations, direction, at + (how >> 4), rest.subspan(4, size), stamp});
    at += static_cast<Offset>(size);
    ++stamp.frame;
    rest = rest.subspan(4 + size);
  }
  return pieces;
}

std::vector<Content> read(const std::vector<Piece>& pieces) {
  Room room{std::size_t{1} << 16};
  std::array<std::unique_ptr<ContentReader>, conversations> readers;
  for (auto& reader : readers) reader = std::make_unique<ContentReader>(key, room);
  for (const Piece& piece : pieces) {
    readers[piece.conversation]->segment(piece.direction, piece.offset, piece.bytes,
                                         static_cast<std::uint32_t>(piece.bytes.size()), piece.stamp);
    demand(room.left <= std::size_t{1} << 16, "room that nobody gave");
  }
  std::vector<Content> contents;
  for (auto& reader : readers) {
    contents.push_back(reader->value());
    reader.reset();
  }
  demand(room.left == std::size_t{1} << 16, "room comes back");
  return contents;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::vector<Piece> pieces = pieces_of({bytes, size});
  const std::vector<Content> contents = read(pieces);
  std::vector<Tunnelled> tunnels;
  std::vector<Leg> legs;
  for (std::size_t i = 0; i < contents.size(); ++i) {
    const Content& content = contents[i];
    demand(content.requests.size() <= limits::requests_per_leg, "requests");
    for (const auto direction : {Direction::from_client, Direction::from_server}) {
      demand(content.beginning[direction].size <= Beginning::longest, "a beginning");
    }
    const auto port = static_cast<std::uint16_t>(1000 + i);
    if (i % 2 == 0) {
      Tunnelled& tunnel = tunnels.emplace_back();
      tunnel.id = static_cast<TunnelId>(i);
      tunnel.proxy.address = *Address::parse("10.0.0.1");
      tunnel.target = Target::named("www.example", 80);
      tunnel.is_forwarded = i % 4 == 0;
      tunnel.request = {1, 1'000'000'000};
      tunnel.end = tunnel.request.time + 60'000'000'000;
      tunnel.content = content;
    } else {
      Leg& leg = legs.emplace_back();
      leg.ends = {{*Address::parse("192.0.2.1"), port}, {*Address::parse("198.51.100.1"), 80}};
      leg.first = {static_cast<FrameNumber>(i), 1'000'000'000};
      leg.last = {static_cast<FrameNumber>(i), 61'000'000'000};
      leg.content = content;
    }
  }
  const Correlation found = correlate(tunnels, legs, {std::nullopt, key, 1});
  // No leg is two tunnels' as a whole.
  std::vector<FrameNumber> whole;
  for (const WanLeg& each : found.tunnels) {
    for (const LegPart& part : each.parts) {
      if (part.ranges.empty()) whole.push_back(part.leg.first.frame);
    }
    demand(!each.is_known() || each.score >= match_score, "a match that is none");
    demand(each.candidates.size() <= limits::legs_listed, "candidates");
  }
  std::sort(whole.begin(), whole.end());
  demand(std::adjacent_find(whole.begin(), whole.end()) == whole.end(), "one leg, one tunnel");
  return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the name of a flow that Wireshark, Zeek, Suricata and Arkime give it, too.
#include "report/community_id.hpp"

#include <nettle/base64.h>
#include <nettle/sha1.h>

#include <algorithm>
#include <array>

namespace proxytunnel {
namespace {

constexpr std::uint8_t tcp = 6, udp = 17;

void put_port(std::uint16_t port, sha1_ctx& hash) {
  const std::array<std::uint8_t, 2> octets = {static_cast<std::uint8_t>(port >> 8), static_cast<std::uint8_t>(port)};
  sha1_update(&hash, octets.size(), octets.data());
}

void put_address(const Address& address, sha1_ctx& hash) {
  sha1_update(&hash, address.bytes().size(), address.bytes().data());
}

}  // namespace

std::string community_id(const Ends& ends, Transport transport) {
  const auto [low, high] = std::minmax(ends.initiator, ends.acceptor);
  const std::array<std::uint8_t, 2> seed = {0, 0}, protocol = {transport == Transport::tcp ? tcp : udp, 0};
  sha1_ctx hash;
  sha1_init(&hash);
  sha1_update(&hash, seed.size(), seed.data());
  put_address(low.address, hash);
  put_address(high.address, hash);
  sha1_update(&hash, protocol.size(), protocol.data());
  put_port(low.port, hash);
  put_port(high.port, hash);
  std::array<std::uint8_t, SHA1_DIGEST_SIZE> digest{};
  sha1_digest(&hash, digest.size(), digest.data());
  std::array<char, BASE64_ENCODE_RAW_LENGTH(SHA1_DIGEST_SIZE)> text{};
  base64_encode_raw(text.data(), digest.size(), digest.data());
  return "1:" + std::string(text.begin(), text.end());
}

}  // namespace proxytunnel

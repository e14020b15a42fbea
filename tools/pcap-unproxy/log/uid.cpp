// SPDX-License-Identifier: GPL-2.0-or-later
// summary: names of connections in logs.
#include "log/uid.hpp"

#include <charconv>

#include "capture/digest.hpp"

namespace unproxy {
namespace {

// 64 bits by 11 letters.
std::string base62(std::string_view hex) {
  std::uint64_t number = 0;
  std::from_chars(hex.data(), hex.data() + hex.size(), number, 16);
  std::string text;
  for (int i = 0; i < 11; ++i, number /= 62) {
    text += "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"[number % 62];
  }
  return text;
}

std::string uid_of(const std::string& what) {
  const std::string sum = sha256_hex(proxytunnel::bytes_of(what));
  constexpr std::size_t letters = 18;  // as many as Zeek has
  return ("C" + base62(std::string_view(sum).substr(0, 16)) + base62(std::string_view(sum).substr(16, 16)))
      .substr(0, letters);
}

}  // namespace

std::string uid_of_connection(const proxytunnel::Ends& ends, proxytunnel::Time first, proxytunnel::FrameNumber frame) {
  return uid_of("connection " + ends.initiator.text() + " " + ends.acceptor.text() + " " + std::to_string(first) + " " +
                std::to_string(frame));
}

// No number that counts what is in the capture: it is the same whatever part of that is looked at. There may be several
// connections in a conversation, one behind the other.
std::string uid_of_conversation(const std::string& carrier, const proxytunnel::Attempt& attempt) {
  return uid_of("conversation " + carrier + " " + std::to_string(attempt.carrier_first.frame) + " " +
                std::to_string(attempt.ordinal));
}

std::string uid_of_flow(const std::string& association, std::uint32_t flow) {
  return flow == 0 ? association : uid_of("flow " + association + " " + std::to_string(flow));
}

}  // namespace unproxy

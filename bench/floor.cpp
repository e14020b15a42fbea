// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the least that a translation of packets costs: what pcap-unproxy is compared with, and of no other use.
//
// Reads a classic pcap in large blocks, walks its records, looks each packet's ends up in one table, and writes it with
// 40 bytes of headers before its payload. No stream, no handshake, no checksum, and no care for what may be wrong.
//
//   floor IN OUT

#include <fcntl.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <unordered_map>
#include <vector>

namespace {

constexpr std::size_t block = 1 << 18, most = 1 << 16;

struct Flow {
  std::uint8_t headers[40] = {};
  std::uint64_t packets = 0;
};

std::uint64_t load(const std::uint8_t* at) {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

void put(int out, std::vector<std::uint8_t>& buffer, std::size_t& filled, const void* bytes, std::size_t size) {
  if (filled + size > buffer.size()) {
    if (::write(out, buffer.data(), filled) < 0) std::perror("write");
    filled = 0;
  }
  std::memcpy(&buffer[filled], bytes, size);
  filled += size;
}

}  // namespace

int main(int count, char** words) {
  if (count != 3) return 2;
  const int in = ::open(words[1], O_RDONLY), out = ::open(words[2], O_WRONLY | O_CREAT | O_TRUNC, 0666);
  if (in < 0 || out < 0) return 1;
  std::vector<std::uint8_t> buffer(block + most), output(block + most);
  std::unordered_map<std::uint64_t, Flow> flows;
  std::size_t filled = 0, written = 0, at = 24;
  for (ssize_t got = 0; (got = ::read(in, &buffer[filled], buffer.size() - filled)) > 0;) {
    filled += static_cast<std::size_t>(got);
    for (std::uint32_t size = 0; filled - at >= 16; at += 16 + size) {
      std::memcpy(&size, &buffer[at + 8], sizeof size);
      if (size > most || filled - at < 16 + size) break;
      if (size < 54) continue;
      const std::uint8_t* const packet = &buffer[at + 16];
      Flow& flow = flows[load(packet + 26) * 0x9e3779b97f4a7c15U ^ load(packet + 30)];
      ++flow.packets;
      put(out, output, written, &buffer[at], 16 + 14);
      put(out, output, written, flow.headers, sizeof flow.headers);
      put(out, output, written, packet + 54, size - 54);
    }
    std::memmove(buffer.data(), &buffer[at], filled - at);
    filled -= at;
    at = 0;
  }
  if (::write(out, output.data(), written) < 0) return 1;
  std::printf("%zu flows\n", flows.size());
}

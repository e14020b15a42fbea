// SPDX-License-Identifier: GPL-2.0-or-later
// summary: fuzzes the capture readers: a file of any bytes; what a reader tells of it must be sound, and the same
//          however much it reads at once.
//
// Input: the file. What is neither pcap nor pcapng, compressed files too, goes through Wireshark's capture library.
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "capture/digest.hpp"
#include "capture/open.hpp"
#include "demand.hpp"

using namespace unproxy;

namespace {

/// Everything that a reader says, as one text; "unreadable" if there is no reader.
std::string told(const std::string& path, std::size_t window) try {
  const auto reader = open_capture(path, nullptr, nullptr, window);
  Sha256 packets;
  std::string text;
  FrameNumber number = 0;
  std::size_t names = 0, secrets = 0;
  while (const Packet* packet = reader->next()) {
    demand(packet->number > number, "packets are counted, and other blocks that Wireshark numbers");
    number = packet->number;
    demand(packet->interface < reader->interfaces().size(), "an interface that was told");
    demand(packet->wire_length >= packet->data.size(), "no more bytes than on the wire");
    packets.update(packet->data);
    text += std::to_string(packet->time) + ' ' + std::to_string(packet->interface) + ' ' +
            std::to_string(packet->wire_length) + '\n';
    names += reader->take_names().size();
    secrets += reader->take_secrets().size();
  }
  demand(reader->next() == nullptr, "the end is the end");
  for (const Interface& each : reader->interfaces()) text += std::to_string(each.link_type) + each.name + '\n';
  if (const auto& damage = reader->damage()) text += std::to_string(damage->offset) + damage->message + '\n';
  return text + packets.hex() + ' ' + std::to_string(names) + ' ' + std::to_string(secrets);
} catch (const CaptureError&) {
  return "unreadable";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const int file = ::memfd_create("capture", MFD_CLOEXEC);
  demand(file >= 0 && ::write(file, bytes, size) == static_cast<ssize_t>(size), "memory for the file");
  const std::string path = "/proc/self/fd/" + std::to_string(file);
  demand(told(path, 4096) == told(path, 64), "the window does not matter");
  ::close(file);
  return 0;
}

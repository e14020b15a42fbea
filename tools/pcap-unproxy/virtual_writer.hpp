// SPDX-License-Identifier: GPL-2.0-or-later
// summary: writes virtual segments as packets of a capture: link header, comments, names.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "capture/capture_files.hpp"
#include "decode/link.hpp"
#include "split.hpp"
#include "tracker/outcome.hpp"

namespace unproxy {

class VirtualWriter {
 public:
  /// `contents` is what the section header says. Throws CaptureError if the output cannot be made.
  VirtualWriter(const std::string& path, Format format, Link link, const std::string& contents, const Ring& ring);

  /// Several files, one for each group of tunnels; `names` is borrowed, and knows those of all inputs.
  VirtualWriter(SplitNames& names, const Split& split, Format format, Link link, const std::string& contents);

  /// The input's interfaces; borrowed, and may grow.
  void set_interfaces(const std::vector<Interface>& interfaces) { interfaces_ = &interfaces; }
  /// The same for an input that is an interface: what is told of it at the end of each file.
  void set_statistics(std::function<std::optional<LiveStatistics>()> source);
  /// What the files are called that an input was cut into: comments name them. Otherwise there is one.
  void set_files(std::vector<std::string> files) { files_ = std::move(files); }
  void idle(Time now) { writer_->idle(now); }
  /// Captured packets are written, too: every interface of the input is one of the output. Not where files are split.
  void keep_interfaces() { keeps_interfaces_ = true; }

  void secrets(const Secrets& secrets) { writer_->secrets(secrets); }
  void name(const NameRecord& record) { writer_->name(record); }
  /// As long as a record of a pcapng file has room for the name.
  void name_address(const Address& address, const std::string& host);
  /// Before the first segment of a tunnel: its name and the words on its synthetic packets.
  void opened(const proxytunnel::Attempt& attempt);
  /// Before the first datagram of a flow, likewise.
  void flow(const proxytunnel::Attempt& attempt);
  void packet(const proxytunnel::VirtualPacket& packet) { this->packet(packet, comment_on(packet)); }
  /// The same in two steps: a comment has to be made before the next tunnel opens.
  [[nodiscard]] std::string comment_on(const proxytunnel::VirtualPacket& packet);
  void packet(const proxytunnel::VirtualPacket& packet, std::string comment);
  /// A packet as it was captured, and one of which a part is left. `ends` are its addresses.
  void captured(const Packet& packet, std::span<const Address> ends);
  void changed(const Packet& packet, std::span<const Address> ends);
  /// Behind its last packet.
  void ended(proxytunnel::TunnelId tunnel) {
    if (splitter_) splitter_->ended(tunnel);
  }
  /// Completes the files under their final names. Without, nothing is left.
  void finish();

  [[nodiscard]] std::uint64_t packets() const { return packets_; }
  [[nodiscard]] std::uint64_t virtual_packets() const { return virtual_packets_; }
  /// In words, unless there is one file: behind the name of the output.
  [[nodiscard]] std::string told() const { return writer_->told(); }

 private:
  std::uint32_t output_interface(std::uint32_t interface, std::uint32_t link_type);
  void add_interfaces();
  void name_origin(const proxytunnel::Attempt& attempt);
  [[nodiscard]] std::string frame_text(proxytunnel::FrameNumber frame) const;
  void add_frames(const proxytunnel::Attempt& attempt, std::string& text) const;
  [[nodiscard]] bool is_bare();
  [[nodiscard]] proxytunnel::LinkHeader link_of(const proxytunnel::VirtualPacket& packet, std::size_t size,
                                                proxytunnel::LinkHeaderRoom& room);

  std::unique_ptr<CaptureOutput> writer_;
  CaptureFiles* whole_ = nullptr;     // the same, if it is not split
  std::optional<Splitter> splitter_;  ///< chooses among the files of writer_
  Format format_;
  Link link_;
  std::optional<bool> bare_;  // pcap only: packets have no link header; known with the first packet
  const std::vector<Interface>* interfaces_ = nullptr;
  std::vector<std::string> files_;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> output_interfaces_;  // (interface, link type)
  std::string opening_;                                     // what the SYN says of the tunnel that opened last
  std::pair<proxytunnel::TunnelId, std::string> new_flow_;  // what the next datagram of that tunnel says of its flow
  std::uint64_t packets_ = 0, virtual_packets_ = 0;
  bool keeps_interfaces_ = false;
  std::vector<std::uint32_t> kept_interfaces_;  // by number in the input
};

}  // namespace unproxy

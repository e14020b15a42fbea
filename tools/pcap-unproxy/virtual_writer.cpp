// SPDX-License-Identifier: GPL-2.0-or-later
// summary: writes virtual segments as packets of a capture: link header, comments, names.
#include "virtual_writer.hpp"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <utility>

#include "capture/packet_options.hpp"
#include "capture/pcapng_format.hpp"
#include "envelope.hpp"
#include "names/canonical_name.hpp"
#include "options.hpp"
#include "report/text.hpp"

namespace unproxy {
namespace {

using proxytunnel::Attempt;
using proxytunnel::LinkHeader;
using proxytunnel::LinkHeaderRoom;
using proxytunnel::printable;
using proxytunnel::shortened;
using proxytunnel::shortened_target;
using proxytunnel::VirtualKind;
using proxytunnel::VirtualPacket;

// Long enough for any DNS name; a longer text must not push the rest out of the comment.
constexpr std::size_t longest_text = 256;

void append(std::string& text, std::initializer_list<std::string_view> parts) {
  for (const std::string_view part : parts) text += part;
}

// What an analyst must know to judge the conversation that begins here, but for its frames.
std::string opening_text(const Attempt& attempt) {
  constexpr std::size_t usual = 256;
  const auto& origin = *attempt.origin;
  std::string text;
  text.reserve(usual);
  append(text, {"tunnel ", std::to_string(attempt.id), ": ", name_of(attempt.protocol), " through proxy ",
                attempt.proxy.text(), " to ", shortened_target(proxytunnel::target_text(attempt), longest_text),
                ", shown as ", origin.endpoint.text(), " (", name_of(origin.provenance), ")"});
  if (attempt.virtual_client) {
    append(text, {", for client ", proxytunnel::client_text(attempt), ", whose port is ",
                  attempt.knows_client_port() ? "in use" : "not told", " and stands as a synthetic one"});
  }
  if (const auto& user = attempt.credentials.username; user && !user->empty()) {
    append(text, {", user ", shortened(printable(*user), longest_text)});
  }
  if (attempt.parent != proxytunnel::no_tunnel) append(text, {", inside tunnel ", std::to_string(attempt.parent)});
  if (attempt.inside_tls) text += ", inside TLS";
  if (!attempt.encapsulation.empty()) append(text, {", in ", proxytunnel::encapsulation_text(attempt.encapsulation)});
  return text;
}

// Where the capture has no addresses: locally administered ones, 1 for the client and 2 for the origin.
LinkHeader made_ethernet(const VirtualPacket& packet, LinkHeaderRoom& room) {
  constexpr std::size_t size = 14;
  constexpr std::uint8_t locally_administered = 2, client = 1, origin = 2;
  constexpr std::uint16_t ipv4 = 0x0800, ipv6 = 0x86dd;
  const bool is_from_client = packet.direction == proxytunnel::Direction::from_client;
  std::fill_n(room.begin(), size, std::uint8_t{0});
  room[0] = room[6] = locally_administered;
  room[5] = is_from_client ? origin : client;
  room[11] = is_from_client ? client : origin;
  proxytunnel::put16(&room[12], packet.ip.version == 4 ? ipv4 : ipv6);
  return {linktype::ethernet, Bytes(room).first(size)};
}

// As it stands in the packet.
proxytunnel::Address shown(const proxytunnel::Endpoint& end, const VirtualPacket& packet) {
  return end.address.version == packet.ip.version ? end.address : end.address.mapped();
}

}  // namespace

VirtualWriter::VirtualWriter(const std::string& path, Format format, Link link, const std::string& contents,
                             const Ring& ring)
    : format_(format), link_(link) {
  auto files = std::make_unique<CaptureFiles>(path, format, WriterIdentity{"pcap-unproxy", version, contents}, ring);
  whole_ = files.get();
  writer_ = std::move(files);
}

VirtualWriter::VirtualWriter(SplitNames& names, const Split& split, Format format, Link link,
                             const std::string& contents)
    : format_(format), link_(link) {
  const WriterIdentity identity{"pcap-unproxy", version, contents};
  auto files = std::make_unique<SplitFiles>(format, identity, split);
  splitter_.emplace(split.by, names, *files);
  writer_ = std::move(files);
}

// There is an interface to tell of, whether it brought a packet or not.
void VirtualWriter::set_statistics(std::function<std::optional<LiveStatistics>()> source) {
  const std::uint32_t captured = interfaces_->front().link_type;
  const std::uint32_t made = link_ == Link::ethernet ? linktype::ethernet : linktype::raw;
  if (format_ == Format::pcapng) output_interface(0, link_ == Link::keep ? captured : made);
  writer_->set_statistics(std::move(source));
}

void VirtualWriter::opened(const Attempt& attempt) {
  if (splitter_) splitter_->opened(attempt);
  if (!attempt.origin) return;
  if (attempt.transport == proxytunnel::Transport::udp) return flow(attempt);
  if (format_ == Format::pcapng) {  // a pcap file has no comments
    opening_ = opening_text(attempt);
    add_frames(attempt, opening_);
    opening_ += "; this packet is synthetic";
  }
  name_origin(attempt);
}

void VirtualWriter::flow(const Attempt& attempt) {
  if (splitter_) splitter_->flow(attempt);
  new_flow_ = {attempt.id, opening_text(attempt)};
  add_frames(attempt, new_flow_.second);
  name_origin(attempt);
}

std::string VirtualWriter::frame_text(proxytunnel::FrameNumber frame) const {
  const std::string number = "frame " + std::to_string(proxytunnel::number_in_file(frame));
  return files_.empty() ? number : number + " of " + files_[proxytunnel::file_of(frame)];
}

void VirtualWriter::add_frames(const Attempt& attempt, std::string& text) const {
  if (attempt.request.frame != 0) append(text, {", request in ", frame_text(attempt.request.frame)});
  if (attempt.reply.frame != 0) append(text, {", reply in ", frame_text(attempt.reply.frame)});
}

void VirtualWriter::name_origin(const Attempt& attempt) {
  if (!attempt.target || attempt.target->address) return;
  const std::string& host = attempt.target->host;
  const proxytunnel::Address& address = attempt.origin->endpoint.address;
  name_address(address, host);
  // Where the client speaks the other family, the address stands there in its mapped form.
  if (attempt.client.address.version != address.version) name_address(address.mapped(), host);
}

// A record ends a name with a zero byte and has room for a DNS name only.
void VirtualWriter::name_address(const Address& address, const std::string& host) {
  if (printable(host) == host && host.size() <= proxytunnel::longest_dns_name) name({address, host});
}

// As soon as they are known, so that they have the numbers of the input as long as no other was needed before.
void VirtualWriter::add_interfaces() {
  while (kept_interfaces_.size() < interfaces_->size()) {
    kept_interfaces_.push_back(whole_->add_interface(interfaces_->at(kept_interfaces_.size())));
  }
}

std::uint32_t VirtualWriter::output_interface(std::uint32_t interface, std::uint32_t link_type) {
  if (keeps_interfaces_) {
    add_interfaces();
    if (interfaces_->at(interface).link_type == link_type) return kept_interfaces_[interface];
  }
  const auto [found, is_new] = output_interfaces_.try_emplace({interface, link_type}, 0);
  if (is_new) {
    const Interface& model = interfaces_->at(interface);
    found->second = writer_->interface_for(link_type, model.snap_length, model.name);
  }
  return found->second;
}

std::string VirtualWriter::comment_on(const VirtualPacket& packet) {
  const auto tunnel = [&packet] { return "tunnel " + std::to_string(packet.tunnel); };
  const bool is_datagram = packet.transport == proxytunnel::Transport::udp;
  std::string begun;
  if (is_datagram && new_flow_.first == packet.tunnel) begun = std::exchange(new_flow_.second, {});
  switch (packet.kind) {
    case VirtualKind::syn:
      return opening_;
    case VirtualKind::syn_ack:
    case VirtualKind::ack:
      return tunnel() + ": this packet is synthetic; it stands for the opening of the tunnel";
    case VirtualKind::held:
      if (is_datagram)
        return (begun.empty() ? tunnel() : begun) + "; put together from fragments, this is the last one";
      return tunnel() + ": carried by " + frame_text(packet.carried_in) +
             ", before it was known whose these bytes are; shown as soon as it was";
    case VirtualKind::translated:
      break;
  }
  return begun;
}

// A pcap file has one link type: that of the interfaces or, if they have several, none at all.
bool VirtualWriter::is_bare() {
  if (format_ == Format::pcapng) return false;
  if (!bare_) {
    bare_ = std::any_of(interfaces_->begin(), interfaces_->end(), [this](const Interface& interface) {
      return interface.link_type != interfaces_->front().link_type;
    });
  }
  return *bare_;
}

// `size` is that of the IP packet.
LinkHeader VirtualWriter::link_of(const VirtualPacket& packet, std::size_t size, LinkHeaderRoom& room) {
  const LinkHeader none = {linktype::raw, {}};
  if (link_ == Link::raw || (link_ == Link::keep && is_bare())) return none;
  const Envelope envelope = Envelope::unpack(packet.frame.envelope);
  const LinkHeader kept = adapt(envelope.link, packet.ip.version, size, room);
  const auto single = writer_->single_link_type();
  const bool wants_ethernet = link_ == Link::ethernet || single == linktype::ethernet;
  if (wants_ethernet && kept.link_type != linktype::ethernet) return made_ethernet(packet, room);
  return single == linktype::raw ? none : kept;
}

void VirtualWriter::captured(const Packet& packet, std::span<const Address> ends) {
  add_interfaces();
  const auto options = pcapng::little_endian(packet.options, pcapng::OptionsOf::packet);
  whole_->captured(packet, kept_interfaces_[packet.interface], options, ends);
  ++packets_;
}

void VirtualWriter::changed(const Packet& packet, std::span<const Address> ends) {
  add_interfaces();
  constexpr std::string_view comment = "payload of this packet is in a virtual conversation; this is what remains";
  auto options = pcapng::of_changed_packet(packet.options);
  pcapng::add_option(pcapng::option::comment, proxytunnel::bytes_of(comment), options);
  whole_->captured(packet, kept_interfaces_[packet.interface], options, ends);
  ++packets_;
}

void VirtualWriter::finish() {
  if (keeps_interfaces_) add_interfaces();
  writer_->finish();
}

void VirtualWriter::packet(const VirtualPacket& packet, std::string comment) {
  const Envelope envelope = Envelope::unpack(packet.frame.envelope);
  const Bytes headers = packet.header_bytes();
  const std::size_t wire = headers.size() + packet.length;
  LinkHeaderRoom room;
  const LinkHeader link = link_of(packet, wire, room);
  const std::array<Bytes, 3> pieces = {link.bytes, headers, packet.payload};
  const bool is_late = packet.time != packet.frame.time, is_of_files = !files_.empty();
  if (comment.empty() && (is_late || is_of_files)) comment = "tunnel " + std::to_string(packet.tunnel);
  if (is_of_files) comment += "; " + frame_text(packet.frame.number);
  if (is_late) {
    comment += "; captured at " + proxytunnel::rfc3339(packet.frame.time) + ", earlier than what stands before it";
  }
  if (splitter_) splitter_->choose(packet);
  const std::array<proxytunnel::Address, 2> ends = {shown(packet.sender, packet), shown(packet.receiver, packet)};
  writer_->packet(packet.time, output_interface(envelope.interface, link.link_type), pieces,
                  static_cast<std::uint32_t>(link.bytes.size() + wire),
                  proxytunnel::number_in_file(packet.frame.number), comment, ends);
  ++packets_;
  ++virtual_packets_;
}

}  // namespace unproxy

// SPDX-License-Identifier: GPL-2.0-or-later
// summary: writes virtual segments as packets of a capture: link header, comments, names.
#include "virtual_writer.hpp"

#include <algorithm>
#include <array>

#include "envelope.hpp"
#include "names/canonical_name.hpp"
#include "options.hpp"
#include "report/text.hpp"

namespace unproxy {
namespace {

using proxytunnel::Attempt;
using proxytunnel::printable;
using proxytunnel::shortened;
using proxytunnel::target_text;
using proxytunnel::VirtualKind;
using proxytunnel::VirtualSegment;

std::string frame_text(const char* what, const proxytunnel::Stamp& stamp) {
  return stamp.frame == 0 ? "" : std::string(", ") + what + " in frame " + std::to_string(stamp.frame);
}

// Long enough for any DNS name; a longer text must not push the rest out of the comment.
constexpr std::size_t longest_text = 256;

// What an analyst must know to judge the conversation that begins here.
std::string opening_text(const Attempt& attempt) {
  const auto& origin = *attempt.origin;
  std::string text = "tunnel " + std::to_string(attempt.id) + ": " + std::string(name_of(attempt.protocol)) +
                     " through proxy " + attempt.proxy.text() + " to " + shortened(target_text(attempt), longest_text) +
                     ", shown as " + origin.endpoint.text() + " (" + std::string(name_of(origin.provenance)) + ")";
  if (const auto& user = attempt.credentials.username; user && !user->empty())
    text += ", user " + shortened(printable(*user), longest_text);
  if (attempt.parent != proxytunnel::no_tunnel) text += ", inside tunnel " + std::to_string(attempt.parent);
  return text + frame_text("request", attempt.request) + frame_text("reply", attempt.reply) +
         "; this packet is synthetic";
}

}  // namespace

VirtualWriter::VirtualWriter(const std::string& path, Format format, const std::string& input)
    : writer_(path, format, {"pcap-unproxy", version, input}), format_(format) {}

void VirtualWriter::name(const NameRecord& record) {
  if (names_.emplace(record.address, record.name).second) writer_.names({&record, 1});
}

void VirtualWriter::opened(const Attempt& attempt) {
  opening_ = opening_text(attempt);
  if (!attempt.target || attempt.target->address) return;
  const std::string& host = attempt.target->host;
  // A record ends a name with a zero byte and has room for a DNS name only.
  if (printable(host) != host || host.size() > proxytunnel::longest_dns_name) return;
  const proxytunnel::Address& address = attempt.origin->endpoint.address;
  name({address, host});
  // Where the client speaks the other family, the address stands there in its mapped form.
  if (attempt.client.address.version != address.version) name({address.mapped(), host});
}

std::uint32_t VirtualWriter::output_interface(std::uint32_t interface, std::uint32_t link_type) {
  const auto [found, is_new] = output_interfaces_.try_emplace({interface, link_type}, 0);
  if (is_new) {
    const Interface& model = interfaces_->at(interface);
    found->second = writer_.interface_for(link_type, model.snap_length, model.name);
  }
  return found->second;
}

std::string VirtualWriter::comment_on(const VirtualSegment& segment) const {
  const std::string tunnel = "tunnel " + std::to_string(segment.tunnel);
  switch (segment.kind) {
    case VirtualKind::syn:
      return opening_;
    case VirtualKind::syn_ack:
    case VirtualKind::ack:
      return tunnel + ": this packet is synthetic; it stands for the opening of the tunnel";
    case VirtualKind::held:
      return tunnel + ": carried by frame " + std::to_string(segment.frame.number) +
             ", before the tunnel was known to be open; shown at the opening";
    case VirtualKind::translated:
      break;
  }
  return {};
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

void VirtualWriter::segment(const VirtualSegment& segment) {
  const Envelope envelope = Envelope::unpack(segment.frame.envelope);
  const Bytes headers = segment.header_bytes();
  const std::size_t wire = headers.size() + segment.length;
  LinkHeaderRoom room;
  LinkHeader link =
      adapt(interfaces_->at(envelope.interface).link_type, envelope.link_header, segment.ip.version, wire, room);
  if (is_bare()) link = {linktype::raw, {}};
  const std::array<Bytes, 3> pieces = {link.bytes, headers, segment.payload};
  writer_.packet(segment.frame.time, output_interface(envelope.interface, link.link_type), pieces,
                 static_cast<std::uint32_t>(link.bytes.size() + wire), segment.frame.number, comment_on(segment));
  ++packets_;
}

}  // namespace unproxy

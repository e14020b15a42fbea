// SPDX-License-Identifier: GPL-2.0-or-later
// summary: capture filters (BPF) by libpcap, compiled once for each link type.
#include "filter.hpp"

#include <pcap/pcap.h>

namespace unproxy {
namespace {

constexpr int snap_length = 262144;

struct Close {
  void operator()(pcap_t* handle) const noexcept { pcap_close(handle); }
};

// LINKTYPE_ and DLT_ values differ for RAW only, among the types that are decoded.
int dlt_of(std::uint32_t link_type) {
  return link_type == linktype::raw ? DLT_RAW : static_cast<int>(link_type);
}

}  // namespace

void Filter::Free::operator()(bpf_program* program) const noexcept {
  pcap_freecode(program);
  delete program;
}

Filter::Program Filter::compile(const std::string& expression, std::uint32_t link_type, std::string& complaint) {
  const std::unique_ptr<pcap_t, Close> handle(pcap_open_dead(dlt_of(link_type), snap_length));
  if (!handle) return nullptr;
  auto program = std::make_unique<bpf_program>();
  if (pcap_compile(handle.get(), program.get(), expression.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0) {
    complaint = pcap_geterr(handle.get());
    return nullptr;
  }
  return Program(program.release());
}

Filter::Filter(std::string expression) : expression_(std::move(expression)) {
  std::string complaint;
  programs_[linktype::ethernet] = compile(expression_, linktype::ethernet, complaint);
  // What Ethernet cannot express may still make sense elsewhere ("inbound"); nonsense makes none on any link type.
  if (!programs_[linktype::ethernet] && !compile(expression_, linktype::linux_sll, complaint)) {
    throw UsageError("--filter '" + expression_ + "': " + complaint);
  }
}

bool Filter::matches(const Packet& packet, std::uint32_t link_type) {
  auto found = programs_.find(link_type);
  if (found == programs_.end()) {
    std::string complaint;
    found = programs_.emplace(link_type, compile(expression_, link_type, complaint)).first;
  }
  if (!found->second) return false;
  pcap_pkthdr header{};
  header.caplen = static_cast<bpf_u_int32>(packet.data.size());
  header.len = packet.wire_length;
  return pcap_offline_filter(found->second.get(), &header, packet.data.data()) != 0;
}

}  // namespace unproxy

// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what the first payload of a conversation is, by nDPI.
// spec: ndpi_api.h of nDPI 4.2; where later releases differ, whatever compiles is what is called
//
// nDPI reads packets of IP. It is given made-up ones between two addresses of documentation and two ports that no
// service has, so that what it says is what the payload says.
#include <ndpi_api.h>

#include <array>
#include <cstring>
#include <string_view>

#include "inside/inspector.hpp"
#include "names/dns.hpp"

namespace unproxy {
namespace {

using proxytunnel::Direction;
using proxytunnel::get16;
using proxytunnel::Inside;
using proxytunnel::put16;
using proxytunnel::put32;
using proxytunnel::Transport;

struct Service {
  std::uint16_t protocol;  ///< of nDPI
  std::string_view name;   ///< of Zeek
};

// What nDPI knows by payload alone, and Zeek has a name for. STARTTLS makes an "S" of the former.
constexpr std::array services = {
    Service{NDPI_PROTOCOL_HTTP, "http"},       Service{NDPI_PROTOCOL_HTTP_CONNECT, "http"},
    Service{NDPI_PROTOCOL_HTTP_PROXY, "http"}, Service{NDPI_PROTOCOL_TLS, "ssl"},
    Service{NDPI_PROTOCOL_DTLS, "ssl"},        Service{NDPI_PROTOCOL_QUIC, "quic"},
    Service{NDPI_PROTOCOL_SSH, "ssh"},         Service{NDPI_PROTOCOL_MAIL_SMTP, "smtp"},
    Service{NDPI_PROTOCOL_MAIL_SMTPS, "smtp"}, Service{NDPI_PROTOCOL_MAIL_IMAP, "imap"},
    Service{NDPI_PROTOCOL_MAIL_IMAPS, "imap"}, Service{NDPI_PROTOCOL_MAIL_POP, "pop3"},
    Service{NDPI_PROTOCOL_MAIL_POPS, "pop3"},  Service{NDPI_PROTOCOL_FTP_CONTROL, "ftp"},
    Service{NDPI_PROTOCOL_DNS, "dns"},         Service{NDPI_PROTOCOL_SOCKS, "socks"},
    Service{NDPI_PROTOCOL_IRC, "irc"},         Service{NDPI_PROTOCOL_SIP, "sip"},
    Service{NDPI_PROTOCOL_RDP, "rdp"},         Service{NDPI_PROTOCOL_VNC, "rfb"},
    Service{NDPI_PROTOCOL_SMBV1, "smb"},       Service{NDPI_PROTOCOL_SMBV23, "smb"},
    Service{NDPI_PROTOCOL_MYSQL, "mysql"},     Service{NDPI_PROTOCOL_POSTGRES, "postgresql"},
    Service{NDPI_PROTOCOL_REDIS, "redis"},     Service{NDPI_PROTOCOL_MQTT, "mqtt"},
};

std::string_view service_of(std::uint16_t protocol) noexcept {
  for (const Service& service : services) {
    if (service.protocol == protocol) return service.name;
  }
  return {};
}

struct FreeModule {
  void operator()(ndpi_detection_module_struct* module) const noexcept { ndpi_exit_detection_module(module); }
};
struct FreeFlow {
  void operator()(ndpi_flow_struct* flow) const noexcept { ndpi_free_flow(flow); }
};
using Module = std::unique_ptr<ndpi_detection_module_struct, FreeModule>;
using Flow = std::unique_ptr<ndpi_flow_struct, FreeFlow>;

// nDPI's macros have casts of C. Of 5.0, all protocols are chosen.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wold-style-cast"
#pragma GCC diagnostic ignored "-Wconversion"
void choose_protocols([[maybe_unused]] ndpi_detection_module_struct* module) {
#ifdef NDPI_PROTOCOL_BITMASK
  NDPI_PROTOCOL_BITMASK chosen;
  NDPI_BITMASK_RESET(chosen);
  for (const Service& service : services) NDPI_BITMASK_ADD(chosen, service.protocol);
  ndpi_set_protocol_detection_bitmask2(module, &chosen);
#endif
}
#pragma GCC diagnostic pop

// Templates, as what a release lacks must not be looked up.

template <class Structure>
ndpi_protocol process(ndpi_detection_module_struct* module, Structure* flow, const std::vector<std::uint8_t>& packet,
                      std::uint64_t time) {
  const auto size = static_cast<std::uint16_t>(packet.size());
  if constexpr (requires { ndpi_detection_process_packet(module, flow, packet.data(), size, time); }) {
    return ndpi_detection_process_packet(module, flow, packet.data(), size, time);
  } else {  // 4.4
    return ndpi_detection_process_packet(module, flow, packet.data(), size, time, nullptr);
  }
}

/// The protocol itself, and the one that it is carried in.
struct Found {
  std::uint16_t application = NDPI_PROTOCOL_UNKNOWN, carrier = NDPI_PROTOCOL_UNKNOWN;
};

template <class Protocol>
Found found_in(const Protocol& protocol) {
  if constexpr (requires { protocol.proto.app_protocol; }) {  // 4.12
    return {protocol.proto.app_protocol, protocol.proto.master_protocol};
  } else {
    return {protocol.app_protocol, protocol.master_protocol};
  }
}

template <class Structure>
std::string alpn_of(const Structure& flow) {
  const char* offered = nullptr;
  if constexpr (requires { flow.protos.tls_quic.advertised_alpns; }) {  // 4.4
    offered = flow.protos.tls_quic.advertised_alpns;
  } else {
    offered = flow.protos.tls_quic.alpn;
  }
  return offered == nullptr ? "" : offered;
}

/// Makes packets of turns.
class Wire {
 public:
  static constexpr std::uint8_t syn = 0x02, push = 0x08, ack = 0x10;

  explicit Wire(Transport transport) : transport_(transport) {}

  std::vector<std::uint8_t> packet(Direction direction, proxytunnel::Bytes payload, std::uint8_t flags) {
    constexpr std::size_t ip_size = 20;
    const bool is_tcp = transport_ == Transport::tcp;
    const std::size_t transport_size = is_tcp ? 20 : 8;
    std::vector<std::uint8_t> packet(ip_size + transport_size);
    packet.insert(packet.end(), payload.begin(), payload.end());
    std::uint8_t* const ip = packet.data();
    ip[0] = 0x45;
    put16(ip + 2, static_cast<std::uint16_t>(packet.size()));
    ip[8] = 64;
    ip[9] = is_tcp ? 6 : 17;
    const bool is_clients = direction == Direction::from_client;
    constexpr std::uint32_t client = 0xc0000201, server = 0xc0000202;  // RFC 5737
    constexpr std::uint16_t client_port = 40000, server_port = 50000;
    put32(ip + 12, is_clients ? client : server);
    put32(ip + 16, is_clients ? server : client);
    std::uint8_t* const header = ip + ip_size;
    put16(header, is_clients ? client_port : server_port);
    put16(header + 2, is_clients ? server_port : client_port);
    if (is_tcp) {
      put32(header + 4, next_[direction]);
      put32(header + 8, next_[other(direction)]);
      header[12] = 0x50;
      header[13] = flags;
      put16(header + 14, 0xffff);
      next_[direction] += static_cast<std::uint32_t>(payload.size()) + (flags & syn) / syn;
    } else {
      put16(header + 4, static_cast<std::uint16_t>(transport_size + payload.size()));
    }
    return packet;
  }

 private:
  Transport transport_;
  proxytunnel::PerDirection<std::uint32_t> next_{1, 1};
};

// nDPI knows DNS by its port only. One question in a message that is whole is as good.
bool begins_like_dns(Transport transport, proxytunnel::Bytes first) {
  if (transport == Transport::tcp) {  // RFC 1035 section 4.2.2: a length in front
    if (first.size() < 2 || get16(first.data()) != first.size() - 2) return false;
    first = first.subspan(2);
  }
  return proxytunnel::read_dns_question(first).has_value();
}

}  // namespace

struct Inspector::Library {
  Library() : module(ndpi_init_detection_module({})) {  // no preferences; of 4.12, no global context
    if (!module) return;
    choose_protocols(module.get());
    ndpi_finalize_initialization(module.get());
  }

  Module module;
};

std::string Inspector::version() {
  return ndpi_revision();
}

Inspector::Inspector() = default;
Inspector::~Inspector() = default;

Inside Inspector::look(Transport transport, const std::vector<Turn>& turns) {
  if (turns.empty()) return {};
  if (!library_) library_ = std::make_unique<Library>();
  const std::size_t size = ndpi_detection_get_sizeof_ndpi_flow_struct();
  const Flow flow(static_cast<ndpi_flow_struct*>(ndpi_flow_malloc(size)));
  if (!library_->module || !flow) return {};
  std::memset(flow.get(), 0, size);

  Wire wire(transport);
  Found found;
  std::uint64_t time = 0;  // milliseconds
  const auto put = [&](Direction direction, proxytunnel::Bytes payload, std::uint8_t flags) {
    const std::vector<std::uint8_t> packet = wire.packet(direction, payload, flags);
    found = found_in(process(library_->module.get(), flow.get(), packet, ++time));
  };
  if (transport == Transport::tcp) {
    put(Direction::from_client, {}, Wire::syn);
    put(Direction::from_server, {}, Wire::syn | Wire::ack);
    put(Direction::from_client, {}, Wire::ack);
  }
  std::string_view service;
  for (const Turn& turn : turns) {
    put(turn.direction, turn.bytes, Wire::push | Wire::ack);
    service = service_of(found.application);
    if (service.empty()) service = service_of(found.carrier);
    if (!service.empty() && flow->host_server_name[0] != '\0') break;
  }
  if (service.empty() && begins_like_dns(transport, turns.front().bytes)) service = "dns";

  Inside inside;
  inside.service = service;
  // The array may be full, and may hold what another protocol has for a name.
  const std::string_view name(flow->host_server_name, ::strnlen(flow->host_server_name, longest_seen_name));
  if (service == "ssl" || service == "quic") {
    inside.sni = name;
    inside.alpn = alpn_of(*flow);
  } else if (service == "http" && found.application != NDPI_PROTOCOL_HTTP_CONNECT && !name.starts_with('[')) {
    inside.http_host = name;  // of an IPv6 address nDPI keeps what stands before the first colon
  }
  return inside;
}

}  // namespace unproxy

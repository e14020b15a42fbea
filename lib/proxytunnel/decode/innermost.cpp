// SPDX-License-Identifier: GPL-2.0-or-later
// summary: goes from packet to packet, down to the innermost one.
#include "decode/innermost.hpp"

namespace proxytunnel {

PacketPlace place_of(std::uint32_t link_type, std::span<const Bytes> sources, const std::uint8_t* end) noexcept {
  PacketPlace place;
  if (sources.empty()) return place;
  LinkFrame link = find_ip(link_type, sources[0], static_cast<std::uint32_t>(sources[0].size()));
  IpPacket ip;
  const auto put_together = [rest = sources.subspan(1)](const LinkFrame&, IpPacket& fragment) mutable {
    if (rest.empty()) return Reason::fragment;
    fragment.payload = rest.front();
    fragment.wire_length = static_cast<std::uint32_t>(rest.front().size());
    fragment.is_fragment = false;
    rest = rest.subspan(1);
    skip_extension_headers(fragment);
    return fragment.reason;
  };
  const Reason reason = find_innermost(link, ip, place.encapsulation, end, put_together, [](const LinkFrame&) {});
  if (reason != Reason::none || ip.payload.data() != end) return {};
  place.vlan = link.vlan;
  return place;
}

}  // namespace proxytunnel

// SPDX-License-Identifier: GPL-2.0-or-later
// summary: LINKTYPE_ values as in the pcap file header.
// spec: https://www.tcpdump.org/linktypes.html
#pragma once

#include <cstdint>

namespace proxytunnel::linktype {

constexpr std::uint32_t null = 0, ethernet = 1, ppp = 9, fddi = 10, raw_bsd = 12, raw_openbsd = 14, ppp_serial = 50,
                        ppp_ether = 51, raw = 101, c_hdlc = 104, ieee802_11 = 105, loop = 108, linux_sll = 113,
                        ieee802_11_prism = 119, ieee802_11_radiotap = 127, ieee802_11_avs = 163, ppp_pppd = 166,
                        ppi = 192, erf = 197, ppp_with_dir = 204, ipv4 = 228, ipv6 = 229, nflog = 239, linux_sll2 = 276;
/// LINKTYPE_USER0: stands for records of other file formats whose encapsulation has no LINKTYPE_ number.
constexpr std::uint32_t unknown = 147;

}  // namespace proxytunnel::linktype

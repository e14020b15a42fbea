// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the C interface's part that finds where a packet is.
#include <algorithm>
#include <array>

#include "capi/proxytunnel.h"
#include "decode/innermost.hpp"

using namespace proxytunnel;

void pt_place_of(uint32_t link_type, const pt_bytes_t* sources, size_t count, const uint8_t* transport,
                 pt_place_t* place) {
  static_assert(PT_ENCAPSULATION == Encapsulation::most_packed);
  std::array<Bytes, PT_SOURCES> all;
  count = std::min<size_t>(count, PT_SOURCES);
  for (std::size_t i = 0; i < count; ++i) all[i] = Bytes(sources[i].bytes, sources[i].size);
  const PacketPlace found = place_of(link_type, std::span(all).first(count), transport);
  const Bytes packed = found.encapsulation.packed();
  *place = {};
  place->vlan = found.vlan;
  place->network = found.encapsulation.network();
  std::copy(packed.begin(), packed.end(), place->encapsulation);
  place->encapsulation_size = packed.size();
}

uint32_t pt_link_type_of_erf(unsigned type, const uint8_t* bytes, size_t size) {
  return link_of_erf(type, Bytes(bytes, size)).link_type;
}

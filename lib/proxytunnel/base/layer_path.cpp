// SPDX-License-Identifier: GPL-2.0-or-later
// summary: names of conversations on which every reader of a capture agrees, whatever ids, names and addresses it
// gives. spec: docs/decisions/0012
#include "base/layer_path.hpp"

#include <algorithm>

namespace proxytunnel {
namespace {

enum class Step : std::uint64_t { wire = 1, tunnel = 2, tls = 3 };

LayerPath step(LayerPath state, Step kind) noexcept {
  return mix_fixed(state, static_cast<std::uint64_t>(kind));
}

LayerPath mix_end(LayerPath state, const Endpoint& end) noexcept {
  const std::uint8_t* octets = end.address.octets.data();
  for (std::size_t i = 0; i < 16; i += 8) {
    state = mix_fixed(state, static_cast<std::uint64_t>(get32(octets + i)) << 32 | get32(octets + i + 4));
  }
  return mix_fixed(state, static_cast<std::uint64_t>(end.address.version) << 16 | end.port);
}

}  // namespace

LayerPath path_on_wire(const Endpoint& one, const Endpoint& another) noexcept {
  const auto [low, high] = std::minmax(one, another);
  return mix_end(mix_end(step(0, Step::wire), low), high);
}

LayerPath path_of_tunnel(LayerPath carrier, Offset client_base, Offset server_base) noexcept {
  const LayerPath inside = step(carrier, Step::tunnel);
  return mix_fixed(mix_fixed(inside, static_cast<std::uint64_t>(client_base)), static_cast<std::uint64_t>(server_base));
}

LayerPath path_of_tls(LayerPath carrier) noexcept {
  return step(carrier, Step::tls);
}

}  // namespace proxytunnel

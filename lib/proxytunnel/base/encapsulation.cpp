// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what IP packets are wrapped in on their way to where they were captured, and which network that names.
#include "base/encapsulation.hpp"

#include "base/layer_path.hpp"

namespace proxytunnel {

std::string_view name_of(Wrapper wrapper) noexcept {
  constexpr std::array<std::string_view, 6> names{"ip", "gre", "erspan", "vxlan", "geneve", "gtp"};
  const auto number = static_cast<std::size_t>(wrapper);
  return number < names.size() ? names[number] : "";
}

// A single identifier is told as it is, so that nothing else can be made to look like it.
bool Encapsulation::add(const Wrapping& wrapping) noexcept {
  if (count_ == most) return false;
  std::uint8_t* const at = &packed_[count_ * packed_size];
  ++count_;
  at[0] = static_cast<std::uint8_t>(wrapping.wrapper);
  at[1] = wrapping.id.has_value() ? 1 : 0;
  put32(at + 2, wrapping.id.value_or(0));
  if (!wrapping.id) return true;
  constexpr NetworkId several = NetworkId{1} << 63;
  const NetworkId own = (static_cast<NetworkId>(wrapping.wrapper) + 1) << 32 | *wrapping.id;
  const auto within = [](NetworkId outer, NetworkId inner) { return mix_fixed(mix_fixed(0, outer), inner) | several; };
  if (wrapping.giver != 0) network_ = within(network_, wrapping.giver);
  network_ = network_ == 0 ? own : within(network_, own);
  return true;
}

std::vector<Wrapping> Encapsulation::unpacked(Bytes packed) {
  std::vector<Wrapping> all;
  for (; packed.size() >= packed_size; packed = packed.subspan(packed_size)) {
    Wrapping wrapping{.wrapper = static_cast<Wrapper>(packed[0])};
    if (packed[1] != 0) wrapping.id = get32(&packed[2]);
    all.push_back(wrapping);
  }
  return all;
}

std::string encapsulation_text(Bytes packed) {
  std::string text;
  for (const Wrapping& wrapping : Encapsulation::unpacked(packed)) {
    if (!text.empty()) text += ", ";
    text += name_of(wrapping.wrapper);
    if (wrapping.id) text += " " + std::to_string(*wrapping.id);
  }
  return text;
}

}  // namespace proxytunnel

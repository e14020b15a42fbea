// SPDX-License-Identifier: GPL-2.0-or-later
// summary: a key for hash tables, from the system's randomness.
#include "capture/random_key.hpp"

#include <cstdint>
#include <random>

namespace unproxy {

proxytunnel::HashKey random_key() {
  std::random_device system;
  const auto word = [&system] { return static_cast<std::uint64_t>(system()) << 32 | system(); };
  return {word(), word()};
}

}  // namespace unproxy

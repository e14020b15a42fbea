// SPDX-License-Identifier: GPL-2.0-or-later
// summary: names and secrets that a reader met and that wait until somebody takes them.
#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "capture/capture.hpp"

namespace unproxy {

/// A file may hold any number of them with no packet between: what comes beyond the bounds is left out and counted.
class PendingBlocks {
 public:
  static constexpr std::size_t most_names = 65536;
  static constexpr std::size_t most_secrets = std::size_t{64} << 20;  ///< bytes
  /// Names of hosts (253 bytes in DNS) are shorter; what is longer could only serve to fill the memory.
  static constexpr std::size_t longest_name = 255;

  void add_name(const Address& address, std::string_view name) {
    if (names_.size() == most_names || name.size() > longest_name) {
      ++dropped_.names;
    } else {
      names_.push_back({address, std::string(name)});
    }
  }

  void add_secrets(std::uint32_t type, Bytes secrets) {
    const std::size_t size = secrets.size() + sizeof(Secrets);
    if (size > most_secrets - secrets_size_) {
      ++dropped_.secrets;
      return;
    }
    secrets_size_ += size;
    secrets_.push_back({type, {secrets.begin(), secrets.end()}});
  }

  std::vector<NameRecord> take_names() { return std::exchange(names_, {}); }
  std::vector<Secrets> take_secrets() {
    secrets_size_ = 0;
    return std::exchange(secrets_, {});
  }
  [[nodiscard]] const DroppedBlocks& dropped() const noexcept { return dropped_; }

 private:
  std::vector<NameRecord> names_;
  std::vector<Secrets> secrets_;
  std::size_t secrets_size_ = 0;
  DroppedBlocks dropped_;
};

}  // namespace unproxy

// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what the first payload of a conversation is, by nDPI where the program was built with it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/segment.hpp"
#include "inside/first_payload.hpp"
#include "report/report.hpp"

namespace unproxy {

/// nDPI keeps no longer names: of longer ones, the end.
constexpr std::size_t longest_seen_name = 79;

class Inspector {
 public:
  /// Of nDPI; empty: the program was built without it, and nothing is ever known.
  static std::string version();

  Inspector();
  Inspector(const Inspector&) = delete;
  Inspector& operator=(const Inspector&) = delete;
  ~Inspector();

  /// What a conversation begins like. Ports and addresses say nothing.
  [[nodiscard]] proxytunnel::Inside look(proxytunnel::Transport transport, const std::vector<Turn>& turns);

 private:
  struct Library;
  std::unique_ptr<Library> library_;  ///< from the first look on: it takes 10 ms and 7 MB
};

}  // namespace unproxy

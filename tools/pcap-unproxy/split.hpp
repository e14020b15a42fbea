// SPDX-License-Identifier: GPL-2.0-or-later
// summary: --split: which file a tunnel's packets go to, and what the files are called.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "capture/split_files.hpp"
#include "synth/virtual_packet.hpp"
#include "tunnel/attempt.hpp"

namespace unproxy {

/// The names of the files of a run: DIR/NAME.GROUP.unproxied.pcapng, of letters that no program takes for anything
/// else. What a capture says chooses no path, and no two groups have one name.
class SplitNames {
 public:
  static constexpr std::size_t longest_part = 120;

  /// `output`: what the file would be called without --split. What it is called with it, a star for the group.
  std::string begin_input(const std::string& output);
  /// The file for a group of that input: the same for the same groups before it.
  [[nodiscard]] std::string path_for(std::string_view group);

 private:
  std::string directory_, name_, ending_;
  std::unordered_set<std::string> used_;
  std::unordered_map<std::string, unsigned> next_;  ///< of names that are used: the number that may make another one
};

/// Letters, digits, '.', '_' and '-' stay, and everything else is '-'; nothing begins with a dot.
[[nodiscard]] std::string clean_part(std::string_view text, std::size_t longest);

class Splitter {
 public:
  /// Groups of one input. What belongs to further ones is in one file.
  static constexpr std::size_t most_groups = std::size_t{1} << 17;

  /// Both are borrowed.
  Splitter(SplitBy by, SplitNames& names, SplitFiles& files) : by_(by), names_(names), files_(files) {}

  /// As of VirtualWriter.
  void opened(const proxytunnel::Attempt& attempt);
  void flow(const proxytunnel::Attempt& attempt);
  void ended(proxytunnel::TunnelId tunnel);
  /// The packet comes next.
  void choose(const proxytunnel::VirtualPacket& packet);

 private:
  /// A target of an association.
  using Flow = std::pair<proxytunnel::TunnelId, std::uint32_t>;

  [[nodiscard]] std::size_t file_for(const proxytunnel::Attempt& attempt);
  [[nodiscard]] std::size_t file_for_others();

  SplitBy by_;
  SplitNames& names_;
  SplitFiles& files_;
  std::unordered_map<std::string, std::size_t> groups_;
  std::optional<std::size_t> others_;
  std::unordered_map<proxytunnel::TunnelId, std::size_t> tunnels_;  ///< that are open
  std::map<Flow, std::size_t> flows_;                               ///< of associations that are open
  std::pair<proxytunnel::TunnelId, std::size_t> new_flow_ = {proxytunnel::no_tunnel, 0};  ///< whose packet comes next
};

}  // namespace unproxy

// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what is told of a file when it was read.
#include "file_summary.hpp"

#include <string>
#include <string_view>

namespace unproxy {
namespace {

// Behind what else is wrong with it.
void note_damage(proxytunnel::InputSummary& file, std::string_view words) {
  if (!file.damaged.empty()) file.damaged += "; ";
  file.damaged += words;
}

}  // namespace

void note_file(proxytunnel::InputSummary& file, const CaptureReader& reader, const InputHash* hash, bool is_stopped,
               const FileState& state) {
  file.bytes = hash != nullptr ? hash->bytes() : reader.position();
  if (hash != nullptr && !is_stopped) file.sha256 = hash->hex();
  if (const auto& damage = reader.damage()) {
    note_damage(file, "at byte " + std::to_string(damage->offset) + ": " + damage->message);
  }
  if (state.has_changed()) note_damage(file, "it changed while it was read: what was read is told");
}

}  // namespace unproxy

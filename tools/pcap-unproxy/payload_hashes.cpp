// SPDX-License-Identifier: GPL-2.0-or-later
// summary: --hash: the payload of every tunnel that is open.
#include "payload_hashes.hpp"

namespace unproxy {

using proxytunnel::Direction;

void PayloadHashes::ended(proxytunnel::ReportEntry& entry) {
  proxytunnel::Attempt& attempt = entry.attempt;
  const auto found = hashes_.find(attempt.id);
  if (found == hashes_.end()) return;
  for (const Direction direction : {Direction::from_client, Direction::from_server}) {
    PayloadHash& hash = found->second[direction];
    if (hash.overflowed()) attempt.note("accounting-overflow");
    if (attempt.payload[direction].missing_bytes() == 0) {
      entry.sha256[direction] = hash.hex(attempt.payload[direction].bytes());
    }
  }
  hashes_.erase(found);
}

}  // namespace unproxy

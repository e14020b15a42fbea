// SPDX-License-Identifier: GPL-2.0-or-later
// summary: which leg is a tunnel's, as far as that can be told, and why.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/endpoint.hpp"
#include "base/streams.hpp"
#include "correlate/evidence.hpp"

namespace proxytunnel {

/// A leg as it is told of.
struct LegSummary {
  Ends ends;  ///< client: the proxy
  std::size_t source = 0;
  Stamp first, last;

  bool operator==(const LegSummary& other) const noexcept {
    return source == other.source && first.frame == other.first.frame && ends.initiator == other.ends.initiator &&
           ends.acceptor == other.ends.acceptor;
  }
};

/// A range of what the proxy said on a leg, in bytes from its beginning.
struct LegPart {
  LegSummary leg;
  std::vector<std::pair<Offset, Offset>> ranges;  ///< empty: all of it
};

struct LegCandidate {
  LegSummary leg;
  double score = 0;
  Grounds grounds;
};

/// A leg of a proxy that is known, and for whom it was.
struct ServedLeg {
  LegSummary leg;
  struct Client {
    std::size_t tunnel;                             ///< as it was given
    std::vector<std::pair<Offset, Offset>> ranges;  ///< as of LegPart
  };
  std::vector<Client> clients;  ///< for whom it is certain; empty: not known
  bool is_shared = false;       ///< others may have used it, too
  bool is_candidate = false;    ///< of tunnels of which it is not certain
};

/// Of a tunnel, or of one target of a UDP association.
struct WanLeg {
  std::vector<LegPart> parts;  ///< the leg; of forwarded requests there may be several; empty: not known
  double score = 0;
  Grounds grounds;
  bool is_shared = false;                ///< it carried others' requests, too
  std::size_t asked = 0, found = 0;      ///< forwarded requests, and those of them that are on a leg
  std::vector<LegCandidate> candidates;  ///< where more than one might be it: at most limits::legs_listed

  [[nodiscard]] bool is_known() const noexcept { return !parts.empty(); }
};

}  // namespace proxytunnel

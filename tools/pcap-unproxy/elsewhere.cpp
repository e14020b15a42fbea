// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the sink of what belongs to other windows: what is found out of an attempt depends on others, too.
#include "elsewhere.hpp"

#include "selection.hpp"

namespace unproxy {

void Elsewhere::opened(const proxytunnel::Attempt& attempt) {
  findings_.opened_elsewhere(attempt.id, selection_ == nullptr ? Chosen::yes : selection_->choose(attempt));
}

}  // namespace unproxy

// SPDX-License-Identifier: GPL-2.0-or-later
// summary: anomalies of what is inside: another name, or another service, than the target says.
#pragma once

#include "report/report.hpp"

namespace unproxy {

/// Whether a tunnel carries others: then what is inside speaks to a further proxy, and names its target.
enum class Carries : std::uint8_t { payload, tunnels };

/// Notes in the attempt `sni-differs`, `host-differs` and `service-differs-from-port`, as docs/contract.md says, of
/// what the entry knows of the inside of its conversation or flows.
void note_differences(proxytunnel::ReportEntry& entry, Carries carries);

}  // namespace unproxy

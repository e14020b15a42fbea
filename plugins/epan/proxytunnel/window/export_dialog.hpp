// SPDX-License-Identifier: GPL-2.0-or-later
// summary: asks for a file, and writes virtual conversations into it.
#pragma once

#include <QString>
#include <QWidget>
#include <vector>

#include "window_host.h"

namespace proxytunnel {

/// Of the tunnels with these ids, or of all if there are none. Whatever happens is told in a message.
void export_conversations(const window_host_t& host, QWidget* parent, const std::vector<std::uint32_t>& ids);

}  // namespace proxytunnel

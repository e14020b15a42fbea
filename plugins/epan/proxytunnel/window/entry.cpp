// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the entry of the window's library: what the plugin looks for.
#include <QPointer>

#include "export_dialog.hpp"
#include "tunnel_window.hpp"
#include "window_host.h"
#include "wireshark.hpp"

namespace {

using namespace proxytunnel;

const window_host_t* plugin = nullptr;

void show_tunnels() {
  static QPointer<TunnelWindow> window;
  if (window.isNull()) window = new TunnelWindow(*plugin);
  window->show();
  window->raise();
  window->activateWindow();
}

void export_all() {
  export_conversations(*plugin, wireshark(), {});
}

void about() {
  tell(wireshark(), QString(plugin->program) +
                        ": proxied traffic, shown as if there had been no proxy.\n\nThe window uses Qt " + qVersion() +
                        ".\nLicence: GPL-2.0-or-later.");
}

const window_t own = {PROXYTUNNEL_WINDOW_VERSION, show_tunnels, export_all, about, dissect_again};

}  // namespace

extern "C" Q_DECL_EXPORT const window_t* proxytunnel_window(const window_host_t* host) {
  if (host->version != PROXYTUNNEL_WINDOW_VERSION || wireshark() == nullptr) return nullptr;
  plugin = host;
  return &own;
}

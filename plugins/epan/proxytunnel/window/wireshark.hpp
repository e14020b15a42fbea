// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what Wireshark's own window does for ours. None of it is an interface for plugins: it is looked up by name,
//          and whoever asks hears if it is not there.
#pragma once

#include <QMainWindow>
#include <QString>
#include <cstdint>

namespace proxytunnel {

/// NULL if there is none.
QMainWindow* wireshark();

/// Dissects every frame of the open file anew; it has done so, or was stopped, when this returns. Windows get events
/// meanwhile. False if Wireshark does not know how.
bool dissect_again();

/// Opens Follow Stream on a TCP stream. `follower` is host.tcp_follower(). False likewise.
bool follow_tcp(int follower, std::uint32_t stream);

/// As if somebody had chosen that of Wireshark's actions: "actionAnalyzeFollowUDPStream". False if there is none, or if
/// it is grey.
bool trigger(const char* action);

enum class Tone { note, warning };

/// A message that is plain text, whatever is in it. `parent` may be NULL.
void tell(QWidget* parent, const QString& text, Tone tone = Tone::note);

}  // namespace proxytunnel

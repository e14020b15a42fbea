// SPDX-License-Identifier: GPL-2.0-or-later
// summary: asks for a file, and writes virtual conversations into it.
#include "export_dialog.hpp"

#include <QDir>
#include <QFileDialog>
#include <QFileInfo>

#include "wireshark.hpp"

namespace proxytunnel {
namespace {

QString last_folder;  // as long as the program runs

QString take(const window_host_t& host, char* text) {
  QString taken = QString::fromUtf8(text);
  host.free_text(text);
  return taken;
}

QString ask_for_file(QWidget* parent) {
  const QString folder = last_folder.isEmpty() ? QDir::currentPath() : last_folder;
  QString path = QFileDialog::getSaveFileName(parent, "Export Virtual Conversations", folder + "/conversations.pcapng",
                                              "Captures (*.pcapng);;All files (*)");
  if (path.isEmpty()) return path;
  last_folder = QFileInfo(path).absolutePath();
  return path;
}

QString not_written(const QString& path, const QString& why) {
  return QDir::toNativeSeparators(path) + " cannot be written: " + why +
         "\n\nChoose another name, or a folder in which you may write.";
}

// When all was dissected anew.
void finish(const window_host_t& host, QWidget* parent, void* written, const QString& path) {
  const std::uint32_t seen = host.export_frames(written), all = host.frames();
  char* why = nullptr;
  const std::int64_t packets = host.export_end(written, &why);
  if (packets < 0) return tell(parent, not_written(path, take(host, why)), Tone::warning);
  const QString name = QDir::toNativeSeparators(path);
  if (seen == 0) {
    return tell(parent,
                "Wireshark did not read the packets again, so " + name +
                    " is empty. Try again when it is not busy, or run\n\ntshark -r CAPTURE -q -z proxytunnel,export," +
                    name,
                Tone::warning);
  }
  QString text = QString::number(packets) + (packets == 1 ? " packet was" : " packets were") + " written to " + name;
  if (seen < all) {
    text += QString("\n\nOf %1 captured packets only %2 were read again: it is a part.").arg(all).arg(seen);
  } else if (packets == 0) {
    text += "\n\nThere is no virtual conversation: no tunnel opened, or the preferences switch it off.";
  }
  tell(parent, text, seen < all ? Tone::warning : Tone::note);
}

}  // namespace

void export_conversations(const window_host_t& host, QWidget* parent, const std::vector<std::uint32_t>& ids) {
  if (host.frames() == 0) {
    tell(parent, "There is nothing to export: open a capture first.");
    return;
  }
  const QString path = ask_for_file(parent);
  if (path.isEmpty()) return;
  char* why = nullptr;
  void* written = host.export_begin(QFile::encodeName(path).constData(), ids.data(), ids.size(), &why);
  if (written == nullptr) {
    tell(parent, not_written(path, take(host, why)), Tone::warning);
    return;
  }
  if (!dissect_again()) host.filter_again();
  finish(host, parent, written, path);
}

}  // namespace proxytunnel

// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what Wireshark's own window does for ours.
#include "wireshark.hpp"

#include <QAction>
#include <QApplication>
#include <QMessageBox>
#include <QMetaMethod>
#include <algorithm>

namespace proxytunnel {

QMainWindow* wireshark() {
  if (qobject_cast<QApplication*>(QCoreApplication::instance()) == nullptr) return nullptr;
  QMainWindow* found = nullptr;
  for (QWidget* widget : QApplication::topLevelWidgets()) {
    auto* window = qobject_cast<QMainWindow*>(widget);
    if (window == nullptr) continue;
    if (found == nullptr || QByteArray(window->metaObject()->className()).endsWith("MainWindow")) found = window;
  }
  return found;
}

bool dissect_again() {
  return wireshark() != nullptr && QMetaObject::invokeMethod(wireshark(), "redissectPackets", Qt::DirectConnection);
}

namespace {

// openFollowStreamDialog(follower, stream, sub-stream): in 4.0 the types are follow_type_t and guint, later int and
// unsigned. All are as wide as an int.
bool takes_three_numbers(const QMetaMethod& method) {
  if (method.name() != "openFollowStreamDialog" || method.parameterCount() != 3) return false;
  const QList<QByteArray> types = method.parameterTypes();
  const QList<QByteArray> numbers = {"follow_type_t", "int", "guint", "uint", "unsigned", "unsigned int"};
  return std::all_of(types.begin(), types.end(), [&](const QByteArray& type) { return numbers.contains(type); });
}

}  // namespace

bool follow_tcp(int follower, std::uint32_t stream) {
  QMainWindow* window = wireshark();
  if (window == nullptr) return false;
  const QMetaObject* meta = window->metaObject();
  for (int i = 0; i < meta->methodCount(); ++i) {
    const QMetaMethod method = meta->method(i);
    if (!takes_three_numbers(method)) continue;
    const QList<QByteArray> types = method.parameterTypes();
    const std::uint32_t sub_stream = 0;
    return method.invoke(window, Qt::DirectConnection, QGenericArgument(types[0].constData(), &follower),
                         QGenericArgument(types[1].constData(), &stream),
                         QGenericArgument(types[2].constData(), &sub_stream));
  }
  return false;
}

bool trigger(const char* action) {
  auto* found = wireshark() != nullptr ? wireshark()->findChild<QAction*>(action) : nullptr;
  if (found == nullptr || !found->isEnabled()) return false;
  found->trigger();
  return true;
}

void tell(QWidget* parent, const QString& text, Tone tone) {
  const auto icon = tone == Tone::note ? QMessageBox::Information : QMessageBox::Warning;
  QMessageBox box(icon, "Proxy Tunnel", text, QMessageBox::Ok, parent != nullptr ? parent : wireshark());
  box.setTextFormat(Qt::PlainText);
  box.exec();
}

}  // namespace proxytunnel

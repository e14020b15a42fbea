// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the window: a table of tunnels, and what can be done with them.
#pragma once

#include <QLabel>
#include <QLineEdit>
#include <QTimer>
#include <QTreeView>
#include <QWidget>
#include <functional>
#include <vector>

#include "tunnel_model.hpp"

namespace proxytunnel {

class TunnelWindow : public QWidget {
 public:
  explicit TunnelWindow(const window_host_t& host);
  ~TunnelWindow() override;
  TunnelWindow(const TunnelWindow&) = delete;
  TunnelWindow& operator=(const TunnelWindow&) = delete;

  /// Reads the tunnels.
  void refresh();

 protected:
  void closeEvent(QCloseEvent* event) override;

 private:
  struct Action {
    const char *title, *hint, *shortcut;
    void (TunnelWindow::*run)();
    bool is_button;
  };
  static const std::vector<Action>& actions();
  static void changed(void* context);

  void build();
  void add_actions(QLayout& buttons);
  void widen_columns();
  void show_counts();
  void show_menu(const QPoint& place);
  void look_at_selected();
  [[nodiscard]] std::vector<const Tunnel*> selected() const;
  [[nodiscard]] std::vector<const Tunnel*> selected_or_all() const;
  void with_one(const std::function<void(const Tunnel&)>& act);

  void filter();
  void follow();
  void go_to_parent();
  void go_to_payload();
  void copy_csv();
  void copy_json();
  void export_selected();

  const window_host_t& host_;
  TunnelModel model_;
  TunnelFilter shown_;
  QTreeView* table_;
  QLineEdit* search_;
  QLabel* counts_;
  QTimer timer_;     ///< runs from the first change to the next reading
  qint64 cost_ = 0;  ///< milliseconds that the last reading took
  bool is_reading_ = false;
  bool is_exporting_ = false;
  bool is_widening_ = false;
  bool are_columns_chosen_ = false;  ///< their widths, by whoever uses the window
};

}  // namespace proxytunnel

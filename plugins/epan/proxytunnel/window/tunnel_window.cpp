// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the window: a table of tunnels, and what can be done with them.
#include "tunnel_window.hpp"

#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QCloseEvent>
#include <QElapsedTimer>
#include <QHBoxLayout>
#include <QHeaderView>
#include <QItemSelectionModel>
#include <QMenu>
#include <QPushButton>
#include <QShortcut>
#include <QVBoxLayout>
#include <algorithm>
#include <utility>

#include "export_dialog.hpp"
#include "wireshark.hpp"

namespace proxytunnel {
namespace {

constexpr int narrowest_column = 40, widest_column = 320;  // pixels, at first
constexpr qint64 share_of_time = 10;                       // reading takes at most one part in so many
constexpr int shortest_wait = 100;                         // milliseconds
constexpr int longest_wait = 30'000;

QString counted(std::size_t count, const char* what) {
  return QString("%L1 %2%3").arg(count).arg(what, count == 1 ? "" : "s");
}

}  // namespace

const std::vector<TunnelWindow::Action>& TunnelWindow::actions() {
  static const std::vector<Action> rows = {
      {"&Filter on Tunnel", "Show the packets of the selected tunnels: handshake and payload", "Ctrl+L",
       &TunnelWindow::filter, true},
      {"F&ollow Stream", "Follow the virtual conversation", "Ctrl+Alt+Shift+T", &TunnelWindow::follow, true},
      {"Go to &Parent", "The tunnel that carries this one, or else the request for this one", "Ctrl+Up",
       &TunnelWindow::go_to_parent, true},
      {"Go to First Pa&yload", "Where the virtual conversation begins to speak", "Ctrl+Down",
       &TunnelWindow::go_to_payload, false},
      {"Copy as &CSV", "The selected rows, or all that are shown", "Ctrl+C", &TunnelWindow::copy_csv, true},
      {"Copy as &JSON", "Their entries of the report", "Ctrl+Shift+C", &TunnelWindow::copy_json, true},
      {"&Export…", "The virtual conversations of the selected rows, or of all that are shown, as a capture", "Ctrl+E",
       &TunnelWindow::export_selected, true},
  };
  return rows;
}

TunnelWindow::TunnelWindow(const window_host_t& host) : host_(host), shown_(model_) {
  setAttribute(Qt::WA_DeleteOnClose);
  setWindowTitle("Proxy Tunnels");
  build();
  timer_.setSingleShot(true);
  connect(&timer_, &QTimer::timeout, this, [this] { refresh(); });
  connect(qApp, &QCoreApplication::aboutToQuit, this, [this] { delete this; });
  refresh();
  host_.listen(changed, this);
}

TunnelWindow::~TunnelWindow() {
  host_.listen(nullptr, nullptr);
}

void TunnelWindow::build() {
  search_ = new QLineEdit;
  search_->setPlaceholderText("Search: words in any column");
  search_->setClearButtonEnabled(true);
  connect(search_, &QLineEdit::textChanged, this, [this](const QString& text) {
    shown_.set_words(text);
    table_->expandAll();
    show_counts();
  });
  connect(new QShortcut(QKeySequence("Ctrl+F"), this), &QShortcut::activated, search_, [this] { search_->setFocus(); });

  table_ = new QTreeView;
  table_->setModel(&shown_);
  table_->setSortingEnabled(true);
  table_->sortByColumn(1, Qt::AscendingOrder);
  table_->header()->setDefaultSectionSize(narrowest_column);
  table_->setUniformRowHeights(true);
  table_->setAlternatingRowColors(true);
  table_->setSelectionMode(QAbstractItemView::ExtendedSelection);
  table_->setContextMenuPolicy(Qt::CustomContextMenu);
  connect(table_, &QWidget::customContextMenuRequested, this, &TunnelWindow::show_menu);
  connect(table_->selectionModel(), &QItemSelectionModel::selectionChanged, this, [this] { look_at_selected(); });

  connect(table_->header(), &QHeaderView::sectionResized, this,
          [this, last = shown_.columnCount({}) - 1](int column) {  // the last one is as wide as the window
            if (!is_widening_ && column != last) are_columns_chosen_ = true;
          });

  counts_ = new QLabel;
  counts_->setTextFormat(Qt::PlainText);
  auto* buttons = new QHBoxLayout;
  buttons->addWidget(counts_, 1);
  add_actions(*buttons);

  auto* column = new QVBoxLayout(this);
  column->addWidget(search_);
  column->addWidget(table_, 1);
  column->addLayout(buttons);
  resize(1280, 420);
  table_->setFocus();
}

void TunnelWindow::add_actions(QLayout& buttons) {
  for (const Action& row : actions()) {
    auto* action = new QAction(row.title, this);
    action->setToolTip(row.hint);
    action->setShortcut(QKeySequence(row.shortcut));
    connect(action, &QAction::triggered, this, row.run);
    addAction(action);
    if (!row.is_button) continue;
    auto* button = new QPushButton(row.title);
    button->setToolTip(row.hint);
    button->setAutoDefault(false);
    connect(button, &QPushButton::clicked, action, &QAction::trigger);
    buttons.addWidget(button);
  }
}

void TunnelWindow::show_menu(const QPoint& place) {
  if (table_->indexAt(place).isValid())
    QMenu::exec(QWidget::actions(), table_->viewport()->mapToGlobal(place), nullptr, this);
}

void TunnelWindow::closeEvent(QCloseEvent* event) {
  event->setAccepted(!is_exporting_);
}

// ------------------------------------------------------------------ rows

// Called while Wireshark draws statistics: perhaps often, perhaps in the middle of reading a file.
void TunnelWindow::changed(void* context) {
  auto* window = static_cast<TunnelWindow*>(context);
  if (window->timer_.isActive()) return;
  const qint64 wait = std::clamp<qint64>(window->cost_ * share_of_time, shortest_wait, longest_wait);
  window->timer_.start(static_cast<int>(wait));
}

void TunnelWindow::refresh() {
  QElapsedTimer clock;
  clock.start();
  std::vector<Tunnel> tunnels;
  host_.each_tunnel(
      [](void* context, const tunnel_row_t* row) { static_cast<std::vector<Tunnel>*>(context)->emplace_back(*row); },
      &tunnels);
  is_reading_ = true;
  model_.update(std::move(tunnels));
  table_->expandAll();  // tunnels in tunnels are to be seen
  is_reading_ = false;
  widen_columns();
  show_counts();
  cost_ = clock.elapsed();
}

// As wide as what is in them, until somebody takes a hand in it.
void TunnelWindow::widen_columns() {
  if (are_columns_chosen_) return;
  is_widening_ = true;
  for (int i = 0; i < shown_.columnCount({}); ++i) {
    const int before = table_->columnWidth(i);
    table_->resizeColumnToContents(i);
    table_->setColumnWidth(i, std::clamp(table_->columnWidth(i), before, std::max(before, widest_column)));
  }
  is_widening_ = false;
}

void TunnelWindow::show_counts() {
  std::size_t shown = 0;
  std::function<void(const QModelIndex&)> count = [&](const QModelIndex& parent) {
    for (int row = 0; row < shown_.rowCount(parent); ++row, ++shown) count(shown_.index(row, 0, parent));
  };
  count({});
  const QString all = counted(model_.size(), "tunnel");
  counts_->setText(shown == model_.size() ? all : QString("%L1 of %2").arg(shown).arg(all));
}

void TunnelWindow::look_at_selected() {
  const QModelIndex current = table_->currentIndex();
  if (is_reading_ || !table_->selectionModel()->isSelected(current)) return;
  const std::uint32_t frame = model_.at(shown_.mapToSource(current)).frame();
  if (frame != 0) host_.go_to_frame(frame);
}

std::vector<const Tunnel*> TunnelWindow::selected() const {
  QModelIndexList rows = table_->selectionModel()->selectedRows();
  std::vector<const Tunnel*> tunnels;
  for (const QModelIndex& row : rows) tunnels.push_back(&model_.at(shown_.mapToSource(row)));
  std::sort(tunnels.begin(), tunnels.end(), [](const Tunnel* a, const Tunnel* b) { return a->id < b->id; });
  return tunnels;
}

// As they stand in the table.
std::vector<const Tunnel*> TunnelWindow::selected_or_all() const {
  if (auto tunnels = selected(); !tunnels.empty()) return tunnels;
  std::vector<const Tunnel*> tunnels;
  std::function<void(const QModelIndex&)> add = [&](const QModelIndex& parent) {
    for (int row = 0; row < shown_.rowCount(parent); ++row) {
      const QModelIndex at = shown_.index(row, 0, parent);
      tunnels.push_back(&model_.at(shown_.mapToSource(at)));
      add(at);
    }
  };
  add({});
  return tunnels;
}

// With a copy: whatever Wireshark does may let a reading pass.
void TunnelWindow::with_one(const std::function<void(const Tunnel&)>& act) {
  const auto tunnels = selected();
  if (tunnels.size() != 1) return tell(this, "Select one tunnel first.");
  const Tunnel tunnel = *tunnels.front();
  act(tunnel);
}

// ------------------------------------------------------------------ actions

void TunnelWindow::filter() {
  const auto tunnels = selected();
  if (tunnels.empty()) return tell(this, "Select a tunnel first.");
  host_.apply_filter(filter_of(tunnels).toUtf8().constData());
}

void TunnelWindow::follow() {
  with_one([this](const Tunnel& tunnel) {
    if (tunnel.payload_frame == 0) return tell(this, "Nothing went through this tunnel: there is nothing to follow.");
    const bool has_stream = tunnel.stream != WINDOW_NO_STREAM;
    if (has_stream && follow_tcp(host_.tcp_follower(), tunnel.stream)) return;
    const QString filter = has_stream ? QString("tcp.stream eq %1").arg(tunnel.stream) : filter_of({&tunnel});
    const char* action = tunnel.is_udp ? "actionAnalyzeFollowUDPStream" : "actionAnalyzeFollowTCPStream";
    host_.apply_filter(filter.toUtf8().constData());
    host_.go_to_frame(tunnel.payload_frame);
    if (!trigger(action)) tell(this, "The conversation is shown: choose Analyze > Follow.");
  });
}

void TunnelWindow::go_to_parent() {
  with_one([this](const Tunnel& tunnel) {
    const QModelIndex parent = table_->currentIndex().parent();
    if (parent.isValid()) {
      table_->setCurrentIndex(parent.sibling(parent.row(), 0));
    } else if (tunnel.request_frame != 0) {
      host_.go_to_frame(tunnel.request_frame);
    }
  });
}

void TunnelWindow::go_to_payload() {
  with_one([this](const Tunnel& tunnel) {
    if (tunnel.payload_frame == 0) return tell(this, "Nothing went through this tunnel.");
    host_.go_to_frame(tunnel.payload_frame);
  });
}

void TunnelWindow::copy_csv() {
  QApplication::clipboard()->setText(csv_of(selected_or_all()));
}

void TunnelWindow::copy_json() {
  std::vector<std::uint32_t> ids;
  for (const Tunnel* tunnel : selected_or_all()) ids.push_back(tunnel->id);
  std::sort(ids.begin(), ids.end());
  char* text = host_.json(ids.data(), ids.size());
  QApplication::clipboard()->setText(QString::fromUtf8(text));
  host_.free_text(text);
}

void TunnelWindow::export_selected() {
  std::vector<std::uint32_t> ids;
  for (const Tunnel* tunnel : selected_or_all()) ids.push_back(tunnel->id);
  if (ids.empty()) return tell(this, "There is no tunnel to export.");
  is_exporting_ = true;
  setEnabled(false);
  export_conversations(host_, this, ids);
  setEnabled(true);
  is_exporting_ = false;
}

}  // namespace proxytunnel

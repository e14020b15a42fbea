// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the window in Wireshark, offscreen and with a plugin that is none: its table, its texts, what its actions
// ask
//          the plugin for. test/suite/test_window.py has the real ones.
#include <QAbstractItemModelTester>
#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QElapsedTimer>
#include <QItemSelectionModel>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QTreeView>
#include <string>
#include <vector>

#include "tunnel_window.hpp"
#include "unit.hpp"

using namespace proxytunnel;

namespace {

// ------------------------------------------------------------------ a plugin

struct Row {
  std::uint32_t id, parent = WINDOW_NO_TUNNEL;
  std::string target = "www.example.com:443";
  std::int64_t bytes = 0;
};

std::vector<Row> rows;
std::vector<std::uint32_t> visited;
std::string filter;
void (*changed)(void*) = nullptr;
void* listener = nullptr;

tunnel_row_t fact(const Row& row) {
  tunnel_row_t fact{};
  fact.id = row.id;
  fact.parent = row.parent;
  fact.protocol = "SOCKS5";
  fact.command = "Connect";
  fact.client = "10.0.0.1:4000";
  fact.proxy = "10.0.0.2:1080";
  fact.target = row.target.c_str();
  fact.origin = "198.18.0.1:443";
  fact.provenance = "synthetic";
  fact.status = "established";
  fact.answer = fact.username = fact.anomalies = "";
  fact.client_bytes = row.bytes;
  fact.request_time = 1'700'000'000'000'000'000;
  fact.request_frame = 10 * row.id + 8;
  fact.opened_frame = 10 * row.id + 9;
  fact.stream = WINDOW_NO_STREAM;
  return fact;
}

void each_tunnel(tunnel_visitor_t* visit, void* context) {
  for (const Row& row : rows) {
    const tunnel_row_t made = fact(row);
    visit(context, &made);
  }
}

const window_host_t& host() {
  static const window_host_t made = [] {
    window_host_t it{};
    it.version = PROXYTUNNEL_WINDOW_VERSION;
    it.each_tunnel = each_tunnel;
    it.listen = [](void (*call)(void*), void* context) {
      changed = call;
      listener = context;
    };
    it.json = [](const std::uint32_t* ids, std::size_t count) {
      return qstrdup(("json of " + std::to_string(ids[0]) + " and " + std::to_string(count - 1) + " more").c_str());
    };
    it.free_text = [](char* text) { delete[] text; };  // NOLINT(readability-non-const-parameter): the host's type
    it.go_to_frame = [](std::uint32_t frame) { visited.push_back(frame); };
    it.apply_filter = [](const char* text) { filter = text; };
    return it;
  }();
  return made;
}

std::vector<Tunnel> tunnels() {
  std::vector<Tunnel> made;
  made.reserve(rows.size());
  for (const Row& row : rows) made.emplace_back(fact(row));
  return made;
}

QStringList targets(const QAbstractItemModel& model, const QModelIndex& parent = {}) {
  QStringList found;
  for (int row = 0; row < model.rowCount(parent); ++row) {
    found << model.index(row, 4, parent).data().toString();
    found << targets(model, model.index(row, 0, parent));
  }
  return found;
}

// ------------------------------------------------------------------ the table

void tunnels_are_below_what_carries_them(void**) {
  rows = {{0}, {1, 0, "inside:80"}, {2}, {3, 77, "orphan:1"}};
  TunnelModel model;
  QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::Fatal);
  model.update(tunnels());
  assert_int_equal(model.rowCount({}), 3);
  const QModelIndex outer = model.index(0, 0, {});
  assert_int_equal(model.rowCount(outer), 1);
  const QModelIndex inner = model.index(0, 4, outer);
  assert_true(inner.data().toString() == "inside:80");
  assert_true(model.parent(inner) == outer);
  assert_true(model.index(2, 4, {}).data().toString() == "orphan:1");
}

void new_tunnels_come_in_and_old_ones_stay(void**) {
  rows = {{0}, {1}};
  TunnelModel model;
  QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::Fatal);
  model.update(tunnels());
  const QPersistentModelIndex kept = model.index(1, 8, {});
  rows = {{0}, {1}, {2, 1}, {3}, {4, 3}, {5, 3}};
  rows[1].bytes = 1234;
  model.update(tunnels());
  assert_int_equal(model.rowCount({}), 3);
  assert_true(kept.isValid() && kept.data(TunnelModel::key_role).toLongLong() == 1234);
  assert_int_equal(model.rowCount(model.index(1, 0, {})), 1);
  assert_int_equal(model.rowCount(model.index(2, 0, {})), 2);
}

void another_file_has_other_tunnels(void**) {
  rows = {{0}, {1}};
  TunnelModel model;
  QAbstractItemModelTester tester(&model, QAbstractItemModelTester::FailureReportingMode::Fatal);
  model.update(tunnels());
  const QPersistentModelIndex gone = model.index(1, 0, {});
  rows = {{0}};
  model.update(tunnels());
  assert_true(!gone.isValid() && model.size() == 1);
  rows.clear();
  model.update(tunnels());
  assert_int_equal(model.rowCount({}), 0);
}

void search_finds_words_in_any_column(void**) {
  rows = {{0, WINDOW_NO_TUNNEL, "One.example:1"}, {1, 0, "two.example:2"}, {2, WINDOW_NO_TUNNEL, "three.example:3"}};
  TunnelModel model;
  TunnelFilter shown(model);
  QAbstractItemModelTester tester(&shown, QAbstractItemModelTester::FailureReportingMode::Fatal);
  model.update(tunnels());
  shown.set_words("  TWO   socks5 ");
  assert_true(targets(shown) == QStringList({"One.example:1", "two.example:2"}));  // with what carries it
  shown.set_words("one");
  assert_true(targets(shown) == QStringList({"One.example:1", "two.example:2"}));  // with what it carries
  shown.set_words("three two");
  assert_true(targets(shown).isEmpty());
  shown.set_words("");
  assert_int_equal(targets(shown).size(), 3);
}

void numbers_are_sorted_as_numbers(void**) {
  rows = {{0, WINDOW_NO_TUNNEL, "a:1", 9}, {1, WINDOW_NO_TUNNEL, "b:1", 1000}, {2, WINDOW_NO_TUNNEL, "C:1", 20}};
  TunnelModel model;
  TunnelFilter shown(model);
  model.update(tunnels());
  shown.sort(8, Qt::DescendingOrder);
  assert_true(targets(shown) == QStringList({"b:1", "C:1", "a:1"}));
  shown.sort(4, Qt::AscendingOrder);
  assert_true(targets(shown) == QStringList({"a:1", "b:1", "C:1"}));
}

void thousands_of_rows(void**) {
  rows.clear();
  for (std::uint32_t id = 0; id < 20'000; ++id) {
    rows.push_back({id, id % 4 == 3 ? id - 1 : WINDOW_NO_TUNNEL, "host" + std::to_string(id) + ":80"});
  }
  TunnelModel model;
  TunnelFilter shown(model);
  shown.sort(1, Qt::AscendingOrder);
  QElapsedTimer clock;
  clock.start();
  model.update(tunnels());
  for (Row& row : rows) row.bytes += 5;
  rows.push_back({20'000});
  model.update(tunnels());
  assert_int_equal(model.rowCount({}), 15'001);
  shown.set_words("host19999");
  assert_int_equal(targets(shown).size(), 2);
  assert_true(clock.elapsed() < 20'000);  // sanitized it takes one or two
}

// ------------------------------------------------------------------ texts

void csv_is_no_formula(void**) {
  rows = {{0, WINDOW_NO_TUNNEL, "=cmd|' /C calc'!A0"}, {1, WINDOW_NO_TUNNEL, "a\"b,c"}};
  rows[1].bytes = 12345;
  const auto made = tunnels();
  const QString text = csv_of({&made.front(), &made.back()});
  const QStringList lines = text.split('\n');
  assert_int_equal(lines.size(), 4);
  assert_true(lines[0].startsWith("Protocol,Id,Client,"));
  assert_true(lines[1].contains(",'=cmd|' /C calc'!A0,"));
  assert_true(lines[2].contains(",\"a\"\"b,c\",") && lines[2].contains(",12345,"));
  assert_true(lines[1].contains(",2023-11-14T22:13:20.000Z,"));
}

void markup_of_a_capture_is_text(void**) {
  rows = {{0, WINDOW_NO_TUNNEL, "<img src=x>"}};
  TunnelModel model;
  model.update(tunnels());
  const QModelIndex cell = model.index(0, 4, {});
  assert_true(cell.data().toString() == "<img src=x>");
  assert_true(cell.data(Qt::ToolTipRole).toString() == "&lt;img src=x&gt;");
}

// ------------------------------------------------------------------ the window

struct Opened {
  TunnelWindow* window = new TunnelWindow(host());
  QTreeView* table = window->findChild<QTreeView*>();
  Opened() {
    visited.clear();
    filter.clear();
    window->show();
  }
  ~Opened() { delete window; }
  void select(int row) const { table->setCurrentIndex(table->model()->index(row, 0)); }
  void run(const char* title) const {
    for (QAction* action : window->findChildren<QAction*>()) {
      if (action->text().remove('&') == title) return action->trigger();
    }
    fail_msg("no action %s", title);
  }
};

void a_selected_row_goes_to_its_frame(void**) {
  rows = {{0}, {1, 0}, {2}};
  const Opened opened;
  assert_true(visited.empty());  // nobody has selected anything
  opened.select(1);
  assert_true(visited == std::vector<std::uint32_t>{29});
  opened.run("Filter on Tunnel");
  assert_true(filter == "proxytunnel.id == 2");
  opened.run("Go to Parent");
  assert_int_equal(visited.back(), 28);
  opened.table->setCurrentIndex(opened.table->model()->index(0, 0, opened.table->model()->index(0, 0)));
  opened.run("Go to Parent");
  assert_int_equal(visited.back(), 9);
  opened.table->selectAll();
  opened.run("Filter on Tunnel");
  assert_true(filter == "proxytunnel.id in {0, 1, 2}");
}

void copies(void**) {
  rows = {{0}, {7}};
  const Opened opened;
  opened.run("Copy as CSV");
  assert_int_equal(QApplication::clipboard()->text().count('\n'), 3);
  opened.select(1);
  opened.run("Copy as JSON");
  assert_true(QApplication::clipboard()->text() == "json of 7 and 0 more");
}

void it_shows_what_changes(void**) {
  rows = {{0}};
  {
    const Opened opened;
    opened.select(0);
    rows = {{0}, {1}, {2, 1}};
    changed(listener);
    changed(listener);
    auto* counts = opened.window->findChild<QLabel*>();
    QElapsedTimer clock;
    clock.start();
    while (counts->text() != "3 tunnels" && clock.elapsed() < 10'000) QCoreApplication::processEvents();
    assert_true(counts->text() == "3 tunnels");
    assert_true(opened.table->currentIndex().row() == 0 && visited.size() == 1);
    opened.window->findChild<QLineEdit*>()->setText("nothing of the kind");
    assert_true(counts->text() == "0 of 3 tunnels");
  }
  assert_null(changed);
}

}  // namespace

int main(int argc, char** argv) {
  qputenv("QT_QPA_PLATFORM", "offscreen");
  QApplication application(argc, argv);
  const CMUnitTest tests[] = {
      cmocka_unit_test(tunnels_are_below_what_carries_them),
      cmocka_unit_test(new_tunnels_come_in_and_old_ones_stay),
      cmocka_unit_test(another_file_has_other_tunnels),
      cmocka_unit_test(search_finds_words_in_any_column),
      cmocka_unit_test(numbers_are_sorted_as_numbers),
      cmocka_unit_test(thousands_of_rows),
      cmocka_unit_test(csv_is_no_formula),
      cmocka_unit_test(markup_of_a_capture_is_text),
      cmocka_unit_test(a_selected_row_goes_to_its_frame),
      cmocka_unit_test(copies),
      cmocka_unit_test(it_shows_what_changes),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}

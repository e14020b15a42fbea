// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the tunnels as a tree for Qt's views, sorted and searched.
#include "tunnel_model.hpp"

#include <algorithm>
#include <utility>

namespace proxytunnel {
namespace {

QString words_of(const Tunnel& tunnel) {
  QStringList words;
  for (const Column& column : columns()) words << column.text(tunnel);
  return words.join('\n').toLower();
}

QVariant alignment(const Column& column) {
  return QVariant(static_cast<int>((column.is_number ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter));
}

}  // namespace

std::vector<std::size_t>& TunnelModel::children_of(std::size_t parent) {
  return parent == no_node ? roots_ : nodes_[parent].children;
}

const std::vector<std::size_t>& TunnelModel::children_of(std::size_t parent) const {
  return parent == no_node ? roots_ : nodes_[parent].children;
}

QModelIndex TunnelModel::index_of(std::size_t node, int column) const {
  return node == no_node ? QModelIndex() : createIndex(nodes_[node].row, column, node);
}

bool TunnelModel::has_words(const QModelIndex& index, const QStringList& words) const {
  const QString& own = nodes_[index.internalId()].words;
  return std::all_of(words.begin(), words.end(), [&own](const QString& word) { return own.contains(word); });
}

// ------------------------------------------------------------------ what is there

// Whether the rows that are there are the first of these: the same tunnels.
bool TunnelModel::continues(const std::vector<Tunnel>& tunnels) const {
  const auto is_same = [](const Node& node, const Tunnel& tunnel) {
    return node.tunnel.id == tunnel.id && node.tunnel.parent == tunnel.parent && node.tunnel.client == tunnel.client &&
           node.tunnel.request_time == tunnel.request_time;
  };
  return tunnels.size() >= nodes_.size() && std::equal(nodes_.begin(), nodes_.end(), tunnels.begin(), is_same);
}

void TunnelModel::update(std::vector<Tunnel> tunnels) {
  if (!continues(tunnels)) {
    replace(std::move(tunnels));
    return;
  }
  const std::size_t before = nodes_.size();
  refresh(tunnels);
  add_rows(tunnels, before);
}

// A tunnel whose parent is not told of stands by itself.
void TunnelModel::add(Tunnel tunnel) {
  const std::size_t parent = tunnel.parent == tunnel.id ? no_node : by_id_.value(tunnel.parent, no_node);
  const QString words = words_of(tunnel);
  by_id_.insert(tunnel.id, nodes_.size());
  nodes_.push_back({std::move(tunnel), parent, 0, {}, words});
}

void TunnelModel::replace(std::vector<Tunnel> tunnels) {
  beginResetModel();
  nodes_.clear();
  roots_.clear();
  by_id_.clear();
  for (Tunnel& tunnel : tunnels) {
    add(std::move(tunnel));
    auto& siblings = children_of(nodes_.back().parent);
    nodes_.back().row = static_cast<int>(siblings.size());
    siblings.push_back(nodes_.size() - 1);
  }
  endResetModel();
}

// Views are told once for all children of a tunnel.
void TunnelModel::refresh(std::vector<Tunnel>& tunnels) {
  QHash<std::size_t, std::pair<int, int>> changed;  // first and last row, by parent
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    Node& node = nodes_[i];
    if (node.tunnel == tunnels[i]) continue;
    node.tunnel = std::move(tunnels[i]);
    node.words = words_of(node.tunnel);
    auto& range = changed.insert(node.parent, changed.value(node.parent, {node.row, node.row})).value();
    range = {std::min(range.first, node.row), std::max(range.second, node.row)};
  }
  const int last_column = static_cast<int>(columns().size()) - 1;
  for (auto range = changed.begin(); range != changed.end(); ++range) {
    const auto& children = children_of(range.key());
    emit dataChanged(index_of(children[static_cast<std::size_t>(range->first)], 0),
                     index_of(children[static_cast<std::size_t>(range->second)], last_column));
  }
}

// Parents have smaller ids, so each parent is a row before its children are.
void TunnelModel::add_rows(std::vector<Tunnel>& tunnels, std::size_t first) {
  for (std::size_t i = first; i < tunnels.size(); ++i) add(std::move(tunnels[i]));
  std::vector<std::size_t> parents;
  QHash<std::size_t, std::vector<std::size_t>> added;
  for (std::size_t i = first; i < nodes_.size(); ++i) {
    auto& siblings = added[nodes_[i].parent];
    if (siblings.empty()) parents.push_back(nodes_[i].parent);
    siblings.push_back(i);
  }
  for (const std::size_t parent : parents) {
    const auto& fresh = added[parent];
    const int begin = static_cast<int>(children_of(parent).size());
    beginInsertRows(index_of(parent, 0), begin, begin + static_cast<int>(fresh.size()) - 1);
    for (const std::size_t node : fresh) {
      nodes_[node].row = static_cast<int>(children_of(parent).size());
      children_of(parent).push_back(node);
    }
    endInsertRows();
  }
}

// ------------------------------------------------------------------ for views

QModelIndex TunnelModel::index(int row, int column, const QModelIndex& parent) const {
  if (row < 0 || column < 0 || row >= rowCount(parent) || column >= columnCount(parent)) return {};
  const auto& children = children_of(parent.isValid() ? static_cast<std::size_t>(parent.internalId()) : no_node);
  return createIndex(row, column, children[static_cast<std::size_t>(row)]);
}

QModelIndex TunnelModel::parent(const QModelIndex& index) const {
  return index.isValid() ? index_of(nodes_[index.internalId()].parent, 0) : QModelIndex();
}

int TunnelModel::rowCount(const QModelIndex& parent) const {
  if (parent.isValid() && parent.column() != 0) return 0;
  return static_cast<int>(
      children_of(parent.isValid() ? static_cast<std::size_t>(parent.internalId()) : no_node).size());
}

int TunnelModel::columnCount(const QModelIndex& /*parent*/) const {
  return static_cast<int>(columns().size());
}

QVariant TunnelModel::data(const QModelIndex& index, int role) const {
  if (!index.isValid()) return {};
  const Tunnel& tunnel = at(index);
  const Column& column = columns()[static_cast<std::size_t>(index.column())];
  switch (role) {
    case Qt::DisplayRole:
      return column.text(tunnel);
    case Qt::ToolTipRole:  // Qt would take markup for markup
      return column.text(tunnel).toHtmlEscaped();
    case Qt::TextAlignmentRole:
      return alignment(column);
    case key_role:
      return column.key(tunnel);
    default:
      return {};
  }
}

QVariant TunnelModel::headerData(int section, Qt::Orientation orientation, int role) const {
  if (orientation != Qt::Horizontal || section < 0 || section >= columnCount({})) return {};
  const Column& column = columns()[static_cast<std::size_t>(section)];
  if (role == Qt::DisplayRole) return QString(column.title);
  if (role == Qt::ToolTipRole) return QString(column.hint);
  if (role == Qt::TextAlignmentRole) return alignment(column);
  return {};
}

// ------------------------------------------------------------------ sorted and searched

TunnelFilter::TunnelFilter(TunnelModel& model) : model_(model) {
  setSourceModel(&model);
  setSortRole(TunnelModel::key_role);
  setSortCaseSensitivity(Qt::CaseInsensitive);
  setRecursiveFilteringEnabled(true);
}

void TunnelFilter::set_words(const QString& text) {
  words_ = text.toLower().simplified().split(' ');
  words_.removeAll({});
  invalidate();
}

bool TunnelFilter::filterAcceptsRow(int row, const QModelIndex& parent) const {
  for (QModelIndex at = model_.index(row, 0, parent); at.isValid(); at = at.parent()) {
    if (model_.has_words(at, words_)) return true;
  }
  return false;
}

}  // namespace proxytunnel

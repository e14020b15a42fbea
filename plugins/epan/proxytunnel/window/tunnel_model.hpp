// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the tunnels as a tree for Qt's views, sorted and searched.
#pragma once

#include <QAbstractItemModel>
#include <QHash>
#include <QSortFilterProxyModel>
#include <QStringList>
#include <vector>

#include "tunnel.hpp"

namespace proxytunnel {

/// A tunnel is below the one that carries it.
class TunnelModel : public QAbstractItemModel {
 public:
  static constexpr int key_role = Qt::UserRole;  ///< to be sorted by

  /// What is there now, in the order of ids. What is new comes in as new rows, so that views keep what is selected;
  /// if it is another file's, all is new.
  void update(std::vector<Tunnel> tunnels);
  /// Of a row of this model; valid until the next update.
  [[nodiscard]] const Tunnel& at(const QModelIndex& index) const { return nodes_[index.internalId()].tunnel; }
  [[nodiscard]] std::size_t size() const noexcept { return nodes_.size(); }
  /// Whether each word is somewhere in the row.
  [[nodiscard]] bool has_words(const QModelIndex& index, const QStringList& words) const;

  [[nodiscard]] QModelIndex index(int row, int column, const QModelIndex& parent) const override;
  [[nodiscard]] QModelIndex parent(const QModelIndex& index) const override;
  [[nodiscard]] int rowCount(const QModelIndex& parent) const override;
  [[nodiscard]] int columnCount(const QModelIndex& parent) const override;
  [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;
  [[nodiscard]] QVariant headerData(int section, Qt::Orientation orientation, int role) const override;

 private:
  static constexpr std::size_t no_node = static_cast<std::size_t>(-1);
  struct Node {
    Tunnel tunnel;
    std::size_t parent;  ///< no_node: none
    int row;             ///< among the children of its parent
    std::vector<std::size_t> children;
    QString words;  ///< all of its texts, in lower case
  };

  [[nodiscard]] bool continues(const std::vector<Tunnel>& tunnels) const;
  void replace(std::vector<Tunnel> tunnels);
  void refresh(std::vector<Tunnel>& tunnels);
  void add(Tunnel tunnel);
  void add_rows(std::vector<Tunnel>& tunnels, std::size_t first);
  [[nodiscard]] std::vector<std::size_t>& children_of(std::size_t parent);
  [[nodiscard]] const std::vector<std::size_t>& children_of(std::size_t parent) const;
  [[nodiscard]] QModelIndex index_of(std::size_t node, int column) const;

  std::vector<Node> nodes_;
  std::vector<std::size_t> roots_;
  QHash<quint32, std::size_t> by_id_;
};

/// Sorted by a column, and only the rows with some words, and what carries them, and what they carry.
class TunnelFilter : public QSortFilterProxyModel {
 public:
  explicit TunnelFilter(TunnelModel& model);
  void set_words(const QString& text);

 protected:
  [[nodiscard]] bool filterAcceptsRow(int row, const QModelIndex& parent) const override;

 private:
  TunnelModel& model_;
  QStringList words_;
};

}  // namespace proxytunnel

// SPDX-License-Identifier: GPL-2.0-or-later
// summary: --select: which tunnels were asked for; and --layers leaf: both may take a first pass over the capture.
#pragma once

#include <optional>
#include <unordered_map>
#include <unordered_set>

#include "correlation/wan_legs.hpp"
#include "elsewhere.hpp"
#include "findings.hpp"
#include "log/lineage.hpp"
#include "options.hpp"
#include "session.hpp"

namespace unproxy {

using TunnelSet = std::unordered_set<proxytunnel::TunnelId>;

/// What a first pass found out.
struct Surveyed {
  TunnelSet carriers;               ///< in which a further tunnel opened
  std::optional<TunnelSet> chosen;  ///< attempts that --select chose; absent: that needs no first pass
};

/// Whether what was asked for shows only when the capture was read: then it is read twice.
[[nodiscard]] bool needs_survey(const Options& options) noexcept;

/// The sink of the first pass.
class Survey final : public Sink {
 public:
  /// `legs`: of the input. Both are borrowed.
  Survey(const Options& options, std::size_t input, const WanLegs& legs);

  void opened(const proxytunnel::Attempt& attempt) override;
  proxytunnel::Ticket packet(const proxytunnel::VirtualPacket& packet) override {
    findings_.packet(packet);
    return 0;
  }
  void ended(proxytunnel::Attempt&& attempt) override;
  Sink* elsewhere() override { return &elsewhere_; }

  [[nodiscard]] Surveyed take() { return std::move(found_); }

 private:
  const Options& options_;
  std::size_t input_;
  const WanLegs& legs_;
  Findings findings_;
  Elsewhere elsewhere_;
  Surveyed found_;
};

/// Whether tunnels are chosen, from their opening on. Without an expression all are.
class Selection {
 public:
  /// `expression` is borrowed, and may be null. Where no first pass chose, it asks for nothing that is known late.
  Selection(const proxytunnel::Expression* expression, std::size_t input, std::optional<TunnelSet> chosen)
      : expression_(expression), input_(input), chosen_(std::move(chosen)) {}

  [[nodiscard]] bool is_on() const noexcept { return expression_ != nullptr; }
  Chosen opened(const proxytunnel::Attempt& attempt);
  /// Likewise, of one that is not kept.
  [[nodiscard]] Chosen choose(const proxytunnel::Attempt& attempt) const;
  /// Of a tunnel that is open.
  [[nodiscard]] bool has(proxytunnel::TunnelId id) const {
    if (!is_on()) return true;
    const auto found = open_.find(id);
    return found != open_.end() && found->second == Chosen::yes;
  }
  /// Of an attempt that is over, whether it opened or not.
  Chosen ended(const proxytunnel::ReportEntry& entry);
  /// Attempts that ended and were chosen.
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

 private:
  [[nodiscard]] Chosen choose(const proxytunnel::ReportEntry& entry) const;

  const proxytunnel::Expression* expression_;
  std::size_t input_;
  std::optional<TunnelSet> chosen_;
  std::unordered_map<proxytunnel::TunnelId, Chosen> open_;
  std::uint64_t count_ = 0;
};

}  // namespace unproxy

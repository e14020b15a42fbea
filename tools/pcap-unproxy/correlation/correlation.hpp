// SPDX-License-Identifier: GPL-2.0-or-later
// summary: --correlate, --wan: the legs of all captures, and what follows for the tunnels of an input.
#pragma once

#include <vector>

#include "correlation/leg_survey.hpp"
#include "correlation/wan_legs.hpp"
#include "names/address_book.hpp"
#include "options.hpp"
#include "report/report.hpp"

namespace unproxy {

/// Whether the other legs are asked for: then the input is read twice.
[[nodiscard]] bool needs_correlation(const Options& options) noexcept;

/// Of one run of the program.
class Correlator {
 public:
  /// Both are borrowed.
  Correlator(const Options& options, const StopFlag& stop);

  /// The sink for the first pass over an input.
  [[nodiscard]] LegSurvey survey() const;
  /// What its tunnels have for legs. Files of --wan are read when they are needed first; throws CaptureError.
  [[nodiscard]] WanLegs correlate(LegSurvey& surveyed, std::size_t input);
  /// Of the latest input.
  [[nodiscard]] const std::vector<proxytunnel::LegSource>& sources() const noexcept { return sources_; }

 private:
  void read_wan_files();
  void name_targets(std::vector<proxytunnel::Tunnelled>& tunnels) const;

  const Options& options_;
  const StopFlag& stop_;
  proxytunnel::HashKey key_;
  bool has_read_ = false;
  std::vector<proxytunnel::Leg> wan_legs_;
  std::vector<proxytunnel::LegSource> wan_sources_;
  std::vector<proxytunnel::AddressBook> names_;  ///< that those files say
  std::vector<proxytunnel::LegSource> sources_;
};

}  // namespace unproxy

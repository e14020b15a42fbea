// SPDX-License-Identifier: GPL-2.0-or-later
// summary: --select: which tunnels were asked for; and --layers leaf: both may take a first pass over the capture.
#include "selection.hpp"

namespace unproxy {

using proxytunnel::Attempt;
using proxytunnel::ReportEntry;

bool needs_survey(const Options& options) noexcept {
  return options.layers == Layers::leaf || (options.select && options.select->late_fact() != nullptr);
}

// What is found out may be asked for.
Survey::Survey(const Options& options, std::size_t input, const WanLegs& legs)
    : options_(options),
      input_(input),
      legs_(legs),
      findings_(options, options.select && options.select->late_fact() != nullptr),
      elsewhere_(findings_, nullptr) {
  if (options.select && options.select->late_fact() != nullptr) found_.chosen.emplace();
}

void Survey::opened(const Attempt& attempt) {
  findings_.opened(attempt, Chosen::yes);
  const bool is_shown = !attempt.has_noted("layer-limit");
  if (is_shown && attempt.parent != proxytunnel::no_tunnel) found_.carriers.insert(attempt.parent);
}

void Survey::ended(Attempt&& attempt) {
  if (!found_.chosen) return;
  ReportEntry entry = proxytunnel::entry_of(std::move(attempt), input_);
  findings_.ended(entry);
  legs_.note(entry);
  if (options_.select->matches(entry)) found_.chosen->insert(entry.attempt.id);
}

Chosen Selection::choose(const ReportEntry& entry) const {
  const bool is_chosen = chosen_ ? chosen_->contains(entry.attempt.id) : expression_->matches(entry);
  return is_chosen ? Chosen::yes : Chosen::no;
}

Chosen Selection::opened(const Attempt& attempt) {
  return is_on() ? open_[attempt.id] = choose(attempt) : Chosen::yes;
}

Chosen Selection::choose(const Attempt& attempt) const {
  return is_on() ? choose(proxytunnel::entry_of(attempt, input_)) : Chosen::yes;
}

// What was chosen when it opened stays so: the export has it.
Chosen Selection::ended(const ReportEntry& entry) {
  const auto open = open_.find(entry.attempt.id);
  const Chosen chosen = !is_on() ? Chosen::yes : open != open_.end() ? open->second : choose(entry);
  if (open != open_.end()) open_.erase(open);
  count_ += chosen == Chosen::yes ? 1 : 0;
  return chosen;
}

}  // namespace unproxy

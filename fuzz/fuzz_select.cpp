// SPDX-License-Identifier: GPL-2.0-or-later
// summary: fuzzes expressions of --select: what is read is written and read again, is asked of attempts, and agrees
//          with what its parts say.
#include <algorithm>
#include <string>

#include "demand.hpp"
#include "select/expression.hpp"

using namespace proxytunnel;

namespace {

ReportEntry opened() {
  ReportEntry entry;
  Attempt& attempt = entry.attempt;
  attempt.id = 3;
  attempt.parent = 1;
  attempt.client = {*Address::parse("10.0.0.5"), 40000};
  attempt.proxy = {*Address::parse("fd00::1"), 1080};
  attempt.target = Target::named("www.Example.com", 443);
  attempt.origin = Origin{{*Address::parse("192.0.2.7"), 443}, Provenance::dns_in_capture, {}};
  attempt.request = {5, 1'700'000'000'000'000'000};
  attempt.reply = {6, 1'700'000'000'004'000'000};
  attempt.status = Status::established;
  attempt.credentials.username = "some\xff\"body";
  attempt.note("several-vlans");
  return entry;
}

ReportEntry association() {
  ReportEntry entry = opened();
  entry.attempt.command = Command::udp_associate;
  return entry;
}

bool truth(std::string_view text, const ReportEntry& entry) {
  const auto parsed = Expression::parse(text);
  demand(std::holds_alternative<Expression>(parsed), "what stands alone stands in brackets");
  return std::get<Expression>(parsed).matches(entry);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), std::min<std::size_t>(size, 2000));
  const auto parsed = Expression::parse(text);
  if (const auto* mistake = std::get_if<Mistake>(&parsed)) {
    demand(mistake->place <= text.size(), "a mistake is in the text");
    demand(!mistake->message.empty(), "a mistake has words");
    return 0;
  }
  const auto& expression = std::get<Expression>(parsed);
  const std::string written = expression.text();
  const auto again = Expression::parse(written);
  demand(std::holds_alternative<Expression>(again), "what is written can be read");
  demand(std::get<Expression>(again).text() == written, "what is read again is the same");
  demand(std::get<Expression>(again).late_fact() == expression.late_fact(), "and asks for the same");
  static const ReportEntry entries[] = {ReportEntry(), opened(), association()};
  for (const ReportEntry& entry : entries) {
    const bool is_true = expression.matches(entry);
    demand(std::get<Expression>(again).matches(entry) == is_true, "and says the same");
    demand(truth("not (" + written + ")", entry) == !is_true, "not");
    demand(truth("(" + written + ") and layer >= 0", entry) == is_true, "and");
    demand(truth("layer < 0 or (" + written + ")", entry) == is_true, "or");
  }
  return 0;
}

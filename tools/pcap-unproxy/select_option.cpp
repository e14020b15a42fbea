// SPDX-License-Identifier: GPL-2.0-or-later
// summary: --select on the command line, and what is wrong with it.
#include "select_option.hpp"

#include <algorithm>
#include <string_view>

#include "report/text.hpp"

namespace unproxy {
namespace {

// A line that a terminal shows as it is. Ends of lines are spaces, as they are for the expression.
std::string shown(std::string_view text) {
  std::string line(text);
  std::replace_if(
      line.begin(), line.end(), [](char letter) { return letter == '\n' || letter == '\r' || letter == '\t'; }, ' ');
  return proxytunnel::printable(line);
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char byte) { return (static_cast<unsigned char>(byte) & 0xc0U) != 0x80U; }));
}

// The expression, of a long one what is around the mistake, and the caret.
std::string pointed_at(std::string_view text, std::size_t place) {
  constexpr std::size_t before = 60, behind = 60;
  const std::size_t begin = place > before ? place - before : 0;
  const std::string head = (begin > 0 ? "..." : "") + shown(text.substr(begin, place - begin));
  const std::string tail = shown(text.substr(place, behind)) + (text.size() > place + behind ? "..." : "");
  return "  " + head + tail + "\n  " + std::string(characters(head), ' ') + "^\n";
}

}  // namespace

std::optional<std::string> take_select(const std::optional<std::string>& text, Options& options) {
  if (!text) return std::nullopt;
  auto parsed = proxytunnel::Expression::parse(*text);
  if (const auto* mistake = std::get_if<proxytunnel::Mistake>(&parsed)) {
    const std::size_t column = characters(std::string_view(*text).substr(0, mistake->place)) + 1;
    return "pcap-unproxy: --select: column " + std::to_string(column) + ": " + shown(mistake->message) + "\n" +
           pointed_at(*text, mistake->place);
  }
  options.select = std::get<proxytunnel::Expression>(std::move(parsed));
  return std::nullopt;
}

std::optional<std::string> check_select(const Options& options) {
  if (!options.select) return std::nullopt;
  for (const char* const hash : {"client_payload.sha256", "server_payload.sha256"}) {
    if (options.select->asks_for(hash) && !options.hash) return std::string("--select: ") + hash + " needs --hash";
  }
  const proxytunnel::Fact* late = options.select->late_fact();
  if (!options.live || late == nullptr) return std::nullopt;
  return "--select: " + std::string(late->name) +
         " is known when a tunnel is over; a capture is read twice for it, and an interface cannot be: capture all of "
         "it (-w FILE), then select from the capture of the interface";
}

}  // namespace unproxy

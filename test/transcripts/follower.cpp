// SPDX-License-Identifier: GPL-2.0-or-later
// summary: follows two byte streams through detection and handshake as a tracker would, and says what it saw as text.
#include "follower.hpp"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

namespace proxytunnel {
namespace {

void demand(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "contract broken: %s\n", what);
  std::abort();
}

const char* name_of(Direction direction) {
  return direction == Direction::from_client ? "client" : "server";
}

std::string hexadecimal(std::string_view bytes) {
  std::string text;
  char digits[3];
  for (const char c : bytes) {
    std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
    text += digits;
  }
  return text;
}

std::string quoted(std::string_view bytes) {
  constexpr std::size_t longest = 60;
  std::string text = "\"";
  for (const char c : bytes.substr(0, longest)) {
    const bool plain = c >= ' ' && c < 0x7f && c != '"' && c != '\\';
    text += plain ? std::string(1, c) : "\\x" + hexadecimal({&c, 1});
  }
  return text + (bytes.size() > longest ? "...\" of " + std::to_string(bytes.size()) : "\"");
}

// A name is quoted, an address is not.
std::string describe(const Target& target) {
  if (target.address) return target.text();
  return quoted(target.host) + ":" + std::to_string(target.port);
}

std::string describe(const Message& message) {
  std::string text(proxytunnel::name_of(message.kind));
  const auto add = [&text](const char* key, const std::string& value) { text += std::string(" ") + key + "=" + value; };
  if (message.protocol == Protocol::socks4a) add("protocol", "socks4a");
  if (message.command != Command::none) add("command", std::string(name_of(message.command)));
  if (message.target) add("target", describe(*message.target));
  if (message.kind == MessageKind::http_connect_request) add("text", quoted(message.target_text));
  if (message.real_client) add("client", message.real_client->text());
  if (message.kind == MessageKind::proxy_header) add("protocol", std::string(name_of(message.protocol)));
  if (message.credentials.username) add("user", quoted(*message.credentials.username));
  if (message.credentials.password) add("password", quoted(*message.credentials.password));
  if (!message.methods.empty()) add("methods", hexadecimal(message.methods));
  if (message.reply_code >= 0) add("code", std::to_string(message.reply_code));
  if (!message.reason.empty()) add("reason", quoted(message.reason));
  if (message.bound) add("bound", describe(*message.bound));
  if (message.peer) add("peer", describe(*message.peer));
  for (const ForwardedNode& node : message.claims.list().nodes) {
    add("for", quoted(node.text) + (node.end ? "/" + node.end->text() : ""));
  }
  if (message.speaks_to_proxy) text += " speaks_to_proxy";
  if (!message.anomaly.empty()) add("anomaly", std::string(message.anomaly));
  return text;
}

bool is_read_freely(const Message& message) {
  return is_of_requests(message.protocol) || message.kind == MessageKind::http_other;
}
bool is_body(const Message& message) {
  return message.kind == MessageKind::http_forward_body || message.kind == MessageKind::http_other;
}

std::string describe(const Reject& reject) {
  std::string text = "reject " + std::string(name_of(reject.status));
  if (!reject.reason.empty()) text += " " + quoted(reject.reason);
  return text + (reject.another_may_follow ? ", another may follow" : "");
}

}  // namespace

void Follower::see(Bytes client, Bytes server) {
  const PerDirection<Bytes> all{client, server};
  for (const Direction direction : {Direction::from_client, Direction::from_server}) {
    const Bytes rest = all[direction].subspan(std::min(taken_[direction], all[direction].size()));
    streams_[direction] = std::vector<std::uint8_t>(rest.begin(), rest.end());
  }
  if (verdict_ == Verdict::need_more) {
    begin(detect(first(), options_.disabled));
  }
  advance();
}

void Follower::begin(Detection detection) {
  verdict_ = detection.verdict;
  demand((verdict_ == Verdict::yes) == (detection.handshake != nullptr), "a handshake comes with yes and only then");
  demand(verdict_ == Verdict::yes || detection.preamble == 0, "a preamble comes with yes only");
  if (verdict_ == Verdict::need_more) return;
  preamble_ = detection.preamble;
  demand(preamble_ <= streams_[Direction::from_server].size(), "the preamble is there");
  taken_[Direction::from_server] += preamble_;
  auto& server = streams_[Direction::from_server];
  server = std::vector<std::uint8_t>(server.begin() + static_cast<std::ptrdiff_t>(preamble_), server.end());
  handshake_ = std::move(detection.handshake);
  over_ = verdict_ == Verdict::no;
  lines_.emplace_back(over_ ? "no" : preamble_ == 0 ? "yes" : "yes, preamble " + std::to_string(preamble_));
}

void Follower::advance() {
  while (handshake_ && !over_) {
    const Step step = handshake_->next({untaken(Direction::from_client), untaken(Direction::from_server)});
    if (std::holds_alternative<Wait>(step)) return;
    if (const auto* message = std::get_if<Took>(&step)) {
      took(*message, "");
      continue;
    }
    flush();
    const auto* reject = std::get_if<Reject>(&step);
    if (reject != nullptr) {
      lines_.push_back(describe(*reject));
    } else {
      lines_.emplace_back(std::holds_alternative<Open>(step)    ? "open"
                          : std::holds_alternative<Relay>(step) ? "relay"
                          : std::holds_alternative<Again>(step) ? "again"
                                                                : "leave");
    }
    over_ = reject == nullptr || !reject->another_may_follow;
    if (!over_) continue;
    const Step last = handshake_->next({untaken(Direction::from_client), untaken(Direction::from_server)});
    demand(std::holds_alternative<Leave>(last), "nothing comes behind last words");
  }
}

void Follower::took(const Took& step, const char* prefix) {
  auto& stream = streams_[step.direction];
  const bool may_be_reserved = is_body(step.message);
  demand(step.size >= 1 && (may_be_reserved || step.size <= stream.size()), "what was taken is there");
  const std::size_t there = std::min(step.size, stream.size());
  taken_[step.direction] += step.size;
  stream = std::vector<std::uint8_t>(stream.begin() + static_cast<std::ptrdiff_t>(there), stream.end());
  if (!is_read_freely(step.message)) {
    flush();
    lines_.push_back(std::string(prefix) + name_of(step.direction) + " " + std::to_string(step.size) + " " +
                     describe(step.message));
    return;
  }
  took_freely(step, prefix);
}

// What comes as a body before the answer to its request, or behind an interim one, is the begin of a head.
void Follower::took_freely(const Took& step, const char* prefix) {
  const Message& message = step.message;
  const bool is_payload = message.kind == MessageKind::http_forward_body;
  const bool is_answer = message.kind == MessageKind::http_forward_response;
  auto& free = free_[step.direction];
  const bool is_of_last = !free.empty() && free.back().exchange == message.exchange;
  const bool completes = is_answer && is_of_last && free.back().part == Part::begun_head;
  const bool continues = is_payload ? is_of_last && free.back().part != Part::interim
                                    : is_body(message) && !free.empty() && free.back().text == "http_other";
  if (!continues && !completes) {
    const bool begins = is_payload && step.direction == Direction::from_server;
    free.push_back({prefix, 0, 0, false, describe(message), message.exchange, begins ? Part::begun_head : Part::whole});
  }
  Free& line = free.back();
  if (is_answer) line.part = message.reply_code < 200 && message.reply_code != 101 ? Part::interim : Part::whole;
  if (completes) line.text = describe(message);
  if (step.size == whole_rest) {
    line.goes_on = true;
    if (line.part == Part::begun_head) line.head = 0;  // how much of it came before depends on the cutting
  } else {
    (is_payload && line.part != Part::begun_head ? line.body : line.head) += step.size;
  }
  if (continues && !message.anomaly.empty()) line.text += " anomaly=" + std::string(message.anomaly);
}

std::vector<std::string> Follower::lines() const {
  Follower copy(options_);
  copy.lines_ = lines_;
  copy.free_ = free_;
  copy.flush();
  return copy.lines_;
}

// The client's lines, then the server's.
void Follower::flush() {
  for (const Direction direction : {Direction::from_client, Direction::from_server}) {
    for (const Free& line : free_[direction]) {
      std::string size = std::to_string(line.head);
      if (line.body > 0) size += "+" + std::to_string(line.body);
      if (line.goes_on) size += "...";
      lines_.push_back(line.prefix + name_of(direction) + " " + size + " " + line.text);
    }
    free_[direction].clear();
  }
}

void Follower::finish() {
  if (verdict_ == Verdict::need_more) {
    lines_.emplace_back("undecided");
    begin(detect_at_end(first(), options_.disabled));
    advance();
  }
  if (!handshake_ || over_) return;
  const Step step = handshake_->next({untaken(Direction::from_client), untaken(Direction::from_server)});
  demand(std::holds_alternative<Wait>(step), "a handshake that waited waits");
  flush();
  lines_.push_back(std::string("waits for ") + name_of(std::get<Wait>(step).direction));
  while (true) {
    const Step proved = handshake_->conclude({untaken(Direction::from_client), untaken(Direction::from_server)});
    if (std::holds_alternative<Wait>(proved)) break;
    if (const auto* refusal = std::get_if<Reject>(&proved)) {
      flush();
      lines_.push_back("also " + describe(*refusal));
      break;
    }
    demand(std::holds_alternative<Took>(proved), "conclude takes, waits or rejects");
    took(std::get<Took>(proved), "also ");
  }
  flush();
}

// All was heard that was said before, but for a preamble.
First Follower::first() const {
  const Bytes client = untaken(Direction::from_client), server = untaken(Direction::from_server);
  return {{client, server},
          {std::min(options_.waits, client.size()), std::min(options_.preamble, server.size())},
          client.size(),
          options_.opener,
          options_.is_believed};
}

Bytes Follower::untaken(Direction direction) const {
  return streams_[direction];
}

}  // namespace proxytunnel

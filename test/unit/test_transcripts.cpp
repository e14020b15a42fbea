// SPDX-License-Identifier: GPL-2.0-or-later
// summary: runs test/transcripts/*.txt: whole, cut after every byte in several orders, and ended at every prefix.
#include "follower.hpp"
#include "unit.hpp"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <random>

namespace proxytunnel {
namespace {

using Octets = std::vector<std::uint8_t>;
using Lines = std::vector<std::string>;

struct Transcript {
  std::string title;  ///< with the name of its file
  Octets client, server;
  FollowOptions options;
  Lines expected;
};

// Counted, so that one run tells of all of them.
unsigned complaints = 0;

void complain(const std::string& title, const std::string& what) {
  std::cerr << title << ": " << what << '\n';
  ++complaints;
}

unsigned digit_of(char c) {
  return c <= '9' ? static_cast<unsigned>(c - '0') : static_cast<unsigned>((c | 32) - 'a' + 10);
}

std::uint8_t byte_of(const std::string& text, std::size_t at) {
  return static_cast<std::uint8_t>(digit_of(text.at(at)) << 4 | digit_of(text.at(at + 1)));
}

// "text" with \r \n \t \" \\ \xNN; `at` is behind the opening quote, and then behind the closing one.
Octets parse_quoted(const std::string& line, std::size_t& at) {
  Octets octets;
  while (line.at(at) != '"') {
    char c = line.at(at++);
    if (c == '\\') {
      c = line.at(at++);
      if (c == 'x') {
        octets.push_back(byte_of(line, at));
        at += 2;
        continue;
      }
      c = c == 'r' ? '\r' : c == 'n' ? '\n' : c == 't' ? '\t' : c;
    }
    octets.push_back(static_cast<std::uint8_t>(c));
  }
  ++at;
  return octets;
}

// Pairs of hexadecimal digits and quoted texts, each perhaps with *COUNT behind it.
void parse_bytes(const std::string& line, Octets& stream) {
  for (std::size_t at = 0; at < line.size();) {
    if (std::isspace(static_cast<unsigned char>(line[at])) != 0) {
      ++at;
      continue;
    }
    Octets piece;
    if (line[at] == '"') {
      piece = parse_quoted(line, ++at);
    } else {
      piece.push_back(byte_of(line, at));
      at += 2;
    }
    std::size_t count = 1;
    if (at < line.size() && line[at] == '*') {
      std::size_t digits = 0;
      count = std::stoul(line.substr(at + 1), &digits);
      at += 1 + digits;
    }
    for (; count > 0; --count) stream.insert(stream.end(), piece.begin(), piece.end());
  }
}

void parse_option(const Transcript& transcript, const std::string& word, FollowOptions& options) {
  if (word == "believed") return void(options.is_believed = true);
  if (word == "server_opens") return void(options.opener = Opener::server);
  if (word.starts_with("preamble ")) {
    options.opener = Opener::server;
    options.preamble = std::stoul(word.substr(9));
    return;
  }
  if (word.starts_with("waits ")) return void(options.waits = std::stoul(word.substr(6)));
  for (const FamilyNames& names : families) {
    if (word == "no_" + std::string(names.preference)) return options.disabled.add(names.family);
  }
  complain(transcript.title, "unknown option " + word);
}

void load(const std::filesystem::path& path, std::vector<Transcript>& transcripts) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const std::string rest = line.size() > 2 ? line.substr(2) : "";
    if (line.empty() || line[0] == '#') continue;
    if (line.starts_with("==")) {
      transcripts.push_back({path.filename().string() + ":" + rest, {}, {}, {}, {}});
      continue;
    }
    if (transcripts.empty()) return complain(path.string(), "no title");
    Transcript& transcript = transcripts.back();
    switch (line[0]) {
      case '>':
        parse_bytes(rest, transcript.client);
        break;
      case '<':
        parse_bytes(rest, transcript.server);
        break;
      case '=':
        transcript.expected.push_back(rest);
        break;
      case '!':
        parse_option(transcript, rest, transcript.options);
        break;
      default:
        complain(transcript.title, "unknown line " + line);
    }
  }
}

std::string text_of_lines(const Lines& lines) {
  std::string text;
  for (const std::string& line : lines) text += "\n  = " + line;
  return text;
}

void compare(const Transcript& transcript, const Lines& lines, const std::string& how) {
  if (lines == transcript.expected) return;
  complain(transcript.title,
           how + ": expected" + text_of_lines(transcript.expected) + "\nbut saw" + text_of_lines(lines));
}

Bytes prefix(const Octets& stream, std::size_t size) {
  return Bytes(stream).first(std::min(size, stream.size()));
}

void run_whole(const Transcript& transcript) {
  Follower follower(transcript.options);
  follower.see(transcript.client, transcript.server);
  follower.finish();
  compare(transcript, follower.lines(), "whole");
}

/// Says which stream grows next, given how long both are.
using Order = std::function<Direction(std::size_t client, std::size_t server)>;

void run_cut(const Transcript& transcript, const std::string& how, const Order& order) {
  // Long streams would be read again and again; their corners are covered by short ones.
  const std::size_t total = transcript.client.size() + transcript.server.size();
  const std::size_t piece = 1 + total / 1024;
  Follower follower(transcript.options);
  std::size_t client = 0, server = 0;
  follower.see({}, {});
  while (client < transcript.client.size() || server < transcript.server.size()) {
    Direction direction = order(client, server);
    if (client >= transcript.client.size()) direction = Direction::from_server;
    if (server >= transcript.server.size()) direction = Direction::from_client;
    (direction == Direction::from_client ? client : server) += piece;
    follower.see(prefix(transcript.client, client), prefix(transcript.server, server));
  }
  follower.finish();
  compare(transcript, follower.lines(), how);
}

void run_in_all_orders(const Transcript& transcript) {
  run_cut(transcript, "client first", [](auto, auto) { return Direction::from_client; });
  run_cut(transcript, "server first", [](auto, auto) { return Direction::from_server; });
  run_cut(transcript, "alternating",
          [](auto client, auto server) { return client <= server ? Direction::from_client : Direction::from_server; });
  for (unsigned seed = 1; seed <= 4; ++seed) {
    std::minstd_rand random(seed);
    run_cut(transcript, "random " + std::to_string(seed),
            [&random](auto, auto) { return random() % 2 == 0 ? Direction::from_client : Direction::from_server; });
  }
}

struct Decision {
  Verdict verdict;
  std::size_t preamble;
};

// What was said of a prefix must be said of everything longer; and no prefix may do harm, also at the end.
void run_every_prefix(const Transcript& transcript) {
  const std::size_t clients = transcript.client.size() + 1, servers = transcript.server.size() + 1;
  if (clients * servers > 20000) return;
  std::vector<Decision> before(servers, {Verdict::need_more, 0});
  for (std::size_t client = 0; client < clients; ++client) {
    Decision left{Verdict::need_more, 0};
    for (std::size_t server = 0; server < servers; ++server) {
      Follower follower(transcript.options);
      follower.see(prefix(transcript.client, client), prefix(transcript.server, server));
      const Decision here{follower.verdict(), follower.preamble()};
      for (const Decision& shorter : {left, before[server]}) {
        if (shorter.verdict == Verdict::need_more) continue;
        if (shorter.verdict == here.verdict && shorter.preamble == here.preamble) continue;
        complain(transcript.title,
                 "verdict changes at " + std::to_string(client) + "/" + std::to_string(server) + " bytes");
      }
      left = before[server] = here;
      follower.finish();
    }
  }
}

std::size_t run_all() {
  std::vector<Transcript> transcripts;
  for (const auto& entry : std::filesystem::directory_iterator(TRANSCRIPTS_DIR)) {
    if (entry.path().extension() == ".txt") load(entry.path(), transcripts);
  }
  for (const Transcript& transcript : transcripts) {
    const unsigned before = complaints;
    run_whole(transcript);
    if (complaints > before) continue;
    run_in_all_orders(transcript);
    run_every_prefix(transcript);
  }
  return transcripts.size();
}

void every_transcript(void**) {
  assert_true(run_all() >= 60);
  assert_int_equal(complaints, 0);
}

}  // namespace
}  // namespace proxytunnel

int main() {
  const CMUnitTest tests[] = {cmocka_unit_test(proxytunnel::every_transcript)};
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}

// SPDX-License-Identifier: GPL-2.0-or-later
// summary: follows two byte streams through detection and handshake as a tracker would, and says what it saw as text.
#pragma once

#include <string>
#include <vector>

#include "handshake/handshake.hpp"

namespace proxytunnel {

struct FollowOptions {
  Opener opener = Opener::client;
  std::size_t preamble = 0;                  ///< what a server that opened said unheard
  std::size_t waits = std::size_t{1} << 30;  ///< what the client said before it heard anything
  Families disabled;
  bool is_believed = false;  ///< the client
};

/// Is shown ever longer prefixes of both streams. `lines()` holds what was decided, in the words of the transcripts;
/// bodies are counted with the head before them, and a head in pieces is one, since they are taken as they come. Where
/// both directions are read on their own (requests that an HTTP proxy forwards), the client's lines come first. Every
/// view that the core is given lies in a buffer of its very size. Aborts where a step breaks its contract.
class Follower {
 public:
  explicit Follower(const FollowOptions& options) : options_(options) {}

  void see(Bytes client, Bytes server);
  /// The streams seen last bring nothing more.
  void finish();

  [[nodiscard]] std::vector<std::string> lines() const;
  [[nodiscard]] Verdict verdict() const { return verdict_; }
  [[nodiscard]] std::size_t preamble() const { return preamble_; }

 private:
  void begin(Detection detection);
  void advance();
  void took(const Took& step, const char* prefix);
  [[nodiscard]] First first() const;
  [[nodiscard]] Bytes untaken(Direction direction) const;

  FollowOptions options_;
  PerDirection<std::vector<std::uint8_t>> streams_;  ///< not taken yet
  PerDirection<std::size_t> taken_{0, 0};
  std::unique_ptr<Handshake> handshake_;
  Verdict verdict_ = Verdict::need_more;
  std::size_t preamble_ = 0;
  bool over_ = false;
  enum class Part { whole, interim, begun_head };
  /// A line of a direction that is read on its own, still growing.
  struct Free {
    std::string prefix;
    std::size_t head = 0, body = 0;
    bool goes_on = false;  ///< all that follows belongs to it
    std::string text;
    std::uint32_t exchange = 0;
    Part part = Part::whole;
  };
  void took_freely(const Took& step, const char* prefix);
  void flush();

  PerDirection<std::vector<Free>> free_;
  std::vector<std::string> lines_;
};

}  // namespace proxytunnel

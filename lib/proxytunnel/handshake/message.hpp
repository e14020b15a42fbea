// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what a handshake says, in the words of the report: protocols, commands, targets, replies, messages. The
// words themselves and what they mean: base/vocabulary.h.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/endpoint.hpp"
#include "base/vocabulary.h"
#include "handshake/families.hpp"

namespace proxytunnel {

enum class Protocol : std::uint8_t { PT_PROTOCOLS(PT_ID) };
enum class Command : std::uint8_t { PT_COMMANDS(PT_ID) };
enum class Status : std::uint8_t { PT_STATUSES(PT_ID) };
enum class MessageKind : std::uint8_t { PT_MESSAGES(PT_ID) };

/// The spelling of the report: "socks4a", "udp-associate", "auth-failed". Command::none is "".
std::string_view name_of(Protocol protocol) noexcept;
std::string_view name_of(Command command) noexcept;
std::string_view name_of(Status status) noexcept;
/// The spelling of transcripts: "socks5_greeting".
std::string_view name_of(MessageKind kind) noexcept;

[[nodiscard]] Family family_of(Protocol protocol) noexcept;
/// True where each HTTP request belongs to a conversation of its own choice: there may be many on one connection.
[[nodiscard]] bool is_of_requests(Protocol protocol) noexcept;
/// What a kind of message is: PT_BEGINS, PT_ASKS and the like, as bits.
[[nodiscard]] unsigned traits_of(MessageKind kind) noexcept;

/// Whom the client asked for. `host` keeps its spelling; `address` is set where the request said an address or its
/// canonical text (brackets are dropped from `host`).
struct Target {
  std::string host;
  std::optional<Address> address;
  std::uint16_t port = 0;

  static Target named(std::string_view host, std::uint16_t port);
  static Target literal(const Address& address, std::uint16_t port);
  /// "www.example.com:443", "[fd00::1]:443"
  [[nodiscard]] std::string text() const;
};

struct Credentials {
  std::optional<std::string> username, password;
};

/// Somebody for whom an HTTP request says that it was forwarded.
struct ForwardedNode {
  std::string text;             ///< as it was said, at most limits::forwarded_text; empty where nothing was said
  std::optional<Endpoint> end;  ///< where that is an address, without mapping; port 0: not told
};

/// The last limits::forwarded_nodes of them, the client's end first.
struct ForwardedList {
  std::vector<ForwardedNode> nodes;
  bool is_cut = false;  ///< there were more, or longer ones
};

/// What a request claims in the fields Forwarded and X-Forwarded-For, each for itself.
struct ForwardedClaims {
  ForwardedList forwarded, x_forwarded_for;

  /// What is reported: X-Forwarded-For where the other one claims nothing.
  [[nodiscard]] const ForwardedList& list() const noexcept {
    return forwarded.nodes.empty() ? x_forwarded_for : forwarded;
  }
  [[nodiscard]] bool is_cut() const noexcept { return forwarded.is_cut || x_forwarded_for.is_cut; }
};

/// One message of a handshake, as a value. Which members mean something follows from `kind`.
struct Message {
  MessageKind kind = MessageKind::http_other;
  Protocol protocol = Protocol::socks5;  ///< every kind
  Command command = Command::none;       ///< requests
  std::optional<Target> target;          ///< requests; absent if the request names nothing that can be a target
  std::string target_text;               ///< HTTP: the request-target as it was sent
  Credentials credentials;               ///< SOCKS4 user id; RFC 1929; Proxy-Authorization: Basic
  std::string methods;                   ///< greeting: one byte for each method; method: the selected one
  int reply_code = -1;                   ///< replies: CD, REP, STATUS, the selected method or the HTTP status
  bool is_interim = false;               ///< HTTP: an answer on the way to the answer (1xx)
  std::string reason;                    ///< HTTP: the reason phrase
  std::optional<Target> bound;           ///< SOCKS replies: BND.ADDR and BND.PORT
  std::optional<Target> peer;            ///< BIND's second reply: who connected; then `bound` is absent
  std::optional<Endpoint> real_client;   ///< PROXY header: the source; absent where it names none. Of a request that
                                         ///< claims one: who is believed to be the client
  ForwardedClaims claims;                ///< HTTP requests that are followed
  std::uint32_t exchange = 0;            ///< HTTP: number of the request on its connection, also in the answer
  bool speaks_to_proxy = false;          ///< absolute-form: a field (Proxy-*) that only a proxy is sent
  std::string_view anomaly;              ///< a constant: what is odd about it; mostly empty
};

}  // namespace proxytunnel

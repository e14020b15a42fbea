// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the one interface that a proxy protocol implements: the order of its messages, nothing else.
//
// Theory of operation. A handshake sees both byte streams as "the bytes not yet taken" of each direction, in order and
// without holes. It is asked again and again for its next Step until it waits, opens or ends:
//   Wait    - it needs more bytes of one direction than there are; asked again when there are more
//   Took    - it understood a message: `size` bytes of one direction are taken and never shown again
//   Open    - the tunnel is open; in each direction payload begins behind what was taken
//   Relay   - the proxy relays datagrams as long as this connection lives
//   Reject  - this attempt is over; the connection may see another one (407 and retry) or not
//   Again   - what was taken was no attempt; what follows may be anything, as at the start of a connection
//   Leave   - no attempt is open and none can follow: nothing more to see here, and nothing to report
// All but Wait, Took and a Reject that something may follow are last words: asked again, a handshake says Leave.
// A handshake reads the direction it needs next and ignores the other, so early data, pipelining, any cutting and any
// interleaving need no code here: its steps are a function of the two streams (law 1, order-free). Nothing is kept
// between steps but an enum named after what is awaited and a few facts from earlier messages; a partial message is
// simply read again. A body that is followed is taken as it comes (MessageKind::http_forward_body, http_other); where
// its length is known it is taken at once, before it is there: no byte of it needs to be seen.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/bytes.hpp"
#include "base/direction.hpp"
#include "handshake/message.hpp"

namespace proxytunnel {

/// The bytes of each direction that were not taken yet. Valid during one call.
using Untaken = PerDirection<Bytes>;

/// What the bytes of an unfinished message are.
enum class Incomplete : std::uint8_t {
  handshake,  ///< nothing but handshake
  unknown     ///< payload, perhaps
};
struct Wait {
  Direction direction;
  Incomplete incomplete = Incomplete::handshake;  ///< all untaken bytes of that direction
};
/// The size of Took where everything that follows in a direction is taken.
constexpr std::size_t whole_rest = std::size_t{1} << 62;
struct Took {
  Took(Direction taken_from, std::size_t bytes, Message&& said) noexcept
      : direction(taken_from), size(bytes), message(std::move(said)) {}

  Direction direction;
  std::size_t size;  ///< at least 1; more than there is only of a body, whose rest then need not be shown any more
  Message message;
};
struct Open {
  std::string_view anomaly{};  ///< a constant, if all that follows is payload for want of anything better
};
struct Relay {};
struct Again {};
struct Reject {
  /// refused, auth_failed, method_rejected, invalid_target, encapsulated, malformed; or established, where the proxy
  /// granted a command that opens no tunnel on this connection (the reason says which).
  Status status = Status::malformed;
  std::string_view reason;          ///< a constant text in lower case, for the report; empty for plain refusals
  bool another_may_follow = false;  ///< the next attempt on this connection may begin behind what was taken
};
/// Reason of a Reject whose answer the connection or the capture cut behind its code.
constexpr std::string_view answer_cut_short = "the answer was cut short";
struct Leave {
  std::string_view skipped{};  ///< why a tunnel may have been there all the same, a constant; mostly empty
};
using Step = std::variant<Wait, Took, Open, Relay, Reject, Again, Leave>;
/// A Step that is Took: messages are large, and are made where they are to be.
inline Step take_step(Direction direction, std::size_t size, Message&& message) noexcept {
  return Step(std::in_place_type<Took>, direction, size, std::move(message));
}

class Handshake {
 public:
  virtual ~Handshake() = default;
  Handshake& operator=(const Handshake&) = delete;

  /// Another one that stands where this one stands.
  [[nodiscard]] virtual std::unique_ptr<Handshake> clone() const = 0;

  [[nodiscard]] virtual Step next(const Untaken& untaken) noexcept = 0;

  /// For a handshake that waits for a stream that will bring nothing more (connection closed, end of capture,
  /// one-sided capture): the next message that can be proved to have been sent, requests and credentials of the client
  /// above all, one by one; Wait when there is nothing more to tell. Only ever Took, Wait or a final Reject; may be
  /// asked without next() before it; do not go back to next() afterwards. A refusal that was cut short, but for its
  /// code, is told by a Reject.
  [[nodiscard]] virtual Step conclude(const Untaken& untaken) noexcept = 0;

  /// For a handshake whose answer the capture lacks: true if its request, once granted, opens a tunnel on this
  /// connection, and `client`, what the client said behind it, is there and can be no further attempt. May be asked
  /// behind conclude().
  [[nodiscard]] virtual bool opens_unanswered(Bytes client) const noexcept = 0;

 protected:
  Handshake() = default;
  Handshake(const Handshake&) = default;
};

/// What the first bytes of a connection say, with the client presumed in one of the two roles.
enum class Verdict : std::uint8_t { no, need_more, yes };

/// Who opened the TCP connection. Where it was the server (a back-connect proxy), it may have said something else
/// before the client's first message: its preamble, which is exactly what it said unheard.
enum class Opener : std::uint8_t { client, server };

/// The first bytes of a connection, and who had heard what when they were said.
struct First {
  Untaken untaken;
  /// Bytes at the start of each stream that its side said before it had heard one of the other side's.
  PerDirection<std::size_t> unheard{0, 0};
  /// Bytes of the client that the server had heard when it said the first one behind its unheard ones; means nothing
  /// as long as it said none.
  std::size_t heard = 0;
  Opener opener = Opener::client;
  bool is_believed = false;  ///< what the client says of others is: --trust-forwarded
};

struct Detection {
  Verdict verdict = Verdict::no;
  std::unique_ptr<Handshake> handshake;  ///< if yes
  std::size_t preamble = 0;              ///< if yes: bytes at the start of the server's stream before its first message
};

/// What detection asks of a protocol. Its files define the one that its row among PT_FAMILIES names.
struct Detector {
  /// Whether a connection begins with its handshake.
  Verdict (*looks)(const First& first, Families disabled) noexcept;
  /// Of a stream that brings nothing more and is no "no": whether the client's bytes alone are proof. Null: never,
  /// since text or a signature is proof at once.
  bool (*proves_alone)(const First& first) noexcept;
  std::unique_ptr<Handshake> (*handshake)(Families disabled) noexcept;
  bool by_opener_only = false;  ///< who opens the connection speaks it, nobody else
};

/// For Detector::handshake.
template <class T>
std::unique_ptr<Handshake> make_handshake(Families disabled) noexcept {
  if constexpr (std::is_constructible_v<T, Families>) {
    return std::make_unique<T>(disabled);
  } else {
    return std::make_unique<T>();
  }
}

#define PT_ROW(id, option, heuristic, title, hint, reader, detector) extern const Detector detector;
PT_FAMILIES(PT_ROW)  // NOLINT(readability-redundant-declaration): some serve several families
#undef PT_ROW

/// Looks at the first bytes of both streams of a connection (nothing taken yet). A "no" and a "yes" are for good: more
/// bytes of either stream do not change them. A "no" comes as soon as the bytes that are there exclude every protocol,
/// also if they are of one side only. A "yes" needs proof from both sides where the client's bytes alone could be
/// anything (SOCKS4, SOCKS5), and an answer that heard what it answers, so that ordinary binary traffic is never
/// claimed; the text of a CONNECT request is proof enough. Behind a preamble (at most limits::preamble bytes) both
/// streams must hold a whole handshake. The PROXY protocol is looked for where the client opened: its header is the
/// first word of who opens the connection.
[[nodiscard]] Detection detect(const First& first, Families disabled) noexcept;

/// The same question when one stream or both will bring nothing more: a client's complete and well-formed first
/// message counts as proof if nothing that the server said speaks against it. The client opened.
[[nodiscard]] Detection detect_at_end(const First& first, Families disabled) noexcept;

}  // namespace proxytunnel

// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the small reorder buffer of a handshake: one direction's bytes in order, with the frames that carried them.
#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.hpp"
#include "base/streams.hpp"

namespace proxytunnel {

/// What came with some bytes of a stream, besides the bytes.
struct Said {
  Stamp stamp;
  Offset acknowledged = 0;  ///< bytes of the other side that their segment acknowledged
  Offset captured = 0;      ///< bytes of the other side that the capture had shown before
};

/// Puts the segments of one direction in order, from offset 0 on. Where two segments disagree about a byte, the one
/// that came first counts. Holes end what can be seen until they are filled. At most limits::held_bytes are kept.
class StreamBuffer {
 public:
  /// Copies bytes that begin at `offset`. False if there was no room; then the stream ends before them.
  bool insert(Offset offset, Bytes bytes, const Said& said);

  /// The bytes behind what was taken, up to the first hole. Valid until the next insert or take.
  [[nodiscard]] Bytes untaken() const noexcept { return Bytes(bytes_).subspan(head_); }
  [[nodiscard]] Offset taken() const noexcept { return taken_; }
  /// One past the last byte of untaken().
  [[nodiscard]] Offset end() const noexcept { return taken_ + static_cast<Offset>(bytes_.size() - head_); }
  /// True if bytes wait behind a hole.
  [[nodiscard]] bool has_hole() const noexcept { return !pieces_.empty(); }
  /// The first hole; there must be one.
  [[nodiscard]] Hole hole() const noexcept;
  /// Bytes that are kept, those behind holes too.
  [[nodiscard]] std::size_t kept() const noexcept { return kept_; }
  /// What came with the byte before `offset`; with the latest one if that is no longer known.
  [[nodiscard]] Said said(Offset offset) const noexcept;
  /// How many of the untaken bytes came before the first one for which `is_answer` holds.
  template <class Predicate>
  [[nodiscard]] std::size_t before(Predicate is_answer) const noexcept {
    Offset begin = taken_;
    for (const Mark& mark : marks_) {
      if (is_answer(mark.said)) break;
      begin = mark.end;
    }
    return static_cast<std::size_t>(begin - taken_);
  }
  /// May go beyond what is there; bytes that come for a place that was taken are dropped.
  void take(std::size_t size) noexcept;

 private:
  struct Piece {
    Offset offset;
    std::vector<std::uint8_t> bytes;
    Said said;
  };
  struct Mark {
    Offset end;
    Said said;
  };

  void append(Bytes bytes, const Said& said);
  void join_pieces();

  std::vector<std::uint8_t> bytes_;  // [head_, end) are the untaken bytes
  std::size_t head_ = 0;
  Offset taken_ = 0;
  std::vector<Piece> pieces_;  // behind a hole, by offset
  std::vector<Mark> marks_;    // what came with the untaken bytes up to `end`
  std::size_t kept_ = 0;
};

}  // namespace proxytunnel

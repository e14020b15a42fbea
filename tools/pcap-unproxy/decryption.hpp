// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what TLS carries in a capture, decrypted by tshark with our plugin, as it runs beside us.
//
// tshark reads the same file, and its standard output is a pipe of records (base/chunk_record.hpp) in the order of
// frames. Nothing decrypted is written to a disk. Why the streams and not finished packets: docs/decisions/0008. How a
// record finds the connection that carries it here: docs/decisions/0012.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "base/chunk_record.hpp"
#include "base/layer_path.hpp"
#include "child.hpp"
#include "options.hpp"

namespace unproxy {

/// tshark or the plugin is not there, or does not work. what() says which and what to do.
class DecryptionError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The next bytes of a stream that TLS carries.
struct DecryptedPiece {
  proxytunnel::ChunkRecord head;
  std::vector<std::uint8_t> payload;
  bool taken = false;
};

class Decryption {
 public:
  /// Starts tshark on a regular file and waits for its first word. `stop` ends waiting when it is set: then nothing
  /// more comes; it is borrowed and may be null. Throws DecryptionError.
  Decryption(const Options& options, const std::string& path, const StopFlag* stop);

  /// The next frame that is looked at. Waits for tshark as far as needed. Frames only ascend; pieces of those between
  /// are not asked for.
  void begin(FrameNumber frame);

  /// Calls visit(piece) for each piece of this frame that this segment completed, in order and once. `direction` is
  /// that of the virtual packet; from_client on the wire. The visitor may ask for pieces of other segments.
  template <class Visit>
  void take(const proxytunnel::Segment& segment, proxytunnel::Direction direction, Visit visit) {
    if (pieces_.empty()) return;
    const proxytunnel::LayerPath path = path_of(segment);
    for (DecryptedPiece& piece : pieces_) {
      const auto& head = piece.head;
      const bool is_its = head.path == path && head.sequence == segment.sequence() && head.direction == direction;
      if (!is_its || std::exchange(piece.taken, true)) continue;
      visit(std::as_const(piece));
    }
  }

  /// Pieces of sessions with proxies, in frames that were looked at, that nobody took: tshark found a connection that
  /// carries them, and we did not.
  [[nodiscard]] std::uint64_t unmatched() const { return unmatched_ + left_over(); }

  /// Whether we were stopped: pieces may be lacking from here on.
  [[nodiscard]] bool is_stopped() const { return tshark_.is_stopped(); }

  /// After the last frame: empty, or why what TLS carries may be incomplete.
  std::string complaint();

 private:
  bool read_head();
  [[nodiscard]] std::uint64_t left_over() const;

  Child tshark_;
  std::optional<proxytunnel::ChunkRecord> ahead_;
  std::vector<DecryptedPiece> pieces_;  ///< of the frame
  std::uint64_t unmatched_ = 0;
  bool broken_ = false;
};

/// Whether the input has keys in it: decryption secrets before its first packet, where alone they are of use. `path` is
/// a regular file. Throws CaptureError as open_capture() does.
bool has_secrets(const std::string& path, const StopFlag* stop);

}  // namespace unproxy

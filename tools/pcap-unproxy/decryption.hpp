// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what TLS carries in a capture, decrypted by tshark with our plugin, as it runs beside us.
//
// tshark reads the same file, and its standard output is a pipe of records (base/chunk_record.hpp) in the order of
// frames. Nothing decrypted is written to a disk. Why the streams and not finished packets: docs/decisions/0008.
#pragma once

#include <sys/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/chunk_record.hpp"
#include "capture/capture.hpp"
#include "options.hpp"

namespace unproxy {

/// tshark or the plugin is not there, or does not work. what() says which and what to do.
class DecryptionError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Decryption {
 public:
  /// Starts tshark on a regular file and waits for its first word. Throws DecryptionError.
  Decryption(const Options& options, const std::string& path);
  /// Ends tshark if it still runs.
  ~Decryption();
  Decryption(const Decryption&) = delete;
  Decryption& operator=(const Decryption&) = delete;

  /// The next chunk of this frame, without IP fields and time; nullopt when there is none (any more). Frames only
  /// ascend: what was not asked for is passed over. Waits for tshark as far as needed. The payload is valid until the
  /// next call.
  std::optional<proxytunnel::Chunk> next(FrameNumber frame);

  /// After the last frame: empty, or why what TLS carries may be incomplete.
  std::string complaint();

 private:
  bool read_head();
  bool read(std::uint8_t* at, std::size_t size);
  [[nodiscard]] std::string first_words() const;
  int wait();

  pid_t child_ = -1;
  int pipe_ = -1;
  std::FILE* words_ = nullptr;  ///< what tshark says on standard error
  std::optional<proxytunnel::ChunkHead> ahead_;
  std::vector<std::uint8_t> payload_;
  bool ended_ = false, broken_ = false;
};

/// Whether the input has keys in it: decryption secrets before its first packet, where alone they are of use. `path` is
/// a regular file. Throws CaptureError as open_capture() does.
bool has_secrets(const std::string& path, const StopFlag* stop);

}  // namespace unproxy

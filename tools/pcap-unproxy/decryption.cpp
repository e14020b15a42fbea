// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what TLS carries in a capture, decrypted by tshark with our plugin, as it runs beside us.
#include "decryption.hpp"

#include <algorithm>
#include <array>
#include <system_error>

#include "capture/open.hpp"
#include "tshark_words.hpp"

namespace unproxy {
namespace {

using proxytunnel::chunk_record_magic;

// A shell's exit codes.
constexpr int may_not_run = 126, no_such_command = 127;

std::string how_it_ended(int code, const std::string& words) {
  return "ended with " + std::to_string(code) + (words.empty() ? "" : ": " + words);
}

Child start(const Options& options, const std::string& path, const StopFlag* stop) {
  try {
    return Child(options.tshark, tshark_words(options, path), stop);
  } catch (const std::system_error& error) {
    throw DecryptionError(std::string("tshark cannot be started: ") + error.what());
  }
}

}  // namespace

Decryption::Decryption(const Options& options, const std::string& path, const StopFlag* stop)
    : tshark_(start(options, path, stop)) {
  std::array<std::uint8_t, chunk_record_magic.size()> magic{};
  if (tshark_.read(magic.data(), magic.size()) && proxytunnel::text_of(magic) == chunk_record_magic) return;
  const int code = tshark_.wait();
  if (is_stopped()) return;
  // 126: the shell may not run it, or may not look into a folder of $PATH.
  const bool is_missing = code == no_such_command || code == may_not_run;
  const std::string what = is_missing ? "there is no tshark" : "tshark has no working proxytunnel plugin";
  throw DecryptionError(what + " ('" + options.tshark + "' " + how_it_ended(code, tshark_.first_words()) +
                        "); sessions inside TLS need both, see --tshark");
}

void Decryption::begin(FrameNumber frame) {
  unmatched_ += left_over();
  pieces_.clear();
  while (ahead_ || read_head()) {
    if (ahead_->frame > frame) return;
    DecryptedPiece piece{*ahead_, std::vector<std::uint8_t>(ahead_->size)};
    ahead_.reset();
    if (!tshark_.read(piece.payload.data(), piece.payload.size())) {
      broken_ = true;
      return;
    }
    if (piece.head.frame == frame) pieces_.push_back(std::move(piece));
  }
}

bool Decryption::read_head() {
  if (broken_) return false;
  std::array<std::uint8_t, proxytunnel::chunk_record_head> head{};
  if (!tshark_.read(head.data(), 1)) return false;  // the end, where it may be
  const bool is_whole = tshark_.read(head.data() + 1, head.size() - 1);
  const auto decoded = proxytunnel::decode_chunk(head);
  broken_ = !is_whole || !decoded.is_ok();
  if (!broken_) ahead_ = decoded.value;
  return !broken_;
}

std::uint64_t Decryption::left_over() const {
  return static_cast<std::uint64_t>(std::count_if(pieces_.begin(), pieces_.end(), [](const DecryptedPiece& piece) {
    return piece.head.of_session && piece.head.size > 0 && !piece.taken;
  }));
}

std::string Decryption::complaint() {
  std::array<std::uint8_t, 4096> rest{};
  while (tshark_.read(rest.data(), rest.size())) continue;
  const int code = tshark_.wait();
  if (is_stopped() || (code == 0 && !broken_)) return {};
  return "tshark " + how_it_ended(code, tshark_.first_words()) + "; sessions inside TLS may be missing";
}

bool has_secrets(const std::string& path, const StopFlag* stop) {
  const auto reader = open_capture(path, nullptr, stop);
  reader->next();
  return !reader->take_secrets().empty();
}

}  // namespace unproxy

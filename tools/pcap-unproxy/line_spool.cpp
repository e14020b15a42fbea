// SPDX-License-Identifier: GPL-2.0-or-later
// summary: lines that wait in a temporary file until they are wanted, so that memory does not grow with them.
#include "line_spool.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "capture/capture.hpp"
#include "capture/unnamed_file.hpp"

namespace unproxy {
namespace {

constexpr std::size_t buffer_size = std::size_t{256} << 10;
// Small, since lines may be wanted in the opposite order of that in which they came.
constexpr std::size_t window_size = std::size_t{4} << 10;

}  // namespace

std::uint64_t LineSpool::add(std::string_view line) {
  if (buffer_.size() + line.size() >= buffer_size) flush();
  const std::uint64_t place = end();
  buffer_ += line;
  buffer_ += '\n';
  return place;
}

void LineSpool::flush() {
  if (error_ == 0 && !file_.is_open()) open();
  if (error_ == 0) write_out();
  if (error_ == 0) written_ += buffer_.size();
  buffer_.clear();
}

void LineSpool::open() {
  file_ = unnamed_file(directory_);
  if (!file_.is_open()) {
    directory_ = temporary_directory();
    file_ = unnamed_file(directory_);
  }
  if (!file_.is_open()) error_ = errno;
}

void LineSpool::write_out() {
  std::size_t done = 0;
  while (done < buffer_.size()) {
    const ssize_t count =
        ::pwrite(file_.number(), buffer_.data() + done, buffer_.size() - done, static_cast<off_t>(written_ + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      error_ = errno;
      return;
    }
    done += static_cast<std::size_t>(count);
  }
}

std::string_view LineSpool::at(std::uint64_t place) {
  if (error_ != 0) fail(error_);
  const bool is_written = place < written_;
  if (is_written && (place < window_at_ || place >= window_at_ + window_.size())) read_window(place);
  const std::string& text = is_written ? window_ : buffer_;
  const std::uint64_t text_at = is_written ? window_at_ : written_;
  std::size_t begin = place - text_at;
  std::size_t line_end = text.find('\n', begin);
  if (line_end == std::string::npos) {
    read_window(place);
    begin = 0;
    line_end = window_.find('\n');
  }
  return std::string_view(text).substr(begin, line_end - begin);
}

// At least one whole line, from its beginning.
void LineSpool::read_window(std::uint64_t place) {
  window_.clear();
  window_at_ = place;
  while (window_.find('\n') == std::string::npos) {
    const std::size_t have = window_.size();
    const std::uint64_t left = written_ - place - have;
    window_.resize(have + std::min<std::uint64_t>(left, std::max(have, window_size)));
    const ssize_t count =
        ::pread(file_.number(), window_.data() + have, window_.size() - have, static_cast<off_t>(place + have));
    window_.resize(have + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) fail(count < 0 ? errno : EIO);
  }
}

void LineSpool::cut(std::uint64_t place) {
  buffer_.resize(place < written_ ? 0 : std::min<std::uint64_t>(buffer_.size(), place - written_));
  written_ = std::min(written_, place);
  window_.clear();
}

void LineSpool::fail(int error) const {
  throw OutputError("cannot keep what is to be reported in a temporary file in " + directory_ + ": " +
                    std::strerror(error) + "; make room there");
}

}  // namespace unproxy

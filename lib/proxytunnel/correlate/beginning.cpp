// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the first bytes of one direction as a few hashes.
#include "correlate/beginning.hpp"

#include <algorithm>

namespace proxytunnel {

Agreement Beginning::compare(const Beginning& one, const Beginning& another) noexcept {
  if (one.size == 0 || another.size == 0) return Agreement::nothing;
  if (one.size == another.size) return one.whole == another.whole ? Agreement::all : Agreement::differ;
  const std::uint32_t both = std::min(one.size, another.size);
  for (std::size_t i = marks.size(); i-- > 0;) {
    if (marks[i] > both) continue;
    return one.up_to[i] == another.up_to[i] ? Agreement::start : Agreement::differ;
  }
  return Agreement::nothing;
}

void BeginningHash::add(Bytes bytes) noexcept {
  bytes = bytes.first(std::min<std::size_t>(bytes.size(), Beginning::longest - beginning_.size));
  while (!bytes.empty()) {
    const std::size_t begun = beginning_.size % rest_.size();
    if (begun == 0 && bytes.size() >= rest_.size()) {
      add_word(little_endian(bytes.data()));
      bytes = bytes.subspan(rest_.size());
      continue;
    }
    const std::size_t size = std::min(rest_.size() - begun, bytes.size());
    std::copy_n(bytes.begin(), size, rest_.begin() + static_cast<std::ptrdiff_t>(begun));
    bytes = bytes.subspan(size);
    if (begun + size == rest_.size()) {
      const std::uint64_t word = little_endian(rest_.data());
      rest_ = {};
      beginning_.size -= static_cast<std::uint32_t>(begun);
      add_word(word);
    } else {
      beginning_.size += static_cast<std::uint32_t>(size);
    }
  }
}

void BeginningHash::add_word(std::uint64_t word) noexcept {
  hash_.add(word);
  beginning_.size += static_cast<std::uint32_t>(rest_.size());
  const auto mark = std::find(Beginning::marks.begin(), Beginning::marks.end(), beginning_.size);
  if (mark == Beginning::marks.end()) return;
  beginning_.up_to[static_cast<std::size_t>(mark - Beginning::marks.begin())] = digest();
}

std::uint64_t BeginningHash::digest() const noexcept {
  SipHash hash = hash_;
  return hash.finish(little_endian(rest_.data()) | static_cast<std::uint64_t>(beginning_.size & 0xff) << 56);
}

Beginning BeginningHash::value() const noexcept {
  Beginning result = beginning_;
  result.whole = digest();
  return result;
}

}  // namespace proxytunnel

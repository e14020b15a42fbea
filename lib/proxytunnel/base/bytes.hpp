// SPDX-License-Identifier: GPL-2.0-or-later
// summary: borrowed bytes and the only way to read them, so that no parser can read outside what was captured.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace proxytunnel {

/// A borrowed view. Whoever stores one says how long it lives.
using Bytes = std::span<const std::uint8_t>;

inline std::string_view text_of(Bytes bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes bytes_of(std::string_view text) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

inline std::uint16_t get16(const std::uint8_t* at) noexcept {
  return static_cast<std::uint16_t>(at[0] << 8 | at[1]);
}
inline std::uint32_t get32(const std::uint8_t* at) noexcept {
  return static_cast<std::uint32_t>(get16(at)) << 16 | get16(at + 2);
}
/// Eight bytes, the first one highest, or (`little_endian`) lowest. Written out, since compilers then make one load of
/// it.
inline std::uint64_t get64(const std::uint8_t* at) noexcept {
  const auto byte = [at](unsigned i) { return static_cast<std::uint64_t>(at[i]) << (56 - 8 * i); };
  return byte(0) | byte(1) | byte(2) | byte(3) | byte(4) | byte(5) | byte(6) | byte(7);
}
inline std::uint64_t little_endian(const std::uint8_t* at) noexcept {
  const auto byte = [at](unsigned i) { return static_cast<std::uint64_t>(at[i]) << 8 * i; };
  return byte(0) | byte(1) | byte(2) | byte(3) | byte(4) | byte(5) | byte(6) | byte(7);
}
inline void put16(std::uint8_t* at, std::uint32_t value) noexcept {
  at[0] = static_cast<std::uint8_t>(value >> 8);
  at[1] = static_cast<std::uint8_t>(value);
}
inline void put32(std::uint8_t* at, std::uint32_t value) noexcept {
  put16(at, value >> 16);
  put16(at + 2, value);
}

/// Reads big-endian values one after the other. A read past the end yields zeros or an empty view, and from then on
/// `complete()` is false: a parser reads everything it wants and asks once.
class Reader {
 public:
  explicit Reader(Bytes bytes) noexcept : bytes_(bytes) {}

  std::uint8_t u8() noexcept {
    const Bytes one = take(1);
    return one.empty() ? 0 : one[0];
  }
  std::uint16_t u16() noexcept {
    const Bytes two = take(2);
    return two.empty() ? std::uint16_t{0} : get16(two.data());
  }
  std::uint32_t u32() noexcept {
    const Bytes four = take(4);
    return four.empty() ? 0 : get32(four.data());
  }
  /// The next `count` bytes, or none at all if fewer are left.
  Bytes take(std::size_t count) noexcept {
    if (!complete_ || count > bytes_.size() - position_) {
      complete_ = false;
      return {};
    }
    const Bytes taken = bytes_.subspan(position_, count);
    position_ += count;
    return taken;
  }
  void skip(std::size_t count) noexcept { take(count); }

  /// False once a read wanted more than there was.
  [[nodiscard]] bool complete() const noexcept { return complete_; }
  [[nodiscard]] std::size_t position() const noexcept { return position_; }
  [[nodiscard]] Bytes rest() const noexcept { return bytes_.subspan(position_); }

 private:
  Bytes bytes_;
  std::size_t position_ = 0;
  bool complete_ = true;
};

/// What a wire parser returns. `need_more` is not an error: the same bytes with more behind them may be `ok`.
enum class ParseResult : std::uint8_t { ok, need_more, malformed };

template <class T>
struct Parsed {
  ParseResult result = ParseResult::need_more;
  T value{};
  std::size_t size = 0;  ///< bytes that the value took, if ok

  static Parsed ok(T&& value, std::size_t size) { return {ParseResult::ok, std::move(value), size}; }
  static Parsed ok(const T& value, std::size_t size) { return {ParseResult::ok, value, size}; }
  static Parsed need_more() { return {}; }
  static Parsed malformed() { return {ParseResult::malformed, {}, 0}; }
  [[nodiscard]] bool is_ok() const noexcept { return result == ParseResult::ok; }
};

}  // namespace proxytunnel

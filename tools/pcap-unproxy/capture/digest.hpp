// SPDX-License-Identifier: GPL-2.0-or-later
// summary: SHA-256, of payload and of whole input files.
// spec: FIPS 180-4
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/bytes.hpp"

struct evp_md_ctx_st;

namespace unproxy {

using proxytunnel::Bytes;

/// SHA-256 of bytes that come in pieces.
class Sha256 {
 public:
  Sha256();
  void update(Bytes bytes);
  /// 64 lower-case hexadecimal digits, of all bytes so far; more may follow.
  [[nodiscard]] std::string hex() const;

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const noexcept;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
};

std::string sha256_hex(Bytes bytes);

/// SHA-256 and size of an input as it is stored (the compressed bytes where it is compressed). A reader that was given
/// one has fed it the whole input once next() returned nullptr, also behind damage; not if it was stopped by its flag.
class InputHash {
 public:
  void update(Bytes bytes) {
    sha256_.update(bytes);
    bytes_ += bytes.size();
  }
  [[nodiscard]] std::uint64_t bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::string hex() const { return sha256_.hex(); }

 private:
  Sha256 sha256_;
  std::uint64_t bytes_ = 0;
};

}  // namespace unproxy

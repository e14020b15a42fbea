// SPDX-License-Identifier: GPL-2.0-or-later
// summary: SHA-256 by OpenSSL's EVP interface.
#include "capture/digest.hpp"

#include <openssl/evp.h>

#include <array>
#include <new>

namespace unproxy {
namespace {

// Nothing but memory can be missing.
void require(bool outcome) {
  if (!outcome) throw std::bad_alloc();
}

}  // namespace

void Sha256::Free::operator()(evp_md_ctx_st* context) const noexcept {
  EVP_MD_CTX_free(context);
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  require(context_ != nullptr && EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
}

void Sha256::update(Bytes bytes) {
  require(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1);
}

std::string Sha256::hex() const {
  const std::unique_ptr<evp_md_ctx_st, Free> finishing(EVP_MD_CTX_new());
  std::array<std::uint8_t, 32> sum{};
  require(finishing != nullptr && EVP_MD_CTX_copy_ex(finishing.get(), context_.get()) == 1);
  require(EVP_DigestFinal_ex(finishing.get(), sum.data(), nullptr) == 1);
  std::string text;
  for (const std::uint8_t octet : sum) {
    text += "0123456789abcdef"[octet >> 4];
    text += "0123456789abcdef"[octet & 15];
  }
  return text;
}

std::string sha256_hex(Bytes bytes) {
  Sha256 sha256;
  sha256.update(bytes);
  return sha256.hex();
}

}  // namespace unproxy

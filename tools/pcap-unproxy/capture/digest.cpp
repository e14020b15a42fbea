// SPDX-License-Identifier: GPL-2.0-or-later
// summary: SHA-256 by OpenSSL's EVP interface.
#include "capture/digest.hpp"

#include <openssl/evp.h>

#include <array>
#include <stdexcept>

namespace unproxy {
namespace {

void require(int outcome) {
  if (outcome != 1) throw std::runtime_error("OpenSSL cannot compute SHA-256");
}

}  // namespace

void Sha256::Free::operator()(evp_md_ctx_st* context) const noexcept {
  EVP_MD_CTX_free(context);
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  require(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr));
}

void Sha256::update(Bytes bytes) {
  require(EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()));
}

std::string Sha256::hex() const {
  const std::unique_ptr<evp_md_ctx_st, Free> finishing(EVP_MD_CTX_new());
  std::array<std::uint8_t, 32> sum{};
  require(EVP_MD_CTX_copy_ex(finishing.get(), context_.get()));
  require(EVP_DigestFinal_ex(finishing.get(), sum.data(), nullptr));
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

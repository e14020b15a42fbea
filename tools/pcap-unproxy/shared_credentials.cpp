// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the anomaly credentials-shared.
#include "shared_credentials.hpp"

namespace unproxy {

using proxytunnel::Bytes;

void SharedCredentials::ended(proxytunnel::Attempt& attempt) {
  const auto& [username, password] = attempt.credentials;
  if (!username || !password || attempt.status == proxytunnel::Status::auth_failed) return;
  // What is remembered must not be as long as what an attacker sends. Lengths tell where a part ends.
  std::string secret = attempt.proxy.text() + ' ' + std::to_string(username->size()) + ' ' + *username + *password;
  const std::string key = sha256_hex(Bytes(reinterpret_cast<const std::uint8_t*>(secret.data()), secret.size()));
  const auto known = uses_.find(key);
  if (known == uses_.end()) {
    if (uses_.size() < most) uses_.emplace(key, Use{attempt.client.address});
    return;
  }
  Use& use = known->second;
  use.is_shared |= use.client != attempt.client.address;
  if (use.is_shared) attempt.note("credentials-shared");
}

}  // namespace unproxy

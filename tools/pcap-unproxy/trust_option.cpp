// SPDX-License-Identifier: GPL-2.0-or-later
// summary: --trust-forwarded on the command line.
#include "trust_option.hpp"

#include <string>
#include <vector>

namespace unproxy {

void define_trust(CLI::App& app, proxytunnel::AddressSet& trusted) {
  const auto check = [](std::string& word) {
    const bool is_good = proxytunnel::AddressSet().add(word);
    return is_good ? std::string() : "'" + word + "' is no address and no network";
  };
  const auto take = [&trusted](const std::vector<std::string>& words) {
    for (const std::string& word : words) trusted.add(word);
  };
  app.add_option_function<std::vector<std::string>>(
         "--trust-forwarded", take,
         "believe what requests of these peers (reverse proxies, balancers) say of their clients in Forwarded and "
         "X-Forwarded-For: addresses, networks")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::Validator(check, ""))
      ->type_name("NETS");
}

}  // namespace unproxy

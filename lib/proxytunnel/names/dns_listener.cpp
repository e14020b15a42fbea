// SPDX-License-Identifier: GPL-2.0-or-later
// summary: puts DNS questions and answers together: an answer that nobody asked for is no evidence.
#include "names/dns_listener.hpp"

#include <utility>

namespace proxytunnel {

void DnsListener::hear(const Datagram& datagram, Bytes message, AddressBook& names) noexcept {
  auto question = read_dns_question(message);
  if (!question) return;
  const bool is_answer = is_dns_answer(message);
  const Endpoint& asker = is_answer ? datagram.receiver : datagram.sender;
  const Endpoint& server = is_answer ? datagram.sender : datagram.receiver;
  if (server.port != dns_port) return;
  const DnsExchange exchange{
      {asker.address.unmapped(), asker.port}, {server.address.unmapped(), server.port}, std::move(*question)};
  if (!is_answer) {
    asked_.set(exchange, {});
    const Early* early = early_.find(exchange);
    if (early != nullptr && datagram.frame.time <= early->time) {
      names.answer(early->answer.name, early->answer.addresses, asker.address);
      early_.erase(exchange);
    }
  } else {
    DnsAnswer answer = read_dns_answer(message, exchange.question);
    if (answer.addresses.empty()) return;
    if (asked_.find(exchange) != nullptr) {
      names.answer(answer.name, answer.addresses, asker.address);
    } else {
      names.unasked(answer.name, answer.addresses, asker.address);
      early_.set(exchange, {datagram.frame.time, std::move(answer)});
    }
  }
}

}  // namespace proxytunnel

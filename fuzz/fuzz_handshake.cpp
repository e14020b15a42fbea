// SPDX-License-Identifier: GPL-2.0-or-later
// summary: fuzzes detection and every handshake: no harm, an end, and the same steps however the bytes arrive.
//
// Input: options(1) seed(1) client_size(2) client bytes, server bytes. Options: 1 the server opens, 2 no SOCKS4,
// 4 no SOCKS5, 8 no HTTP CONNECT, 16 no HTTP forwarding, 32 no PROXY protocol, 64 no forwarded HTTP requests, 128 the
// client is believed. The seed chooses the order in which the
// streams grow, and how much of its bytes a server that opens said unheard.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "follower.hpp"

using namespace proxytunnel;

namespace {

struct Input {
  FollowOptions options;
  unsigned seed = 0;
  Bytes client, server;
};

Input parse(Bytes bytes) {
  Reader reader(bytes);
  const unsigned options = reader.u8();
  Input input;
  input.options.disabled = Families(options >> 1);
  input.options.is_believed = (options & 128U) != 0;
  input.seed = reader.u8();
  if ((options & 1U) != 0) {
    input.options.opener = Opener::server;
    input.options.preamble = input.seed / 4;
  }
  const std::size_t client_size = std::min<std::size_t>(reader.u16(), reader.rest().size());
  input.client = reader.take(client_size);
  input.server = reader.rest();
  return input;
}

void follow_cut(const Input& input, Follower& follower) {
  const std::size_t total = input.client.size() + input.server.size();
  const std::size_t piece = 1 + total / 512;  // long inputs would take seconds
  std::minstd_rand random(input.seed + 1);
  const unsigned client_share = input.seed % 5;  // 0: the server's bytes first, 4: the client's
  std::size_t client = 0, server = 0;
  follower.see({}, {});
  while (client < input.client.size() || server < input.server.size()) {
    const bool client_next =
        server == input.server.size() || (client < input.client.size() && random() % 4 < client_share);
    const Bytes& stream = client_next ? input.client : input.server;
    std::size_t& size = client_next ? client : server;
    size = std::min(size + piece, stream.size());
    follower.see(input.client.first(client), input.server.first(server));
  }
}

void print(const char* how, const Follower& follower) {
  std::fprintf(stderr, "%s:\n", how);
  for (const std::string& line : follower.lines()) std::fprintf(stderr, "  %s\n", line.c_str());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const Input input = parse({bytes, size});
  Follower whole(input.options), cut(input.options);
  whole.see(input.client, input.server);
  whole.finish();
  follow_cut(input, cut);
  cut.finish();
  if (whole.lines() != cut.lines()) {
    print("whole", whole);
    print("cut", cut);
    std::abort();
  }
  Follower one_sided(input.options);
  one_sided.see(input.client, {});
  one_sided.finish();
  return 0;
}

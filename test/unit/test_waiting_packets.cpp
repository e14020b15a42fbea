// SPDX-License-Identifier: GPL-2.0-or-later
// summary: packets that wait come out as they came in, however large they are and however many wait.
#include "waiting_packets.hpp"

#include <vector>

#include "unit.hpp"

namespace {

using unproxy::Bytes;
using unproxy::Packet;
using unproxy::WaitingPackets;

/// A packet whose bytes tell its number; they are gone when the next one is made.
class Source {
 public:
  const Packet& next(std::size_t size, std::size_t options) {
    ++packet_.number;
    bytes_.assign(size + options, static_cast<std::uint8_t>(packet_.number));
    packet_.data = Bytes(bytes_).first(size);
    packet_.options.bytes = Bytes(bytes_).subspan(size);
    packet_.time = static_cast<unproxy::Time>(packet_.number);
    return packet_;
  }

 private:
  Packet packet_;
  std::vector<std::uint8_t> bytes_;
};

// As many bytes of each size as a packet has, all of them its own.
void assert_whole(const Packet& packet, std::uint64_t number, std::size_t size, std::size_t options) {
  assert_int_equal(packet.number, number);
  assert_int_equal(packet.data.size(), size);
  assert_int_equal(packet.options.bytes.size(), options);
  for (const Bytes bytes : {packet.data, packet.options.bytes}) {
    for (const std::uint8_t byte : bytes) assert_int_equal(byte, static_cast<std::uint8_t>(number));
  }
}

// More than a block, less than one, nothing at all.
constexpr std::size_t sizes[] = {60, 1514, 0, 300'000, 65'000, 9000, 262'144, 1};
constexpr std::size_t options_of = 12;

std::size_t size_of(std::uint64_t number) {
  return sizes[number % std::size(sizes)];
}

void they_come_out_as_they_came_in(void**) {
  for (const std::size_t wait : {std::size_t{1}, std::size_t{2}, std::size_t{7}, std::size_t{100}}) {
    Source source;
    WaitingPackets waiting;
    std::uint64_t added = 0, taken = 0;
    std::size_t bytes = 0;
    const auto add = [&] {
      ++added;
      waiting.add(source.next(size_of(added), options_of));
      bytes += size_of(added) + options_of;
      assert_int_equal(waiting.newest().number, added);
    };
    const auto take = [&] {
      ++taken;
      assert_int_equal(waiting.oldest().number, taken);
      const Packet& packet = waiting.take();
      bytes -= size_of(taken) + options_of;
      assert_int_equal(waiting.bytes(), bytes);
      if (added < 400) add();  // while one is looked at
      assert_whole(packet, taken, size_of(taken), options_of);
    };
    while (added < wait) add();
    while (!waiting.empty()) take();
    assert_int_equal(taken, 400);
    assert_int_equal(waiting.bytes(), 0);
    add();  // and all begins again
    take();
    assert_true(waiting.empty() && waiting.size() == 0);
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {cmocka_unit_test(they_come_out_as_they_came_in)};
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}

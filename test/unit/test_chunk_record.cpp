// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the records in which decrypted streams come through a pipe: their layout, and that nothing else is read.
#include <limits>
#include <string>

#include "base/chunk_record.hpp"
#include "base/limits.hpp"
#include "unit.hpp"
#include "wire.hpp"

using namespace proxytunnel;

namespace {

Chunk example() {
  static const std::string payload = "payload";
  Chunk chunk;
  chunk.sender = wire::endpoint("10.0.0.5", 0x1234);
  chunk.receiver = wire::endpoint("192.0.2.7", 443);
  chunk.payload = bytes_of(payload);
  chunk.end = StreamEnd::fin;
  chunk.frame.number = 0x0102030405060708;
  chunk.parent = 0x11121314;
  chunk.layer = 2;
  return chunk;
}

void the_layout_is_as_described(void**) {
  const std::uint8_t expected[chunk_record_head] = {
      1,    2,    3, 4,    5, 6, 7, 8, 0x11, 0x12, 0x13, 0x14, 0, 0, 0, 2, 0, 0, 0, 7,  // frame, parent, layer, length
      0x12, 0x34, 1, 0xbb, 4, 1, 0, 0,                                                  // ports, version, end, zero
      10,   0,    0, 5,    0, 0, 0, 0, 0,    0,    0,    0,    0, 0, 0, 0,              // sender
      192,  0,    2, 7,    0, 0, 0, 0, 0,    0,    0,    0,    0, 0, 0, 0,              // receiver
  };
  const auto head = encode_chunk(example());
  assert_memory_equal(head.data(), expected, sizeof expected);
}

void assert_same(const Chunk& chunk) {
  const auto head = encode_chunk(chunk);
  const auto parsed = decode_chunk(head);
  assert_true(parsed.is_ok());
  assert_int_equal(parsed.size, chunk_record_head);
  assert_int_equal(parsed.value.size, chunk.payload.size());
  const Chunk& read = parsed.value.chunk;
  assert_true(read.sender == chunk.sender && read.receiver == chunk.receiver && read.end == chunk.end);
  assert_true(read.frame.number == chunk.frame.number && read.parent == chunk.parent && read.layer == chunk.layer);
  assert_true(read.payload.empty());
}

void what_is_written_is_read(void**) {
  Chunk chunk = example();
  assert_same(chunk);
  chunk.sender = wire::endpoint("2001:db8::5", 65535);
  chunk.receiver = wire::endpoint("::ffff:192.0.2.7", 0);
  chunk.parent = no_tunnel;
  chunk.layer = limits::layers;
  chunk.frame.number = std::numeric_limits<FrameNumber>::max();
  for (const StreamEnd end : {StreamEnd::open, StreamEnd::fin, StreamEnd::rst}) {
    chunk.end = end;
    assert_same(chunk);
  }
  const std::string longest(limits::chunk, 'x');
  chunk.payload = bytes_of(longest);
  assert_same(chunk);
  chunk.payload = {};
  assert_same(chunk);
}

void a_part_of_a_head_is_not_enough(void**) {
  const auto head = encode_chunk(example());
  for (std::size_t size = 0; size < head.size(); ++size) {
    assert_true(decode_chunk(Bytes(head).first(size)).result == ParseResult::need_more);
  }
}

void what_cannot_have_been_written_is_malformed(void**) {
  struct Damage {
    std::size_t at;
    std::uint8_t value;
  };
  for (const Damage damage :
       {Damage{24, 0}, {24, 5}, {24, 255}, {25, 3}, {25, 255}, {12, 1}, {15, 9}, {16, 1}, {17, 1}}) {
    auto head = encode_chunk(example());
    head[damage.at] = damage.value;
    assert_true(decode_chunk(head).result == ParseResult::malformed);
  }
  auto head = encode_chunk(example());
  put32(&head[16], limits::chunk + 1);
  assert_true(decode_chunk(head).result == ParseResult::malformed);
  put32(&head[16], limits::chunk);
  assert_true(decode_chunk(head).is_ok());
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_layout_is_as_described),
      cmocka_unit_test(what_is_written_is_read),
      cmocka_unit_test(a_part_of_a_head_is_not_enough),
      cmocka_unit_test(what_cannot_have_been_written_is_malformed),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}

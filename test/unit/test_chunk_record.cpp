// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the records in which decrypted streams come through a pipe: their layout, and that nothing else is read.
#include <limits>

#include "base/chunk_record.hpp"
#include "base/limits.hpp"
#include "unit.hpp"

using namespace proxytunnel;

namespace {

ChunkRecord example() {
  return {0x0102030405060708, 0x1112131415161718, 0x21222324, 7, Direction::from_server, StreamEnd::fin, true};
}

void the_layout_is_as_described(void**) {
  const std::uint8_t expected[chunk_record_head] = {
      1,    2,    3,    4,    5,    6,    7,    8,     // frame
      0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18,  // path
      0x21, 0x22, 0x23, 0x24, 0,    0,    0,    7,     // sequence, size
      1,    1,    1,    0,                             // direction, end, of a session, zero
  };
  const auto head = encode_chunk(example());
  assert_memory_equal(head.data(), expected, sizeof expected);
}

void assert_same(const ChunkRecord& record) {
  const auto parsed = decode_chunk(encode_chunk(record));
  assert_true(parsed.is_ok());
  assert_int_equal(parsed.size, chunk_record_head);
  assert_true(parsed.value == record);
}

void what_is_written_is_read(void**) {
  ChunkRecord record = example();
  assert_same(record);
  assert_same(ChunkRecord());
  record.frame = record.path = std::numeric_limits<std::uint64_t>::max();
  record.sequence = std::numeric_limits<std::uint32_t>::max();
  record.size = limits::chunk;
  for (const StreamEnd end : {StreamEnd::open, StreamEnd::fin, StreamEnd::rst}) {
    for (const Direction direction : {Direction::from_client, Direction::from_server}) {
      record.end = end;
      record.direction = direction;
      record.of_session = !record.of_session;
      assert_same(record);
    }
  }
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
       {Damage{20, 1}, {21, 1}, {24, 2}, {24, 255}, {25, 3}, {25, 255}, {26, 2}, {26, 255}, {27, 1}}) {
    auto head = encode_chunk(example());
    head[damage.at] = damage.value;
    assert_true(decode_chunk(head).result == ParseResult::malformed);
  }
  auto head = encode_chunk(example());
  put32(&head[20], limits::chunk + 1);
  assert_true(decode_chunk(head).result == ParseResult::malformed);
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

// SPDX-License-Identifier: GPL-2.0-or-later
// summary: large files: what is read ahead and written behind is what a small file would have.
#include <random>

#include "capture/digest.hpp"
#include "capture/output_file.hpp"
#include "capture/read_ahead.hpp"
#include "test_capture_files.hpp"
#include "unit.hpp"

using namespace capture_test;
using unproxy::InputWindow;
using unproxy::OutputFile;
using unproxy::ReadAhead;

namespace {

std::mt19937 chance(7);

std::string random_text(std::size_t size) {
  std::string text(size, 0);
  for (char& letter : text) letter = static_cast<char>(chance());
  return text;
}

std::size_t up_to(std::size_t most) {
  return std::uniform_int_distribution<std::size_t>(0, most)(chance);
}

// Small packets, and some that are larger than what goes in front of a block, and than a block.
std::vector<std::string> many_packets() {
  std::vector<std::string> packets;
  for (std::size_t bytes = 0; bytes < 12 * InputWindow::default_size; bytes += packets.back().size()) {
    const bool is_large = up_to(200) == 0;
    packets.push_back(random_text(is_large ? up_to(InputWindow::default_size) : up_to(1500)));
  }
  packets.push_back(random_text(InputWindow::default_size));
  packets.push_back(random_text(InputWindow::default_size));
  packets.push_back("the last one");
  return packets;
}

std::string pcap_of(const std::vector<std::string>& packets) {
  std::string file = pcap_header(ByteOrder::little, 0xa1b2c3d4);
  for (const std::string& packet : packets) {
    file += pcap_record(ByteOrder::little, 1, 2, packet, static_cast<std::uint32_t>(packet.size()));
  }
  return file;
}

void large_files_are_read(void**) {
  const Directory directory;
  const std::vector<std::string> packets = many_packets();
  const std::string file = pcap_of(packets);
  unproxy::InputHash hash;
  const auto reader = unproxy::open_capture(directory.file("a", file), &hash, nullptr);
  const Reading reading = read_all(*reader);
  assert_false(reading.damage.has_value());
  assert_int_equal(reading.packets.size(), packets.size());
  for (std::size_t i = 0; i < packets.size(); ++i) assert_true(reading.packets[i].bytes == packets[i]);
  assert_int_equal(reading.position, file.size());
  assert_int_equal(hash.bytes(), file.size());
  assert_string_equal(hash.hex().c_str(), unproxy::sha256_hex(proxytunnel::bytes_of(file)).c_str());
}

// Behind damage, too, all of the file is hashed.
void large_files_may_be_damaged(void**) {
  const Directory directory;
  const std::vector<std::string> packets = many_packets();
  const std::string good = pcap_of(packets);
  const std::string file = good + Builder().u32(1).u32(2).u32(0xffffffff).u32(0).bytes() + random_text(3'000'000);
  unproxy::InputHash hash;
  const auto reader = unproxy::open_capture(directory.file("a", file), &hash, nullptr);
  const Reading reading = read_all(*reader);
  assert_int_equal(reading.packets.size(), packets.size());
  assert_true(reading.damage.has_value());
  assert_int_equal(reading.damage->offset, good.size());
  assert_string_equal(hash.hex().c_str(), unproxy::sha256_hex(proxytunnel::bytes_of(file)).c_str());
}

// Who reads no further, or was stopped, waits for nobody.
void large_files_may_be_left(void**) {
  const Directory directory;
  const std::string path = directory.file("a", pcap_of(many_packets()));
  for (const std::size_t wanted : {std::size_t{1}, std::size_t{500}, std::size_t{1000}}) {
    unproxy::StopFlag stop = false;
    const auto reader = unproxy::open_capture(path, nullptr, &stop);
    for (std::size_t i = 0; i < wanted; ++i) assert_non_null(reader->next());
    stop = wanted == 1000;
    while (stop && reader->next() != nullptr) continue;
    assert_false(reader->damage().has_value());
  }
}

void blocks_come_in_order(void**) {
  const Directory directory;
  const std::string contents = random_text(1'000'001);
  unproxy::InputFile file(directory.file("a", contents), nullptr, nullptr);
  ReadAhead ahead(file, 1000);
  if (!ahead.is_started()) return print_message("skipped: there is one core\n");
  std::string read;
  for (ReadAhead::Block block; (block = ahead.next()).size > 0; ahead.give_back(std::move(block.room))) {
    read.append(reinterpret_cast<const char*>(&block.room[ReadAhead::headroom]), block.size);
  }
  assert_true(read == contents);
  assert_int_equal(ahead.next().size, 0);
}

// All that may be done with a file, in any order, with pieces of any size.
void large_files_are_written(void**) {
  const Directory directory;
  const std::string path = directory.path("a");
  std::string expected;
  OutputFile file(path);
  for (int i = 0; i < 3000; ++i) {
    const bool is_large = up_to(300) == 0;
    const std::string piece = random_text(is_large ? up_to(2 * OutputFile::default_size) : up_to(4000));
    if (up_to(1) == 0) {
      file.write(proxytunnel::bytes_of(piece));
    } else {
      std::copy(piece.begin(), piece.end(), file.extend(piece.size()));
    }
    expected += piece;
    assert_int_equal(file.size(), expected.size());
    if (up_to(500) == 0) file.flush();
    if (up_to(800) == 0) file.suspend();
    if (up_to(400) != 0) continue;
    expected.resize(expected.size() - up_to(std::min<std::size_t>(expected.size(), 600'000)));
    file.cut(expected.size());
  }
  assert_true(expected.size() > 12 * OutputFile::default_size);
  file.finish();
  assert_true(contents_of(path) == expected);
}

void large_files_may_be_given_up(void**) {
  const Directory directory;
  {
    OutputFile file(directory.path("a"));
    for (int i = 0; i < 3000; ++i) file.write(proxytunnel::bytes_of(random_text(1000)));
  }
  assert_int_equal(directory.entries(), 0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(large_files_are_read),    cmocka_unit_test(large_files_may_be_damaged),
      cmocka_unit_test(large_files_may_be_left), cmocka_unit_test(blocks_come_in_order),
      cmocka_unit_test(large_files_are_written), cmocka_unit_test(large_files_may_be_given_up),
  };
  return cmocka_run_group_tests_name("workers", tests, nullptr, nullptr);
}

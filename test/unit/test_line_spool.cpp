// SPDX-License-Identifier: GPL-2.0-or-later
// summary: lines come back as they were kept, from memory and from the file, in any order.
#include "line_spool.hpp"

#include <cstdlib>
#include <string>
#include <vector>

#include "capture/capture.hpp"
#include "test_capture_files.hpp"
#include "unit.hpp"

using capture_test::Directory;
using unproxy::LineSpool;

namespace {

// Of very different sizes; the longest ones fit neither the buffer nor what is read at once.
std::string line(std::size_t number) {
  const std::size_t size = number % 100 == 99 ? 300'000 + number : number * 7 % 5000;
  return std::to_string(number) + std::string(size, static_cast<char>('a' + number % 26));
}

void lines_come_back_in_any_order(void**) {
  const Directory directory;
  LineSpool spool(directory.path(""));
  std::vector<std::uint64_t> places;
  for (std::size_t i = 0; i < 1000; ++i) places.push_back(spool.add(line(i)));
  for (std::size_t i = 0; i < 1000; ++i) assert_true(spool.at(places[i]) == line(i));
  for (std::size_t i = 1000; i-- > 0;) assert_true(spool.at(places[i]) == line(i));
  for (std::size_t i = 0; i < 1000; ++i) assert_true(spool.at(places[i * 389 % 1000]) == line(i * 389 % 1000));
}

void lines_can_be_walked_through(void**) {
  const Directory directory;
  LineSpool spool(directory.path(""));
  for (std::size_t i = 0; i < 300; ++i) spool.add(line(i));
  std::size_t count = 0;
  for (std::uint64_t place = 0; place < spool.end(); place += spool.at(place).size() + 1) {
    assert_true(spool.at(place) == line(count++));
  }
  assert_int_equal(count, 300);
}

void what_is_cut_off_makes_room_for_other_lines(void**) {
  const Directory directory;
  for (const std::size_t kept : std::vector<std::size_t>{0, 1, 150, 299}) {  // in the file, and in memory
    LineSpool spool(directory.path(""));
    std::vector<std::uint64_t> places;
    for (std::size_t i = 0; i < 300; ++i) places.push_back(spool.add(line(i)));
    assert_true(spool.at(places[kept]) == line(kept));
    spool.cut(places[kept]);
    assert_int_equal(spool.end(), places[kept]);
    for (std::size_t i = kept; i < 300; ++i) places[i] = spool.add(line(i + 1));
    for (std::size_t i = 0; i < 300; ++i) assert_true(spool.at(places[i]) == line(i < kept ? i : i + 1));
  }
}

void the_file_has_no_name(void**) {
  const Directory directory;
  LineSpool spool(directory.path(""));
  for (std::size_t i = 0; i < 200; ++i) spool.add(line(i));
  assert_true(std::filesystem::is_empty(directory.path("")));
}

void a_failure_is_told_when_lines_are_read(void**) {
  const Directory directory;
  ::setenv("TMPDIR", directory.path("none").c_str(), 1);
  LineSpool spool(directory.path("neither"));
  const std::uint64_t first = spool.add(line(0));
  assert_true(spool.at(first) == line(0));  // no file is needed yet
  for (std::size_t i = 0; i < 200; ++i) spool.add(line(i));
  std::string told;
  try {
    static_cast<void>(spool.at(first));
  } catch (const unproxy::OutputError& error) {
    told = error.what();
  }
  ::unsetenv("TMPDIR");
  assert_true(told.find(directory.path("none")) != std::string::npos);
}

void another_directory_is_taken_where_there_is_none(void**) {
  const Directory directory;
  LineSpool spool(directory.path("none"));
  const std::uint64_t first = spool.add(line(0));
  for (std::size_t i = 0; i < 200; ++i) spool.add(line(i));
  assert_true(spool.at(first) == line(0));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(lines_come_back_in_any_order),
      cmocka_unit_test(lines_can_be_walked_through),
      cmocka_unit_test(what_is_cut_off_makes_room_for_other_lines),
      cmocka_unit_test(the_file_has_no_name),
      cmocka_unit_test(a_failure_is_told_when_lines_are_read),
      cmocka_unit_test(another_directory_is_taken_where_there_is_none),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}

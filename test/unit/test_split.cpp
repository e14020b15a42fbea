// SPDX-License-Identifier: GPL-2.0-or-later
// summary: --split: names of files that nobody can choose, files that are closed in between, and what each of them has.
#include <sys/resource.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "split.hpp"
#include "test_capture_files.hpp"
#include "unit.hpp"

using namespace capture_test;
using proxytunnel::Address;
using proxytunnel::bytes_of;
using unproxy::Bytes;
using unproxy::clean_part;
using unproxy::Format;
using unproxy::OutputError;
using unproxy::OutputFile;
using unproxy::Split;
using unproxy::SplitFiles;
using unproxy::SplitNames;
using unproxy::Time;

namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Names in a directory, its own and hidden ones.
std::vector<std::string> names_in(const std::string& path) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(path)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

void write_packet(SplitFiles& files, std::size_t file, Time time, const char* address, std::uint32_t interface = 0) {
  const std::array<Bytes, 1> pieces{bytes_of("0123456789")};
  const std::array<Address, 1> ends{Address::parse(address).value()};
  files.choose(file);
  files.packet(time, interface, pieces, 10, 1, "", ends);
}

Split at_most(std::size_t open) {
  Split split;
  split.by = unproxy::SplitBy::target;
  split.max_open_files = open;
  return split;
}

void parts_are_clean(void**) {
  assert_string_equal(clean_part("www.example.com_443", 99).c_str(), "www.example.com_443");
  assert_string_equal(clean_part("../../etc/passwd", 99).c_str(), "-.-..-etc-passwd");
  assert_string_equal(clean_part(".hidden", 99).c_str(), "-hidden");
  assert_string_equal(clean_part("2001:db8::1_80", 99).c_str(), "2001-db8--1_80");
  assert_string_equal(clean_part(std::string_view("a\0b\n\x1b[2J\xff*?", 11), 99).c_str(), "a-b---2J---");
  assert_string_equal(clean_part("abcdef", 3).c_str(), "abc");
  assert_string_equal(clean_part("", 3).c_str(), "");
}

void names_are_of_one_group(void**) {
  SplitNames names;
  assert_string_equal(names.begin_input("out/day.unproxied.pcapng").c_str(), "out/day.*.unproxied.pcapng");
  assert_string_equal(names.path_for("a b").c_str(), "out/day.a-b.unproxied.pcapng");
  assert_string_equal(names.path_for("a/b").c_str(), "out/day.a-b-2.unproxied.pcapng");
  assert_string_equal(names.path_for("a-b-3").c_str(), "out/day.a-b-3.unproxied.pcapng");
  assert_string_equal(names.path_for("a:b").c_str(), "out/day.a-b-4.unproxied.pcapng");
  // What an input is called may look like a group of another one.
  static_cast<void>(names.path_for("10.x"));
  names.begin_input("out/day.10.unproxied.pcapng");
  assert_string_equal(names.path_for("x").c_str(), "out/day.10.x-2.unproxied.pcapng");
  names.begin_input("out/.hid den.unproxied.pcap");
  assert_string_equal(names.path_for("x").c_str(), "out/-hid-den.x.unproxied.pcap");
}

void names_fit_a_file_system(void**) {
  const Directory directory;
  SplitNames names;
  names.begin_input(directory.path(std::string(255, 'n') + ".unproxied.pcapng"));
  for (int i = 0; i < 11; ++i) {
    const std::string path = names.path_for(std::string(500, 'g'));
    OutputFile file(path, 4);
    file.suspend();  // with a temporary name, which is longer
    file.finish();
  }
  assert_int_equal(directory.entries(), 11);
}

void each_file_is_complete(void**) {
  const Directory directory;
  SplitFiles files(Format::pcapng, {"pcap-unproxy", "1.2.3", "in.pcap"}, at_most(2));
  assert_int_equal(files.interface_for(1, 0, "eth0"), 0);
  assert_int_equal(files.interface_for(101, 0, "eth1"), 1);
  assert_int_equal(files.interface_for(1, 0, "eth0"), 0);
  files.secrets({0x544c534b, {'k'}});
  const std::array<std::size_t, 3> numbers = {files.add(directory.path("a")), files.add(directory.path("b")),
                                              files.add(directory.path("c"))};
  files.name({*Address::parse("192.0.2.1"), "one.example"});
  write_packet(files, numbers[0], 1, "192.0.2.1", 1);
  write_packet(files, numbers[1], 2, "192.0.2.2");
  write_packet(files, numbers[2], 3, "192.0.2.1");  // the first one is closed
  files.secrets({0x544c534b, {'l'}});
  write_packet(files, numbers[0], 4, "192.0.2.1", 0);  // and comes again
  files.name({*Address::parse("192.0.2.2"), "late.example"});
  files.name({*Address::parse("192.0.2.2"), "late.example"});
  const std::size_t never_used = files.add(directory.path("d"));
  assert_int_equal(never_used, 3);
  // Whatever is open, nothing has its name before all is complete.
  for (const std::string& name : names_in(directory.path("")))
    assert_true(name.size() == std::string("a.123456").size());
  files.finish();
  assert_true(names_in(directory.path("")) == (std::vector<std::string>{"a", "b", "c"}));

  const Reading a = read_file(directory.path("a")), b = read_file(directory.path("b"));
  const Reading c = read_file(directory.path("c"));
  assert_int_equal(a.packets.size(), 2);
  assert_int_equal(a.interfaces.size(), 2);
  assert_int_equal(a.interfaces[a.packets[0].interface].link_type, 101);
  assert_int_equal(a.interfaces[a.packets[1].interface].link_type, 1);
  assert_int_equal(a.secrets.size(), 2);
  assert_int_equal(a.names.size(), 1);
  assert_int_equal(b.packets.size(), 1);
  assert_int_equal(b.interfaces.size(), 1);
  assert_int_equal(b.secrets.size(), 1);
  assert_int_equal(b.names.size(), 1);
  assert_string_equal(b.names[0].name.c_str(), "late.example");
  assert_int_equal(c.packets.size(), 1);
  assert_int_equal(c.names.size(), 1);
  assert_string_equal(files.told().c_str(), ", 3 files");
}

void without_finish_there_is_nothing(void**) {
  const Directory directory;
  {
    SplitFiles files(Format::pcapng, {}, at_most(1));
    files.interface_for(1, 0, "");
    for (int i = 0; i < 5; ++i) {
      write_packet(files, files.add(directory.path(std::to_string(i))), i, "192.0.2.1");
    }
    assert_true(directory.entries() >= 4);
  }
  assert_int_equal(directory.entries(), 0);
}

void many_files_need_few_descriptors(void**) {
  const Directory directory;
  rlimit before{}, few{};
  assert_int_equal(::getrlimit(RLIMIT_NOFILE, &before), 0);
  few = {20, before.rlim_max};
  assert_int_equal(::setrlimit(RLIMIT_NOFILE, &few), 0);
  constexpr std::size_t count = 500;
  SplitFiles files(Format::pcap, {}, at_most(4));
  files.interface_for(101, 0, "");
  for (std::size_t i = 0; i < count; ++i) files.add(directory.path(std::to_string(i)));
  for (Time round = 0; round < 3; ++round) {
    for (std::size_t i = 0; i < count; ++i) write_packet(files, i, round, "192.0.2.1");
  }
  files.finish();
  assert_int_equal(::setrlimit(RLIMIT_NOFILE, &before), 0);
  assert_int_equal(directory.entries(), count);
  for (const char* const each : {"0", "250", "499"}) {
    const Reading reading = read_file(directory.path(each));
    assert_int_equal(reading.packets.size(), 3);
    assert_int_equal(reading.packets[2].time, 2);
  }
}

void more_open_files_than_there_may_be(void**) {
  const Directory directory;
  rlimit before{}, few{};
  assert_int_equal(::getrlimit(RLIMIT_NOFILE, &before), 0);
  few = {20, before.rlim_max};
  assert_int_equal(::setrlimit(RLIMIT_NOFILE, &few), 0);
  std::string words;
  try {
    SplitFiles files(Format::pcap, {}, at_most(100));
    files.interface_for(101, 0, "");
    for (std::size_t i = 0; i < 100; ++i) {
      write_packet(files, files.add(directory.path(std::to_string(i))), 1, "192.0.2.1");
    }
  } catch (const OutputError& error) {
    words = error.what();
  }
  assert_int_equal(::setrlimit(RLIMIT_NOFILE, &before), 0);
  assert_true(words.find("Too many open files; see --max-open-files") != std::string::npos);
  assert_int_equal(directory.entries(), 0);
}

void another_file_in_its_place_is_not_written(void**) {
  const Directory directory;
  const std::string victim = directory.file("victim", "old");
  {
    OutputFile file(directory.path("new"), 4);
    file.write(bytes_of("begun"));
    file.suspend();
    file.suspend();  // which it is
    for (const std::string& name : names_in(directory.path(""))) {
      if (name == "victim") continue;
      std::filesystem::remove(directory.path(name));
      std::filesystem::create_hard_link(victim, directory.path(name));
    }
    bool was_refused = false;
    try {
      file.write(bytes_of("more than fits"));
      file.flush();
    } catch (const OutputError&) {
      was_refused = true;
    }
    assert_true(was_refused);
  }
  assert_true(text_of(victim) == "old");
}

void an_input_is_not_overwritten(void**) {
  const Directory directory;
  Split split = at_most(4);
  split.inputs = {directory.file("in", "old")};
  SplitFiles files(Format::pcap, {}, split);
  files.interface_for(101, 0, "");
  bool was_refused = false;
  try {
    write_packet(files, files.add(directory.path("in")), 1, "192.0.2.1");
  } catch (const OutputError&) {
    was_refused = true;
  }
  assert_true(was_refused);
  assert_true(text_of(directory.path("in")) == "old");
}

// A name of one address costs each file no more than some.
void names_are_bounded(void**) {
  const Directory directory;
  SplitFiles files(Format::pcapng, {}, at_most(4));
  files.interface_for(101, 0, "");
  for (int i = 0; i < 70000; ++i) files.name({*Address::parse("192.0.2.1"), std::to_string(i)});
  write_packet(files, files.add(directory.path("a")), 1, "192.0.2.1");
  files.finish();
  const Reading reading = read_file(directory.path("a"));
  assert_int_equal(reading.names.size(), SplitFiles::most_names);
  assert_string_equal(reading.names.back().name.c_str(), "69999");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(parts_are_clean),
      cmocka_unit_test(names_are_of_one_group),
      cmocka_unit_test(names_fit_a_file_system),
      cmocka_unit_test(each_file_is_complete),
      cmocka_unit_test(without_finish_there_is_nothing),
      cmocka_unit_test(many_files_need_few_descriptors),
      cmocka_unit_test(more_open_files_than_there_may_be),
      cmocka_unit_test(another_file_in_its_place_is_not_written),
      cmocka_unit_test(an_input_is_not_overwritten),
      cmocka_unit_test(names_are_bounded),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}

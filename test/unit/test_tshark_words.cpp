// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what tshark is told: every option of ours that decides which tunnels there are, and no other.
//
// Structured bindings name every member of the options: whoever adds one has to say here which of the two it is.
#include <algorithm>
#include <filesystem>
#include <string>
#include <tuple>
#include <vector>

#include "tshark_words.hpp"
#include "unit.hpp"

using namespace unproxy;
using proxytunnel::Prefix;

namespace {

std::vector<std::string> words_of(const Options& options) {
  return tshark_words(options, "capture.pcapng");
}

/// Words that a change of the options changes.
template <class Change>
std::vector<std::string> changed_by(Change change) {
  Options options;
  const auto before = words_of(options);
  change(options);
  std::vector<std::string> changed;
  for (const std::string& word : words_of(options)) {
    if (std::find(before.begin(), before.end(), word) == before.end()) changed.push_back(word);
  }
  return changed;
}

void assert_one(const std::vector<std::string>& words, const std::string& expected) {
  assert_int_equal(words.size(), 1);
  assert_string_equal(words[0].c_str(), expected.c_str());
}

template <class Change>
void assert_handed_on(Change change, const std::string& expected) {
  assert_one(changed_by(change), expected);
}

template <class Change>
void assert_of_no_concern(Change change) {
  assert_true(changed_by(change).empty());
}

void what_decides_is_handed_on(void**) {
  assert_handed_on(
      [](Options& o) {
        auto& [disabled, proof, trusted, checksums, connections, layers, from_capture, four, six, accounts, remainders,
               id, seed] = o.tracker;
        proof = true;
        std::ignore = std::tie(disabled, trusted, checksums, connections, layers, from_capture, four, six, accounts,
                               remainders, id, seed);
      },
      "proxytunnel.forward_without_proof:TRUE");
  assert_handed_on([](Options& o) { o.tracker.trusted.add_all("10.0.0.1,fd00::/8"); },
                   "proxytunnel.trust_forwarded:10.0.0.1/32,fd00::/8");
  assert_handed_on([](Options& o) { o.tracker.connections = 17; }, "proxytunnel.connections:17");
  assert_handed_on([](Options& o) { o.tracker.layers = 3; }, "proxytunnel.layers:3");
  assert_handed_on([](Options& o) { o.tracker.names_from_capture = false; }, "proxytunnel.dns:FALSE");
  assert_handed_on([](Options& o) { o.tracker.synthetic4 = *Prefix::parse("10.99.0.0/16"); },
                   "proxytunnel.synthetic4:10.99.0.0/16");
  assert_handed_on([](Options& o) { o.tracker.synthetic6 = *Prefix::parse("fd00::/48"); },
                   "proxytunnel.synthetic6:fd00::/48");
}

void disabled_protocols_are_handed_on(void**) {
  for (const auto& family : proxytunnel::families) {
    assert_handed_on([&](Options& o) { o.tracker.disabled.add(family.family); },
                     "proxytunnel." + std::string(family.preference) + ":FALSE");
  }
}

void names_are_handed_on(void**) {
  const auto absolute = [](const char* path) { return std::filesystem::absolute(path).string(); };
  assert_handed_on(
      [](Options& o) {
        auto& [capture, live, hosts_files] = o.names;
        hosts_files = {"hosts", "more hosts"};
        std::ignore = std::tie(capture, live);
      },
      "proxytunnel.hosts_files:" + absolute("hosts") + "," + absolute("more hosts"));
  // tshark reads the whole capture. It finds more connections then, and what they bring is passed over; but it must not
  // know names of which we hear nothing.
  assert_handed_on([](Options& o) { o.filter = "tcp"; }, "proxytunnel.dns:FALSE");
  // `capture` is names_from_capture of the tracker. A live lookup only adds addresses: a server that it makes an origin
  // is one proxy less here, and pieces that are not taken up.
  assert_of_no_concern([](Options& o) { o.names.live = true; });
}

void keys_are_handed_on(void**) {
  assert_handed_on([](Options& o) { o.keylog = "keys"; },
                   "tls.keylog_file:" + std::filesystem::absolute("keys").string());
}

void nothing_else_is_handed_on(void**) {
  assert_of_no_concern([](Options& o) {
    auto& [inputs, folders, live, write, output_dir, report, list, logs, log_dir, log_json, hash, credentials, jobs,
           sequence, window, first_times, list_files, mode, handshakes, which_layers, format, link, ring, split, select,
           names, view, correlate, wan, skew, filter, engine, keylog, tshark, progress, verbosity, command, tracker] =
        o;
    inputs = {"a.pcap", "b.pcap"};
    folders = {{"a.pcap", "sub"}};
    write = output_dir = report = "out";
    list = List::csv;
    logs = {Log::zeek};
    log_dir = "logs";
    command = {"pcap-unproxy"};
    log_json = hash = credentials = sequence = list_files = correlate = true;
    first_times = {{"a.pcap", 1}};
    wan = {"wan.pcap"};
    skew = 1;
    view = View::wan;
    mode = Mode::replace;
    handshakes = Handshakes::drop;
    which_layers = Layers::leaf;
    format = Format::pcap;
    link = Link::raw;
    engine = Engine::tshark;
    tshark = "sudo tshark";
    progress = Progress::never;
    verbosity = Verbosity::quiet;
    live = LiveSource{"eth0"};
    window = Window{1, 2, 3, 4};
    ring.files = 3;
    split.by = SplitBy::client;
    select = std::get<proxytunnel::Expression>(proxytunnel::Expression::parse("id == 1"));
    std::ignore = std::tie(names, filter, keylog, tracker);  // looked at above
    tracker.checksums = proxytunnel::Checksums::compute;
    tracker.first_id = 5;
    tracker.hash_key = {5, 5};
  });
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(what_decides_is_handed_on), cmocka_unit_test(disabled_protocols_are_handed_on),
      cmocka_unit_test(names_are_handed_on),       cmocka_unit_test(keys_are_handed_on),
      cmocka_unit_test(nothing_else_is_handed_on),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}

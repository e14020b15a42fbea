// SPDX-License-Identifier: GPL-2.0-or-later
// summary: fuzzes the whole tool: any bytes as a file, through run() with a report, a list and an export, twice. The
//          exit code is a documented one, both runs write the same, and what they write can be read again.
//
// Input: byte 0: bit 0 only leaves, bit 1 pcap instead of pcapng, bit 2 checksums anew, bit 3 few connections, bit 4
// forwarding without proof, bit 5 a list as CSV, bit 6 the whole capture (and bit 0 without handshakes), bit 7 both
// legs (and bit 3 the view from outside, if neither bit 0 nor bit 6); then the file.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "capture/open.hpp"
#include "demand.hpp"
#include "exit_code.hpp"
#include "run.hpp"

using namespace unproxy;

namespace {

/// A folder that lives as long as the program; the list goes to standard output, which nobody reads.
class Folder {
 public:
  Folder() : path_((std::filesystem::temp_directory_path() / "fuzz_tool.XXXXXX").string()) {
    demand(::mkdtemp(path_.data()) != nullptr, "a folder");
    ::dup2(::open("/dev/null", O_WRONLY | O_CLOEXEC), STDOUT_FILENO);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code none;
    std::filesystem::remove_all(path_, none);
  }
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void check_export(const std::string& path, Mode mode) {
  const auto reader = open_capture(path);
  while (const Packet* packet = reader->next()) {
    demand(mode == Mode::replace || packet->data.size() >= 20, "packets with a header");
  }
  demand(!reader->damage(), "a capture without damage");
}

struct Written {
  int code;
  std::string capture, report;
  bool operator==(const Written&) const = default;
};

Written run_with(const Options& options) {
  std::filesystem::remove(options.write);
  std::filesystem::remove(options.report);
  const StopFlag stop{false};
  const int code = run(options, stop);
  demand(code == exit_code::done || code == exit_code::damaged || code == exit_code::unreadable_input, "an exit code");
  demand(std::filesystem::exists(options.write) == (code != exit_code::unreadable_input), "an export of what is read");
  return {code, content(options.write), content(options.report)};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const Folder folder;
  if (size == 0) return 0;
  const unsigned how = bytes[0];
  std::ofstream(folder / "input", std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes) + 1, static_cast<std::streamsize>(size - 1));
  Options options;
  options.inputs = {folder / "input"};
  options.write = folder / "output";
  options.report = folder / "report";
  options.list = (how & 32U) == 0 ? List::table : List::csv;
  options.engine = Engine::native;
  options.progress = Progress::never;
  options.verbosity = Verbosity::quiet;
  if ((how & 64U) != 0) {
    options.mode = Mode::replace;
    if ((how & 1U) != 0) options.handshakes = Handshakes::drop;
  } else {
    if ((how & 1U) != 0) options.layers = Layers::leaf;
    if ((how & 2U) != 0) options.format = Format::pcap;
  }
  options.correlate = (how & 128U) != 0;
  if ((how & (128U | 64U | 8U | 1U)) == (128U | 8U)) options.view = View::wan;
  if ((how & 4U) != 0) options.tracker.checksums = proxytunnel::Checksums::compute;
  if ((how & 8U) != 0) options.tracker.connections = 2;
  options.tracker.forward_without_proof = (how & 16U) != 0;
  if ((how & 16U) != 0) demand(options.tracker.trusted.add_all("0.0.0.0/1,fd00::/8"), "networks");

  const Written first = run_with(options);
  demand(nlohmann::json::accept(first.report), "a report that is JSON");
  if (first.code != exit_code::unreadable_input) check_export(options.write, options.mode);
  demand(run_with(options) == first, "the same input gives the same bytes");
  return 0;
}

// SPDX-License-Identifier: GPL-2.0-or-later
// summary: tells formats apart, and gives each input to the reader of its format.
#include "capture/open.hpp"

#include <sys/stat.h>

#include <cstring>
#include <string_view>

#include "capture/pcap_reader.hpp"
#include "capture/pcapng_reader.hpp"
#include "capture/spool.hpp"
#include "capture/wiretap_reader.hpp"

namespace unproxy {
namespace {

/// Of an input that was stopped before it brought a byte: nobody can say what it would have been.
class StoppedReader final : public CaptureReader {
 public:
  const Packet* next() override { return nullptr; }
  [[nodiscard]] const std::vector<Interface>& interfaces() const override { return interfaces_; }
  [[nodiscard]] const std::optional<Damage>& damage() const override { return damage_; }
  [[nodiscard]] std::uint64_t position() const override { return 0; }

 private:
  std::vector<Interface> interfaces_;
  std::optional<Damage> damage_;
};

/// Enough to tell pcap, its version and pcapng.
constexpr std::size_t magic_size = 12;

/// What people give by mistake, and what helps. It would be told as one of the odd formats that Wireshark opens.
struct Mistake {
  std::string_view magic;
  const char* advice;
};
constexpr Mistake mistakes[] = {
    {"\xfd"
     "7zXZ",
     " is compressed with xz: give it as xz -dc FILE | pcap-unproxy -"},
    {"BZh", " is compressed with bzip2: give it as bzip2 -dc FILE | pcap-unproxy -"},
    {"PK\x03\x04", " is a zip archive: unzip it, and name the capture files in it"},
    {"7z\xbc\xaf", " is a 7z archive: unpack it, and name the capture files in it"},
    {"Rar!", " is a RAR archive: unpack it, and name the capture files in it"},
    {"\x7f"
     "ELF",
     " is a program"},
};

void refuse_mistakes(const std::string& name, Bytes beginning) {
  const std::string_view text = proxytunnel::text_of(beginning);
  for (const Mistake& mistake : mistakes) {
    if (text.starts_with(mistake.magic)) throw CaptureError(name + mistake.advice);
  }
}

std::unique_ptr<CaptureReader> open_foreign(const std::string& path, InputWindow window, const StopFlag* stop) {
  const std::string name = window.file().name();
  if (path != "-" && window.file().is_regular()) {
    window.drain();
    return open_with_wiretap(path, name, FileDescriptor(), stop);
  }
  FileDescriptor file = spool(window);
  const std::string spooled = "/proc/self/fd/" + std::to_string(file.number());
  return open_with_wiretap(spooled, name, std::move(file), stop);
}

/// False if `path` leads nowhere.
bool status_of(const std::string& path, int standard_stream, struct stat& status) noexcept {
  return (path == "-" ? ::fstat(standard_stream, &status) : ::stat(path.c_str(), &status)) == 0;
}

}  // namespace

std::unique_ptr<CaptureReader> open_capture(const std::string& path, InputHash* hash, const StopFlag* stop,
                                            std::size_t window_size) {
  InputWindow window(std::make_unique<InputFile>(path, hash, stop), window_size);
  const Bytes beginning = window.peek(magic_size);
  const InputFile& file = window.file();
  if (file.error() != 0) throw CaptureError("cannot read " + file.name() + ": " + std::strerror(file.error()));
  if (beginning.empty() && file.is_stopped()) return std::make_unique<StoppedReader>();
  if (beginning.empty()) throw CaptureError(file.name() + " is empty");
  if (PcapReader::recognizes(beginning)) return std::make_unique<PcapReader>(std::move(window));
  if (PcapngReader::recognizes(beginning)) return std::make_unique<PcapngReader>(std::move(window));
  refuse_mistakes(file.name(), beginning);
  return open_foreign(path, std::move(window), stop);
}

bool same_file(const std::string& input, const std::string& output) noexcept {
  struct stat in {
  }, out{};
  if (!status_of(input, STDIN_FILENO, in) || !status_of(output, STDOUT_FILENO, out)) return false;
  return S_ISREG(in.st_mode) && in.st_dev == out.st_dev && in.st_ino == out.st_ino;
}

}  // namespace unproxy

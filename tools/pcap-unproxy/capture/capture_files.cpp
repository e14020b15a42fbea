// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what is written: one capture file, or a ring of them, each complete by itself.
#include "capture/capture_files.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <limits>

#include "capture/open.hpp"
#include "capture/pending_blocks.hpp"

namespace unproxy {
namespace {

/// Time stamps may be anything.
bool is_over(Time begun, Time duration, Time now) noexcept {
  return duration != 0 && begun <= std::numeric_limits<Time>::max() - duration && now >= begun + duration;
}

}  // namespace

std::string ring_name(const std::string& path, std::uint64_t number, Time begun) {
  constexpr std::uint64_t numbers = 100000;
  const auto seconds = static_cast<std::time_t>(begun / 1'000'000'000);
  std::tm local{};
  ::localtime_r(&seconds, &local);
  char time[32] = "", middle[48];
  std::strftime(time, sizeof time, "%Y%m%d%H%M%S", &local);
  std::snprintf(middle, sizeof middle, "_%05u_%s", static_cast<unsigned>(number % numbers), time);
  const std::size_t slash = path.rfind('/'), dot = path.rfind('.');
  const bool has_ending = dot != std::string::npos && (slash == std::string::npos || dot > slash);
  const std::size_t place = has_ending ? dot : path.size();
  return path.substr(0, place) + middle + path.substr(place);
}

CaptureFiles::CaptureFiles(std::string path, Format format, WriterIdentity identity, Ring ring)
    : path_(std::move(path)), format_(format), identity_(std::move(identity)), ring_(std::move(ring)) {
  if (!ring_.is_on()) file_.emplace(path_, format_, identity_);
}

std::uint32_t CaptureFiles::interface_for(std::uint32_t link_type, std::uint32_t snap_length, std::string_view name) {
  if (!ring_.is_on()) return file_->interface_for(link_type, snap_length, name);
  const auto known = std::find_if(interfaces_.begin(), interfaces_.end(), [&](const OutputInterface& interface) {
    return !interface.is_added && interface.interface.link_type == link_type && interface.interface.name == name;
  });
  const auto number = static_cast<std::uint32_t>(known - interfaces_.begin());
  if (known == interfaces_.end()) {
    interfaces_.push_back({{link_type, snap_length, std::string(name)}, false});
    if (file_) file_->interface_for(link_type, snap_length, name);
  }
  return number;
}

std::uint32_t CaptureFiles::add_interface(const Interface& interface) {
  if (!ring_.is_on()) return file_->add_interface(interface);
  if (format_ == Format::pcap) return interface_for(interface.link_type, interface.snap_length, interface.name);
  interfaces_.push_back({interface, true});
  if (file_) file_->add_interface(interface);
  return static_cast<std::uint32_t>(interfaces_.size() - 1);
}

std::optional<std::uint32_t> CaptureFiles::single_link_type() const noexcept {
  if (!ring_.is_on()) return file_->single_link_type();
  if (format_ == Format::pcapng || interfaces_.empty()) return std::nullopt;
  return interfaces_.front().interface.link_type;
}

void CaptureFiles::packet(Time time, std::uint32_t interface, std::span<const Bytes> pieces, std::uint32_t wire_length,
                          FrameNumber source_frame, std::string_view comment, std::span<const Address> ends) {
  begin_packet(time, ends);
  file_->packet(time, interface, pieces, wire_length, source_frame, comment);
  if (is_full()) end();
}

void CaptureFiles::captured(const Packet& packet, std::uint32_t interface, std::span<const std::uint8_t> options,
                            std::span<const Address> ends) {
  begin_packet(packet.time, ends);
  file_->captured(packet, interface, options);
  if (is_full()) end();
}

void CaptureFiles::begin_packet(Time time, std::span<const Address> ends) {
  if (!ring_.is_on()) return;
  if (file_ && is_over(begun_, ring_.duration, time)) end();
  if (!file_) begin(time);
  for (const Address& address : ends) write_names_of(address);
  ++packets_;
}

bool CaptureFiles::is_full() const {
  return (ring_.packets != 0 && packets_ >= ring_.packets) || (ring_.bytes != 0 && file_->size() >= ring_.bytes);
}

void CaptureFiles::name(const NameRecord& record) {
  if (!names_.add(record.address, record.name.substr(0, CaptureWriter::longest_name))) return;
  if (!ring_.is_on() || (file_ && named_.contains(record.address))) file_->names({&record, 1});
}

/// Those so far; for a name that comes later see name().
void CaptureFiles::write_names_of(const Address& address) {
  if (!named_.insert(address).second) return;
  for (const std::string& name : names_.of(address)) {
    const NameRecord record = {address, name};
    file_->names({&record, 1});
  }
}

void CaptureFiles::secrets(const Secrets& secrets) {
  if (file_) file_->secrets(secrets);
  if (!ring_.is_on()) return;
  const std::size_t size = secrets.data.size() + sizeof(Secrets);
  if (size > PendingBlocks::most_secrets - secrets_size_) return;
  secrets_size_ += size;
  secrets_.push_back(secrets);
}

void CaptureFiles::begin(Time time) {
  begun_ = time;
  file_name_ = ring_name(path_, ++number_, time);
  for (const std::string& input : ring_.inputs) {
    if (!same_file(input, file_name_)) continue;
    throw OutputError("cannot write " + file_name_ + ": it is an input");
  }
  file_.emplace(file_name_, format_, identity_);
  packets_ = 0;
  named_.clear();
  for (const auto& [interface, is_added] : interfaces_) {
    if (is_added) {
      file_->add_interface(interface);
    } else {
      file_->interface_for(interface.link_type, interface.snap_length, interface.name);
    }
  }
  for (const Secrets& secrets : secrets_) file_->secrets(secrets);
}

void CaptureFiles::end() {
  if (const auto statistics = statistics_()) file_->statistics(0, *statistics);
  file_->finish();
  file_.reset();
  if (!ring_.is_on()) return;
  kept_.push_back(file_name_);
  if (ring_.files == 0 || kept_.size() <= ring_.files) return;
  if (::unlink(kept_.front().c_str()) != 0 && errno != ENOENT) {
    throw OutputError("cannot remove " + kept_.front() + ": " + std::strerror(errno));
  }
  kept_.pop_front();
}

void CaptureFiles::idle(Time now) {
  if (!file_) return;
  file_->flush();
  if (is_over(begun_, ring_.duration, now)) end();
}

std::string CaptureFiles::told() const {
  if (!ring_.is_on()) return "";
  std::string text = ", as " + std::to_string(files()) + (files() == 1 ? " file" : " files");
  if (kept().size() < files()) text += ", of which " + std::to_string(kept().size()) + " are kept";
  return text + "; the last one is " + kept().back();
}

void CaptureFiles::finish() {
  if (!file_ && number_ == 0) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    begin(std::chrono::duration_cast<std::chrono::nanoseconds>(now).count());
  }
  if (file_) end();
}

}  // namespace unproxy

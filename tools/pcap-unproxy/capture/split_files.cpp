// SPDX-License-Identifier: GPL-2.0-or-later
// summary: many files that are written at once, of which few are open.
#include "capture/split_files.hpp"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/limits.hpp"
#include "capture/open.hpp"
#include "capture/pending_blocks.hpp"

namespace unproxy {

SplitFiles::SplitFiles(Format format, WriterIdentity identity, Split split)
    : format_(format), identity_(std::move(identity)), split_(std::move(split)) {}

std::size_t SplitFiles::add(std::string path) {
  files_.emplace_back().path = std::move(path);
  return files_.size() - 1;
}

void SplitFiles::create(File& file) const {
  std::error_code none;
  if (std::filesystem::exists(file.path, none)) {
    for (const std::string& input : split_.inputs) {
      if (same_file(input, file.path)) throw OutputError("cannot write " + file.path + ": it is an input");
    }
  }
  file.writer = std::make_unique<CaptureWriter>(file.path, format_, identity_, buffer_size);
}

// What was written least lately makes room.
CaptureWriter& SplitFiles::opened(std::size_t number) {
  File& file = files_[number];
  if (file.open) {
    open_.splice(open_.begin(), open_, *file.open);
    return *file.writer;
  }
  while (open_.size() >= split_.max_open_files) {
    File& idle = files_[open_.back()];
    idle.writer->suspend();
    idle.open.reset();
    open_.pop_back();
  }
  if (!file.writer) create(file);
  open_.push_front(number);
  file.open = open_.begin();
  return *file.writer;
}

std::uint32_t SplitFiles::interface_for(std::uint32_t link_type, std::uint32_t snap_length, std::string_view name) {
  const auto known = std::find_if(interfaces_.begin(), interfaces_.end(), [&](const OutputInterface& interface) {
    return interface.link_type == link_type && interface.name == name;
  });
  const auto number = static_cast<std::uint32_t>(known - interfaces_.begin());
  if (known == interfaces_.end()) interfaces_.push_back({link_type, snap_length, std::string(name)});
  return number;
}

std::optional<std::uint32_t> SplitFiles::single_link_type() const noexcept {
  if (format_ == Format::pcapng || interfaces_.empty()) return std::nullopt;
  return interfaces_.front().link_type;
}

// Of many interfaces a file has those that it needs.
std::uint32_t SplitFiles::interface_in(File& file, std::uint32_t interface) {
  if (!file.latest || file.latest->first != interface) {
    const OutputInterface& model = interfaces_[interface];
    file.latest = {interface, file.writer->interface_for(model.link_type, model.snap_length, model.name)};
  }
  return file.latest->second;
}

void SplitFiles::write_secrets(File& file) {
  bool lacks_some = false;
  for (; file.secrets < secrets_.size(); ++file.secrets) {
    const Secrets& secrets = secrets_[file.secrets];
    lacks_some |= secrets.data.size() > most_copied - copied_;
    if (secrets.data.size() > most_copied - copied_) continue;
    copied_ += secrets.data.size();
    file.writer->secrets(secrets);
  }
  not_copied_ += lacks_some ? 1 : 0;
}

void SplitFiles::packet(Time time, std::uint32_t interface, std::span<const Bytes> pieces, std::uint32_t wire_length,
                        FrameNumber source_frame, std::string_view comment, std::span<const Address> ends) {
  CaptureWriter& writer = opened(chosen_);
  File& file = files_[chosen_];
  const std::uint32_t number = interface_in(file, interface);
  write_secrets(file);
  for (const Address& address : ends) {
    if (file.named.size() >= most_addresses && !file.named.contains(address)) file.named.clear();
    write_names(writer, address, file.named[address]);
  }
  writer.packet(time, number, pieces, wire_length, source_frame, comment);
}

void SplitFiles::name(const NameRecord& record) {
  const std::string name = record.name.substr(0, CaptureWriter::longest_name);
  if (const auto found = names_.find(record.address); found != names_.end() && found->second.known.contains(name)) {
    return;
  }
  if (name_count_ == proxytunnel::limits::names) {
    names_.clear();
    name_count_ = 0;
    ++generation_;
  }
  Names& names = names_[record.address];
  names.in_order.push_back(&*names.known.insert(name).first);
  ++name_count_;
}

bool SplitFiles::lacks_names(const Address& address, const Named& named) const {
  const auto found = names_.find(address);
  if (found == names_.end()) return false;
  return named.generation != generation_ || named.written < found->second.in_order.size();
}

void SplitFiles::write_names(CaptureWriter& writer, const Address& address, Named& named) {
  if (!lacks_names(address, named)) return;
  if (named.generation != generation_) named = {generation_, 0};
  const auto& all = names_.find(address)->second.in_order;
  std::size_t next = std::max<std::size_t>(named.written, all.size() - std::min(all.size(), most_names));
  for (; next < all.size(); ++next) {
    const NameRecord record = {address, *all[next]};
    writer.names({&record, 1});
  }
  named.written = static_cast<std::uint32_t>(all.size());
}

void SplitFiles::secrets(const Secrets& secrets) {
  const std::size_t size = secrets.data.size() + sizeof(Secrets);
  if (size > PendingBlocks::most_secrets - secrets_size_) return;
  secrets_size_ += size;
  secrets_.push_back(secrets);
}

void SplitFiles::idle(Time) {
  for (const std::size_t number : open_) files_[number].writer->flush();
}

void SplitFiles::finish() {
  const auto statistics = statistics_();
  for (std::size_t number = 0; number < files_.size(); ++number) {
    File& file = files_[number];
    if (!file.writer) continue;
    for (auto& [address, named] : file.named) {
      if (lacks_names(address, named)) write_names(opened(number), address, named);
    }
    if (statistics) {
      opened(number);
      file.writer->statistics(interface_in(file, 0), *statistics);
    }
  }
  for (const File& file : files_) {
    if (file.writer) file.writer->suspend();
  }
  for (const File& file : files_) {
    if (file.writer) file.writer->finish();
  }
}

std::string SplitFiles::told() const {
  const auto count =
      std::count_if(files_.begin(), files_.end(), [](const File& file) { return file.writer != nullptr; });
  std::string text = ", " + std::to_string(count) + (count == 1 ? " file" : " files");
  if (not_copied_ != 0) text += ", some of which lack decryption secrets, of which there would be too many copies";
  return text;
}

}  // namespace unproxy

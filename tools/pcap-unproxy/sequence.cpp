// SPDX-License-Identifier: GPL-2.0-or-later
// summary: --sequence: a capture that was cut into files, as a ring buffer leaves it, is read as one.
#include "sequence.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <iterator>
#include <limits>
#include <string_view>
#include <utility>

#include "capture/open.hpp"
#include "file_summary.hpp"

namespace unproxy {
namespace {

bool is_stopped(const StopFlag* stop) {
  return stop != nullptr && *stop;
}

bool is_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// A name as dumpcap gives it to a file of a ring: NAME_NUMBER_DATE.ENDING.
struct RingName {
  std::string name;
  std::uint64_t number;
};

std::optional<RingName> ring_name_of(const std::string& path) {
  constexpr std::size_t date_digits = 14, least_digits = 5;
  const std::string file = std::filesystem::path(path).filename();
  const std::string_view stem = std::string_view(file).substr(0, file.find('.', file.rfind('_')));
  const std::size_t before_date = stem.rfind('_');
  if (before_date == std::string_view::npos || before_date == 0) return std::nullopt;
  const std::size_t before_number = stem.rfind('_', before_date - 1);
  if (before_number == std::string_view::npos) return std::nullopt;
  const std::string_view date = stem.substr(before_date + 1);
  const std::string_view digits = stem.substr(before_number + 1, before_date - before_number - 1);
  const bool is_of_ring = date.size() == date_digits && is_number(date) && digits.size() >= least_digits;
  RingName found{std::string(stem.substr(0, before_number)), 0};
  if (!is_of_ring || !is_number(digits)) return std::nullopt;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), found.number);
  if (read.ec != std::errc()) return std::nullopt;
  return found;
}

/// dumpcap writes the packets of several interfaces in batches: the first packet of a file may be older than that of
/// the file before it.
constexpr Time most_disorder = 2'000'000'000;
/// Enough to find the first packet.
constexpr std::size_t window_of_a_look = std::size_t{1} << 16;
/// Of all files together.
constexpr std::size_t most_interfaces = std::size_t{1} << 16;

// Hostile time stamps may be further apart than Time can tell.
Time elapsed(Time from, Time to) {
  Time time = 0;
  if (!__builtin_sub_overflow(to, from, &time)) return time;
  return to < from ? std::numeric_limits<Time>::min() : std::numeric_limits<Time>::max();
}

/// A file's place: its time, then its place in a ring or on the command line.
struct Place {
  Time time;
  std::uint64_t number;
  std::size_t file;
  auto operator<=>(const Place&) const = default;
};

// Places of the files of a ring, if the numbers in their names are in the order of their times, or nearly so.
bool are_in_order_of_numbers(std::vector<Place>& ring) {
  std::sort(ring.begin(), ring.end(), [](const Place& a, const Place& b) { return a.number < b.number; });
  for (std::size_t i = 1; i < ring.size(); ++i) {
    if (ring[i].number == ring[i - 1].number || elapsed(ring[i].time, ring[i - 1].time) > most_disorder) return false;
    ring[i].time = std::max(ring[i].time, ring[i - 1].time);
  }
  return true;
}

std::vector<SequenceFile> in_order(std::vector<SequenceFile> files) {
  std::vector<Place> places;
  std::map<std::string, std::vector<Place>> rings;
  Time time = std::numeric_limits<Time>::min();
  for (std::size_t i = 0; i < files.size(); ++i) {
    // Where it is unknown, that of the one before it is as good as any.
    time = files[i].first_time.value_or(time);
    places.push_back({time, i, i});
    if (const auto name = ring_name_of(files[i].path)) rings[name->name].push_back({time, name->number, i});
  }
  for (auto& [name, ring] : rings) {
    if (!are_in_order_of_numbers(ring)) continue;
    for (const Place& place : ring) places[place.file] = place;
  }
  std::sort(places.begin(), places.end());
  std::vector<SequenceFile> sorted;
  sorted.reserve(places.size());
  for (const Place& place : places) sorted.push_back(std::move(files[place.file]));
  return sorted;
}

template <class Item>
void move_behind(std::vector<Item> from, std::vector<Item>& to) {
  std::move(from.begin(), from.end(), std::back_inserter(to));
}

}  // namespace

std::uint64_t files_missing_between(const std::string& one, const std::string& next) {
  const auto before = ring_name_of(one), behind = ring_name_of(next);
  if (!before || !behind || before->name != behind->name || behind->number <= before->number) return 0;
  return behind->number - before->number - 1;
}

std::vector<SequenceFile> in_order_of_time(const std::vector<std::string>& paths,
                                           const std::map<std::string, Time>& known, const StopFlag* stop) {
  std::vector<SequenceFile> files;
  files.reserve(paths.size());
  for (const std::string& path : paths) {
    SequenceFile& file = files.emplace_back(SequenceFile{path, std::nullopt, {}, std::nullopt});
    if (const auto found = known.find(path); found != known.end()) {
      file.first_time = found->second;
      continue;
    }
    file.state.emplace(path);
    try {
      const auto reader = open_capture(path, nullptr, stop, window_of_a_look);
      if (const Packet* first = reader->next()) file.first_time = first->time;
    } catch (const CaptureError& error) {
      file.unreadable = error.what();
    }
  }
  return in_order(std::move(files));
}

SequenceReader::SequenceReader(std::vector<SequenceFile> files, const std::optional<Window>& window, Hash hash,
                               const StopFlag* stop)
    : files_(std::move(files)),
      window_(window),
      hash_(hash),
      stop_(stop),
      opened_(window ? window->begin() : 0),
      end_(window ? window->end(files_.size()) : files_.size()) {
  for (const SequenceFile& file : files_) {
    proxytunnel::InputSummary& summary = summaries_.emplace_back();
    summary.file = file.path;
    summary.unreadable = file.unreadable;
  }
}

const Packet* SequenceReader::next() {
  while (reader_ != nullptr || open_next()) {
    const Packet* packet = reader_->next();
    if (packet != nullptr && take_interfaces()) {
      note(*packet);
      return &packet_;
    }
    close();
  }
  return nullptr;
}

// False when there is no other.
bool SequenceReader::open_next() {
  while (opened_ < end_ && !is_stopped(stop_)) {
    SequenceFile& file = files_[opened_];
    proxytunnel::InputSummary& summary = summaries_[opened_];
    const bool is_hashed = hash_ == Hash::yes && (!window_ || window_->has_file(opened_));
    ++opened_;
    if (!file.unreadable.empty()) continue;
    if (!file.state) file.state.emplace(file.path);
    try {
      digest_ = is_hashed ? std::make_unique<InputHash>() : nullptr;
      reader_ = open_capture(file.path, digest_.get(), stop_);
      numbers_.clear();
      taken_.clear();
      return true;
    } catch (const CaptureError& error) {  // a ring goes on, and takes away its oldest files
      summary.unreadable = error.what();
    }
  }
  return false;
}

void SequenceReader::close() {
  take_side_blocks();
  proxytunnel::InputSummary& summary = summaries_[opened_ - 1];
  note_file(summary, *reader_, digest_.get(), is_stopped(stop_), *files_[opened_ - 1].state);
  const DroppedBlocks dropped = reader_->dropped_blocks();
  dropped_.names += dropped.names;
  dropped_.secrets += dropped.secrets;
  position_ += reader_->position();
  path_before_ = summary.file;
  reader_.reset();
}

void SequenceReader::note(const Packet& packet) {
  proxytunnel::InputSummary& summary = summaries_[opened_ - 1];
  packet_ = packet;
  packet_.interface = numbers_[packet.interface];
  packet_.number = proxytunnel::frame_of_file(opened_ - 1, packet.number);
  if (!summary.first_time) {
    summary.first_time = packet.time;
    if (latest_) {
      summary.gap = {elapsed(*latest_, packet.time), files_missing_between(path_before_, summary.file)};
    }
  }
  summary.last_time = packet.time;
  summary.packets = packet.number;
  latest_ = std::max(packet.time, latest_.value_or(packet.time));
}

// Files of one capture have the same interfaces: the second one of a kind is the second of its kind in each file. False
// if there are too many, which ends the file.
bool SequenceReader::take_interfaces() {
  const std::vector<Interface>& own = reader_->interfaces();
  while (numbers_.size() < own.size()) {
    const Interface& next = own[numbers_.size()];
    const Kind kind(next.link_type, next.snap_length, next.name, next.clock.units_per_second,
                    next.clock.nanoseconds_per_unit, next.clock.offset_seconds, next.options);
    std::vector<std::uint32_t>& alike = kinds_[kind];
    const std::size_t place = taken_[&alike]++;
    if (place == alike.size()) {
      if (interfaces_.size() == most_interfaces) {
        summaries_[opened_ - 1].damaged = "from here on: more interfaces than can be real";
        return false;
      }
      alike.push_back(static_cast<std::uint32_t>(interfaces_.size()));
      interfaces_.push_back(next);
    }
    numbers_.push_back(alike[place]);
  }
  return true;
}

void SequenceReader::take_side_blocks() {
  move_behind(reader_->take_names(), names_);
  move_behind(reader_->take_secrets(), secrets_);
}

bool SequenceReader::has_several_interfaces() const {
  return interfaces_.size() > 1 || (reader_ != nullptr && reader_->has_several_interfaces());
}

std::vector<NameRecord> SequenceReader::take_names() {
  if (reader_ != nullptr) take_side_blocks();
  return std::exchange(names_, {});
}

std::vector<Secrets> SequenceReader::take_secrets() {
  if (reader_ != nullptr) take_side_blocks();
  return std::exchange(secrets_, {});
}

DroppedBlocks SequenceReader::dropped_blocks() const {
  DroppedBlocks all = dropped_;
  if (reader_ == nullptr) return all;
  const DroppedBlocks own = reader_->dropped_blocks();
  return {all.names + own.names, all.secrets + own.secrets};
}

std::uint64_t SequenceReader::position() const {
  return position_ + (reader_ == nullptr ? 0 : reader_->position());
}

}  // namespace unproxy

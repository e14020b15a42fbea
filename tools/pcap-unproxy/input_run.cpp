// SPDX-License-Identifier: GPL-2.0-or-later
// summary: one input on its way through the program: decryption, the core, its output, what is told of it.
#include "input_run.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <set>

#include "capture/open.hpp"
#include "capture/spool.hpp"
#include "correlation/correlation.hpp"
#include "correlation/leg_pass.hpp"
#include "correlation/tell_legs.hpp"
#include "decryption.hpp"
#include "exit_code.hpp"
#include "exporter.hpp"
#include "file_summary.hpp"
#include "progress.hpp"
#include "proxy_survey.hpp"
#include "report/text.hpp"
#include "selection.hpp"
#include "sequence.hpp"
#include "split.hpp"
#include "window_told.hpp"

namespace unproxy {

using proxytunnel::DecryptionStatus;
using proxytunnel::DecryptionSummary;
using proxytunnel::InputSummary;

namespace {

/// Conn.log has rows for legs, and --view wan their packets.
bool needs_leg_pass(const Options& options) {
  return needs_correlation(options) && (options.logs.contains(Log::zeek) || options.view == View::wan);
}

/// Between two files of a sequence, without a word.
constexpr proxytunnel::Time longest_quiet = 1'000'000'000;

}  // namespace

class InputRun::Work {
 public:
  Work(const Options& options, const StopFlag& stop) : options_(options), stop_(stop), correlator_(options, stop) {}

  InputResult operator()(std::size_t index, LineSink& lines) {
    result_ = InputResult();
    result_.inputs.emplace_back().file = options_.inputs[index];
    lines_ = &lines;
    result_.is_done = guarded([this, index] { export_input(index); });
    if (options_.window) forget_other_files(*options_.window, result_.inputs);
    return std::move(result_);
  }

 private:
  void raise_exit_code(int code) { result_.exit_code = std::max(result_.exit_code, code); }

  /// False if the action failed; why was told.
  template <class Action>
  bool guarded(Action action) {
    try {
      action();
      return true;
    } catch (const OutputError& error) {
      complain(error.what());
      raise_exit_code(exit_code::unwritable_output);
    } catch (const UsageError& error) {
      complain(error.what());
      raise_exit_code(exit_code::usage);
    } catch (const CaptureError& error) {
      complain(error.what());
      raise_exit_code(exit_code::unreadable_input);
      if (!options_.sequence) summary().unreadable = error.what();
    }
    return false;
  }

  /// Of the input or, of a sequence, of its first file.
  [[nodiscard]] InputSummary& summary() { return result_.inputs.front(); }
  [[nodiscard]] std::string name() const {
    const std::size_t more = options_.sequence ? options_.inputs.size() - 1 : 0;
    std::string name = result_.inputs.front().file;
    if (more != 0) name += " and " + std::to_string(more) + (more == 1 ? " more file" : " more files");
    if (options_.window) name += " (" + options_.window->text() + ")";
    return name;
  }

  [[nodiscard]] std::string output_of(const std::string& input) const {
    if (!options_.write.empty()) return options_.write;
    return options_.output_dir.empty() ? std::string() : output_name(options_, input);
  }

  void export_input(std::size_t index) {
    const std::string& input = options_.inputs[index];
    const FileState state(input);
    std::string path = input;
    const StopFlag* stop = &stop_;
    std::optional<SpooledInput> spooled;
    Surveyed surveyed;
    ProxyConnections proxies;
    WanLegs legs;
    const bool may_decrypt = options_.engine == Engine::tshark || !options_.keylog.empty();
    const bool reads_twice = needs_survey(options_) || needs_correlation(options_);
    if (!options_.sequence && (reads_twice || may_decrypt)) {
      spooled.emplace(input, stop);
      path = spooled->path();
      // Whoever stops a pipe wants what came through it until then.
      if (spooled->is_copy() && stop_) stop = nullptr;
    }
    const bool decrypts = wants_decryption(input, path, stop);
    if (options_.sequence) begin_sequence(stop);
    if (needs_correlation(options_)) {
      LegSurvey found = correlator_.survey();
      survey(path, stop, decrypts, found);
      legs = correlator_.correlate(found, index);
      tell_legs({legs, correlator_.sources(), name(), index}, options_, *lines_);
    }
    if (needs_survey(options_)) {
      Survey found(options_, index, legs);
      survey(path, stop, decrypts, found, legs.origins());
      surveyed = found.take();
    }
    if (options_.handshakes == Handshakes::drop) {
      ProxySurvey found;
      survey(path, stop, decrypts, found);
      proxies = found.take();
    }
    const auto decryption = decrypts ? start_decryption(path, stop) : nullptr;

    InputHash hash;
    auto reader =
        with_progress(open_input(path, options_.hash ? &hash : nullptr, stop), name(), size_of_input(path), options_);
    std::unique_ptr<VirtualWriter> writer;
    std::string output = output_of(input);
    if (options_.split.is_on()) output = split_names_.begin_input(output);
    Session session(options_, options_.mode);
    session.know_origins(legs.origins());
    if (!output.empty() && options_.view == View::lan) writer = open_output(output, input, *reader);
    std::optional<Replacer> replacer;
    if (options_.mode == Mode::replace) {
      writer->keep_interfaces();
      replacer.emplace(*writer, std::move(proxies));
    }
    Exporter exporter(options_, index, writer.get(), replacer ? &*replacer : nullptr, std::move(surveyed), legs,
                      *lines_);
    if (options_.live) begin_live(*reader, writer.get());
    if (replacer) begin_replacing(*reader, *writer, session, exporter);
    session.run(*reader, decryption.get(), exporter);
    if (decryption) {
      end_decryption(*decryption, session, *reader);
    } else if (exporter.has_seen_keys()) {
      note_unused_keys();
    }
    if (replacer) replacer->finish();
    if (needs_leg_pass(options_)) writer = take_legs(legs, path, stop, output, exporter);
    if (writer) writer->finish();
    note_counters(session);
    if (sequence_ != nullptr) {
      result_.inputs = sequence_->summaries();
    } else {
      note_input(session.summary(), *reader, hash, state);
    }
    if (options_.window) note_window(session);
    for (const InputSummary& each : result_.inputs) tell_of_file(each);
    if (const auto statistics = reader->live_statistics()) note_statistics(*statistics);
    if (writer) result_.counters.files->packets_written += writer->packets();
    result_.attempts = exporter.attempts();
    tell(session, writer.get(), output, exporter);
    if (replacer && replacer->let_go() != 0) {
      tell_words(std::to_string(replacer->let_go()) +
                 " packets went out as they were, since it took too long to know what becomes of them");
    }
  }

  [[nodiscard]] std::unique_ptr<CaptureReader> open_input(const std::string& path, InputHash* hash,
                                                          const StopFlag* stop) {
    if (options_.sequence) {
      const auto hashes = hash != nullptr ? SequenceReader::Hash::yes : SequenceReader::Hash::no;
      auto reader = std::make_unique<SequenceReader>(files_, options_.window, hashes, stop);
      sequence_ = reader.get();
      return reader;
    }
    if (!options_.live) return open_capture(path, hash, stop);
    auto reader = std::make_unique<LiveReader>(*options_.live, options_.filter, stop);
    summary().file = reader->interfaces().front().name;  // which the user may have given as a number
    return reader;
  }

  // It begins with the file that was begun first.
  void begin_sequence(const StopFlag* stop) {
    files_ = in_order_of_time(options_.inputs, options_.first_times, stop);
    result_.inputs.clear();
    for (const SequenceFile& file : files_) {
      InputSummary& of_file = result_.inputs.emplace_back();
      of_file.file = file.path;
      of_file.unreadable = file.unreadable;
    }
    const auto can_be_read = [](const SequenceFile& file) { return file.unreadable.empty(); };
    if (std::any_of(files_.begin(), files_.end(), can_be_read)) return;
    for (const SequenceFile& file : files_) complain(file.unreadable);
    throw CaptureError("no file of the sequence can be read");
  }

  [[nodiscard]] std::uint64_t size_of_input(const std::string& path) const {
    if (options_.live) return 0;
    if (!options_.sequence) return size_of_file(path);
    std::uint64_t size = 0;
    const Window read = options_.window.value_or(Window{0, files_.size() - 1, {}, {}});
    for (std::size_t i = read.begin(); i < read.end(files_.size()); ++i) {
      if (files_[i].unreadable.empty()) size += size_of_file(files_[i].path);
    }
    return size;
  }

  // What comes is shown at once, as the reader of a pipe expects.
  void begin_live(CaptureReader& reader, VirtualWriter* writer) const {
    const Interface& interface = reader.interfaces().front();
    if (writer != nullptr) {
      writer->set_statistics([&reader] { return reader.live_statistics(); });
      reader.when_idle([writer](Time now) { writer->idle(now); });
    }
    tell_words("capturing on " + interface.name);
    using proxytunnel::Reason;
    if (proxytunnel::find_ip(interface.link_type, {}, 0).reason != Reason::unsupported_link_type) return;
    complain("nobody here knows the link type of " + interface.name + ", " + std::to_string(interface.link_type) +
             ": all of its packets will be passed over");
  }

  // What is known goes out before the reader waits.
  static void begin_replacing(CaptureReader& reader, VirtualWriter& writer, Session& session, Exporter& exporter) {
    reader.when_idle([&](Time now) {
      session.idle(now, exporter);
      writer.idle(now);
    });
  }

  // By itself only where there are keys, and that can be seen in a file before it is read.
  [[nodiscard]] bool wants_decryption(const std::string& input, const std::string& path, const StopFlag* stop) const {
    if (options_.engine == Engine::native || options_.live || options_.sequence) return false;
    if (options_.engine == Engine::tshark) return true;
    if (!options_.keylog.empty()) {
      tell_words(input + ": tshark reads what TLS carries, with the keys of " + options_.keylog);
      return true;
    }
    std::error_code none;
    if (!std::filesystem::is_regular_file(path, none) || !has_secrets(path, stop)) return false;
    tell_words(input + ": it has decryption secrets: tshark reads what TLS carries");
    return true;
  }

  [[nodiscard]] std::unique_ptr<Decryption> start_decryption(const std::string& path, const StopFlag* stop) {
    auto& told = summary().decryption;
    if (!lacks_tshark_) {
      try {
        auto decryption = std::make_unique<Decryption>(options_, path, stop);
        told.emplace();
        return decryption;
      } catch (const DecryptionError& error) {
        lacks_tshark_ = error.what();
        if (options_.engine != Engine::tshark) complain(*lacks_tshark_ + "; going on without");
      }
    }
    told = DecryptionSummary{DecryptionStatus::unavailable, *lacks_tshark_};
    if (options_.engine == Engine::tshark) throw CaptureError(*lacks_tshark_);
    return nullptr;
  }

  // Whether all came that tshark had to give, and found its place.
  void end_decryption(Decryption& decryption, const Session& session, const CaptureReader& reader) {
    std::string complaint = stop_ ? "interrupted" : decryption.complaint();
    // A damaged capture is damaged for tshark, too, and is told of below; so is an interruption.
    const bool is_told = stop_ || (!complaint.empty() && reader.damage());
    if (const std::uint64_t lost = session.unmatched(); complaint.empty() && lost != 0) {
      complaint = std::to_string(lost) + " decrypted pieces of sessions with proxies are left out: what carries them " +
                  "was not found here" + (options_.filter.empty() ? "" : ", perhaps since --filter cuts it");
    }
    if (complaint.empty()) return;
    summary().decryption = DecryptionSummary{DecryptionStatus::incomplete, complaint};
    if (is_told) return;
    complain(summary().file + ": " + complaint);
    raise_exit_code(exit_code::damaged);
  }

  // Secrets that came through a pipe, or behind the first packet.
  void note_unused_keys() {
    if (summary().decryption || options_.engine != Engine::automatic) return;
    if (options_.sequence) {
      tell_words(name() +
                 ": there are decryption secrets, for which tshark would have to read one file: mergecap makes "
                 "one, see --engine tshark");
      return;
    }
    const std::string reason = "it has decryption secrets where they are not looked for; see --engine tshark";
    summary().decryption = DecryptionSummary{DecryptionStatus::unavailable, reason};
    tell_words(summary().file + ": " + reason);
  }

  [[nodiscard]] std::unique_ptr<CaptureReader> open_again(const std::string& path, const StopFlag* stop) const {
    if (options_.sequence) {
      return std::make_unique<SequenceReader>(files_, options_.window, SequenceReader::Hash::no, stop);
    }
    return open_capture(path, nullptr, stop);
  }

  void survey(const std::string& path, const StopFlag* stop, bool decrypts, Sink& sink,
              proxytunnel::KnownOrigins origins = {}) {
    const auto reader = open_again(path, stop);
    const auto decryption = decrypts ? start_decryption(path, stop) : nullptr;
    Session session(options_);
    session.know_origins(std::move(origins));
    session.run(*reader, decryption.get(), sink);
  }

  // Behind the tunnels: their other legs, of each capture that has some.
  std::unique_ptr<VirtualWriter> take_legs(const WanLegs& legs, const std::string& input, const StopFlag* stop,
                                           const std::string& output, Exporter& exporter) {
    std::unique_ptr<VirtualWriter> view;
    for (std::size_t source = options_.correlate ? 0 : 1; source <= options_.wan.size(); ++source) {
      const std::string& path = source == 0 ? input : options_.wan[source - 1];
      const auto reader = source == 0 ? open_again(path, stop) : open_capture(path, nullptr, stop);
      if (options_.view == View::wan) view = open_output(output, path, *reader);
      LegPass pass(legs, source, options_, view.get());
      Session(options_).run(*reader, nullptr, pass);
      pass.each([&exporter](const auto& leg, const auto& account) { exporter.leg(leg, account); });
    }
    return view;
  }

  void tell_words(const std::string& words) const {
    if (options_.verbosity != Verbosity::quiet) complain(words);
  }

  [[nodiscard]] std::unique_ptr<VirtualWriter> open_output(const std::string& output, const std::string& input,
                                                           const CaptureReader& reader) {
    if (!options_.output_dir.empty()) make_directory(std::filesystem::path(output).parent_path().string());
    const std::string captured = options_.live || options_.sequence ? name()
                                 : input == "-"                     ? "standard input"
                                                                    : file_name(input);
    const std::string contents = options_.mode == Mode::replace
                                     ? captured + ", with the payload of proxied connections in virtual conversations"
                                     : "virtual conversations of " + captured;
    auto writer =
        options_.split.is_on()
            ? std::make_unique<VirtualWriter>(split_names_, options_.split, options_.format, options_.link, contents)
            : std::make_unique<VirtualWriter>(output, options_.format, options_.link, contents, options_.ring);
    writer->set_interfaces(reader.interfaces());
    if (options_.sequence) writer->set_files(names_of_files());
    return writer;
  }

  static std::string file_name(const std::string& path) { return std::filesystem::path(path).filename().string(); }

  // As short as tells them apart.
  [[nodiscard]] std::vector<std::string> names_of_files() const {
    std::vector<std::string> names, paths;
    for (const SequenceFile& file : files_) {
      paths.push_back(proxytunnel::printable(file.path));
      names.push_back(proxytunnel::printable(file_name(file.path)));
    }
    return std::set(names.begin(), names.end()).size() == names.size() ? names : paths;
  }

  void note_input(const SessionSummary& read, const CaptureReader& reader, const InputHash& hash,
                  const FileState& state) {
    InputSummary& input = summary();
    input.packets = read.packets;
    input.first_time = read.first_time;
    input.last_time = read.last_time;
    if (!options_.live) {
      note_file(input, reader, options_.hash ? &hash : nullptr, stop_, state);
      return;
    }
    input.bytes = reader.position();
    if (const auto& damage = reader.damage()) input.damaged = damage->message;
  }

  void tell_of_file(const InputSummary& file) {
    if (!file.damaged.empty()) {
      complain(file.file + ": " + file.damaged);
      raise_exit_code(exit_code::damaged);
    }
    if (!file.unreadable.empty()) {
      complain(file.unreadable + "; the sequence goes on behind it");
      raise_exit_code(exit_code::unreadable_input);
    }
    if (file.gap && file.gap->missing != 0) {
      tell_words(file.file + ": by its name, " + std::to_string(file.gap->missing) +
                 (file.gap->missing == 1 ? " file is" : " files are") + " missing before it");
    }
    if (file.gap && (file.gap->time < 0 || file.gap->time > longest_quiet)) {
      const double seconds = std::abs(static_cast<double>(file.gap->time)) / 1e9;
      char text[64];
      std::snprintf(text, sizeof text, "%.3f seconds %s", seconds, file.gap->time < 0 ? "before" : "after");
      tell_words(file.file + ": its first packet is " + text + " the latest one of the files before it");
    }
  }

  void note_window(const Session& session) {
    forget_other_files(*options_.window, result_.inputs);
    const bool goes_on = stop_ || options_.window->end(files_.size()) < files_.size();
    result_.window = summary_of(*options_.window, session, goes_on);
  }

  void note_counters(const Session& session) {
    const SessionSummary& read = session.summary();
    result_.counters.files->packets_read += read.packets;
    result_.counters.connections += session.counters().connections;
    result_.counters.tunnels += session.counters().tunnels;
    result_.counters.dropped_connections += session.counters().dropped_connections;
    result_.counters.gave_way += session.counters().gave_way;
    result_.counters.names_dropped += read.dropped.names;
    result_.counters.files->secrets_dropped += read.dropped.secrets;
    for (const auto& [reason, count] : read.passed_over) result_.counters.files->packets_passed_over[reason] += count;
  }

  void note_statistics(const LiveStatistics& statistics) {
    const auto [begun, now, received, dropped, dropped_by_interface] = statistics;
    summary().live = {received, dropped, dropped_by_interface};
    const std::string& name = summary().file;
    tell_words(name + ": " + std::to_string(received) + " packets received by the filter, " + std::to_string(dropped) +
               " dropped by the kernel, " + std::to_string(dropped_by_interface) + " dropped by the interface");
    if (dropped == 0 && dropped_by_interface == 0) return;
    tell_words(name +
               ": packets are missing: tunnels may have holes, and some may not have been seen at all; a larger " +
               "buffer (-B MIB) and a narrower --filter help");
  }

  void tell(const Session& session, const VirtualWriter* writer, const std::string& output,
            const Exporter& exporter) const {
    if (options_.verbosity == Verbosity::quiet) return;
    const auto attempts = exporter.attempts();
    const auto opened = session.counters().tunnels;
    std::string words = name() + ": " + std::to_string(session.summary().packets) + " packets, " +
                        (opened == 0 ? "no tunnel" : std::to_string(opened) + (opened == 1 ? " tunnel" : " tunnels")) +
                        " opened";
    if (attempts > opened) words += ", " + std::to_string(attempts - opened) + " attempts failed";
    if (options_.select) words += "; " + std::to_string(exporter.chosen()) + " of them selected";
    if (writer != nullptr) {
      words += "; " + std::to_string(writer->virtual_packets()) + " virtual packets ";
      if (options_.mode == Mode::replace) words += "among " + std::to_string(writer->packets()) + " ";
      words += "in " + output;
    }
    if (writer != nullptr) words += writer->told();
    if (writer != nullptr && options_.format == Format::pcap) {
      words += ", without names and comments (which packets are synthetic), for which pcap has no room";
    }
    complain(words);
    if (session.counters().gave_way != 0) {
      complain(std::to_string(session.counters().gave_way) +
               " connections were given up before they were decided, since others needed the room");
    }
    if (session.counters().dropped_connections != 0) {
      complain(std::to_string(session.counters().dropped_connections) +
               " idle connections were dropped; see --max-connections");
    }
    const DroppedBlocks& dropped = session.summary().dropped;
    if (dropped.names != 0) {
      complain(std::to_string(dropped.names) + " names were left out or forgotten: origins may be synthetic for that");
    }
    if (dropped.secrets != 0) {
      complain(std::to_string(dropped.secrets) + " blocks of decryption secrets were left out: there are too many");
    }
    if (result_.window) {
      for (const std::string& warning : warnings_of(*result_.window)) complain(warning);
    }
    if (options_.verbosity != Verbosity::verbose) return;
    for (const auto& [reason, count] : session.summary().passed_over) {
      complain("passed over: " + std::to_string(count) + " packets, " + reason);
    }
  }

  const Options& options_;
  const StopFlag& stop_;
  Correlator correlator_;
  LineSink* lines_ = nullptr;
  InputResult result_;
  std::vector<SequenceFile> files_;           ///< of a sequence
  const SequenceReader* sequence_ = nullptr;  ///< that is read
  SplitNames split_names_;                    ///< of all inputs
  std::optional<std::string> lacks_tshark_;   ///< found out, and told: why
};

InputRun::InputRun(const Options& options, const StopFlag& stop) : work_(std::make_unique<Work>(options, stop)) {}

InputRun::~InputRun() = default;

InputResult InputRun::operator()(std::size_t index, LineSink& lines) {
  return (*work_)(index, lines);
}

void complain(const std::string& words) {
  std::fprintf(stderr, "pcap-unproxy: %s\n", proxytunnel::printable(words).c_str());
}

}  // namespace unproxy

// SPDX-License-Identifier: GPL-2.0-or-later
// summary: the lines of an input, and what became of it, in a file between two processes of this program.
#include "records.hpp"

#include <unistd.h>

#include <nlohmann/json.hpp>
#include <vector>

namespace unproxy {
namespace {

using proxytunnel::DecryptionStatus;
using proxytunnel::InputSummary;
using Json = nlohmann::json;

constexpr std::uint8_t first_packet_kind = 254, result_kind = 255;

struct Head {
  proxytunnel::TunnelId id, parent;
  std::uint32_t numbers_at, size;
  std::uint8_t kind;
};

std::unique_ptr<std::FILE, CloseFile> opened(int file, const char* mode) {
  const int own = ::dup(file);
  std::unique_ptr<std::FILE, CloseFile> stream(own < 0 ? nullptr : ::fdopen(own, mode));
  if (stream == nullptr && own >= 0) ::close(own);
  if (stream != nullptr) std::rewind(stream.get());
  return stream;
}

template <class T>
Json optional_json(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

template <class T>
std::optional<T> optional_of(const Json& json) {
  return json.is_null() ? std::nullopt : std::optional(json.get<T>());
}

Json json_of(const InputSummary& input) {
  Json json = {{"file", input.file},
               {"sha256", input.sha256},
               {"packets", optional_json(input.packets)},
               {"bytes", optional_json(input.bytes)},
               {"first_time", optional_json(input.first_time)},
               {"last_time", optional_json(input.last_time)},
               {"damaged", input.damaged},
               {"unreadable", input.unreadable},
               {"decryption", nullptr}};
  if (input.decryption) json["decryption"] = {static_cast<int>(input.decryption->status), input.decryption->reason};
  return json;
}

InputSummary summary_of(const Json& json) {
  InputSummary input;
  input.file = json.at("file");
  input.sha256 = json.at("sha256");
  input.packets = optional_of<std::uint64_t>(json.at("packets"));
  input.bytes = optional_of<std::uint64_t>(json.at("bytes"));
  input.first_time = optional_of<proxytunnel::Time>(json.at("first_time"));
  input.last_time = optional_of<proxytunnel::Time>(json.at("last_time"));
  input.damaged = json.at("damaged");
  input.unreadable = json.at("unreadable");
  if (const Json& decryption = json.at("decryption"); !decryption.is_null()) {
    input.decryption.emplace();
    input.decryption->status = static_cast<DecryptionStatus>(decryption.at(0).get<int>());
    input.decryption->reason = decryption.at(1);
  }
  return input;
}

// Inputs side by side are no sequence: there is one of them.
Json json_of(const InputResult& result) {
  Json json = {{"input", json_of(result.inputs.front())},
               {"counters", Json::array()},
               {"passed_over", result.counters.files->packets_passed_over},
               {"attempts", result.attempts},
               {"exit_code", result.exit_code},
               {"is_done", result.is_done}};
  for (const std::uint64_t* count : counts_of(result.counters)) json["counters"].push_back(*count);
  return json;
}

InputResult result_of(const Json& json) {
  InputResult result;
  result.inputs.push_back(summary_of(json.at("input")));
  const auto counts = counts_of(result.counters);
  for (std::size_t i = 0; i < counts.size(); ++i) *counts[i] = json.at("counters").at(i);
  result.counters.files->packets_passed_over = json.at("passed_over").get<std::map<std::string, std::uint64_t>>();
  result.attempts = json.at("attempts");
  result.exit_code = json.at("exit_code");
  result.is_done = json.at("is_done");
  return result;
}

}  // namespace

RecordWriter::RecordWriter(int file) : file_(opened(file, "wb")) {}

void RecordWriter::put(std::uint8_t kind, const Line& line) {
  if (file_ == nullptr) return;
  const Head head{line.id, line.parent, line.numbers_at, static_cast<std::uint32_t>(line.text.size()), kind};
  std::fwrite(&head, sizeof head, 1, file_.get());
  std::fwrite(line.text.data(), 1, line.text.size(), file_.get());
}

void RecordWriter::begin(proxytunnel::Time first_packet) {
  const std::string text = std::to_string(first_packet);
  put(first_packet_kind, {Table::report, 0, 0, 0, text});
}

void RecordWriter::add(const Line& line) {
  put(static_cast<std::uint8_t>(line.table), line);
}

bool RecordWriter::finish(const InputResult& result) {
  const std::vector<std::uint8_t> packed = Json::to_cbor(json_of(result));
  put(result_kind, {Table::report, 0, 0, 0, {reinterpret_cast<const char*>(packed.data()), packed.size()}});
  return file_ != nullptr && std::fflush(file_.get()) == 0 && std::ferror(file_.get()) == 0;
}

std::optional<InputResult> read_records(int file, LineSink& lines) {
  const auto stream = opened(file, "rb");
  if (stream == nullptr) return std::nullopt;
  std::string text;
  for (Head head{}; std::fread(&head, sizeof head, 1, stream.get()) == 1;) {
    text.resize(head.size);
    if (std::fread(text.data(), 1, text.size(), stream.get()) != text.size()) break;
    if (head.kind == result_kind) return result_of(Json::from_cbor(text));
    if (head.kind == first_packet_kind) {
      lines.begin(std::stoll(text));
    } else {
      lines.add({static_cast<Table>(head.kind), head.id, head.parent, head.numbers_at, text});
    }
  }
  return std::nullopt;
}

}  // namespace unproxy

// SPDX-License-Identifier: GPL-2.0-or-later
// summary: libwiretap behind the CaptureReader interface.
#include "capture/wiretap_reader.hpp"

#include <wiretap/pcap-encap.h>
#include <wsutil/privileges.h>
#include <wsutil/wslog.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <unordered_map>
#include <utility>

#include "capture/packet_options.hpp"
#include "capture/pcapng_format.hpp"
#include "capture/pending_blocks.hpp"
#include "capture/wiretap_compat.hpp"

namespace unproxy {
namespace wiretap {
namespace {

thread_local SideBlocks* current_receiver = nullptr;

}  // namespace

void set_receiver(SideBlocks* blocks) noexcept {
  current_receiver = blocks;
}
SideBlocks* receiver() noexcept {
  return current_receiver;
}

}  // namespace wiretap

namespace {

struct CloseWiretap {
  void operator()(wtap* file) const noexcept { wtap_close(file); }
};
using WiretapFile = std::unique_ptr<wtap, CloseWiretap>;

/// The library's text for an error; frees `explanation`.
std::string reason_of(int error, char* explanation) {
  std::string reason = error > 0 ? std::strerror(error) : wtap_strerror(error);
  if (explanation != nullptr) reason += std::string(" (") + explanation + ")";
  g_free(explanation);
  return reason;
}

/// WTAP_ENCAP_ to LINKTYPE_: the library exports the other direction only.
using LinkTypes = std::unordered_map<int, std::uint32_t>;

LinkTypes make_link_types() {
  constexpr int link_types_assigned = 400;
  LinkTypes types;
  // 12 and 14 mean "raw IP" as well, depending on the system; 101 means it everywhere.
  types[wtap_pcap_encap_to_wtap_encap(linktype::raw)] = linktype::raw;
  for (int type = 0; type < link_types_assigned; ++type) {
    const int encapsulation = wtap_pcap_encap_to_wtap_encap(type);
    // What has a pseudo-header in the file has none in the record: those bytes are not of that link type any more.
    if (encapsulation == WTAP_ENCAP_UNKNOWN || wtap_encap_requires_phdr(encapsulation)) continue;
    types.emplace(encapsulation, static_cast<std::uint32_t>(type));
  }
  return types;
}

const LinkTypes& link_types() {
  static const LinkTypes types = make_link_types();
  return types;
}

std::uint32_t link_type_of(int encapsulation) {
  const auto found = link_types().find(encapsulation);
  return found == link_types().end() ? linktype::unknown : found->second;
}

/// Of a record: ERF records tell it themselves.
std::uint32_t link_type_of(const wtap_packet_header& header, Bytes data) {
  if (header.pkt_encap != WTAP_ENCAP_ERF) return link_type_of(header.pkt_encap);
  return proxytunnel::link_of_erf(header.pseudo_header.erf.phdr.type & 0x7fU, data).link_type;
}

void initialize_library() {
  static const bool initialized = [] {
    // What it logs about odd input reaches us as an error as well.
    ws_log_set_level(LOG_LEVEL_ERROR);
    init_process_policies();
    wtap_init(false);
    return true;
  }();
  static_cast<void>(initialized);
}

/// Times come in nanoseconds, whatever the file has: finer ones are cut.
Clock clock_of(const wtapng_if_descr_mandatory_t& description) {
  const std::uint64_t units = description.time_units_per_second;
  constexpr std::uint64_t billion = 1'000'000'000;
  if (units == 0 || billion % units != 0) return {};
  return {units, billion / units, 0};
}

/// For pcapng. What the library tells of an interface and of a packet is not in the file's own form any more.
std::vector<std::uint8_t> options_of_interface(wtap_block_t block, const Clock& clock) {
  std::vector<std::uint8_t> options;
  for (const auto& [code, in_file] : {std::pair(OPT_IDB_NAME, pcapng::option::interface_name),
                                      std::pair(OPT_IDB_DESCRIPTION, pcapng::option::interface_description)}) {
    char* text = nullptr;
    if (wtap_block_get_string_option_value(block, static_cast<unsigned>(code), &text) != WTAP_OPTTYPE_SUCCESS) continue;
    pcapng::add_option(in_file, proxytunnel::bytes_of(text), options);
  }
  std::uint8_t exponent = 0;
  for (std::uint64_t units = clock.units_per_second; units > 1; units /= 10) ++exponent;
  pcapng::add_option(pcapng::option::interface_time_resolution, {&exponent, 1}, options);
  return options;
}

std::vector<std::uint8_t> options_of_packet(wtap_block_t block) {
  std::vector<std::uint8_t> options;
  if (block == nullptr) return options;
  char* comment = nullptr;
  for (unsigned i = 0; wtap_block_get_nth_string_option_value(block, OPT_COMMENT, i, &comment) == WTAP_OPTTYPE_SUCCESS;
       ++i) {
    pcapng::add_option(pcapng::option::comment, proxytunnel::bytes_of(comment), options);
  }
  std::uint32_t flags = 0;
  if (wtap_block_get_uint32_option_value(block, OPT_PKT_FLAGS, &flags) == WTAP_OPTTYPE_SUCCESS) {
    std::array<std::uint8_t, 4> value{};
    store32(value.data(), flags);
    pcapng::add_option(pcapng::option::packet_flags, value, options);
  }
  return options;
}

class WiretapReader final : public CaptureReader, private wiretap::SideBlocks {
 public:
  WiretapReader(WiretapFile file, FileDescriptor spool, const StopFlag* stop)
      : spool_(std::move(spool)), file_(std::move(file)), stop_(stop) {
    wiretap::set_receiver(this);
    wiretap::install_callbacks(file_.get());
  }

  const Packet* next() override;
  [[nodiscard]] const std::vector<Interface>& interfaces() const override { return interfaces_; }
  [[nodiscard]] bool has_several_interfaces() const override {
    return interfaces_.size() > 1 || descriptions_.size() > 1;
  }
  std::vector<NameRecord> take_names() override { return pending_.take_names(); }
  std::vector<Secrets> take_secrets() override { return pending_.take_secrets(); }
  [[nodiscard]] DroppedBlocks dropped_blocks() const override { return pending_.dropped(); }
  [[nodiscard]] const std::optional<Damage>& damage() const override { return damage_; }
  [[nodiscard]] std::uint64_t position() const override {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(wtap_read_so_far(file_.get()), 0));
  }

 private:
  /// An interface as the file describes it; records refer to it by section and number.
  struct Description {
    std::uint32_t snap_length = 0;
    std::string name;
    Clock clock;
    std::vector<std::uint8_t> options;
  };

  bool read_record();
  void fetch_descriptions();
  std::uint32_t interface_of(const wtap_rec& record);
  void take_packet(const wtap_rec& record);
  void add_name(Bytes address, const char* name) override;
  void add_secrets(std::uint32_t type, Bytes secrets) override;

  FileDescriptor spool_;
  WiretapFile file_;
  const StopFlag* stop_;
  wiretap::Record record_;
  Packet packet_;
  std::vector<std::uint8_t> options_;  ///< of the packet
  std::uint64_t offset_ = 0;           ///< of the latest record
  bool ended_ = false;
  std::optional<Damage> damage_;
  std::vector<Interface> interfaces_;
  std::map<std::array<std::uint32_t, 3>, std::uint32_t> known_interfaces_;  ///< by section, number, link type
  std::vector<Description> descriptions_;
  std::uint32_t section_ = 0;
  std::size_t section_start_ = 0;  ///< the first description of the section
  PendingBlocks pending_;
};

const Packet* WiretapReader::next() {
  while (!ended_ && read_record()) {
    const wtap_rec& record = record_.header();
    ++packet_.number;
    if (record.rec_type != REC_TYPE_PACKET) continue;
    take_packet(record);
    return &packet_;
  }
  ended_ = true;
  return nullptr;
}

bool WiretapReader::read_record() {
  if (stop_ != nullptr && stop_->load()) return false;
  int error = 0;
  char* explanation = nullptr;
  std::int64_t offset = 0;
  wiretap::set_receiver(this);
  if (record_.read(file_.get(), &error, &explanation, &offset)) {
    offset_ = static_cast<std::uint64_t>(std::max<std::int64_t>(offset, 0));
    return true;
  }
  if (error == 0) return false;
  damage_ = Damage{offset_, "cut short or damaged behind packet " + std::to_string(packet_.number) + " at offset " +
                                std::to_string(offset_) + ": " + reason_of(error, explanation) +
                                "; what comes before it was read. Capture or copy the file again if you can."};
  return false;
}

void WiretapReader::take_packet(const wtap_rec& record) {
  const wtap_packet_header& header = record.rec_header.packet_header;
  packet_.interface = interface_of(record);
  packet_.time = 0;
  if ((record.presence_flags & WTAP_HAS_TS) != 0) {
    // Seconds beyond the year 2262 cannot be told in nanoseconds.
    constexpr std::int64_t last_second = 9'223'372'035;
    packet_.time =
        std::clamp<std::int64_t>(record.ts.secs, -last_second, last_second) * 1'000'000'000 + record.ts.nsecs;
  }
  packet_.data = {record_.bytes(), header.caplen};
  packet_.wire_length = std::max(header.len, header.caplen);
  options_ = options_of_packet(record.block);
  packet_.options.bytes = options_;
}

void WiretapReader::fetch_descriptions() {
  while (wtap_block_t block = wtap_get_next_interface_description(file_.get())) {
    const auto* const mandatory = static_cast<const wtapng_if_descr_mandatory_t*>(wtap_block_get_mandatory_data(block));
    char* name = nullptr;
    const bool named = wtap_block_get_string_option_value(block, OPT_IDB_NAME, &name) == WTAP_OPTTYPE_SUCCESS;
    const Clock clock = clock_of(*mandatory);
    descriptions_.push_back({mandatory->snap_len, named ? name : "", clock, options_of_interface(block, clock)});
  }
}

std::uint32_t WiretapReader::interface_of(const wtap_rec& record) {
  const wtap_packet_header& header = record.rec_header.packet_header;
  const bool numbered = (record.presence_flags & WTAP_HAS_INTERFACE_ID) != 0;
  const std::uint32_t section = (record.presence_flags & WTAP_HAS_SECTION_NUMBER) != 0 ? record.section_number : 0;
  const std::uint32_t number = numbered ? header.interface_id : 0;
  // A section describes its interfaces before its packets, so what was described behind the packets of the sections
  // before it is its own.
  if (section != section_) section_start_ = descriptions_.size();
  section_ = section;
  fetch_descriptions();
  const std::uint32_t link_type = link_type_of(header, {record_.bytes(), header.caplen});
  const auto [known, is_new] =
      known_interfaces_.try_emplace({section, number, link_type}, static_cast<std::uint32_t>(interfaces_.size()));
  if (is_new) {
    const std::size_t described = section_start_ + number;
    const Description description = described < descriptions_.size() ? descriptions_[described] : Description{};
    interfaces_.push_back(
        {link_type, description.snap_length, description.name, description.clock, description.options});
  }
  return known->second;
}

void WiretapReader::add_name(Bytes address, const char* name) {
  pending_.add_name(Address::from(address), name);
}

void WiretapReader::add_secrets(std::uint32_t type, Bytes secrets) {
  pending_.add_secrets(type, secrets);
}

}  // namespace

std::unique_ptr<CaptureReader> open_with_wiretap(const std::string& path, const std::string& name, FileDescriptor spool,
                                                 const StopFlag* stop) {
  initialize_library();
  int error = 0;
  char* explanation = nullptr;
  WiretapFile file(wtap_open_offline(path.c_str(), WTAP_TYPE_AUTO, &error, &explanation, false));
  if (file == nullptr && error == WTAP_ERR_FILE_UNKNOWN_FORMAT) {
    g_free(explanation);
    throw CaptureError(name + " is not a capture file of a known format: give a pcap or pcapng file, or one that " +
                       "Wireshark opens");
  }
  if (file == nullptr) throw CaptureError("cannot read " + name + ": " + reason_of(error, explanation));
  const int encapsulation = wtap_file_encap(file.get());
  // Wireshark opens pictures and logs, too: one record with the whole file, and nothing in it to decode.
  const bool tells_later = encapsulation == WTAP_ENCAP_PER_PACKET || encapsulation == WTAP_ENCAP_ERF;
  if (!tells_later && link_type_of(encapsulation) == linktype::unknown) {
    throw CaptureError(name + " holds no network packets: give a pcap or pcapng file, or one that Wireshark opens (" +
                       "it takes this one for " + wtap_encap_description(encapsulation) + ")");
  }
  return std::make_unique<WiretapReader>(std::move(file), std::move(spool), stop);
}

}  // namespace unproxy

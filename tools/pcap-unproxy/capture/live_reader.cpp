// SPDX-License-Identifier: GPL-2.0-or-later
// summary: captures packets from an interface, by libpcap.
#include "capture/live_reader.hpp"

#include <pcap/pcap.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>

#include "capture/interfaces.hpp"

namespace unproxy {
namespace {

using std::chrono::milliseconds;

constexpr int snap_length = 262144;
/// How long the kernel collects packets before it hands them over. Not libpcap's immediate mode: the kernel's buffer
/// has room for few packets then.
constexpr milliseconds collecting{100};
/// How long a stop may go unseen, and an interface that went away.
constexpr milliseconds longest_wait{100};
/// Where packets never stop, output must come out all the same.
constexpr Time between_idle = 500'000'000;
/// libpcap counts in 32 bits.
constexpr std::uint64_t packets_between_counts = 1U << 20;

Time time_now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

std::uint32_t link_type_of(int dlt) {
  return dlt == DLT_RAW ? linktype::raw : static_cast<std::uint32_t>(dlt);
}

// Lets a 64-bit counter follow one of 32 bits.
void follow(std::uint64_t& counter, std::uint32_t value) {
  counter += value - static_cast<std::uint32_t>(counter);
}

std::string advice_on_rights(const std::string& interface) {
  return "; capture as root, or give the program the right: sudo setcap cap_net_raw,cap_net_admin=ep "
         "\"$(command -v pcap-unproxy)\"; or let a program capture that has it: dumpcap -i " +
         interface + " -w - | pcap-unproxy - ...";
}

[[noreturn]] void refuse(pcap_t* handle, int status, const std::string& interface) {
  const std::string details = pcap_geterr(handle);
  const std::string why = pcap_statustostr(status) + (details.empty() ? "" : " (" + details + ")");
  if (status == PCAP_ERROR_PERM_DENIED || status == PCAP_ERROR_PROMISC_PERM_DENIED) {
    throw CaptureError("no right to capture on " + interface + ": " + why + advice_on_rights(interface));
  }
  if (status == PCAP_ERROR_NO_SUCH_DEVICE) {
    throw CaptureError("there is no interface " + interface + "; -D lists those that there are");
  }
  if (status == PCAP_ERROR_IFACE_NOT_UP) {
    throw CaptureError("the interface " + interface + " is down; ip link set " + interface + " up");
  }
  throw CaptureError("cannot capture on " + interface + ": " + why);
}

}  // namespace

void LiveReader::Close::operator()(pcap* handle) const noexcept {
  pcap_close(handle);
}

LiveReader::LiveReader(const LiveSource& source, const std::string& filter, const StopFlag* stop)
    : stop_(stop), most_packets_(source.packets) {
  activate(source);
  set_filter(filter);
  statistics_.begun = time_now();
  if (source.duration.count() != 0) end_ = Clock::now() + source.duration;
}

void LiveReader::activate(const LiveSource& source) {
  const std::string name = interface_named(source.interface);
  char complaint[PCAP_ERRBUF_SIZE] = "";
  handle_.reset(pcap_create(name.c_str(), complaint));
  if (!handle_) throw CaptureError("cannot capture on " + name + ": " + complaint);
  pcap_t* const handle = handle_.get();
  pcap_set_snaplen(handle, snap_length);
  // Which "any" does not know.
  pcap_set_promisc(handle, source.promiscuous && name != "any" ? 1 : 0);
  pcap_set_timeout(handle, static_cast<int>(collecting.count()));
  pcap_set_buffer_size(handle, static_cast<int>(source.buffer << 20));
  pcap_set_tstamp_precision(handle, PCAP_TSTAMP_PRECISION_NANO);  // or what there is
  const int status = pcap_activate(handle);
  if (status < 0) refuse(handle, status, name);
  if (pcap_setnonblock(handle, 1, complaint) != 0) throw CaptureError("cannot capture on " + name + ": " + complaint);
  nanoseconds_per_unit_ = pcap_get_tstamp_precision(handle) == PCAP_TSTAMP_PRECISION_NANO ? 1 : 1000;
  interfaces_.push_back({link_type_of(pcap_datalink(handle)), snap_length, name});
}

void LiveReader::set_filter(const std::string& filter) {
  if (filter.empty()) return;
  pcap_t* const handle = handle_.get();
  bpf_program program{};
  if (pcap_compile(handle, &program, filter.c_str(), 1, PCAP_NETMASK_UNKNOWN) != 0) {
    throw UsageError("--filter '" + filter + "': " + pcap_geterr(handle));
  }
  const int status = pcap_setfilter(handle, &program);
  pcap_freecode(&program);
  if (status != 0) throw CaptureError("--filter '" + filter + "': " + pcap_geterr(handle));
}

const Packet* LiveReader::next() {
  while (!ended_) {
    note_end();
    pcap_pkthdr* header = nullptr;
    const u_char* data = nullptr;
    errno = 0;
    int outcome = pcap_next_ex(handle_.get(), &header, &data);
    // What comes by netlink (nflog) has an error for nothing where others have none.
    if (outcome == PCAP_ERROR && (errno == EAGAIN || errno == EWOULDBLOCK)) outcome = 0;
    if (outcome < 0) {
      damage_ = Damage{
          position_, std::string("capturing ended: ") + pcap_geterr(handle_.get()) + "; what came before is complete"};
      break;
    }
    if (outcome == 0) {
      if (last_moment_ && Clock::now() >= last_wait_) break;
      idle(time_now());
      wait();
      continue;
    }
    const Time time = Time{header->ts.tv_sec} * 1'000'000'000 + Time{header->ts.tv_usec} * nanoseconds_per_unit_;
    if (last_moment_ && time > *last_moment_) break;
    if (time > idle_at_ + between_idle) idle(time);
    packet_.time = time;
    packet_.data = {data, header->caplen};
    packet_.wire_length = std::max(header->len, header->caplen);
    position_ += header->caplen;
    ++packet_.number;
    if (packet_.number % packets_between_counts == 0) live_statistics();
    ended_ = packet_.number == most_packets_;
    return &packet_;
  }
  ended_ = true;
  return nullptr;
}

void LiveReader::note_end() {
  if (last_moment_) return;
  const bool is_stopped = stop_ != nullptr && stop_->load();
  const Clock::time_point now = Clock::now();
  if (!is_stopped && now < end_) return;
  last_moment_ = time_now();
  last_wait_ = now + 3 * collecting;
}

void LiveReader::idle(Time time) {
  idle_at_ = time;
  idle_(time);
}

void LiveReader::wait() {
  pollfd waiting{pcap_get_selectable_fd(handle_.get()), POLLIN, 0};
  ::poll(&waiting, 1, static_cast<int>(longest_wait.count()));
}

std::optional<LiveStatistics> LiveReader::live_statistics() {
  statistics_.now = time_now();
  pcap_stat counts{};
  if (pcap_stats(handle_.get(), &counts) == 0) {
    follow(statistics_.received, counts.ps_recv);
    follow(statistics_.dropped, counts.ps_drop);
    follow(statistics_.dropped_by_interface, counts.ps_ifdrop);
  }
  return statistics_;
}

}  // namespace unproxy

// SPDX-License-Identifier: GPL-2.0-or-later
// summary: capgen writes a valid classic pcap of TCP sessions, some of them tunnelled through proxies.
//
// Each session is Ethernet / IPv4 or IPv6 / TCP with timestamps, correct checksums, a three-way handshake,
// delayed ACKs and FINs. A proxied session opens with SOCKS4, SOCKS4a, SOCKS5 (with or without a password) or
// HTTP CONNECT and then carries HTTP/1.1 exchanges; any other session carries the same exchanges directly.
// The output depends on nothing but the parameters: the same command line writes the same bytes.
//
//   g++ -std=c++17 -O2 -o capgen capgen.cpp
//   capgen --out small.pcap --bytes 20e6 --flow-bytes 50e3 --proxied 0.5 --manifest small.tsv

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct Options {
  std::string out;
  std::string manifest;         // tab-separated ground truth, one line a session
  double bytes = 20e6;          // stop opening sessions once the file is about this long
  double flows = 1e18;          // or once this many were opened
  double flow_bytes = 50e3;     // mean of the response bytes of a session
  bool fixed = false;           // every session has the mean size, instead of exponential sizes
  double concurrency = 100;     // sessions open at the same time
  double proxied = 1.0;         // fraction of the sessions that are proxied
  double ipv6 = 0.1;            // fraction over IPv6
  double dns = 0.0;             // fraction preceded by a DNS lookup
  double retransmit = 0.0;      // chance that a data segment is sent twice
  double reorder = 0.0;         // chance that a data segment swaps places with the next one
  double exchange_bytes = 1e6;  // largest response; a longer session has several exchanges
  double burst = 4;             // most packets of one session before another one has its turn
  double mbps = 1000;           // line rate, for the timestamps
  double seed = 1;
};

// xorshift64*: the standard library's distributions differ between implementations, this does not.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15ull + 1) {}
  uint64_t next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545F4914F6CDD1Dull;
  }
  uint64_t below(uint64_t n) { return (next() >> 11) % n; }
  double unit() { return static_cast<double>(next() >> 11) * 0x1p-53; }
  bool chance(double p) { return p > 0 && unit() < p; }

 private:
  uint64_t state_;
};

void put16(uint8_t* p, uint32_t v) {
  p[0] = static_cast<uint8_t>(v >> 8);
  p[1] = static_cast<uint8_t>(v);
}
void put32(uint8_t* p, uint32_t v) {
  put16(p, v >> 16);
  put16(p + 2, v);
}

uint64_t sum16(const uint8_t* p, size_t n, uint64_t sum = 0) {
  for (; n >= 4; p += 4, n -= 4) sum += (uint32_t{p[0]} << 8 | p[1]) + (uint32_t{p[2]} << 8 | p[3]);
  if (n >= 2) {
    sum += uint32_t{p[0]} << 8 | p[1];
    p += 2;
    n -= 2;
  }
  if (n) sum += uint32_t{p[0]} << 8;
  return sum;
}
uint16_t fold(uint64_t sum) {
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(~sum);
}

struct Endpoint {
  bool v6 = false;
  std::array<uint8_t, 16> ip{};
  uint16_t port = 0;

  std::string text() const {
    char s[64];
    if (!v6) {
      snprintf(s, sizeof s, "%u.%u.%u.%u:%u", ip[0], ip[1], ip[2], ip[3], port);
      return s;
    }
    std::string t = "[";
    for (int i = 0; i < 16; i += 2) {
      snprintf(s, sizeof s, "%s%x", i ? ":" : "", ip[i] << 8 | ip[i + 1]);
      t += s;
    }
    return t + "]:" + std::to_string(port);
  }
};

// 10.net.hi.lo, or 2001:db8::net:host
Endpoint endpoint(bool v6, uint8_t net, uint16_t host, uint16_t port) {
  Endpoint e;
  e.v6 = v6;
  e.port = port;
  if (v6) {
    e.ip = {0x20, 0x01, 0x0d, 0xb8};
    e.ip[13] = net;
    put16(&e.ip[14], host);
  } else {
    e.ip = {10, net};
    put16(&e.ip[2], host);
  }
  return e;
}

// Writes pcap records and keeps the clock.
class Writer {
 public:
  Writer(const std::string& path, double mbps) : file_(fopen(path.c_str(), "wb")), ns_per_byte_(8e3 / mbps) {
    if (!file_) throw std::runtime_error("cannot write " + path);
    setvbuf(file_, nullptr, _IOFBF, 1 << 20);
    const uint32_t header[6] = {0xa1b2c3d4, 2u | 4u << 16, 0, 0, 262144, 1};  // version 2.4, Ethernet
    write(header, sizeof header);
  }
  ~Writer() { fclose(file_); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void packet(const uint8_t* data, size_t len) {
    const auto ns = static_cast<uint64_t>(now_ns_);
    const uint32_t record[4] = {static_cast<uint32_t>(1700000000 + ns / 1000000000),
                                static_cast<uint32_t>(ns % 1000000000 / 1000), static_cast<uint32_t>(len),
                                static_cast<uint32_t>(len)};
    write(record, sizeof record);
    write(data, len);
    now_ns_ += (static_cast<double>(len) + 24) * ns_per_byte_;
    ++packets_;
  }
  uint64_t bytes() const { return bytes_; }
  uint64_t packets() const { return packets_; }
  uint32_t millis() const { return static_cast<uint32_t>(now_ns_ / 1e6); }

 private:
  void write(const void* p, size_t n) {
    if (fwrite(p, 1, n, file_) != n) throw std::runtime_error("write error");
    bytes_ += n;
  }
  FILE* file_;
  double ns_per_byte_;
  double now_ns_ = 0;
  uint64_t bytes_ = 0;
  uint64_t packets_ = 0;
};

// The Ethernet and IP headers; returns where the transport header begins.
uint8_t* headers(uint8_t* p, const Endpoint& src, const Endpoint& dst, uint8_t protocol, size_t length, uint16_t id) {
  const uint8_t macs[12] = {2, 0, 0, dst.ip[dst.v6 ? 13 : 1], 0, 1, 2, 0, 0, src.ip[src.v6 ? 13 : 1], 0, 1};
  memcpy(p, macs, sizeof macs);
  put16(p + 12, src.v6 ? 0x86dd : 0x0800);
  p += 14;
  if (src.v6) {
    memset(p, 0, 8);
    p[0] = 0x60;
    put16(p + 4, static_cast<uint32_t>(length));
    p[6] = protocol;
    p[7] = 64;
    memcpy(p + 8, src.ip.data(), 16);
    memcpy(p + 24, dst.ip.data(), 16);
    return p + 40;
  }
  memset(p, 0, 20);
  p[0] = 0x45;
  put16(p + 2, static_cast<uint32_t>(20 + length));
  put16(p + 4, id);
  p[6] = 0x40;  // don't fragment
  p[8] = 64;
  p[9] = protocol;
  memcpy(p + 12, src.ip.data(), 4);
  memcpy(p + 16, dst.ip.data(), 4);
  put16(p + 10, fold(sum16(p, 20)));
  return p + 20;
}

uint16_t transport_checksum(const Endpoint& src, const Endpoint& dst, uint8_t protocol, const uint8_t* p, size_t n) {
  const size_t ip = src.v6 ? 16 : 4;
  return fold(sum16(p, n, sum16(dst.ip.data(), ip, sum16(src.ip.data(), ip, protocol + n))));
}

constexpr size_t kFiller = 1 << 20;
// Incompressible but printable, so that no body looks like a protocol message.
const std::vector<uint8_t>& filler() {
  static const std::vector<uint8_t> bytes = [] {
    std::vector<uint8_t> v(kFiller);
    Random r(42);
    for (auto& b : v) b = static_cast<uint8_t>(' ' + r.below(64));
    return v;
  }();
  return bytes;
}

enum class Kind { plain, socks4, socks4a, socks5, socks5_password, connect };
constexpr const char* kKindNames[] = {"plain", "socks4", "socks4a", "socks5", "socks5-password", "connect"};

class Session {
 public:
  Session(uint64_t index, const Options& o, Random& r) : o_(o) {
    kind_ = r.chance(o.proxied) ? static_cast<Kind>(1 + r.below(5)) : Kind::plain;
    v6_ = r.chance(o.ipv6);
    client_ =
        endpoint(v6_, 1, static_cast<uint16_t>(1 + index % 1000), static_cast<uint16_t>(2000 + index / 1000 % 60000));
    static constexpr uint16_t kProxyPorts[] = {1080, 3128, 8080, 9050, 7777, 443, 24681};
    const auto origin = static_cast<uint16_t>(1 + r.below(20000));
    host_ = "host" + std::to_string(origin) + ".example";
    origin_ = endpoint(false, 3, origin, r.chance(0.2) ? 8080 : 80);
    if (kind_ == Kind::plain) {
      server_ = endpoint(v6_, 3, origin, origin_.port);
    } else {
      server_ = endpoint(v6_, 2, static_cast<uint16_t>(1 + r.below(20)), kProxyPorts[r.below(7)]);
    }
    mss_ = v6_ ? 1428 : 1448;
    seq_[0] = static_cast<uint32_t>(r.next());
    seq_[1] = static_cast<uint32_t>(r.next());
    left_ = static_cast<uint64_t>(o.fixed ? o.flow_bytes : -std::log(1 - r.unit()) * o.flow_bytes) + 1;
    unsent_ = left_;
    handshake(r);
    tunnel_from_ = queue_.size();
  }

  uint64_t unsent() const { return unsent_; }

  // Emits the next packet; false once the session is closed.
  bool step(Writer& w, Random& r) {
    switch (phase_) {
      case 0:
        if (r.chance(o_.dns)) lookup(w, r);
        segment(w, 0, kSyn, nullptr, 0);
        break;
      case 1:
        segment(w, 1, kSyn | kAck, nullptr, 0);
        break;
      case 2:
        segment(w, 0, kAck, nullptr, 0);
        break;
      case 3:
        if (data(w, r)) return true;
        segment(w, 0, kFin | kAck, nullptr, 0);
        break;
      case 4:
        segment(w, 1, kFin | kAck, nullptr, 0);
        break;
      case 5:
        segment(w, 0, kAck, nullptr, 0);
        break;
      default:
        return false;
    }
    ++phase_;
    return true;
  }

  void describe(FILE* f) const {
    fprintf(f, "%s\t%s\t%s\t%s\t%s:%u\t%llu\t%llu\n", kKindNames[static_cast<int>(kind_)], client_.text().c_str(),
            server_.text().c_str(), origin_.text().c_str(), host_.c_str(), origin_.port,
            static_cast<unsigned long long>(sent_[0]), static_cast<unsigned long long>(sent_[1]));
  }

 private:
  static constexpr uint8_t kFin = 1, kSyn = 2, kPsh = 8, kAck = 16;
  struct Message {
    int from;  // 0: the client, 1: the server
    std::string head;
    uint64_t body;
  };

  void say(int from, std::string head, uint64_t body = 0) { queue_.push_back({from, std::move(head), body}); }

  void handshake(Random& r) {
    const std::string port{static_cast<char>(origin_.port >> 8), static_cast<char>(origin_.port)};
    const std::string ip(origin_.ip.begin(), origin_.ip.begin() + 4);
    const std::string zero(1, '\0');
    const std::string where = host_ + ":" + std::to_string(origin_.port);
    switch (kind_) {
      case Kind::plain:
        break;
      case Kind::socks4:
        say(0, std::string("\x04\x01", 2) + port + ip + "user" + zero);
        say(1, std::string("\x00\x5a", 2) + port + ip);
        break;
      case Kind::socks4a:
        say(0, std::string("\x04\x01", 2) + port + std::string("\0\0\0\1", 4) + zero + host_ + zero);
        say(1, std::string("\x00\x5a", 2) + port + ip);
        break;
      case Kind::socks5:
      case Kind::socks5_password:
        if (kind_ == Kind::socks5) {
          say(0, std::string("\x05\x01\x00", 3));
          say(1, std::string("\x05\x00", 2));
        } else {
          say(0, std::string("\x05\x02\x00\x02", 4));
          say(1, std::string("\x05\x02", 2));
          say(0, "\x01\x04user\x06secret");
          say(1, std::string("\x01\x00", 2));
        }
        if (r.chance(0.5)) {
          say(0, std::string("\x05\x01\x00\x03", 4) + static_cast<char>(host_.size()) + host_ + port);
        } else {
          say(0, std::string("\x05\x01\x00\x01", 4) + ip + port);
        }
        say(1, std::string("\x05\x00\x00\x01", 4) + ip + port);
        break;
      case Kind::connect:
        say(0, "CONNECT " + where + " HTTP/1.1\r\nHost: " + where + "\r\nUser-Agent: capgen\r\n\r\n");
        say(1, "HTTP/1.1 200 Connection established\r\n\r\n");
        break;
    }
  }

  void exchange() {
    const uint64_t body = std::min<uint64_t>(left_, static_cast<uint64_t>(o_.exchange_bytes));
    left_ -= body;
    say(0, "GET /item/" + std::to_string(++exchanges_) + " HTTP/1.1\r\nHost: " + host_ +
               "\r\nUser-Agent: capgen\r\nAccept: */*\r\n\r\n");
    say(1, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(body) + "\r\n\r\n", body);
  }

  // One packet of the conversation: a data segment or an acknowledgement.
  bool data(Writer& w, Random& r) {
    if (unacked_ >= 2 || (unacked_ && queue_.empty())) {
      segment(w, 1 - last_from_, kAck, nullptr, 0);
      unacked_ = 0;
      return true;
    }
    if (queue_.empty()) {
      if (!left_) return false;
      exchange();
    }
    Message& m = queue_.front();
    if (unacked_ && m.from != last_from_) unacked_ = 0;  // the answer carries the acknowledgement
    const bool swap = m.head.size() - offset_ + m.body > 2 * mss_ && r.chance(o_.reorder);
    if (swap) {
      const auto first = take(m);
      const auto second = take(m);
      const uint32_t seq = seq_[m.from];
      seq_[m.from] = seq + static_cast<uint32_t>(first.size());
      segment(w, m.from, kAck, second.data(), second.size());
      const uint32_t after = seq_[m.from];
      seq_[m.from] = seq;
      segment(w, m.from, kAck, first.data(), first.size());
      seq_[m.from] = after;
    } else {
      const auto bytes = take(m);
      const bool last = offset_ == m.head.size() && !m.body;
      const uint32_t seq = seq_[m.from];
      segment(w, m.from, last ? kPsh | kAck : kAck, bytes.data(), bytes.size());
      if (r.chance(o_.retransmit)) {
        seq_[m.from] = seq;
        segment(w, m.from, last ? kPsh | kAck : kAck, bytes.data(), bytes.size());
      }
    }
    last_from_ = m.from;
    ++unacked_;
    if (offset_ == m.head.size() && !m.body) {
      offset_ = 0;
      queue_.pop_front();
      if (tunnel_from_) --tunnel_from_;
    }
    return true;
  }

  // The next segment's bytes of a message.
  std::vector<uint8_t> take(Message& m) {
    std::vector<uint8_t> v(m.head.begin() + static_cast<long>(offset_),
                           m.head.begin() + static_cast<long>(std::min(m.head.size(), offset_ + mss_)));
    offset_ += v.size();
    const size_t n = std::min<uint64_t>(m.body, mss_ - v.size());
    const size_t at = m.body * 31 % (kFiller - mss_);
    v.insert(v.end(), filler().begin() + static_cast<long>(at), filler().begin() + static_cast<long>(at + n));
    m.body -= n;
    unsent_ -= n;
    if (!tunnel_from_) sent_[m.from] += v.size();
    return v;
  }

  void segment(Writer& w, int from, uint8_t flags, const uint8_t* payload, size_t len) {
    const Endpoint& src = from ? server_ : client_;
    const Endpoint& dst = from ? client_ : server_;
    static constexpr uint8_t kSynOptions[20] = {2, 4, 0, 0, 4, 2, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3, 7};
    const size_t options = flags & kSyn ? 20 : 12;
    uint8_t packet[1600];
    uint8_t* t = headers(packet, src, dst, 6, 20 + options + len, static_cast<uint16_t>(++id_));
    put16(t, src.port);
    put16(t + 2, dst.port);
    put32(t + 4, seq_[from]);
    put32(t + 8, flags & kAck ? seq_[1 - from] : 0);
    t[12] = static_cast<uint8_t>((20 + options) / 4 << 4);
    t[13] = flags;
    put16(t + 14, flags & kSyn ? 64240 : 501);
    put32(t + 16, 0);
    uint8_t* stamp = t + 22;
    if (flags & kSyn) {
      memcpy(t + 20, kSynOptions, 20);
      put16(t + 22, static_cast<uint32_t>(mss_ + 12));
      stamp = t + 26;
    } else {
      t[20] = t[21] = 1;
    }
    stamp[0] = 8;
    stamp[1] = 10;
    put32(stamp + 2, w.millis() + 1);
    put32(stamp + 6, flags == kSyn ? 0 : w.millis());
    uint8_t* data = t + 20 + options;
    if (len) memcpy(data, payload, len);
    put16(t + 16, transport_checksum(src, dst, 6, t, 20 + options + len));
    w.packet(packet, static_cast<size_t>(data - packet) + len);
    seq_[from] += static_cast<uint32_t>(len) + (flags & (kSyn | kFin) ? 1 : 0);
  }

  void lookup(Writer& w, Random& r) const {
    std::string name;
    for (size_t at = 0; at <= host_.size();) {
      const size_t dot = std::min(host_.find('.', at), host_.size());
      name += static_cast<char>(dot - at) + host_.substr(at, dot - at);
      at = dot + 1;
    }
    name += std::string("\0\0\1\0\1", 5);
    const auto id = static_cast<uint16_t>(r.next());
    const Endpoint resolver = endpoint(v6_, 9, 53, 53);
    Endpoint asker = client_;
    asker.port = static_cast<uint16_t>(20000 + id % 40000);
    for (int answer = 0; answer < 2; ++answer) {
      uint8_t m[512] = {};
      put16(m, id);
      put16(m + 2, answer ? 0x8180 : 0x0100);
      put16(m + 4, 1);
      put16(m + 6, static_cast<uint32_t>(answer));
      memcpy(m + 12, name.data(), name.size());
      size_t n = 12 + name.size();
      if (answer) {
        const uint8_t record[12] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4};
        memcpy(m + n, record, 12);
        memcpy(m + n + 12, origin_.ip.data(), 4);
        n += 16;
      }
      const Endpoint& src = answer ? resolver : asker;
      const Endpoint& dst = answer ? asker : resolver;
      uint8_t packet[700];
      uint8_t* u = headers(packet, src, dst, 17, 8 + n, id);
      put16(u, src.port);
      put16(u + 2, dst.port);
      put16(u + 4, static_cast<uint32_t>(8 + n));
      put16(u + 6, 0);
      memcpy(u + 8, m, n);
      put16(u + 6, transport_checksum(src, dst, 17, u, 8 + n));
      w.packet(packet, static_cast<size_t>(u - packet) + 8 + n);
    }
  }

  const Options& o_;
  Kind kind_;
  bool v6_;
  Endpoint client_, server_, origin_;
  std::string host_;
  size_t mss_;
  uint32_t seq_[2];
  uint32_t id_ = 0;
  uint64_t left_;          // response bytes not yet queued
  uint64_t unsent_;        // response bytes not yet sent
  uint64_t sent_[2] = {};  // tunnelled (or plain) bytes each way, each counted once
  std::deque<Message> queue_;
  size_t tunnel_from_ = 0;  // messages of the proxy handshake still queued
  size_t offset_ = 0;       // bytes of the front message's head already sent
  int phase_ = 0;
  int last_from_ = 0;
  int unacked_ = 0;
  int exchanges_ = 0;
};

Options parse(int argc, char** argv) {
  Options o;
  struct {
    const char* name;
    double* value;
  } numbers[] = {{"--bytes", &o.bytes},
                 {"--flows", &o.flows},
                 {"--flow-bytes", &o.flow_bytes},
                 {"--concurrency", &o.concurrency},
                 {"--proxied", &o.proxied},
                 {"--ipv6", &o.ipv6},
                 {"--dns", &o.dns},
                 {"--retransmit", &o.retransmit},
                 {"--reorder", &o.reorder},
                 {"--exchange-bytes", &o.exchange_bytes},
                 {"--burst", &o.burst},
                 {"--mbps", &o.mbps},
                 {"--seed", &o.seed}};
  for (int i = 1; i < argc; ++i) {
    const std::string a = argv[i];
    if (a == "--fixed") {
      o.fixed = true;
      continue;
    }
    if (i + 1 >= argc)
      throw std::runtime_error("usage: capgen --out FILE [--NAME VALUE]... (see Options in the source)");
    const char* value = argv[++i];
    bool known = a == "--out" || a == "--manifest";
    if (a == "--out") o.out = value;
    if (a == "--manifest") o.manifest = value;
    for (auto& n : numbers) {
      if (a == n.name) {
        *n.value = strtod(value, nullptr);
        known = true;
      }
    }
    if (!known) throw std::runtime_error("unknown option " + a);
  }
  if (o.out.empty()) throw std::runtime_error("--out is missing");
  return o;
}

void run(const Options& o) {
  Random r(static_cast<uint64_t>(o.seed));
  Writer w(o.out, o.mbps);
  std::unique_ptr<FILE, int (*)(FILE*)> manifest(o.manifest.empty() ? nullptr : fopen(o.manifest.c_str(), "w"), fclose);
  if (!o.manifest.empty() && !manifest) throw std::runtime_error("cannot write " + o.manifest);
  if (manifest) fputs("kind\tclient\tserver\torigin\tname\tup\tdown\n", manifest.get());
  std::vector<std::unique_ptr<Session>> open;
  uint64_t opened = 0;
  double pending = 0;  // response bytes that the open sessions still have to send
  for (;;) {
    while (static_cast<double>(open.size()) < o.concurrency && static_cast<double>(opened) < o.flows &&
           static_cast<double>(w.bytes()) + pending < o.bytes) {
      open.push_back(std::make_unique<Session>(opened++, o, r));
      pending += static_cast<double>(open.back()->unsent());
    }
    if (open.empty()) break;
    const size_t at = r.below(open.size());
    for (uint64_t n = 1 + r.below(static_cast<uint64_t>(o.burst)); n; --n) {
      const auto before = static_cast<double>(open[at]->unsent());
      const bool more = open[at]->step(w, r);
      pending -= before - static_cast<double>(open[at]->unsent());
      if (more) continue;
      if (manifest) open[at]->describe(manifest.get());
      std::swap(open[at], open.back());
      open.pop_back();
      break;
    }
  }
  fprintf(stderr, "%s: %llu bytes, %llu packets, %llu sessions\n", o.out.c_str(),
          static_cast<unsigned long long>(w.bytes()), static_cast<unsigned long long>(w.packets()),
          static_cast<unsigned long long>(opened));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(parse(argc, argv));
    return 0;
  } catch (const std::exception& e) {
    fprintf(stderr, "capgen: %s\n", e.what());
    return 1;
  }
}

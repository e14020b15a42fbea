// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what differs in libwiretap between Wireshark 4.0 and 4.6, and nothing else.
#pragma once

#include <wireshark.h>
#include <wiretap/wtap.h>
#include <ws_version.h>
#include <wsutil/buffer.h>

#include <cstdint>
#include <type_traits>

#include "base/bytes.hpp"

namespace unproxy::wiretap {

/// Memory to begin with; it grows to the largest record.
constexpr std::size_t first_record_size = 2048;

/// One record and its bytes. From 4.6 on the bytes are a part of wtap_rec, before they are a Buffer beside it.
class Record {
 public:
#if WIRESHARK_VERSION_MAJOR > 4 || (WIRESHARK_VERSION_MAJOR == 4 && WIRESHARK_VERSION_MINOR >= 6)
  Record() {
    wtap_rec_init(&record_, first_record_size);
  }
  ~Record() {
    wtap_rec_cleanup(&record_);
  }

  bool read(wtap* file, int* error, char** explanation, std::int64_t* offset) {
    wtap_rec_reset(&record_);
    return wtap_read(file, &record_, error, explanation, offset);
  }
  [[nodiscard]] const std::uint8_t* bytes() const {
    return ws_buffer_start_ptr(&record_.data);
  }
#else
  Record() {
    wtap_rec_init(&record_);
    ws_buffer_init(&buffer_, first_record_size);
  }
  ~Record() {
    wtap_rec_cleanup(&record_);
    ws_buffer_free(&buffer_);
  }

  bool read(wtap* file, int* error, char** explanation, std::int64_t* offset) {
    wtap_rec_reset(&record_);
    // gint64 and std::int64_t may be long and long long
    gint64 position = 0;
    const bool success = wtap_read(file, &record_, &buffer_, error, explanation, &position) != 0;
    *offset = position;
    return success;
  }
  [[nodiscard]] const std::uint8_t* bytes() const {
    return ws_buffer_start_ptr(&buffer_);
  }
#endif
  Record(const Record&) = delete;
  Record& operator=(const Record&) = delete;

  [[nodiscard]] const wtap_rec& header() const {
    return record_;
  }

 private:
  wtap_rec record_;
#if WIRESHARK_VERSION_MAJOR < 4 || (WIRESHARK_VERSION_MAJOR == 4 && WIRESHARK_VERSION_MINOR < 6)
  Buffer buffer_;
#endif
};

/// Where libwiretap hands names and secrets to. Its callbacks have no argument of the caller's own.
class SideBlocks {
 public:
  virtual void add_name(proxytunnel::Bytes address, const char* name) = 0;
  virtual void add_secrets(std::uint32_t type, proxytunnel::Bytes secrets) = 0;

 protected:
  ~SideBlocks() = default;
};

/// Names and secrets that this thread reads go to `blocks` from now on.
void set_receiver(SideBlocks* blocks) noexcept;
SideBlocks* receiver() noexcept;

// Later versions pass a further argument to the callbacks for names, and another type of IPv6 address: the templates
// take whatever libwiretap's function type asks for.
template <class... More>
void receive_ipv4(const unsigned address, const char* name, More...) {
  // in network order in memory
  receiver()->add_name({reinterpret_cast<const std::uint8_t*>(&address), 4}, name);
}
template <class Octets, class... More>
void receive_ipv6(const Octets* address, const char* name, More...) {
  receiver()->add_name({static_cast<const std::uint8_t*>(static_cast<const void*>(address)), 16}, name);
}
inline void receive_secrets(std::uint32_t type, const void* secrets, unsigned size) {
  receiver()->add_secrets(type, {static_cast<const std::uint8_t*>(secrets), size});
}

inline void install_callbacks(wtap* file) {
  wtap_set_cb_new_ipv4(file, receive_ipv4);
  wtap_set_cb_new_ipv6(file, receive_ipv6);
  wtap_set_cb_new_secrets(file, receive_secrets);
}

}  // namespace unproxy::wiretap

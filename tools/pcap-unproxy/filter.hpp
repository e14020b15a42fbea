// SPDX-License-Identifier: GPL-2.0-or-later
// summary: capture filters (BPF) by libpcap, compiled once for each link type.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "capture/capture.hpp"

struct bpf_program;

namespace unproxy {

class Filter {
 public:
  /// Throws UsageError where libpcap does not understand the expression.
  explicit Filter(std::string expression);

  /// True if the packet matches. An expression that makes no sense for a link type matches none of its packets.
  [[nodiscard]] bool matches(const Packet& packet, std::uint32_t link_type);

 private:
  struct Free {
    void operator()(bpf_program* program) const noexcept;
  };
  using Program = std::unique_ptr<bpf_program, Free>;

  static Program compile(const std::string& expression, std::uint32_t link_type, std::string& complaint);

  std::string expression_;
  std::map<std::uint32_t, Program> programs_;  // by link type; null where the expression does not compile
};

}  // namespace unproxy

// SPDX-License-Identifier: GPL-2.0-or-later
// summary: values as text for people and for JSON.
// spec: RFC 3339 (times)
#pragma once

#include <string>
#include <string_view>

#include "base/segment.hpp"
#include "tunnel/attempt.hpp"

namespace proxytunnel {

/// "2026-11-22T08:41:44.155118000Z"
std::string rfc3339(Time time);

/// The same text with everything that is not printable ASCII or well-formed UTF-8 written as \xHH, since names, users
/// and reasons come from the capture. A backslash is written as \\ only where `text` needed such an escape.
std::string printable(std::string_view text);

/// The text, or its first `most` bytes and "...".
std::string shortened(const std::string& text, std::size_t most);

/// A target's text that is longer without the middle of its name: "a-long-na...example.com:443". Its port stays whole,
/// and so does an address, which may be longer than `most` then.
std::string shortened_target(const std::string& target, std::size_t most);

/// The client's end: "10.0.0.5:40000", or its address alone where nobody tells the port.
std::string client_text(const Attempt& attempt);

/// "www.example.com:443", or what the request said instead of a target.
std::string target_text(const Attempt& attempt);

}  // namespace proxytunnel

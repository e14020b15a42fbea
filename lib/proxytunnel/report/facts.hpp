// SPDX-License-Identifier: GPL-2.0-or-later
// summary: every fact about an attempt that is one value, once: its place in the report, its type, how it is read. The
//          report, CSV and the logs are made of this table; docs/contract.md shows it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "report/report.hpp"

namespace proxytunnel {

/// The attempt has no such place: not even null stands there in the report.
struct Absent {};
struct Null {};
/// Nanoseconds since 1970-01-01T00:00:00Z.
struct Moment {
  Time time;
};
/// Nanoseconds between two moments.
struct Interval {
  Time time;
};
using Words = std::vector<std::string>;

/// Texts are as printable() makes them: nothing of a capture comes out unescaped.
using Value = std::variant<Absent, Null, bool, std::int64_t, double, Moment, Interval, std::string, Words>;

/// What a value is, if it is not null. Zeek has a type for each: zeek_type_of().
enum class FactType : std::uint8_t {
  boolean,
  count,
  number,
  moment,
  interval,
  text,
  enumeration,  ///< a text that is one of few
  address,
  port,
  words,  ///< in their order
  set     ///< words whose order says nothing
};

/// From when on a fact of a tunnel is what it will be in the end. Of an attempt that opens none, that is its end.
enum class Known : std::uint8_t {
  at_opening,
  at_opening_unless_relayed,  ///< a UDP association has a target as long as it has no second one
  at_end
};

struct Fact {
  std::string_view name;  ///< its place in an entry of `tunnels`: "client.address"
  FactType type;
  Known known;
  Value (*read)(const ReportEntry&);
  /// The report has more to say there than columns have room for.
  bool columns_only = false;
};

/// In the order of columns. New ones stand at the end.
[[nodiscard]] std::span<const Fact> facts() noexcept;

/// What each of the facts is as text, null and absent ones empty, words with commas between them.
[[nodiscard]] std::string text_of(const Value& value);

}  // namespace proxytunnel

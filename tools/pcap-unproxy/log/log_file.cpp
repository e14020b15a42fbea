// SPDX-License-Identifier: GPL-2.0-or-later
// summary: one log: rows of one table in one form, in a file that appears when it is complete.
#include "log/log_file.hpp"

namespace unproxy {

using proxytunnel::RowForm;

LogFile::LogFile(const std::string& path, std::string_view name, RowForm form,
                 std::span<const proxytunnel::Column> columns)
    : file_(path), name_(name), form_(form), columns_(columns) {}

void LogFile::put_head() {
  if (file_.size() == 0) put(proxytunnel::rows_head(form_, columns_, name_, open_.value_or(0)));
}

template <class Write>
void LogFile::attempt(Write write) {
  if (error_) return;
  try {
    write();
  } catch (const OutputError& error) {
    error_ = error;
  }
}

void LogFile::add(std::string_view row) {
  attempt([&] {
    put_head();
    put(row);
    put("\n");
  });
}

void LogFile::cut_to_mark() {
  attempt([this] { file_.cut(mark_); });
}

void LogFile::finish(proxytunnel::Time close) {
  if (error_) throw *error_;
  put_head();
  put(proxytunnel::rows_tail(form_, close));
  file_.finish();
}

}  // namespace unproxy

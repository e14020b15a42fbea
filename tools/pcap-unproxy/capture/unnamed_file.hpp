// SPDX-License-Identifier: GPL-2.0-or-later
// summary: temporary files that nobody has to remove.
#pragma once

#include <string>

#include "capture/file_descriptor.hpp"

namespace unproxy {

/// TMPDIR, or /tmp.
[[nodiscard]] std::string temporary_directory();

/// A new file for reading and writing, for its owner only, that has no name: it is gone when it is closed, however the
/// program ends. Not open, with the reason in errno, if there can be none in `directory`.
[[nodiscard]] FileDescriptor unnamed_file(const std::string& directory);

}  // namespace unproxy

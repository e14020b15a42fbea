// SPDX-License-Identifier: GPL-2.0-or-later
// summary: reads with Wireshark's capture library what the streaming readers do not: compressed files, other formats.
#pragma once

#include <memory>
#include <string>

#include "capture/capture.hpp"
#include "capture/file_descriptor.hpp"

namespace unproxy {

/// Opens a regular file. `path` is what is opened and `name` what messages call it; `spool`, if open, is the file that
/// `path` leads to and is kept open as long as the reader. `stop` may be null and is borrowed.
/// CaptureError if the library does not understand the file or it holds no packets.
///
/// What the library does not tell: the offset of damage is that of the latest good record. Names of IPv4 and IPv6 hosts
/// come one by one; names and secrets beyond the limits of PcapngReader are left out. Readers may live in different
/// threads, but each must be used by one thread at a time.
std::unique_ptr<CaptureReader> open_with_wiretap(const std::string& path, const std::string& name, FileDescriptor spool,
                                                 const StopFlag* stop);

}  // namespace unproxy

// SPDX-License-Identifier: GPL-2.0-or-later
// summary: opens an input, whatever its format.
#pragma once

#include <memory>
#include <string>

#include "capture/capture.hpp"
#include "capture/digest.hpp"
#include "capture/input_file.hpp"

namespace unproxy {

/// Opens a capture file; `path` "-" is standard input. Decides by the first bytes: pcap 2.4 and pcapng are read as a
/// stream, packet by packet as they arrive; everything else goes to Wireshark's capture library. That needs a regular
/// file, so an input from a pipe in such a format is first copied, to its end, to an unlinked file in the directory for
/// temporary files (TMPDIR).
///
/// `hash`, if not null, is fed the input as it is stored. `stop`, if not null, ends reading when it is set: next() then
/// returns nullptr without damage, also when it waits for a pipe. `window` is the size of a read. All are borrowed for
/// the life of the reader.
///
/// An input that is stopped before it brought a byte reads as a capture without packets.
/// CaptureError if the file cannot be opened or read, is empty or a directory, or is in no known format. A capture that
/// is cut short in its file header is damaged, not unreadable.
std::unique_ptr<CaptureReader> open_capture(const std::string& path, InputHash* hash = nullptr,
                                            const StopFlag* stop = nullptr,
                                            std::size_t window = InputWindow::default_size);

/// Whether writing to `output` would write into `input`: both lead to the same regular file. "-" is standard input as
/// an input and standard output as an output. A file that does not exist is no other file.
bool same_file(const std::string& input, const std::string& output) noexcept;

}  // namespace unproxy

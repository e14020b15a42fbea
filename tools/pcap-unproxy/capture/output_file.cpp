// SPDX-License-Identifier: GPL-2.0-or-later
// summary: buffered writing, and the renaming at the end.
#include "capture/output_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <random>

#include "capture/worker.hpp"

namespace unproxy {
namespace {

/// NAME.XXXXXX with six random letters. Not mkstemp(), whose files only their owner may read.
std::string temporary_name(const std::string& target) {
  constexpr char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789";
  std::random_device random;
  std::uniform_int_distribution<std::size_t> index(0, sizeof letters - 2);
  std::string name = target + ".";
  for (int i = 0; i < 6; ++i) name += letters[index(random)];
  return name;
}

/// Through which a file without a name can be given one. AT_EMPTY_PATH would need a capability.
std::string path_of(const FileDescriptor& file) {
  return "/proc/self/fd/" + std::to_string(file.number());
}

OutputFile* first_file = nullptr;

/// Whether the list or a name in it is being changed.
volatile std::sig_atomic_t changing = 0;

struct Changing {
  Changing() noexcept { changing = 1; }
  Changing(const Changing&) = delete;
  Changing& operator=(const Changing&) = delete;
  ~Changing() { changing = 0; }
};

}  // namespace

OutputFile::OutputFile(const std::string& path, std::size_t buffer_size)
    : name_(path == "-" ? "standard output" : path),
      next_(first_file),
      buffer_size_(std::max<std::size_t>(buffer_size, 1)),
      size_(buffer_size_),
      buffer_(new std::uint8_t[size_]) {
  open(path);
  const Changing change;
  if (next_ != nullptr) next_->previous_ = this;
  first_file = this;
}

OutputFile::~OutputFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  const Changing change;
  (previous_ != nullptr ? previous_->next_ : first_file) = next_;
  if (next_ != nullptr) next_->previous_ = previous_;
}

void OutputFile::remove_unfinished() noexcept {
  if (changing != 0) return;
  for (const OutputFile* file = first_file; file != nullptr; file = file->next_) {
    if (!file->temporary_.empty()) ::unlink(file->temporary_.c_str());
  }
}

void OutputFile::open(const std::string& path) {
  if (path == "-") {
    file_ = FileDescriptor(STDOUT_FILENO);
    return;
  }
  struct stat status {};
  const bool exists = ::stat(path.c_str(), &status) == 0;
  if (exists && S_ISDIR(status.st_mode)) fail(EISDIR);
  if (exists && !S_ISREG(status.st_mode)) {
    file_ = FileDescriptor(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY));
    if (!file_.is_open()) fail(errno);
    return;
  }
  // Renaming asks for the directory's permission only, but a file that is write-protected is so for a reason.
  if (exists && ::access(path.c_str(), W_OK) != 0) fail(errno);
  std::error_code error;
  target_ = exists ? std::filesystem::canonical(path, error).string() : path;
  if (error) fail(error.value());
  if (!create_unnamed()) create_temporary();
}

bool OutputFile::create_unnamed() {
  const auto directory = std::filesystem::path(target_).parent_path();
  const char* const where = directory.empty() ? "." : directory.c_str();
  file_ = FileDescriptor(::open(where, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0666));
  // Without /proc it could never get its name.
  if (file_.is_open() && ::access(path_of(file_).c_str(), F_OK) != 0) file_ = FileDescriptor();
  return file_.is_open();
}

void OutputFile::create_temporary() {
  do {
    temporary_ = temporary_name(target_);
    file_ = FileDescriptor(::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOCTTY, 0666));
  } while (!file_.is_open() && errno == EEXIST);
  if (file_.is_open()) return;
  temporary_.clear();
  fail(errno);
}

// It takes a renaming to replace a file, and for that it takes a name.
void OutputFile::give_temporary_name() {
  const Changing change;
  const std::string path = path_of(file_);
  int outcome = 0;
  do {
    temporary_ = temporary_name(target_);
    outcome = ::linkat(AT_FDCWD, path.c_str(), AT_FDCWD, temporary_.c_str(), AT_SYMLINK_FOLLOW);
  } while (outcome != 0 && errno == EEXIST);
  if (outcome == 0) return;
  temporary_.clear();
  fail(errno);
}

void OutputFile::write(Bytes bytes) {
  if (bytes.size() > size_ - filled_) hand_on();
  if (bytes.size() > size_) {
    settle();
    return write_out(bytes);
  }
  if (!bytes.empty()) std::memcpy(&buffer_[filled_], bytes.data(), bytes.size());
  filled_ += bytes.size();
}

// A record that is larger than the buffer was as large where it was read.
std::uint8_t* OutputFile::extend(std::size_t size) {
  if (size > size_ - filled_) hand_on();
  if (size > size_) {
    settle();
    behind_.reset();  // its buffers are no larger than they were
    size_ = size;
    buffer_.reset(new std::uint8_t[size_]);
  }
  filled_ += size;
  return &buffer_[filled_ - size];
}

void OutputFile::suspend() {
  if (!buffer_) return;
  flush();
  if (target_.empty()) return;
  behind_.reset();
  if (temporary_.empty()) give_temporary_name();
  struct stat status {};
  if (::fstat(file_.number(), &status) != 0) fail(errno);
  device_ = status.st_dev;
  inode_ = status.st_ino;
  if (::close(file_.release()) != 0) fail(errno);
  buffer_.reset();
  size_ = 0;
}

// Whoever may write to the directory may have put something else in its place.
void OutputFile::resume() {
  file_ = FileDescriptor(::open(temporary_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW));
  if (!file_.is_open()) fail(errno);
  struct stat status {};
  if (::fstat(file_.number(), &status) != 0) fail(errno);
  if (status.st_dev != device_ || status.st_ino != inode_) fail(ESTALE);
  buffer_.reset(new std::uint8_t[buffer_size_]);
  size_ = buffer_size_;
}

// What a disk takes while more is made need not be waited for.
void OutputFile::hand_on() {
  constexpr std::uint64_t large = 4 * default_size;
  const bool is_worth_it = !target_.empty() && size_ == default_size && written_ >= large;
  if (behind_ == nullptr && is_worth_it && may_start_workers()) {
    behind_ = std::make_unique<WriteBehind>(file_.number(), size_);
    if (!behind_->is_started()) behind_.reset();
  }
  if (behind_ == nullptr) return flush();
  written_ += filled_;
  buffer_ = behind_->hand(std::move(buffer_), std::exchange(filled_, 0));
  if (const int error = behind_->error()) fail(error);
}

/// All that was handed on is written.
void OutputFile::settle() {
  if (behind_ == nullptr) return;
  if (const int error = behind_->wait()) fail(error);
}

void OutputFile::flush() {
  if (!buffer_) resume();
  settle();
  const std::size_t count = std::exchange(filled_, 0);
  write_out({buffer_.get(), count});
}

void OutputFile::write_out(Bytes bytes) {
  written_ += bytes.size();
  if (const int error = write_all(file_.number(), bytes.data(), bytes.size())) fail(error);
}

void OutputFile::cut(std::uint64_t size) {
  if (size >= this->size() || target_.empty()) return;
  if (size >= written_) {
    filled_ = static_cast<std::size_t>(size - written_);
    return;
  }
  settle();
  filled_ = 0;
  const auto end = static_cast<off_t>(size);
  if (::ftruncate(file_.number(), end) != 0 || ::lseek(file_.number(), end, SEEK_SET) != end) fail(errno);
  written_ = size;
}

void OutputFile::finish() {
  if (buffer_) flush();
  behind_.reset();
  if (!target_.empty() && temporary_.empty()) give_temporary_name();
  // Standard output stays open: it is not ours.
  if (file_.number() > STDERR_FILENO && ::close(file_.release()) != 0) fail(errno);
  if (target_.empty()) return;
  const Changing change;
  if (std::rename(temporary_.c_str(), target_.c_str()) != 0) fail(errno);
  temporary_.clear();
}

void OutputFile::fail(int error) const {
  throw OutputError("cannot write " + name_ + ": " + std::strerror(error) +
                    (error == ENOSPC   ? "; make room or write elsewhere"
                     : error == EMFILE ? "; see --max-open-files"
                                       : ""));
}

void make_directory(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) throw OutputError("cannot make the directory " + path + ": " + error.message());
}

}  // namespace unproxy

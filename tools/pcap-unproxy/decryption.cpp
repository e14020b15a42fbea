// SPDX-License-Identifier: GPL-2.0-or-later
// summary: what TLS carries in a capture, decrypted by tshark with our plugin, as it runs beside us.
#include "decryption.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "capture/open.hpp"

namespace unproxy {
namespace {

using proxytunnel::chunk_record_magic;

std::string preference(const char* name, const std::string& value) {
  return std::string(name) + ":" + value;
}

// What makes the plugin find the same tunnels as we do. Out-of-order segments are put in order, or TLS would lose its
// way.
std::vector<std::string> arguments_for(const Options& options, const std::string& path) {
  std::vector<std::string> words = {
      "-n", "-q", "-r", std::filesystem::absolute(path).string(), "-z", "proxytunnel,decrypted,-"};
  const auto set = [&words](std::string text) {
    words.emplace_back("-o");
    words.push_back(std::move(text));
  };
  const auto on = [](bool disabled) { return disabled ? "FALSE" : "TRUE"; };
  if (!options.keylog.empty()) {
    set(preference("tls.keylog_file", std::filesystem::absolute(options.keylog).string()));
  }
  set(preference("tcp.reassemble_out_of_order", "TRUE"));
  set(preference("proxytunnel.socks4", on(options.tracker.disabled.socks4)));
  set(preference("proxytunnel.socks5", on(options.tracker.disabled.socks5)));
  set(preference("proxytunnel.http_connect", on(options.tracker.disabled.http_connect)));
  set(preference("proxytunnel.http_forward", on(options.tracker.disabled.http_forward)));
  set(preference("proxytunnel.proxy_protocol", on(options.tracker.disabled.proxy_protocol)));
  set(preference("proxytunnel.forward_needs_proof", options.tracker.forward_needs_proof ? "TRUE" : "FALSE"));
  return words;
}

// The command is the user's own, with words of its own perhaps ("runuser -u somebody -- tshark"): a shell's business.
[[noreturn]] void become(const std::string& command, const std::vector<std::string>& words) {
  const std::string script = "exec " + command + " \"$@\"";
  std::vector<const char*> argv = {"sh", "-c", script.c_str(), "sh"};
  for (const std::string& word : words) argv.push_back(word.c_str());
  argv.push_back(nullptr);
  execv("/bin/sh", const_cast<char* const*>(argv.data()));
  _exit(127);
}

}  // namespace

Decryption::Decryption(const Options& options, const std::string& path) {
  const std::vector<std::string> words = arguments_for(options, path);
  std::array<int, 2> ends{};
  words_ = std::tmpfile();
  if (words_ == nullptr || pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw DecryptionError(std::string("tshark cannot be started: ") + std::strerror(errno));
  }
  child_ = fork();
  if (child_ == 0) {
    const int nowhere = open("/dev/null", O_RDONLY);
    dup2(nowhere, STDIN_FILENO);
    dup2(ends[1], STDOUT_FILENO);
    dup2(fileno(words_), STDERR_FILENO);
    std::signal(SIGPIPE, SIG_DFL);
    become(options.tshark, words);
  }
  close(ends[1]);
  pipe_ = ends[0];
  if (child_ < 0) throw DecryptionError(std::string("tshark cannot be started: ") + std::strerror(errno));

  std::array<std::uint8_t, chunk_record_magic.size()> magic{};
  if (read(magic.data(), magic.size()) && proxytunnel::text_of(magic) == chunk_record_magic) return;
  const int code = wait();
  // 126: the shell may not run it, or may not look into a folder of $PATH.
  const bool is_missing = code == 127 || code == 126;
  const std::string what = is_missing ? "there is no tshark" : "tshark has no working proxytunnel plugin";
  throw DecryptionError(what + " ('" + options.tshark + "' ended with " + std::to_string(code) + first_words() +
                        "); sessions inside TLS need both, see --tshark");
}

Decryption::~Decryption() {
  if (pipe_ >= 0) close(pipe_);
  if (child_ > 0) {
    kill(child_, SIGTERM);
    wait();
  }
  if (words_ != nullptr) std::fclose(words_);
}

std::optional<proxytunnel::Chunk> Decryption::next(FrameNumber frame) {
  while (true) {
    if (!ahead_ && !read_head()) return std::nullopt;
    if (ahead_->chunk.frame.number > frame) return std::nullopt;
    payload_.resize(ahead_->size);
    if (!read(payload_.data(), payload_.size())) {
      broken_ = true;
      return std::nullopt;
    }
    proxytunnel::Chunk chunk = ahead_->chunk;
    ahead_.reset();
    if (chunk.frame.number < frame) continue;
    chunk.payload = payload_;
    return chunk;
  }
}

bool Decryption::read_head() {
  if (ended_) return false;
  std::array<std::uint8_t, proxytunnel::chunk_record_head> head{};
  if (!read(head.data(), 1)) return false;  // the end, where it may be
  const bool is_whole = read(head.data() + 1, head.size() - 1);
  const auto decoded = proxytunnel::decode_chunk(head);
  if (is_whole && decoded.is_ok()) {
    ahead_ = decoded.value;
    return true;
  }
  ended_ = broken_ = true;
  return false;
}

bool Decryption::read(std::uint8_t* at, std::size_t size) {
  while (size > 0 && !ended_) {
    const ssize_t got = ::read(pipe_, at, size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      ended_ = true;
      break;
    }
    at += got;
    size -= static_cast<std::size_t>(got);
  }
  return size == 0;
}

std::string Decryption::complaint() {
  std::array<std::uint8_t, 4096> rest{};
  while (!ended_) read(rest.data(), rest.size());
  const int code = wait();
  if (code == 0 && !broken_) return {};
  return "tshark ended with " + std::to_string(code) + first_words() + "; sessions inside TLS may be missing";
}

// Its first line that says something.
std::string Decryption::first_words() const {
  std::rewind(words_);
  std::array<char, 512> line{};
  while (std::fgets(line.data(), static_cast<int>(line.size()), words_) != nullptr) {
    std::string text(line.data());
    text.erase(text.find_last_not_of("\r\n ") + 1);
    if (text.empty() || text.starts_with("Running as user")) continue;
    return ": " + text;
  }
  return {};
}

int Decryption::wait() {
  if (child_ <= 0) return 0;
  int status = 0;
  while (waitpid(child_, &status, 0) < 0 && errno == EINTR) {
  }
  child_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool has_secrets(const std::string& path, const StopFlag* stop) {
  const auto reader = open_capture(path, nullptr, stop);
  reader->next();
  return !reader->take_secrets().empty();
}

}  // namespace unproxy

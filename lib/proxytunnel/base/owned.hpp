// SPDX-License-Identifier: GPL-2.0-or-later
// summary: a value on the heap, or none: std::unique_ptr that copies what it points to.
#pragma once

#include <memory>
#include <utility>

namespace proxytunnel {

/// For what is large, mostly absent and must be copyable with what holds it.
template <class T>
class Owned {
 public:
  Owned() = default;
  explicit Owned(std::unique_ptr<T> value) noexcept : value_(std::move(value)) {}
  Owned(const Owned& from) : value_(from.value_ ? std::make_unique<T>(*from.value_) : nullptr) {}
  Owned& operator=(const Owned& from) {
    if (this != &from) value_ = from.value_ ? std::make_unique<T>(*from.value_) : nullptr;
    return *this;
  }
  Owned(Owned&&) noexcept = default;
  Owned& operator=(Owned&&) noexcept = default;
  ~Owned() = default;

  template <class... Arguments>
  T& emplace(Arguments&&... arguments) {
    value_ = std::make_unique<T>(std::forward<Arguments>(arguments)...);
    return *value_;
  }
  void reset() noexcept { value_.reset(); }
  /// Hands the value over; none is left.
  [[nodiscard]] std::unique_ptr<T> take() noexcept { return std::exchange(value_, nullptr); }

  [[nodiscard]] T* get() noexcept { return value_.get(); }
  [[nodiscard]] const T* get() const noexcept { return value_.get(); }
  T& operator*() noexcept { return *value_; }
  const T& operator*() const noexcept { return *value_; }
  T* operator->() noexcept { return value_.get(); }
  const T* operator->() const noexcept { return value_.get(); }
  explicit operator bool() const noexcept { return value_ != nullptr; }

 private:
  std::unique_ptr<T> value_;
};

}  // namespace proxytunnel

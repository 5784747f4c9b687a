// Result<T>: a value, or an error with its kind, its errno and the story of what was being done.
//
// Every step of the builder and of /init that can fail returns one. The image is compiled without
// exceptions, so nothing here throws; Error::message is built from the inside out, each caller
// adding what it was about ("mount /dev/vda1: Invalid argument").
#pragma once

#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace mkcapture {

/// What an error asks of whoever decides what happens next; nobody reads its words for that.
enum class ErrorKind {
  kUsage,        // what was asked for is wrong: options, configuration, names in them
  kUnavailable,  // a device, server, program or file that is not there (yet): another try may help
  kRefused,      // it is there and says no: permission, key, host key, policy
  kNoSpace,      // full, or beyond a quota or a largest size
  kTimedOut,     // no answer within the limit
  kBroken        // everything else: bad data, an I/O error, a kernel that lacks a thing
};

/// The kind that an errno stands for.
[[nodiscard]] ErrorKind kind_of(int code) noexcept;

struct Error {
  Error() = default;
  Error(ErrorKind kind, std::string message) : kind(kind), message(std::move(message)) {}
  /// The kind follows from errno `code`.
  Error(int code, std::string message)
      : kind(kind_of(code)), code(code), message(std::move(message)) {}

  ErrorKind kind = ErrorKind::kBroken;
  int code = 0;         // errno value, or 0 where no system call was involved
  std::string message;  // for a person: what failed and why; no trailing newline

  /// The same error with `what` in front: "what: message".
  [[nodiscard]] Error within(std::string_view what) && {
    message.insert(0, ": ").insert(0, what);
    return std::move(*this);
  }
};

/// "what: strerror(code)".
[[nodiscard]] inline Error sys_error(std::string_view what, int code) {
  return {code, std::string(what) + ": " + std::strerror(code)};
}
[[nodiscard]] inline Error fail(std::string message) {
  return {ErrorKind::kBroken, std::move(message)};
}
[[nodiscard]] inline Error fail(ErrorKind kind, std::string message) {
  return {kind, std::move(message)};
}

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : v_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit
  Result(Error error) : v_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit

  explicit operator bool() const noexcept { return v_.index() == 0; }
  [[nodiscard]] bool ok() const noexcept { return v_.index() == 0; }

  // Calling these on the wrong side is a programming error; std::get_if keeps it free of
  // exceptions.
  T& operator*() & { return *std::get_if<0>(&v_); }
  const T& operator*() const& { return *std::get_if<0>(&v_); }
  T&& operator*() && { return std::move(*std::get_if<0>(&v_)); }
  T* operator->() { return std::get_if<0>(&v_); }
  const T* operator->() const { return std::get_if<0>(&v_); }
  [[nodiscard]] T value_or(T other) && { return ok() ? std::move(**this) : std::move(other); }

  Error& error() & { return *std::get_if<1>(&v_); }
  const Error& error() const& { return *std::get_if<1>(&v_); }
  Error&& error() && { return std::move(*std::get_if<1>(&v_)); }

 private:
  std::variant<T, Error> v_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : ok_(false), error_(std::move(error)) {}  // NOLINT: implicit

  explicit operator bool() const noexcept { return ok_; }
  [[nodiscard]] bool ok() const noexcept { return ok_; }
  Error& error() & { return error_; }
  const Error& error() const& { return error_; }
  Error&& error() && { return std::move(error_); }

 private:
  bool ok_ = true;
  Error error_;
};

using Status = Result<void>;

}  // namespace mkcapture

/// Hands an error of `expr` (a Result) to the caller.
#define TRY(expr)                                                                    \
  do {                                                                               \
    if (auto try_result = (expr); !try_result) return std::move(try_result).error(); \
  } while (0)

/// `name` becomes the value of `expr` (a Result); its error goes to the caller.
#define TRY_ASSIGN(name, expr)                                 \
  auto name##_result = (expr);                                 \
  if (!name##_result) return std::move(name##_result).error(); \
  auto& name = *name##_result

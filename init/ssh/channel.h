// Channel: the two pipes to a program that speaks with a server (dbclient), with limits on silence.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "init/base/result.h"
#include "init/base/unique_fd.h"
#include "init/base/units.h"

namespace mkcapture::init {

class Channel {
 public:
  /// Takes the descriptors over: `in` is written to, `out` and `err` are read; err may be -1.
  Channel(UniqueFd in, UniqueFd out, UniqueFd err);

  /// Called whenever bytes moved.
  void on_progress(std::function<void()> f) { progress_ = std::move(f); }
  /// As if bytes had moved: a peer works that may be silent for long.
  void still_at_work() const {
    if (progress_) progress_();
  }
  /// How the program's standard error is read. `explain` turns it into the error of a call that
  /// meets the program's end; without a message it says nothing. `hopeless`: the program waits for
  /// what nobody will do, and calls fail at once.
  struct Interpreter {
    Error (*explain)(std::string_view error_text) = nullptr;
    bool (*hopeless)(std::string_view error_text) = nullptr;
  };
  void interpret_errors_with(Interpreter interpreter) noexcept { interpreter_ = interpreter; }
  /// A call fails with kTimedOut when nothing moved for so long.
  void set_stall_limit(Milliseconds limit) noexcept { stall_ = limit; }

  /// Sends `head` and `body` whole. Bytes that arrive meanwhile are handed to `received`, so that a
  /// peer that waits for us to read cannot stop both. An error where the program has ended.
  Status send(std::string_view head, std::span<const std::byte> body,
              const std::function<Status(std::string_view)>& received);

  /// Waits for bytes and hands them to `received`. False when `limit` passed without any; an
  /// error at the end of the stream, where has_ended() is true.
  Result<bool> receive(Milliseconds limit, const std::function<Status(std::string_view)>& received);

  /// The end of what the program writes has been read.
  [[nodiscard]] bool has_ended() const noexcept { return !out_.valid(); }
  /// The program has read everything that was sent.
  [[nodiscard]] bool input_taken() const noexcept;
  /// The program sees the end of its input.
  void close_input() noexcept { in_.reset(); }

  [[nodiscard]] Milliseconds stall_limit() const noexcept { return stall_; }
  /// The last few kilobytes of the program's standard error so far.
  [[nodiscard]] const std::string& error_text() const noexcept { return error_text_; }
  /// Reads standard error until it ends or `limit` passes: a program that has just failed says why.
  void drain_errors(Milliseconds limit);

 private:
  enum class Want { kRead, kReadAndWrite };
  /// Polls, reads what there is; true where `in` can be written.
  Result<bool> step(Want want, Milliseconds limit,
                    const std::function<Status(std::string_view)>& received, bool& read_any);
  void read_errors();
  [[nodiscard]] bool is_hopeless() const {
    return interpreter_.hopeless != nullptr && interpreter_.hopeless(error_text_);
  }
  /// The program's last words, or that it has ended.
  Error ended();

  UniqueFd in_;
  UniqueFd out_;
  UniqueFd err_;
  std::string error_text_;
  std::function<void()> progress_;
  Interpreter interpreter_;
  Milliseconds stall_{60000};
};

}  // namespace mkcapture::init

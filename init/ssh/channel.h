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
  /// Turns the program's standard error into the reason of an EPIPE; empty: it says nothing.
  void explain_end_with(std::string (*f)(std::string_view error_text)) noexcept { explain_ = f; }
  /// As if bytes had moved: a peer works that may be silent for long.
  void still_at_work() const {
    if (progress_) progress_();
  }
  /// A call fails with ETIMEDOUT when nothing moved for so long.
  void set_stall_limit(Milliseconds limit) noexcept { stall_ = limit; }

  /// Sends `head` and `body` whole. Bytes that arrive meanwhile are handed to `received`, so that a
  /// peer that waits for us to read cannot stop both. EPIPE where the program has ended.
  Status send(std::string_view head, std::span<const std::byte> body,
              const std::function<Status(std::string_view)>& received);

  /// Waits for bytes and hands them to `received`. False when `limit` passed without any; EPIPE at
  /// the end of the stream.
  Result<bool> receive(Milliseconds limit, const std::function<Status(std::string_view)>& received);

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
  /// EPIPE, with the program's last words.
  Error ended();

  UniqueFd in_;
  UniqueFd out_;
  UniqueFd err_;
  std::string error_text_;
  std::function<void()> progress_;
  std::string (*explain_)(std::string_view) = nullptr;
  Milliseconds stall_{60000};
};

}  // namespace mkcapture::init

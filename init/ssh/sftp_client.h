// An SFTP client over a Channel: one request at a time, but for writes, which are kept under way in
// a window and checked as their answers come.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "init/base/result.h"
#include "init/output/output.h"
#include "init/ssh/channel.h"
#include "init/ssh/sftp_packet.h"

namespace mkcapture::init {

class SftpClient {
 public:
  /// Data of one WRITE: what every server takes (the draft's 32768).
  static constexpr std::size_t kWriteBytes = 32 << 10;
  /// WRITEs without an answer yet. 2 MB are under way: 160 MB/s at 12 ms round trip.
  static constexpr std::size_t kWindow = 64;

  explicit SftpClient(Channel channel) : channel_(std::move(channel)) {}

  /// Sends INIT; await_version() then tells when the server has answered.
  Status send_init();
  /// True once the server has answered, false when `limit` passed without an answer.
  Result<bool> await_version(Milliseconds limit);

  /// False where it is there already.
  Result<bool> make_dir(const std::string& path, std::uint32_t mode);
  [[nodiscard]] Result<sftp::Attributes> stat(const std::string& path);
  /// Creates or truncates; the handle is the server's, opaque.
  [[nodiscard]] Result<std::string> create(const std::string& path, std::uint32_t mode);
  /// Returns once the data is on its way; an earlier write's failure is reported by a later call.
  Status write(const std::string& handle, std::uint64_t offset, std::span<const std::byte> data);
  /// Waits for the answers to all writes.
  Status drain();
  /// fsync@openssh.com; false where the server has no such thing. A disk may take minutes for what
  /// its server has in memory: silence is borne for as long as `go_on` says so, which is asked each
  /// second.
  Result<bool> sync(const std::string& handle, const std::function<bool()>& go_on);
  [[nodiscard]] bool can_sync() const;
  Status set_size(const std::string& handle, std::uint64_t size);
  Status close(const std::string& handle);
  /// Atomically replacing `to` where the server can (posix-rename@openssh.com).
  Status rename(const std::string& from, const std::string& to);
  /// The entries of a folder, at most `limit`; more are passed over.
  [[nodiscard]] Result<std::vector<sftp::Name>> list(const std::string& path, std::size_t limit);
  Status remove_file(const std::string& path);
  Status remove_dir(const std::string& path);  // an empty one
  /// Whether the last error was a server's "failure", which version 3 has for everything that it
  /// has no code for: a full disk, a name that exists.
  [[nodiscard]] bool said_failure() const noexcept { return said_failure_; }
  /// statvfs@openssh.com; nothing where the server cannot tell.
  [[nodiscard]] std::optional<Space> space(const std::string& path);

  [[nodiscard]] Channel& channel() noexcept { return channel_; }

 private:
  struct Reply {
    sftp::Type type{};
    std::string body;
  };

  Status received(std::string_view bytes);
  Status take(const sftp::Packet& packet);
  /// Sends a request and waits for its answer.
  Result<Reply> ask(sftp::PacketWriter& packet, const std::function<bool()>& go_on = {});
  Status ask_status(sftp::PacketWriter& packet, const std::function<bool()>& go_on = {});
  Result<std::string> ask_handle(sftp::PacketWriter& packet);
  Error refused(const sftp::StatusReply& status);
  Status await(Milliseconds& silent);
  Status settle();
  std::uint32_t next_id() noexcept { return ++last_id_; }
  [[nodiscard]] bool can(std::string_view extension, std::string_view version) const;

  Channel channel_;
  sftp::PacketStream stream_;
  std::optional<std::map<std::string, std::string, std::less<>>> extensions_;  // once VERSION came
  std::uint32_t last_id_ = 0;
  std::optional<std::uint32_t> asked_;  // the request that ask() waits for
  std::optional<Reply> reply_;
  std::map<std::uint32_t, std::size_t> writes_;  // under way, id to bytes
  std::optional<Error> write_error_;             // of the first write that failed
  bool said_failure_ = false;
};

/// A file on the server as a random-access Output. `client` must outlive it. `folder` is where free
/// space is asked for, since servers say no more than "failure" when the disk is full. Synced now
/// and then, so that little is left for the last time; `go_on` bounds each of these waits.
[[nodiscard]] Result<std::unique_ptr<Output>> sftp_output(SftpClient& client,
                                                          const std::string& path,
                                                          const std::string& folder,
                                                          std::function<bool()> go_on);

}  // namespace mkcapture::init

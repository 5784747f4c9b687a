// sftp_output(): small pieces are gathered to whole WRITEs; holes are simply not written.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "init/ssh/sftp_client.h"

namespace mkcapture::init {
namespace {

constexpr std::uint64_t kSyncBytes = 256
                                     << 20;  // what the last sync may find in the server's memory
constexpr std::uint64_t kFull = 1 << 20;     // with less room than this a failure means "disk full"

class SftpOutput final : public Output {
 public:
  SftpOutput(SftpClient& client, std::string handle, std::string path, std::string folder,
             std::function<bool()> go_on)
      : client_(client),
        handle_(std::move(handle)),
        path_(std::move(path)),
        folder_(std::move(folder)),
        go_on_(std::move(go_on)) {
    buffer_.reserve(SftpClient::kWriteBytes);
  }
  SftpOutput(const SftpOutput&) = delete;
  SftpOutput& operator=(const SftpOutput&) = delete;
  ~SftpOutput() override {
    // After a failure the connection may be gone; the server closes what is open then.
    if (!handle_.empty() && !failed_) {
      (void)flush();
      (void)client_.drain();
      (void)client_.close(handle_);
    }
  }

  [[nodiscard]] bool seekable() const noexcept override { return true; }

  Status write_at(std::uint64_t offset, std::span<const std::byte> data) override {
    if (offset != buffer_offset_ + buffer_.size()) TRY(flush());
    if (buffer_.empty()) buffer_offset_ = offset;
    end_ = std::max(end_, offset + data.size());
    while (!data.empty()) {
      if (buffer_.empty() && data.size() >= SftpClient::kWriteBytes) {
        const auto whole = data.size() - data.size() % SftpClient::kWriteBytes;
        TRY(send(data.first(whole)));
        data = data.subspan(whole);
        continue;
      }
      const auto part = data.first(std::min(data.size(), SftpClient::kWriteBytes - buffer_.size()));
      buffer_.insert(buffer_.end(), part.begin(), part.end());
      data = data.subspan(part.size());
      if (buffer_.size() == SftpClient::kWriteBytes) TRY(flush());
    }
    return {};
  }

  Status sync() override {
    TRY(flush());
    TRY(checked(client_.drain()));
    return sync_on_server();
  }

  Status finish(std::uint64_t size) override {
    TRY(flush());
    TRY(checked(client_.drain()));
    if (size > end_) TRY(checked(client_.set_size(handle_, size)));
    TRY(sync_on_server());
    const std::string handle = std::exchange(handle_, {});
    return checked(client_.close(handle));
  }

  [[nodiscard]] std::string note() const override {
    return client_.can_sync() ? ""
                              : "the server cannot sync: its own system may still hold the end";
  }

 private:
  Status flush() {
    if (buffer_.empty()) return {};
    Status sent = send(buffer_);
    buffer_.clear();
    return sent;
  }

  /// At buffer_offset_, which moves on.
  Status send(std::span<const std::byte> data) {
    TRY(checked(client_.write(handle_, buffer_offset_, data)));
    buffer_offset_ += data.size();
    unsynced_ += data.size();
    return unsynced_ >= kSyncBytes ? sync_on_server() : Status();
  }

  /// What a server without fsync has, it has; note() tells.
  Status sync_on_server() {
    unsynced_ = 0;
    auto synced = client_.sync(handle_, go_on_);
    return synced ? Status() : checked(std::move(synced).error());
  }

  /// Adds which file it was, and makes ENOSPC of a failure on a full disk.
  Status checked(Status s) {
    if (s) return s;
    failed_ = true;
    Error error = std::move(s).error();
    if (error.kind == ErrorKind::kBroken && client_.said_failure()) {
      const auto space = client_.space(folder_);
      if (space && space->free < kFull) error = {ErrorKind::kNoSpace, std::strerror(ENOSPC)};
    }
    return std::move(error).within("write " + path_);
  }

  SftpClient& client_;
  std::string handle_;
  std::string path_;
  std::string folder_;
  std::function<bool()> go_on_;
  std::vector<std::byte> buffer_;
  std::uint64_t buffer_offset_ = 0;  // where the buffer's first byte goes
  std::uint64_t end_ = 0;
  std::uint64_t unsynced_ = 0;
  bool failed_ = false;
};

}  // namespace

Result<std::unique_ptr<Output>> sftp_output(SftpClient& client, const std::string& path,
                                            const std::string& folder,
                                            std::function<bool()> go_on) {
  constexpr std::uint32_t kPrivate = 0600;
  auto handle = client.create(path, kPrivate);
  if (!handle) return std::move(handle).error().within("create " + path);
  return std::unique_ptr<Output>(
      std::make_unique<SftpOutput>(client, std::move(*handle), path, folder, std::move(go_on)));
}

}  // namespace mkcapture::init

// An SFTP server (version 3) with a file system in memory, in a thread of its own behind a socket.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "init/ssh/sftp_packet.h"

namespace mkcapture::init {

class FakeSftpServer {
 public:
  FakeSftpServer() = default;
  FakeSftpServer(const FakeSftpServer&) = delete;
  FakeSftpServer& operator=(const FakeSftpServer&) = delete;
  ~FakeSftpServer() { join(); }

  /// "mkdir PATH", "open PATH", "write PATH", "fsync PATH", "rename FROM" -> errno; kSilent: no
  /// answer.
  static constexpr int kSilent = -1;
  std::map<std::string, int> errors;

  // Not to be looked at before join().
  std::map<std::string, std::string> files;  // by path
  std::map<std::string, int> dirs{{"/", 0755}};
  std::vector<std::string> calls;

  /// The client's end. Once.
  [[nodiscard]] int start();
  /// Waits until the client has gone.
  void join() {
    if (thread_.joinable()) thread_.join();
  }

 private:
  void serve(int fd);
  [[nodiscard]] std::string answer(const sftp::Packet& packet);
  [[nodiscard]] std::string list(std::uint32_t id, const std::string& handle);

  std::thread thread_;
  bool full_ = false;                   // since a call has failed for it
  std::map<std::string, bool> listed_;  // handles of folders, "dir:PATH"
};

}  // namespace mkcapture::init

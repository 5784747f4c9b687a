// Dumps on a server with the SFTP subsystem: random-access writes, fsync, atomic rename.
#pragma once

#include <string>

#include "init/ssh/sftp_client.h"
#include "init/targets/dump_store.h"

namespace mkcapture::init {

class SftpStore final : public DumpStore {
 public:
  /// `path`: absolute, on the server. The client must outlive the store.
  SftpStore(SftpClient& client, std::string path) : client_(client), path_(std::move(path)) {}

  Result<std::string> begin(const std::string& name, const Deadline& deadline) override;
  Result<std::unique_ptr<Output>> create(const std::string& file,
                                         const Deadline& deadline) override;
  Status commit(const std::string& from, const std::string& to, const Deadline& deadline) override;
  Result<std::vector<StoredDump>> list(const std::string& prefix,
                                       const Deadline& deadline) override;
  Status remove(const StoredDump& dump, const Deadline& deadline) override;
  std::optional<Space> free(const Deadline& deadline) override;

 private:
  Status make_path();
  Result<std::string> make_unique_directory(const std::string& name);
  [[nodiscard]] std::string nearest_folder();

  SftpClient& client_;
  std::string path_;
  std::string directory_;  // of the dump; empty before begin()
};

}  // namespace mkcapture::init

// Dumps on a server that has a shell but no SFTP: a connection and a command for each step.
#pragma once

#include <functional>
#include <string>

#include "init/ssh/dbclient.h"
#include "init/targets/dump_store.h"

namespace mkcapture::init {

class ShellStore final : public DumpStore {
 public:
  /// `path`: absolute, on the server. `progress` is called when bytes moved. A step fails where the
  /// server is silent for `stall`.
  ShellStore(System& system, SshServer server, std::string path, Milliseconds stall,
             std::function<void()> progress)
      : system_(system),
        server_(std::move(server)),
        path_(std::move(path)),
        stall_(stall),
        progress_(std::move(progress)) {}

  Result<std::string> begin(const std::string& name, const Deadline& deadline) override;
  Result<std::unique_ptr<Output>> create(const std::string& file,
                                         const Deadline& deadline) override;
  Status commit(const std::string& from, const std::string& to, const Deadline& deadline) override;
  Result<std::vector<StoredDump>> list(const std::string& prefix,
                                       const Deadline& deadline) override;
  Status remove(const StoredDump& dump, const Deadline& deadline) override;
  std::optional<Space> free(const Deadline& deadline) override;

 private:
  Result<std::string> ask(const std::string& command, const Deadline& deadline);
  /// A command that ends in remote::kDone, and may sync for long before.
  Status order(const std::string& command, const Deadline& deadline);

  System& system_;
  SshServer server_;
  std::string path_;
  Milliseconds stall_;
  std::function<void()> progress_;
  std::string directory_;  // of the dump; empty before begin()
};

}  // namespace mkcapture::init

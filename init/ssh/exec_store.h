// The way without SFTP: commands in the server's shell, one connection each.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "init/output/output.h"
#include "init/ssh/dbclient.h"

namespace mkcapture::init {

/// Runs one command and returns what it wrote to standard output (at most 64 KB). An error where it
/// or the connection fails, it takes longer than `stall`, or `deadline` passes. With `at_work`
/// (called meanwhile) the deadline alone ends it: for one that syncs.
[[nodiscard]] Result<std::string> run_remote(System& system, const SshServer& server,
                                             const std::string& command, Milliseconds stall,
                                             const Deadline& deadline,
                                             const std::function<void()>* at_work = nullptr);

/// A file on the server as a sequential Output (gaps are sent as zeros). finish() succeeds only
/// once the server has the whole file on its disk and the remote command has ended well.
[[nodiscard]] Result<std::unique_ptr<Output>> exec_output(System& system, const SshServer& server,
                                                          const std::string& path,
                                                          Milliseconds stall,
                                                          std::function<void()> progress,
                                                          const Deadline& deadline);

/// Waits until `text` holds `line` or the session ends; `text` gathers what comes. False when
/// `limit` passed.
[[nodiscard]] Result<bool> await_line(SshSession& session, std::string_view line, std::string& text,
                                      Milliseconds limit);

}  // namespace mkcapture::init

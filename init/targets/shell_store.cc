#include "init/targets/shell_store.h"

#include "init/ssh/exec_store.h"
#include "init/ssh/remote_shell.h"
#include "init/ssh/sftp_packet.h"
#include "init/targets/remote_path.h"

namespace mkcapture::init {

Result<std::string> ShellStore::ask(const std::string& command, const Deadline& deadline) {
  return run_remote(system_, server_, command, stall_, deadline);
}

Status ShellStore::order(const std::string& command, const Deadline& deadline) {
  TRY_ASSIGN(answer, run_remote(system_, server_, command, stall_, deadline, &progress_));
  if (answer.find(remote::kDone) == std::string::npos) {
    return fail("the server does not confirm it");
  }
  return {};
}

Result<std::string> ShellStore::begin(const std::string& name, const Deadline& deadline) {
  const auto what = [this](Error error) {
    return std::move(error).within("create directory " + path_);
  };
  auto answer = ask(remote::make_directory(path_, name), deadline);
  if (!answer) return what(std::move(answer).error());
  auto made = remote::parse_made(*answer);
  if (!made) {
    return what(fail("the server's answer is not understood: " + sftp::printable(*answer)));
  }
  directory_ = joined(path_, *made);
  return *made;
}

Result<std::unique_ptr<Output>> ShellStore::create(const std::string& file,
                                                   const Deadline& deadline) {
  return exec_output(system_, server_, joined(directory_, file), stall_, progress_, deadline);
}

Status ShellStore::commit(const std::string& from, const std::string& to,
                          const Deadline& deadline) {
  const std::string old_path = joined(directory_, from);
  if (auto renamed = order(remote::rename(old_path, joined(directory_, to)), deadline); !renamed) {
    return std::move(renamed).error().within("rename " + old_path + " to " + to);
  }
  return {};
}

Result<std::vector<StoredDump>> ShellStore::list(const std::string& prefix,
                                                 const Deadline& deadline) {
  auto answer = ask(remote::list(path_, prefix), deadline);
  if (!answer) return std::move(answer).error().within("list " + path_);
  std::vector<StoredDump> dumps;
  for (auto& [name, files] : remote::parse_list(*answer, kMaxStoredDumps, kMaxDumpFiles)) {
    dumps.push_back({name, std::move(files)});
  }
  return dumps;
}

Status ShellStore::remove(const StoredDump& dump, const Deadline& deadline) {
  const std::string command = remote::remove(joined(path_, dump.name), dump.files);
  if (auto removed = order(command, deadline); !removed) {
    return std::move(removed).error().within("remove " + dump.name);
  }
  return {};
}

std::optional<Space> ShellStore::free(const Deadline& deadline) {
  const auto answer = ask(remote::free_space(path_), deadline);
  return answer ? remote::parse_df(*answer) : std::nullopt;
}

}  // namespace mkcapture::init

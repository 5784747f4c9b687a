#include "init/targets/sftp_store.h"

#include <cerrno>

#include "init/base/text.h"
#include "init/targets/remote_path.h"

namespace mkcapture::init {
namespace {

constexpr std::uint32_t kPrivateDir = 0700;
constexpr std::uint32_t kSharedDir = 0755;

}  // namespace

Status SftpStore::make_path() {
  std::string path;
  for (const std::string_view part : split(path_, '/')) {
    if (part.empty()) continue;
    path.append("/").append(part);
    // Servers differ in what they say of a folder that is there already, so look first.
    const auto there = client_.stat(path);
    if (there && there->is_directory()) continue;
    if (there) return sys_error(path, ENOTDIR);
    if (auto made = client_.make_dir(path, kSharedDir); !made) {
      return std::move(made).error().within(path);
    }
  }
  return {};
}

Result<std::string> SftpStore::make_unique_directory(const std::string& name) {
  TRY(make_path());
  for (int suffix = 0; suffix <= kMaxNameSuffix; ++suffix) {
    std::string unique = with_suffix(name, suffix);
    const auto made = client_.make_dir(joined(path_, unique), kPrivateDir);
    if (!made) return Error(made.error()).within(unique);
    if (*made) return unique;
  }
  return sys_error(name, EEXIST);
}

Result<std::string> SftpStore::begin(const std::string& name, const Deadline&) {
  auto made = make_unique_directory(name);
  if (!made) return std::move(made).error().within("create directory " + path_);
  directory_ = joined(path_, *made);
  return made;
}

Result<std::unique_ptr<Output>> SftpStore::create(const std::string& file,
                                                  const Deadline& deadline) {
  return sftp_output(client_, joined(directory_, file), directory_,
                     [deadline] { return !deadline.passed(); });
}

Status SftpStore::commit(const std::string& from, const std::string& to, const Deadline&) {
  const std::string old_path = joined(directory_, from);
  if (auto renamed = client_.rename(old_path, joined(directory_, to)); !renamed) {
    return std::move(renamed).error().within("rename " + old_path + " to " + to);
  }
  return {};
}

Result<std::vector<StoredDump>> SftpStore::list(const std::string& prefix, const Deadline&) {
  auto names = client_.list(path_, kMaxStoredDumps);
  if (!names) return std::move(names).error().within("list " + path_);
  std::vector<StoredDump> dumps;
  for (const sftp::Name& entry : *names) {
    if (!entry.attributes.is_directory() || !entry.name.starts_with(prefix)) continue;
    const auto files = client_.list(joined(path_, entry.name), kMaxDumpFiles);
    if (!files) continue;  // not ours to see
    StoredDump dump{entry.name, {}};
    for (const sftp::Name& file : *files)
      dump.files.push_back(file.name);
    dumps.push_back(std::move(dump));
  }
  return dumps;
}

Status SftpStore::remove(const StoredDump& dump, const Deadline&) {
  const std::string folder = joined(path_, dump.name);
  Status removed;
  for (std::size_t i = 0; removed && i < dump.files.size(); ++i) {
    removed = client_.remove_file(joined(folder, dump.files[i]));
  }
  if (removed) removed = client_.remove_dir(folder);
  if (!removed) return std::move(removed).error().within("remove " + dump.name);
  return {};
}

std::optional<Space> SftpStore::free(const Deadline&) {
  return client_.space(directory_.empty() ? nearest_folder() : directory_);
}

/// PATH, or the nearest folder above it that is there.
std::string SftpStore::nearest_folder() {
  std::string path = path_;
  while (path.size() > 1 && !client_.stat(path)) {
    const std::size_t slash = path.rfind('/');
    path.resize(slash == std::string::npos || slash == 0 ? 1 : slash);
  }
  return path;
}

}  // namespace mkcapture::init

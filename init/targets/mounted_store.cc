#include "init/targets/mounted_store.h"

#include <algorithm>
#include <cerrno>
#include <string_view>

namespace mkcapture::init {
namespace {

using Links = Directory::Links;

constexpr unsigned kPrivate = 0700;
constexpr unsigned kShared = 0755;

Error no_dump() {
  return fail("no directory was made");
}

}  // namespace

Status MountedStore::make_parent() {
  auto root = system_.open_directory(mount_point_);
  if (!root) return std::move(root).error().within(mount_point_);
  auto at = (*root)->open(".", Links::kFollow);
  if (!at) return std::move(at).error().within("mount point");
  std::string done = ".";
  std::string_view rest(path_);
  while (!rest.empty()) {
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    const std::string part(rest.substr(0, slash));
    rest.remove_prefix(std::min(slash + 1, rest.size()));
    if (part.empty()) continue;
    done += "/" + part;
    auto next = (*root)->open(done, Links::kFollow);
    if (!next && next.error().code == ENOENT) {
      auto made = (*at)->make(part, kShared);
      if (!made && made.error().code != EEXIST) {
        return std::move(made).error().within("create directory " + done.substr(1));
      }
      next = (*root)->open(done, Links::kFollow);
    }
    if (!next) return std::move(next).error().within("directory " + done.substr(1));
    at = std::move(next);
  }
  parent_ = *std::move(at);
  return {};
}

Result<std::string> MountedStore::begin(const std::string& wanted, const Deadline&) {
  std::string allowed = wanted;
  if (!colons_) std::replace(allowed.begin(), allowed.end(), ':', '-');
  TRY(make_parent());
  for (int suffix = 0;; ++suffix) {
    const std::string name = with_suffix(allowed, suffix);
    if (auto made = parent_->make(name, kPrivate); !made) {
      if (made.error().code == EEXIST && suffix < kMaxNameSuffix) continue;
      return std::move(made).error().within("create directory " + path_ + "/" + name);
    }
    auto directory = parent_->open(name, Links::kRefuse);
    if (!directory) return std::move(directory).error().within("directory " + path_ + "/" + name);
    directory_ = *std::move(directory);
    name_ = name;
    return name_;
  }
}

Result<std::unique_ptr<Output>> MountedStore::create(const std::string& file, const Deadline&) {
  if (!directory_) return no_dump();
  auto output = directory_->create(file);
  if (!output) return std::move(output).error().within("create " + name_ + "/" + file);
  return output;
}

Status MountedStore::commit(const std::string& from, const std::string& to, const Deadline&) {
  if (!directory_) return no_dump();
  if (auto renamed = directory_->rename(from, to); !renamed) {
    return std::move(renamed).error().within("rename " + name_ + "/" + from + " to " + to);
  }
  if (auto synced = directory_->sync(); !synced) {
    return std::move(synced).error().within("sync directory " + name_);
  }
  // With it the directories above, which may be new as well.
  if (auto synced = directory_->sync_filesystem(); !synced) {
    return std::move(synced).error().within("sync the file system");
  }
  return {};
}

Result<std::vector<StoredDump>> MountedStore::list(const std::string& prefix, const Deadline&) {
  if (!parent_) return no_dump();
  auto names = parent_->list(kMaxStoredDumps);
  if (!names) return std::move(names).error().within("list " + path_);
  std::vector<StoredDump> dumps;
  for (const std::string& name : *names) {
    if (!name.starts_with(prefix)) continue;
    const auto directory = parent_->open(name, Links::kRefuse);
    if (!directory) continue;  // a file, a link, or not ours to see
    auto files = (*directory)->list(kMaxDumpFiles);
    if (files) dumps.push_back({name, *std::move(files)});
  }
  return dumps;
}

Status MountedStore::remove(const StoredDump& dump, const Deadline&) {
  if (!parent_) return no_dump();
  auto removed = remove_all(dump);
  if (!removed) return std::move(removed).error().within("remove " + dump.name);
  return {};
}

Status MountedStore::remove_all(const StoredDump& dump) {
  TRY_ASSIGN(directory, parent_->open(dump.name, Links::kRefuse));
  for (const auto& file : dump.files)
    TRY(directory->remove_file(file));
  return parent_->remove_directory(dump.name);
}

std::optional<Space> MountedStore::free(const Deadline&) {
  const auto root = system_.open_directory(mount_point_);
  return root ? (*root)->space() : std::nullopt;
}

}  // namespace mkcapture::init

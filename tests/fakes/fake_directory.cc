#include "tests/fakes/fake_directory.h"

#include <cerrno>
#include <cstring>

#include "init/base/text.h"
#include "tests/fakes/fake_system.h"

namespace mkcapture::init {
namespace {

Error plain(int code) {
  return {code, std::strerror(code)};
}

class FakeOutput final : public Output {
 public:
  FakeOutput(FakeSystem& system, std::string path) : system_(system), path_(std::move(path)) {}
  [[nodiscard]] bool seekable() const noexcept override { return true; }
  Status write_at(std::uint64_t offset, std::span<const std::byte> data) override {
    if (!written_) TRY(system_.play("write " + path_));
    written_ = true;
    std::string& text = system_.files[path_];
    if (text.size() < offset + data.size()) text.resize(offset + data.size());
    text.replace(offset, data.size(), reinterpret_cast<const char*>(data.data()), data.size());
    return {};
  }
  Status finish(std::uint64_t size) override {
    TRY(system_.play("finish " + path_));
    system_.files[path_].resize(size);
    return {};
  }

 private:
  FakeSystem& system_;
  std::string path_;
  bool written_ = false;
};

}  // namespace

std::unique_ptr<Output> fake_output(FakeSystem& system, const std::string& path) {
  return std::make_unique<FakeOutput>(system, path);
}

Result<std::unique_ptr<Directory>> FakeDirectory::open(const std::string& path, Links links) {
  std::string found = path_;
  for (const std::string_view part : split(path, '/')) {
    if (part.empty() || part == ".") continue;
    found += "/" + std::string(part);
    if (const auto link = system_.links.find(found); link != system_.links.end()) {
      if (links == Links::kRefuse) return plain(ELOOP);
      found = root_ + link->second;
    }
  }
  TRY(system_.play("opendir " + found));
  if (system_.files.count(found) != 0) return plain(ENOTDIR);
  if (!system_.exists(found)) return plain(ENOENT);
  return std::unique_ptr<Directory>(std::make_unique<FakeDirectory>(system_, root_, found));
}

Status FakeDirectory::make(const std::string& name, unsigned mode) {
  TRY(system_.play("mkdir " + at(name)));
  if (system_.exists(at(name))) return plain(EEXIST);
  system_.dirs.insert(at(name));
  system_.modes[at(name)] = mode;
  return {};
}

Result<std::unique_ptr<Output>> FakeDirectory::create(const std::string& name) {
  TRY(system_.play("create " + at(name)));
  system_.files[at(name)].clear();
  return fake_output(system_, at(name));
}

Status FakeDirectory::rename(const std::string& from, const std::string& to) {
  TRY(system_.play("rename " + at(from) + " " + to));
  auto file = system_.files.extract(at(from));
  if (file.empty()) return plain(ENOENT);
  system_.files[at(to)] = std::move(file.mapped());
  return {};
}

Status FakeDirectory::sync() {
  return system_.play("syncdir " + path_);
}
Status FakeDirectory::sync_filesystem() {
  return system_.play("syncfs " + path_);
}

Result<std::vector<std::string>> FakeDirectory::list(std::size_t limit) {
  TRY(system_.play("listdir " + path_));
  auto names = system_.list_dir(path_);
  if (!names) return plain(names.error().code);
  if (names->size() > limit) names->resize(limit);
  return names;
}

Status FakeDirectory::remove_file(const std::string& name) {
  TRY(system_.play("unlink " + at(name)));
  if (system_.files.erase(at(name)) + system_.links.erase(at(name)) == 0) return plain(ENOENT);
  return {};
}

Status FakeDirectory::remove_directory(const std::string& name) {
  TRY(system_.play("rmdir " + at(name)));
  const auto names = system_.list_dir(at(name));
  if (names && !names->empty()) return plain(ENOTEMPTY);
  return system_.dirs.erase(at(name)) == 0 ? Status(plain(ENOENT)) : Status();
}

std::optional<Space> FakeDirectory::space() {
  return system_.free_space;
}

}  // namespace mkcapture::init

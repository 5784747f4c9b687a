#include "builder/kernel/kernel_files.h"

#include <dirent.h>
#include <fmt/format.h>
#include <string.h>

#include <algorithm>

#include "builder/host/files.h"

namespace mkcapture {

namespace {

constexpr std::size_t kMaxKernelConfig = 4 << 20;

std::string below(const std::string& root, const std::string& path) {
  return root == "/" ? "/" + path : root + "/" + path;
}

// lib/modules, and usr/lib/modules of trees whose /lib link is not there.
constexpr const char* kModuleFolders[] = {"lib/modules", "usr/lib/modules"};

bool has_modules(const std::string& root, const std::string& release) {
  return std::any_of(std::begin(kModuleFolders), std::end(kModuleFolders), [&](const char* folder) {
    return is_directory(below(root, fmt::format("{}/{}", folder, release)));
  });
}

}  // namespace

bool KernelConfig::is_set(std::string_view symbol) const {
  const auto it = values_.find(symbol);
  return it != values_.end() && (it->second == "y" || it->second == "m");
}

bool KernelConfig::is_builtin(std::string_view symbol) const {
  const auto it = values_.find(symbol);
  return it != values_.end() && it->second == "y";
}

KernelConfig parse_kernel_config(std::string_view text) {
  constexpr std::string_view kPrefix = "CONFIG_";
  KernelConfig config;
  config.known_ = true;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    if (const auto equals = line.find('=');
        line.starts_with(kPrefix) && equals != std::string_view::npos)
      config.values_.emplace(line.substr(kPrefix.size(), equals - kPrefix.size()),
                             line.substr(equals + 1));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return config;
}

std::vector<std::string> kernel_releases(const std::string& root) {
  std::vector<std::string> releases;
  for (const char* folder : kModuleFolders) {
    const std::string path = below(root, folder);
    DIR* dir = ::opendir(path.c_str());
    if (dir == nullptr) continue;
    while (const dirent* entry = ::readdir(dir)) {
      const std::string name = entry->d_name;
      // A folder that a package left behind holds no index.
      if (!name.starts_with('.') && is_regular_file(path + "/" + name + "/modules.dep"))
        releases.push_back(name);
    }
    ::closedir(dir);
  }
  std::sort(releases.begin(), releases.end(),
            [](const auto& a, const auto& b) { return ::strverscmp(a.c_str(), b.c_str()) < 0; });
  releases.erase(std::unique(releases.begin(), releases.end()), releases.end());
  return releases;
}

Result<std::string> choose_release(const std::string& root, const std::string& wanted,
                                   const std::string& running) {
  const auto folder = below(root, "lib/modules");
  if (!wanted.empty()) {
    if (wanted.find('/') == std::string::npos && has_modules(root, wanted)) return wanted;
    const auto releases = kernel_releases(root);
    return fail(releases.empty() ? fmt::format("no modules in {}/{}", folder, wanted)
                                 : fmt::format("no modules in {}/{}; there are {}", folder, wanted,
                                               fmt::join(releases, ", ")));
  }
  if (!running.empty() && has_modules(root, running)) return running;
  const auto releases = kernel_releases(root);
  if (releases.empty())
    return fail(fmt::format("no kernel modules in {}: install a kernel package, or give --root DIR",
                            folder));
  return releases.back();
}

KernelFiles find_kernel_files(const std::string& root, const std::string& release,
                              const Profile& profile) {
  KernelFiles files;
  files.root = root;
  files.release = release;
  for (const auto& pattern : profile.kernel_images) {
    std::string path = pattern;
    if (const auto at = path.find("{release}"); at != std::string::npos)
      path.replace(at, 9, release);
    for (const char* prefix : {"", "usr/"})
      if (const auto whole = below(root, prefix + path);
          files.image.empty() && is_regular_file(whole))
        files.image = whole;
  }
  for (const auto& name :
       {fmt::format("boot/config-{}", release), fmt::format("lib/modules/{}/config", release),
        fmt::format("usr/lib/modules/{}/config", release),
        fmt::format("usr/lib/ostree-boot/config-{}", release)}) {
    const auto whole = below(root, name);
    if (!is_regular_file(whole)) continue;
    if (auto text = read_whole_file(whole, kMaxKernelConfig)) {
      files.config_path = whole;
      files.config = parse_kernel_config(*text);
      break;
    }
  }
  return files;
}

}  // namespace mkcapture

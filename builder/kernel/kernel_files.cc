#include "builder/kernel/kernel_files.h"

#include <fmt/format.h>
#include <string.h>

#include <algorithm>

#include "builder/host/root_path.h"
#include "builder/kernel/kernel_flavour.h"
#include "builder/kernel/kernel_image.h"

namespace mkcapture {

namespace {

constexpr std::size_t kMaxKernelConfig = 4 << 20;

// In words.
std::string below(const std::string& root, const std::string& path) {
  return root == "/" ? "/" + path : root + "/" + path;
}

// The path to look at: links of a tree lead nowhere but into the tree. Empty where there is
// nothing.
std::string inside(Host& host, const std::string& root, const std::string& path) {
  if (root == "/") return "/" + path;
  return resolve_below(host, root, "/" + path).value_or("");
}

// lib/modules, and usr/lib/modules of trees whose /lib link is not there.
constexpr const char* kModuleFolders[] = {"lib/modules", "usr/lib/modules"};

bool has_modules(Host& host, const std::string& root, const std::string& release) {
  return std::any_of(std::begin(kModuleFolders), std::end(kModuleFolders), [&](const char* folder) {
    const auto path = inside(host, root, fmt::format("{}/{}", folder, release));
    return !path.empty() && host.is_folder(path);
  });
}

std::vector<std::string> names_in(Host& host, const std::string& folder) {
  if (folder.empty()) return {};
  auto names = host.list_dir(folder).value_or({});
  std::erase_if(names, [](const auto& name) { return name.starts_with('.'); });
  return names;
}

// A part of a file, shorter where it ends; empty where it cannot be read.
std::string read_part(Host& host, const std::string& path, FilePart part) {
  return host.read_at(path, part.offset, part.size).value_or("");
}

std::optional<FilePart> section_of(Host& host, const std::string& path, std::string_view name) {
  const auto stamp = host.stamp(path);
  return pe_section(read_part(host, path, {0, kPeHeadBytes}), stamp ? stamp->bytes : 0, name);
}

// Where boot loaders have their partition.
constexpr const char* kBootFolders[] = {"boot", "efi", "boot/efi"};

class ImageSearch {
 public:
  ImageSearch(Host& host, const std::string& root, const std::string& release,
              const Profile& profile)
      : host_(host), root_(root), release_(release), profile_(profile) {}

  void run(KernelFiles& files) const {
    for (const auto& name : by_name())
      if (const auto path = file(name); !path.empty()) {
        files.image = path;
        return;
      }
    for (const auto& name : without_release())
      if (const auto path = file(name); !path.empty() && is_of_release(path, name)) {
        files.image = path;
        return;
      }
    for (const auto& name : unified()) {
      const auto path = file(name);
      if (path.empty()) continue;
      if (const auto part = section_of(host_, path, ".linux");
          part && is_unified_of_release(path, name)) {
        files.image = path;
        files.linux_part = part;
        return;
      }
    }
  }

 private:
  // The path of a regular file, or nothing.
  std::string file(const std::string& name) const {
    auto path = inside(host_, root_, name);
    return !path.empty() && host_.is_file(path) ? path : "";
  }
  std::vector<std::string> names(const std::string& folder) const {
    return names_in(host_, inside(host_, root_, folder));
  }

  // Names are paths below the root.
  std::vector<std::string> by_name() const {
    std::vector<std::string> found;
    for (const auto& pattern : profile_.kernel_images) {
      std::string path = pattern;
      if (const auto at = path.find("{release}"); at != std::string::npos)
        path.replace(at, 9, release_);
      for (const char* prefix : {"", "usr/"})
        found.push_back(prefix + path);
    }
    // Beside the modules, under the names that the architecture has in /boot: "image" on s390x.
    std::vector<std::string> beside = {"vmlinuz"};
    for (std::string_view pattern : profile_.kernel_images)
      if (pattern.starts_with("boot/") && pattern.ends_with("-{release}"))
        beside.emplace_back(pattern.substr(5, pattern.rfind('-') - 5));
    for (const auto& name : beside)
      for (const char* prefix : {"", "usr/"})
        found.push_back(fmt::format("{}lib/modules/{}/{}", prefix, release_, name));
    for (const char* boot : kBootFolders)
      for (const auto& token : names(boot))
        found.push_back(fmt::format("{}/{}/{}/linux", boot, token, release_));
    for (const char* base : {"boot/ostree", "usr/lib/ostree-boot"}) {
      for (const auto& name : names(base)) {
        found.push_back(fmt::format("{}/{}/vmlinuz-{}", base, name, release_));
        if (name.starts_with("vmlinuz-" + release_))
          found.push_back(fmt::format("{}/{}", base, name));
      }
    }
    return found;
  }

  // "vmlinuz-lts" of Alpine's 6.6.58-0-lts, and the name alone.
  std::vector<std::string> without_release() const {
    return {"boot/vmlinuz-" + release_.substr(release_.rfind('-') + 1), "boot/vmlinuz"};
  }

  bool is_of_release(const std::string& path, const std::string& name) const {
    const auto told = bzimage_release(read_part(host_, path, {0, kBzImageHeadBytes}));
    return told ? *told == release_
                : name.ends_with("-" + release_.substr(release_.rfind('-') + 1));
  }

  std::vector<std::string> unified() const {
    std::vector<std::string> folders, found;
    for (const char* boot : kBootFolders)
      folders.push_back(std::string(boot) + "/EFI/Linux");
    for (const char* prefix : {"", "usr/"})
      folders.push_back(fmt::format("{}lib/modules/{}", prefix, release_));
    for (const auto& folder : folders)
      for (const auto& name : names(folder))
        if (name.ends_with(".efi")) found.push_back(fmt::format("{}/{}", folder, name));
    return found;
  }

  // By its .uname section; by its name where it has none.
  bool is_unified_of_release(const std::string& path, const std::string& name) const {
    const auto part = section_of(host_, path, ".uname");
    if (!part) return name.find(release_) != std::string::npos;
    std::string told = read_part(host_, path, *part);
    told.resize(std::min(told.find_first_of(std::string_view("\0\n", 2)), told.size()));
    return told == release_;
  }

  Host& host_;
  const std::string& root_;
  const std::string& release_;
  const Profile& profile_;
};

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

std::vector<std::string> kernel_releases(Host& host, const std::string& root) {
  std::vector<std::string> releases;
  for (const char* folder : kModuleFolders) {
    // A folder that a package left behind holds no index.
    for (const auto& name : names_in(host, inside(host, root, folder)))
      if (host.is_file(inside(host, root, fmt::format("{}/{}/modules.dep", folder, name))))
        releases.push_back(name);
  }
  std::sort(releases.begin(), releases.end(),
            [](const auto& a, const auto& b) { return ::strverscmp(a.c_str(), b.c_str()) < 0; });
  releases.erase(std::unique(releases.begin(), releases.end()), releases.end());
  return releases;
}

Result<std::string> choose_release(Host& host, const std::string& root, const std::string& wanted,
                                   const std::string& running) {
  const auto folder = below(root, "lib/modules");
  if (!wanted.empty()) {
    if (wanted.find('/') == std::string::npos && has_modules(host, root, wanted)) return wanted;
    const auto releases = kernel_releases(host, root);
    return fail(releases.empty() ? fmt::format("no modules in {}/{}", folder, wanted)
                                 : fmt::format("no modules in {}/{}; there are {}", folder, wanted,
                                               fmt::join(releases, ", ")));
  }
  if (!running.empty() && has_modules(host, root, running)) return running;
  const auto releases = kernel_releases(host, root);
  if (releases.empty())
    return fail(fmt::format("no kernel modules in {}: install a kernel package, or give --root DIR",
                            folder));
  if (auto release = newest_of_flavour(releases, running)) return *std::move(release);
  return fail(
      fmt::format("the kernels in {} are made for debugging ({}), which takes much more "
                  "memory: --kernel RELEASE names the one that is meant",
                  folder, fmt::join(releases, ", ")));
}

KernelFiles find_kernel_files(Host& host, const std::string& root, const std::string& release,
                              const Profile& profile) {
  KernelFiles files;
  files.root = root;
  files.release = release;
  ImageSearch(host, root, release, profile).run(files);
  for (const auto& name :
       {fmt::format("boot/config-{}", release), fmt::format("lib/modules/{}/config", release),
        fmt::format("usr/lib/modules/{}/config", release),
        fmt::format("usr/lib/ostree-boot/config-{}", release),
        "boot/config-" + release.substr(release.rfind('-') + 1)}) {
    const auto whole = inside(host, root, name);
    if (whole.empty() || !host.is_file(whole)) continue;
    if (auto text = host.read_whole(whole, kMaxKernelConfig)) {
      files.config_path = whole;
      files.config = parse_kernel_config(*text);
      break;
    }
  }
  return files;
}

Status use_kernel_image(Host& host, const std::string& file, KernelFiles& files) {
  if (!host.is_file(file)) return fail(file + ": no such file");
  files.image = file;
  files.linux_part = section_of(host, file, ".linux");
  return {};
}

}  // namespace mkcapture

#include "builder/kernel/kernel_files.h"

#include <fmt/format.h>
#include <string.h>

#include <algorithm>

#include "builder/kernel/kernel_image.h"

namespace mkcapture {

namespace {

constexpr std::size_t kMaxKernelConfig = 4 << 20;

std::string below(const std::string& root, const std::string& path) {
  return root == "/" ? "/" + path : root + "/" + path;
}

// lib/modules, and usr/lib/modules of trees whose /lib link is not there.
constexpr const char* kModuleFolders[] = {"lib/modules", "usr/lib/modules"};

bool has_modules(Host& host, const std::string& root, const std::string& release) {
  return std::any_of(std::begin(kModuleFolders), std::end(kModuleFolders), [&](const char* folder) {
    return host.is_folder(below(root, fmt::format("{}/{}", folder, release)));
  });
}

std::vector<std::string> names_in(Host& host, const std::string& folder) {
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
    for (const auto& path : by_name())
      if (host_.is_file(path)) {
        files.image = path;
        return;
      }
    for (const auto& path : without_release())
      if (host_.is_file(path) && is_of_release(path)) {
        files.image = path;
        return;
      }
    for (const auto& path : unified()) {
      if (const auto part = section_of(host_, path, ".linux");
          part && is_unified_of_release(path)) {
        files.image = path;
        files.linux_part = part;
        return;
      }
    }
  }

 private:
  std::vector<std::string> by_name() const {
    std::vector<std::string> paths;
    for (const auto& pattern : profile_.kernel_images) {
      std::string path = pattern;
      if (const auto at = path.find("{release}"); at != std::string::npos)
        path.replace(at, 9, release_);
      for (const char* prefix : {"", "usr/"})
        paths.push_back(below(root_, prefix + path));
    }
    for (const char* prefix : {"", "usr/"})
      paths.push_back(below(root_, fmt::format("{}lib/modules/{}/vmlinuz", prefix, release_)));
    for (const char* boot : kBootFolders)
      for (const auto& token : names_in(host_, below(root_, boot)))
        paths.push_back(below(root_, fmt::format("{}/{}/{}/linux", boot, token, release_)));
    for (const char* base : {"boot/ostree", "usr/lib/ostree-boot"}) {
      const std::string folder = below(root_, base);
      for (const auto& name : names_in(host_, folder)) {
        paths.push_back(fmt::format("{}/{}/vmlinuz-{}", folder, name, release_));
        if (name.starts_with("vmlinuz-" + release_)) paths.push_back(folder + "/" + name);
      }
    }
    return paths;
  }

  // "vmlinuz-lts" of Alpine's 6.6.58-0-lts, and the name alone.
  std::vector<std::string> without_release() const {
    const std::string flavour = release_.substr(release_.rfind('-') + 1);
    return {below(root_, "boot/vmlinuz-" + flavour), below(root_, "boot/vmlinuz")};
  }

  bool is_of_release(const std::string& path) const {
    const auto told = bzimage_release(read_part(host_, path, {0, kBzImageHeadBytes}));
    return told ? *told == release_
                : path.ends_with("-" + release_.substr(release_.rfind('-') + 1));
  }

  std::vector<std::string> unified() const {
    std::vector<std::string> paths;
    std::vector<std::string> folders;
    for (const char* boot : kBootFolders)
      folders.push_back(below(root_, std::string(boot) + "/EFI/Linux"));
    for (const char* prefix : {"", "usr/"})
      folders.push_back(below(root_, fmt::format("{}lib/modules/{}", prefix, release_)));
    for (const auto& folder : folders)
      for (const auto& name : names_in(host_, folder))
        if (name.ends_with(".efi")) paths.push_back(folder + "/" + name);
    return paths;
  }

  // By its .uname section; by its name where it has none.
  bool is_unified_of_release(const std::string& path) const {
    const auto part = section_of(host_, path, ".uname");
    if (!part) return path.find(release_) != std::string::npos;
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
    const std::string path = below(root, folder);
    // A folder that a package left behind holds no index.
    for (const auto& name : names_in(host, path))
      if (host.is_file(path + "/" + name + "/modules.dep")) releases.push_back(name);
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
  return releases.back();
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
    const auto whole = below(root, name);
    if (!host.is_file(whole)) continue;
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

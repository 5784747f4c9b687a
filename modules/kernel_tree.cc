#include "modules/kernel_tree.h"

#include <fnmatch.h>
#include <libkmod.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <fstream>
#include <set>
#include <sstream>

#include "modules/module_file.h"
#include "modules/path_below.h"

namespace mkcapture {

namespace {

struct UnrefModule {
  void operator()(kmod_module* m) const noexcept { kmod_module_unref(m); }
};
using Module = std::unique_ptr<kmod_module, UnrefModule>;

struct UnrefList {
  void operator()(kmod_list* l) const noexcept { kmod_module_unref_list(l); }
};
using ModuleList = std::unique_ptr<kmod_list, UnrefList>;

std::vector<std::string> names_of(const kmod_list* list) {
  std::vector<std::string> names;
  const kmod_list* item = nullptr;
  kmod_list_foreach(item, list) {
    const Module m(kmod_module_get_module(item));
    names.emplace_back(kmod_module_get_name(m.get()));
  }
  return names;
}

bool is_folder(const std::string& path) {
  struct stat st{};
  return stat(path.c_str(), &st) == 0 && S_ISDIR(st.st_mode);
}

bool is_file(const std::string& path) {
  struct stat st{};
  return stat(path.c_str(), &st) == 0 && S_ISREG(st.st_mode);
}

Result<std::string> read_link(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t size = readlink(path.c_str(), target, sizeof target);
  if (size < 0) return sys_error(path, errno);
  return std::string(target, static_cast<std::size_t>(size));
}

/// The path to look at: links of a tree lead nowhere but into the tree. Empty where there is
/// nothing.
std::string inside(const std::string& root, const std::string& path) {
  if (root == "/") return path;
  return path_below(root, path, read_link,
                    [](const std::string& at) {
                      struct stat st{};
                      return lstat(at.c_str(), &st) == 0;
                    })
      .value_or("");
}

/// "kernel/fs/ext4/ext4.ko.xz" -> "ext4".
std::string name_of_file(std::string_view path) {
  path.remove_prefix(path.rfind('/') + 1);  // npos + 1 == 0
  return normal_name(path.substr(0, path.find(".ko")));
}

}  // namespace

std::string normal_name(std::string_view name) {
  std::string out(name);
  std::replace(out.begin(), out.end(), '-', '_');
  return out;
}

void KernelTree::Unref::operator()(kmod_ctx* ctx) const noexcept {
  kmod_unref(ctx);
}
KernelTree::KernelTree(KernelTree&&) noexcept = default;
KernelTree& KernelTree::operator=(KernelTree&&) noexcept = default;
KernelTree::~KernelTree() = default;

Result<KernelTree> KernelTree::open(const std::string& root, const std::string& release) {
  KernelTree tree;
  tree.release_ = release;
  const std::string base = root == "/" ? "" : root;
  tree.root_ = root;
  for (const char* prefix : {"/lib/modules/", "/usr/lib/modules/"}) {
    const std::string folder = inside(root, prefix + release);
    if (!is_folder(folder)) continue;
    tree.directory_ = folder;
    break;
  }
  if (tree.directory_.empty())
    return fail("no modules of kernel " + release + ": " + base + "/lib/modules/" + release +
                " does not exist");
  // Text forms for listing, binary ones for libkmod: depmod writes both.
  for (const char* index : {"modules.dep", "modules.dep.bin", "modules.alias", "modules.alias.bin"})
    if (!is_file(tree.directory_ + "/" + index))
      return fail(tree.directory_ + ": no " + index + "; run \"depmod -b " +
                  (base.empty() ? "/" : base) + " " + release + "\"");

  tree.read_builtin_firmware();
  std::ifstream builtin(tree.directory_ + "/modules.builtin");
  for (std::string line; std::getline(builtin, line);)
    if (!line.empty()) tree.builtin_.insert(name_of_file(line));
  std::ifstream dep(tree.directory_ + "/modules.dep");
  for (std::string line; std::getline(dep, line);) {
    const auto colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string file = line.substr(0, colon);
    tree.files_.emplace(name_of_file(file), file);
    std::istringstream needed(line.substr(colon + 1));
    auto& depends = tree.depends_[name_of_file(file)];
    for (std::string one; needed >> one;)
      depends.insert(depends.begin(), name_of_file(one));
  }

  // An empty list of configuration folders: blacklists and install commands of the machine that
  // builds the image say nothing about the one that crashes.
  const char* const no_config[] = {nullptr};
  tree.ctx_.reset(kmod_new(tree.directory_.c_str(), no_config));
  if (!tree.ctx_) return fail(tree.directory_ + ": libkmod cannot open it");
  kmod_set_log_fn(
      tree.ctx_.get(), [](void*, int, const char*, int, const char*, const char*, va_list) {},
      nullptr);
  if (const int e = kmod_load_resources(tree.ctx_.get()); e < 0)
    return sys_error(tree.directory_ + ": indexes of depmod", -e);
  return tree;
}

// Strings "NAME.key=value", each behind a NUL (scripts/link-vmlinux.sh of 5.2 and later).
void KernelTree::read_builtin_firmware() {
  std::ifstream in(directory_ + "/modules.builtin.modinfo", std::ios::binary);
  constexpr std::string_view kKey = "firmware=";
  for (std::string field; std::getline(in, field, '\0');) {
    const auto dot = field.find('.');
    const std::string_view rest =
        std::string_view(field).substr(std::min(dot, field.size() - 1) + 1);
    if (dot != std::string::npos && rest.starts_with(kKey))
      builtin_firmware_[normal_name(field.substr(0, dot))].emplace_back(rest.substr(kKey.size()));
  }
}

std::vector<std::string> KernelTree::builtin_firmware(std::string_view name) const {
  const auto found = builtin_firmware_.find(normal_name(name));
  return found == builtin_firmware_.end() ? std::vector<std::string>() : found->second;
}

bool KernelTree::is_builtin(std::string_view name) const {
  return builtin_.count(normal_name(name)) != 0;
}

bool KernelTree::has(std::string_view name) const {
  return files_.count(normal_name(name)) != 0;
}

std::vector<std::string> KernelTree::lookup(std::string_view name_or_modalias) const {
  // A plain name first: libkmod would take "crc32c" for a file of that name as well, but never
  // reports a built-in under its own name.
  const std::string name = normal_name(name_or_modalias);
  if (files_.count(name) != 0 || builtin_.count(name) != 0) return {name};
  kmod_list* raw = nullptr;
  if (kmod_module_new_from_lookup(ctx_.get(), std::string(name_or_modalias).c_str(), &raw) < 0)
    return {};
  const ModuleList list(raw);
  std::vector<std::string> names;
  for (std::string& found : names_of(list.get()))
    if (std::find(names.begin(), names.end(), found) == names.end())
      names.push_back(std::move(found));
  return names;
}

std::vector<std::string> KernelTree::lookup_pattern(std::string_view pattern) const {
  const std::string wanted(pattern);
  std::set<std::string> names;
  for (const auto& [alias, name] : alias_index())
    if (fnmatch(wanted.c_str(), alias.c_str(), 0) == 0) names.insert(name);
  return {names.begin(), names.end()};
}

std::vector<std::string> KernelTree::subtree(std::string_view folder) const {
  std::string prefix(folder);
  if (prefix.empty() || prefix.back() != '/') prefix += '/';
  std::vector<std::string> names;
  for (const auto& [name, file] : files_)
    if (file.compare(0, prefix.size(), prefix) == 0) names.push_back(name);
  return names;
}

std::vector<std::pair<std::string, std::string>> KernelTree::alias_index() const {
  std::vector<std::pair<std::string, std::string>> pairs;
  std::ifstream in(directory_ + "/modules.alias");
  for (std::string line; std::getline(in, line);) {
    // "alias PATTERN NAME"; a pattern may hold spaces, a name never does.
    const auto last = line.rfind(' ');
    if (line.compare(0, 6, "alias ") != 0 || last <= 6 || last == std::string::npos) continue;
    pairs.emplace_back(line.substr(6, last - 6), normal_name(line.substr(last + 1)));
  }
  return pairs;
}

Status KernelTree::check_depends(const ModuleInfo& info, std::string_view depends) const {
  while (!depends.empty()) {
    const auto comma = depends.find(',');
    const std::string name = normal_name(depends.substr(0, comma));
    depends.remove_prefix(comma == std::string_view::npos ? depends.size() : comma + 1);
    if (name.empty() || is_builtin(name) ||
        std::find(info.depends.begin(), info.depends.end(), name) != info.depends.end()) {
      continue;
    }
    return fail("modules.dep of kernel " + release_ + " does not have " + name + ", which " +
                info.name + " needs; run \"depmod " + release_ + "\"");
  }
  return {};
}

Result<ModuleInfo> KernelTree::info(std::string_view name) const {
  ModuleInfo info;
  info.name = normal_name(name);
  const auto file = files_.find(info.name);
  if (file == files_.end()) return fail("kernel " + release_ + " has no module " + info.name);
  const std::string below = root_ == "/" ? directory_ : directory_.substr(root_.size());
  info.path = inside(root_, below + "/" + file->second);
  if (info.path.empty()) return sys_error(directory_ + "/" + file->second, ENOENT);
  if (struct stat st{}; stat(info.path.c_str(), &st) != 0) return sys_error(info.path, errno);

  // Not by libkmod: it answers that nothing is needed where one of the files is missing, or packed
  // in a way that it was not built for.
  if (const auto needed = depends_.find(info.name); needed != depends_.end())
    info.depends = needed->second;

  // Soft dependencies and firmware from the module itself, by our own reader: libkmod may be built
  // without a decompressor that the tree needs.
  const auto bytes = read_module_file(info.path);
  if (!bytes) return Error(bytes.error());
  const auto fields = read_modinfo(*bytes);
  if (!fields) return Error(fields.error()).within(info.path);
  Softdep softdep;
  for (const ModinfoField& field : *fields) {
    if (field.key == "depends") TRY(check_depends(info, field.value));
    if (field.key == "softdep") parse_softdep(field.value, softdep);
    // A weak dependency (6.11 and later) is what the module may ask for at any time: behind it.
    if (field.key == "weakdep") parse_softdep("post: " + std::string(field.value), softdep);
    if (field.key == "firmware") info.firmware.emplace_back(field.value);
    if (field.key == "alias") info.aliases.emplace_back(field.value);
  }
  const auto resolve = [&](const std::vector<std::string>& wishes) {
    std::vector<std::string> names;
    for (const std::string& wish : wishes)
      for (std::string& found : lookup(wish))
        if (std::find(names.begin(), names.end(), found) == names.end())
          names.push_back(std::move(found));
    return names;
  };
  info.pre = resolve(softdep.pre);
  info.post = resolve(softdep.post);
  return info;
}

}  // namespace mkcapture

#include "modules/resolver.h"

#include <sys/stat.h>

#include <algorithm>

namespace mkcapture {

namespace {

constexpr std::string_view kAliasPrefix = "alias:";
constexpr std::string_view kSubtreePrefix = "subtree:";

bool strip_prefix(std::string_view& text, std::string_view prefix) {
  if (text.substr(0, prefix.size()) != prefix) return false;
  text.remove_prefix(prefix.size());
  return true;
}

/// The reason of what was taken in because of `parent`.
std::string because(const std::string& name, std::string_view relation, const std::string& parent) {
  return name + ": " + std::string(relation) + " " + parent;
}

/// A driver for a feature of the processor (crc32c_intel) fails to load where it is absent.
bool needs_cpu_feature(const ModuleInfo& info) {
  return std::any_of(info.aliases.begin(), info.aliases.end(),
                     [](const std::string& alias) { return alias.compare(0, 4, "cpu:") == 0; });
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words)
    out += (out.empty() ? "" : ", ") + word;
  return out;
}

}  // namespace

Resolver::Resolver(KernelTree& tree, const ModuleSets& sets) : tree_(&tree), sets_(&sets) {}

void Resolver::omit(std::string_view name) {
  omitted_.insert(normal_name(name));
}

Result<Resolver::Names> Resolver::expand(const DriverRequest& request) const {
  std::string_view what = request.what;
  Names names;
  if (strip_prefix(what, kSubtreePrefix)) {
    names = tree_->subtree(what);
  } else if (strip_prefix(what, kAliasPrefix)) {
    const bool pattern = what.find_first_of("*?[") != std::string_view::npos;
    names = pattern ? tree_->lookup_pattern(what) : tree_->lookup(what);
  } else {
    const std::string name = normal_name(what);
    if (tree_->has(name) || tree_->is_builtin(name)) names.push_back(name);
  }
  if (names.empty() && request.required)
    return fail("kernel " + tree_->release() + " has no driver \"" + request.what + "\" (" +
                request.reason + ")");
  return names;
}

Result<Resolver::Names> Resolver::add(const DriverRequest& request) {
  auto expanded = expand(request);
  if (!expanded) return std::move(expanded).error();
  if (expanded->empty()) missing_.insert(request.what);
  const bool by_name = expanded->size() == 1 && normal_name(request.what) == expanded->front();
  std::set<std::string> wanted;
  for (const std::string& name : *expanded) {
    if (omitted_.count(name) != 0) {
      if (request.required && by_name)
        return fail(name + " is needed (" + request.reason + ") and omitted at once");
      continue;
    }
    TRY(take(name, name + ": " + request.reason, Strength::kNeeded));
    if (index_.count(name) == 0) continue;  // built in
    classify(name, request.driver_class);
    wanted.insert(name);
    wanted.insert(companions_[name].begin(), companions_[name].end());
  }
  return in_load_order(wanted);
}

Result<Resolver::Names> Resolver::add_set(std::string_view name, const std::string& reason) {
  const ModuleSet* set = sets_->find(name);
  if (set == nullptr) {
    Names known;
    for (const auto& [key, value] : sets_->sets)
      known.push_back(key);
    return fail("no driver set \"" + std::string(name) + "\"; there are " + joined(known));
  }
  std::set<std::string> wanted;
  for (const auto& [list, required] : {std::pair{&set->required, true}, {&set->drivers, false}}) {
    for (const std::string& what : *list) {
      auto names = add({what, reason, set->driver_class, required});
      if (!names) return std::move(names).error();
      wanted.insert(names->begin(), names->end());
    }
  }
  return in_load_order(wanted);
}

Result<FilesystemEntry> Resolver::add_filesystem(std::string_view type, const std::string& reason) {
  const ModuleSet* set = sets_->find(type);
  if (set == nullptr || set->driver_class != "fs")
    return fail("no support for the filesystem \"" + std::string(type) + "\"");
  auto names = add_set(type, reason);
  if (!names) return std::move(names).error();
  return FilesystemEntry{std::string(type), std::move(*names)};
}

Status Resolver::take(const std::string& name, const std::string& reason, Strength strength) {
  if (index_.count(name) != 0 || open_.count(name) != 0) return {};
  if (tree_->is_builtin(name)) {
    builtin_.emplace(name, reason);
    return {};
  }
  if (strength == Strength::kSoft) {
    if (omitted_.count(name) != 0 || sets_->spare.count(name) != 0 || !tree_->has(name)) return {};
  } else if (omitted_.count(name) != 0) {
    return fail("\"" + name + "\" is omitted, but " + reason);
  }
  open_.insert(name);
  Status status = take_module(name, reason);
  open_.erase(name);
  return status;
}

Status Resolver::take_module(const std::string& name, const std::string& reason) {
  auto info = tree_->info(name);
  if (!info) return std::move(info).error().within(reason);

  ModuleNeed need;
  if (const auto it = sets_->needs.find(name); it != sets_->needs.end()) need = it->second;
  for (const std::string& pre : info->pre)
    TRY(take(pre, because(pre, "softdep of", name), Strength::kSoft));
  for (const std::string& before : need.before)
    TRY(take(before, because(before, "asked for by", name), Strength::kSoft));
  for (const std::string& dep : info->depends)
    TRY(take(dep, because(dep, "needed by", name), Strength::kNeeded));

  ResolvedModule module;
  module.name = name;
  module.path = info->path;
  struct stat st{};
  if (stat(info->path.c_str(), &st) != 0) return sys_error(info->path, errno);
  module.file_bytes = static_cast<std::uint64_t>(st.st_size);
  module.reason = reason;
  module.firmware = std::move(info->firmware);
  module.may_fail = needs_cpu_feature(*info);
  if (const auto it = sets_->parameters.find(name); it != sets_->parameters.end())
    module.params = it->second;

  std::set<std::string> closure;
  std::set<std::string>& companions = companions_[name];
  for (const Names* list : {&info->pre, &need.before, &info->depends}) {
    for (const std::string& direct : *list) {
      const auto at = index_.find(direct);
      if (at == index_.end()) continue;  // built in, spare or absent
      closure.insert(direct);
      closure.insert(modules_[at->second].deps.begin(), modules_[at->second].deps.end());
      companions.insert(companions_[direct].begin(), companions_[direct].end());
    }
  }
  closure.erase(name);
  companions.erase(name);
  module.deps = in_load_order(closure);
  index_.emplace(name, modules_.size());
  modules_.push_back(std::move(module));

  for (const auto& [list, relation] :
       {std::pair{&info->post, "softdep of"}, {&need.after, "asked for by"}}) {
    for (const std::string& later : *list) {
      TRY(take(later, because(later, relation, name), Strength::kSoft));
      if (index_.count(later) != 0 || open_.count(later) != 0) companions.insert(later);
    }
  }
  companions.erase(name);
  return {};
}

void Resolver::classify(const std::string& name, const std::string& driver_class) {
  if (driver_class.empty()) return;
  std::set<std::string>& classes = classes_[name];
  classes.insert(driver_class);
  modules_[index_[name]].driver_class = classes.size() == 1 ? driver_class : std::string();
}

Resolver::Names Resolver::in_load_order(const std::set<std::string>& names) const {
  Names ordered;
  for (const std::string& name : names)
    if (index_.count(name) != 0) ordered.push_back(name);
  std::sort(ordered.begin(), ordered.end(), [this](const std::string& a, const std::string& b) {
    return index_.at(a) < index_.at(b);
  });
  return ordered;
}

Resolution Resolver::result() const {
  Resolution r;
  r.modules = modules_;
  for (const auto& [name, reason] : builtin_)
    r.builtin.push_back({name, reason, tree_->builtin_firmware(name)});
  r.missing.assign(missing_.begin(), missing_.end());
  return r;
}

Result<std::vector<std::pair<std::string, std::string>>> Resolver::aliases() const {
  std::vector<std::pair<std::string, std::string>> lines;
  for (auto& [pattern, name] : tree_->alias_index()) {
    const auto classes = classes_.find(name);
    if (classes == classes_.end()) continue;
    const auto is = [&](const char* one) { return classes->second.count(one) != 0; };
    if (is("storage") || is("net") || is("watchdog"))
      lines.emplace_back(std::move(pattern), std::move(name));
  }
  std::sort(lines.begin(), lines.end());
  lines.erase(std::unique(lines.begin(), lines.end()), lines.end());
  return lines;
}

}  // namespace mkcapture

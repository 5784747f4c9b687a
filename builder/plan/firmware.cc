#include "builder/plan/firmware.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "builder/host/root_path.h"

namespace mkcapture {

namespace {

// The file, plain or compressed, from the folders and in the order of the kernel
// (drivers/base/firmware_loader/main.c, fw_path); empty where the root does not have it.
Result<std::string> find_firmware(Host& host, const std::string& root, const std::string& release,
                                  const std::string& name) {
  for (const std::string& folder :
       {"updates/" + release + "/", std::string("updates/"), release + "/", std::string()}) {
    for (const char* base : {"/lib/firmware/", "/usr/lib/firmware/"}) {
      for (const char* suffix : {"", ".zst", ".xz"}) {
        auto file = resolve_below(host, root, base + folder + name + suffix);
        if (file && host.is_file(*file)) return file;
        if (!file && file.error().code != ENOENT && file.error().code != ENOTDIR) return file;
      }
    }
  }
  return std::string();
}

// A file that is not there is worth a line, and a generic image's hundred lines are worth one.
void add_notes(const std::vector<std::pair<std::string, std::string>>& missing, Plan& plan) {
  constexpr std::size_t kFew = 3;
  if (missing.size() <= kFew) {
    for (const auto& [module, file] : missing)
      plan.notes.push_back(
          fmt::format("{} may ask for firmware {}, which is not on this machine", module, file));
    return;
  }
  std::vector<std::string> modules;
  for (const auto& [module, file] : missing)
    if (std::find(modules.begin(), modules.end(), module) == modules.end())
      modules.push_back(module);
  plan.notes.push_back(
      fmt::format("{} firmware files that these drivers may ask for are not on this machine: {}",
                  missing.size(), fmt::join(modules, ", ")));
}

}  // namespace

Status plan_firmware(const Request& request, Host& host, Plan& plan) {
  std::set<std::string> seen;
  std::vector<std::pair<std::string, std::string>> missing;  // module, file
  const auto take = [&](const std::string& driver,
                        const std::vector<std::string>& names) -> Status {
    for (const auto& name : names) {
      if (!seen.insert(name).second) continue;
      auto file = find_firmware(host, request.root, plan.kernel.release, name);
      if (!file) return std::move(file).error();
      if (file->empty())
        missing.emplace_back(driver, name);
      else
        plan.image.firmware.push_back({name, std::move(*file)});
    }
    return {};
  };
  for (const auto& module : plan.drivers.modules)
    TRY(take(module.name, module.firmware));
  for (const auto& builtin : plan.drivers.builtin)
    TRY(take(builtin.name, builtin.firmware));
  add_notes(missing, plan);
  return {};
}

}  // namespace mkcapture

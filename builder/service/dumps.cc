#include "builder/service/dumps.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>

#include "builder/host/locate.h"
#include "builder/host/mountinfo.h"
#include "builder/service/dump_content.h"
#include "init/base/text.h"
#include "init/base/units.h"

namespace mkcapture {

namespace {

using Json = nlohmann::ordered_json;

// Where `path` of the file system on a device is on this machine: the first of its mounts that
// holds it.
std::string mounted_path(Host& host, const LocatedDevice& device, const std::string& path) {
  const auto text = host.read_file("/proc/self/mountinfo");
  for (const auto& mount : parse_mountinfo(text ? *text : "")) {
    if (mount.device != device.number && mount.source != device.node) continue;
    std::string_view rest = path;
    if (mount.root != "/" && !consume(rest, mount.root)) continue;
    if (!rest.empty() && rest[0] != '/') continue;
    std::string whole = (mount.point == "/" ? "" : mount.point) + std::string(rest);
    while (whole.size() > 1 && whole.ends_with('/'))
      whole.pop_back();
    return whole.empty() ? "/" : whole;
  }
  return "";
}

std::string day(const std::string& name, std::size_t at) {
  return name.substr(at, 10);
}

Json json_of(const DumpEntry& dump) {
  return {{"folder", dump.folder}, {"host", dump.host},
          {"time", dump.time},     {"kernel", dump.kernel},
          {"panic", dump.panic},   {"bytes", dump.bytes},
          {"whole", dump.whole},   {"debug_package", dump.debug_package}};
}

}  // namespace

std::optional<DumpName> parse_dump_name(std::string_view name) {
  constexpr std::string_view kForm = "-dddd-dd-dd-dd:dd:dd";
  if (name.size() <= kForm.size()) return std::nullopt;
  const auto stamp = name.substr(name.size() - kForm.size());
  for (std::size_t i = 0; i < kForm.size(); ++i) {
    const bool fits = kForm[i] == 'd'   ? is_digit(stamp[i])
                      : kForm[i] == ':' ? stamp[i] == ':' || stamp[i] == '-'
                                        : stamp[i] == '-';
    if (!fits) return std::nullopt;
  }
  const std::string text(stamp);
  return DumpName{std::string(name.substr(0, name.size() - kForm.size())),
                  fmt::format("{} {}:{}:{}", day(text, 1), text.substr(12, 2), text.substr(15, 2),
                              text.substr(18, 2))};
}

std::vector<DumpFolder> dump_folders(const Wanted& wanted, Host& host) {
  std::vector<TargetSpec> specs;
  for (const auto& target : wanted.request.targets)
    if (needs(target.value).filesystem) specs.push_back(target.value);
  if (wanted.request.targets.empty())
    if (auto spec = default_target(host)) specs.push_back(std::move(*spec));
  std::vector<DumpFolder> folders;
  for (const auto& spec : specs) {
    DumpFolder folder{to_string(spec), "", ""};
    const TargetNeeds wants = needs(spec);
    if (const auto device = locate(host, *wants.device)) {
      folder.folder = mounted_path(host, *device, wants.directory);
      if (folder.folder.empty())
        folder.unseen = fmt::format("{} is not mounted: mount it to see its dumps", device->node);
    } else {
      folder.unseen = to_string(*wants.device) + " is not on this machine";
    }
    folders.push_back(std::move(folder));
  }
  return folders;
}

std::vector<DumpEntry> dumps_in(const std::string& folder, Host& host) {
  std::vector<DumpEntry> dumps;
  for (const auto& name : host.list_dir(folder).value_or({})) {
    const auto parsed = parse_dump_name(name);
    if (!parsed) continue;
    DumpEntry dump;
    dump.folder = (folder == "/" ? "" : folder) + "/" + name;
    dump.host = parsed->host;
    dump.time = parsed->time;
    const auto whole = host.stamp(dump.folder + "/vmcore");
    const auto part = host.stamp(dump.folder + "/vmcore.incomplete");
    if (!whole && !part && !host.exists(dump.folder + "/vmcore-dmesg.txt")) continue;
    dump.whole = whole.has_value();
    dump.bytes = whole ? whole->bytes : part ? part->bytes : 0;
    dumps.push_back(std::move(dump));
  }
  return dumps;
}

DumpListing list_dumps(const Wanted& wanted, Host& host) {
  DumpListing listing;
  listing.folders = dump_folders(wanted, host);
  std::vector<std::string> seen;
  for (const auto& folder : listing.folders) {
    // Two targets may be one directory.
    if (folder.folder.empty() || std::count(seen.begin(), seen.end(), folder.folder) > 0) continue;
    seen.push_back(folder.folder);
    for (auto& dump : dumps_in(folder.folder, host)) {
      read_dump_content(dump, host);
      listing.dumps.push_back(std::move(dump));
    }
  }
  std::sort(listing.dumps.begin(), listing.dumps.end(), [](const auto& a, const auto& b) {
    return std::tie(a.time, a.folder) < std::tie(b.time, b.folder);
  });
  return listing;
}

std::string dumps_text(const DumpListing& listing) {
  std::string out;
  for (const auto& folder : listing.folders)
    if (!folder.unseen.empty()) out += fmt::format("{}: {}\n", folder.target, folder.unseen);
  if (listing.folders.empty()) out += "no target is a directory on a disk of this machine\n";
  for (const auto& dump : listing.dumps) {
    out += fmt::format("{}\n  {} UTC, {}, {}\n", dump.folder, dump.time,
                       dump.kernel.empty() ? "kernel not known" : dump.kernel,
                       dump.whole       ? format_size(dump.bytes) + ", whole"
                       : dump.bytes > 0 ? format_size(dump.bytes) + ", incomplete"
                                        : "the log alone");
    if (!dump.panic.empty()) out += fmt::format("  {}\n", dump.panic);
    if (!dump.debug_package.empty() && dump.bytes > 0)
      out += fmt::format("  opened with {}\n", dump.debug_package);
  }
  if (listing.dumps.empty() && !listing.folders.empty()) out += "no dumps\n";
  return out;
}

std::string dumps_json(const DumpListing& listing) {
  Json targets = Json::array(), dumps = Json::array();
  for (const auto& folder : listing.folders)
    targets.push_back(
        {{"target", folder.target}, {"folder", folder.folder}, {"unseen", folder.unseen}});
  for (const auto& dump : listing.dumps)
    dumps.push_back(json_of(dump));
  const Json json = {{"version", 1}, {"targets", targets}, {"dumps", dumps}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace mkcapture

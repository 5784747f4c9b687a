#include "builder/host/storage_layers.h"

#include <fmt/format.h>

#include <algorithm>

#include "builder/host/device_drivers.h"
#include "init/base/text.h"
#include "init/base/units.h"
#include "init/contract/lvm_stack.h"

namespace mkcapture {

namespace {

constexpr std::string_view kLvmPrefix = "LVM-";
constexpr std::size_t kUuid = 32;
constexpr int kMaxDepth = 8;

std::vector<std::string> slaves_of(Host& host, const std::string& folder) {
  std::vector<std::string> folders;
  for (const auto& name : host.list_dir(folder + "/slaves").value_or({}))
    if (auto real = host.real_path("/sys/class/block/" + name)) folders.push_back(*real);
  return folders;
}

// The PVs below a volume: what its own and its parts' devices stand on.
void collect_pvs(Host& host, const std::string& folder, int depth, std::vector<std::string>& pvs) {
  for (const auto& slave : slaves_of(host, folder)) {
    if (fact(host, slave + "/dm/uuid").starts_with(kLvmPrefix)) {
      if (depth > 0) collect_pvs(host, slave, depth - 1, pvs);
    } else if (std::find(pvs.begin(), pvs.end(), slave) == pvs.end()) {
      pvs.push_back(slave);
    }
  }
}

// As LVM writes a UUID, and udev its link: 6-4-4-4-4-4-6.
std::string dashed(const std::string& uuid) {
  std::string text = uuid;
  for (const std::size_t at : {26, 22, 18, 14, 10, 6})
    if (at < text.size()) text.insert(at, "-");
  return text;
}

// The newest metadata of the PVs.
std::string newest_metadata(Host& host, const std::vector<std::string>& pvs, std::string& why) {
  std::string text;
  std::uint64_t newest = 0;
  for (const auto& folder : pvs) {
    const std::string node = "/dev/" + last_part(folder);
    const auto pv = read_lvm_pv(
        [&](std::uint64_t offset, std::size_t bytes) { return host.read_at(node, offset, bytes); });
    if (!pv) {
      why = pv.error().message;
      continue;
    }
    const auto version = lvm_version(pv->text);
    if (!version || (!text.empty() && version->seqno <= newest)) continue;
    newest = version->seqno;
    text = pv->text;
  }
  return text;
}

void find_other_pvs(Host& host, const LvmGroup& group, FoundLayer& found) {
  for (const auto& pv : group.pvs) {
    const auto number = host.block_device("/dev/disk/by-id/lvm-pv-uuid-" + dashed(pv.uuid));
    if (!number) continue;
    const auto folder = host.real_path("/sys/dev/block/" + to_string(*number));
    if (folder && std::find(found.below.begin(), found.below.end(), *folder) == found.below.end())
      found.beside.push_back(*folder);
  }
}

// Why the group is not this machine's to bring up; empty where it is, or where LVM cannot be asked:
// it would not have activated another machine's.
std::string owner_refusal(Host& host, const LvmGroup& group) {
  if (group.system_id.empty()) return "";
  const auto said = host.run({"lvm", "systemid"});
  constexpr std::string_view kWords = "system ID:";
  const auto at = said ? said->find(kWords) : std::string::npos;
  if (at == std::string::npos) return "";
  const std::string_view own = trim(std::string_view(*said).substr(at + kWords.size()));
  if (own == group.system_id) return "";
  return fmt::format("{} belongs to the machine {}, and this one is {}", group.name,
                     group.system_id, own.empty() ? "without a system ID" : own);
}

// The status of a pool that is in use, by its name; empty where it cannot be had.
std::string pool_status(Host& host, const LvmGroup& group, const LvmVolume& pool) {
  const auto text = host.run({"dmsetup", "status", "--target", "thin-pool",
                              lvm_mapper_name(group.name, pool.name) + "-tpool"});
  const auto at = text ? text->find(" thin-pool ") : std::string::npos;
  return at == std::string::npos ? "" : text->substr(at + std::string_view(" thin-pool ").size());
}

// Types other than linear in the words, the modules of every part, and a thin pool's fill.
void describe_parts(Host& host, const LvmGroup& group, const LvmVolume& volume, FoundLayer& found) {
  const LvmStack stack = lvm_stack(group, volume, nullptr);
  std::string types;
  for (const auto& [part, health, device] : stack.parts) {
    for (const auto module : lvm_modules(*part))
      if (std::find(found.modules.begin(), found.modules.end(), module) == found.modules.end())
        found.modules.emplace_back(module);
    if (is_raid(*part))
      types += fmt::format("{}{} of {} legs", types.empty() ? "" : ", ", part->segments[0].type,
                           part->segments[0].areas.size());
    if (!is_thin_pool(*part)) continue;
    types += fmt::format("{}thin in {}", types.empty() ? "" : ", ", part->name);
    const std::string status = pool_status(host, group, *part);
    if (status.empty() || !found.unsupported.empty()) continue;
    if (const auto why = thin_pool_refusal(status, part->segments[0].id); !why.empty())
      found.unsupported =
          fmt::format("a thin LVM volume (the pool {}/{} {})", group.name, part->name, why);
  }
  if (!types.empty()) found.words += fmt::format(" ({})", types);
}

}  // namespace

FoundLayer lvm_volume(Host& host, const std::string& folder) {
  FoundLayer found;
  found.layer.kind = StorageLayer::Kind::kLvm;
  found.layer.uuid = fact(host, folder + "/dm/uuid").substr(kLvmPrefix.size());
  collect_pvs(host, folder, kMaxDepth, found.below);
  found.layer.members = static_cast<unsigned>(found.below.size());
  std::string why = "none is on its PVs";
  const std::string text = newest_metadata(host, found.below, why);
  const auto group = parse_lvm_group(text);
  if (!group) {
    found.unsupported = fmt::format("an LVM volume whose metadata cannot be read ({})",
                                    text.empty() ? why : group.error().message);
    return found;
  }
  const auto& uuid = found.layer.uuid;
  const LvmVolume* volume = uuid.size() == 2 * kUuid && uuid.starts_with(group->uuid)
                                ? group->find(std::string_view(uuid).substr(kUuid))
                                : nullptr;
  // What a leg alone is given, the others lack.
  if (volume == nullptr || !volume->visible) {
    found.unsupported = "a part of an LVM volume";
    return found;
  }
  found.layer.name = group->name + "/" + volume->name;
  found.words = "LVM volume " + found.layer.name;
  std::string refused = lvm_refusal(*group, *volume);
  if (refused.empty()) refused = owner_refusal(host, *group);
  if (!refused.empty()) found.unsupported = fmt::format("an LVM volume ({})", refused);
  describe_parts(host, *group, *volume, found);
  find_other_pvs(host, *group, found);
  return found;
}

FoundLayer nvme_tcp_disk(Host& host, const std::string& controller) {
  FoundLayer found;
  found.layer.kind = StorageLayer::Kind::kNvmeTcp;
  found.modules = {"nvme_tcp"};
  const std::string address = fact(host, controller + "/address");
  const std::string traddr(nvme_option(address, "traddr"));
  const std::string port(nvme_option(address, "trsvcid"));
  const std::string nqn = fact(host, controller + "/subsysnqn");
  found.words = fmt::format("NVMe/TCP {} at {} port {}", nqn, traddr, port);
  found.layer.name = fmt::format("transport=tcp,traddr={},trsvcid={},nqn={}", traddr, port, nqn);
  for (const char* name : {"hostnqn", "hostid", "dhchap_secret", "dhchap_ctrl_secret"}) {
    const std::string value = fact(host, fmt::format("{}/{}", controller, name));
    if (!value.empty() && value != "none")
      found.layer.name += fmt::format(",{}={}", name, value);
    else if (std::string_view(name) == "hostnqn")
      found.unsupported = "an NVMe disk over fabrics (tcp) whose host name cannot be read";
  }
  if (traddr.empty() || nqn.empty())
    found.unsupported = "an NVMe disk over fabrics (tcp) whose address cannot be read";
  else if (host.exists(controller + "/tls_key"))
    found.unsupported = "an NVMe disk over fabrics (tcp with TLS)";
  return found;
}

FoundLayer md_array(Host& host, const std::string& folder) {
  const std::string level = fact(host, folder + "/md/level");
  const std::string version = fact(host, folder + "/md/metadata_version");
  const std::string disks = fact(host, folder + "/md/raid_disks");
  FoundLayer found;
  found.layer.kind = StorageLayer::Kind::kMd;
  found.layer.name = last_part(folder);
  found.layer.members = static_cast<unsigned>(parse_number(disks).value_or(0));
  found.words = fmt::format("md {} of {} members, metadata {}", level, disks, version);
  if (const auto module = md_module(level); !module.empty()) found.modules.emplace_back(module);
  found.below = slaves_of(host, folder);
  for (const auto& member : found.below) {
    const BlockTags tags = host.probe("/dev/" + last_part(member));
    if (tags.type == "linux_raid_member") found.layer.uuid = without_dashes(tags.uuid);
  }
  const std::string reshape = fact(host, folder + "/md/reshape_position");
  if (level.empty()) {
    found.unsupported = "an md array that is not running";
  } else if (found.modules.empty()) {
    found.unsupported = fmt::format("an md array ({})", level);
  } else if (version != "0.90" && version != "1.0" && version != "1.1" && version != "1.2") {
    found.unsupported =
        fmt::format("an md array ({}) with metadata {}, which needs mdmon", level, version);
  } else if (!reshape.empty() && reshape != "none") {
    found.unsupported = fmt::format("an md array ({}) that is being reshaped", level);
  } else if (fact(host, folder + "/md/consistency_policy") == "journal") {
    found.unsupported = fmt::format("an md array ({}) with a write journal", level);
  } else if (found.layer.uuid.size() != kUuid) {
    found.unsupported = fmt::format("an md array ({}) whose UUID cannot be read", level);
  }
  return found;
}

}  // namespace mkcapture

#include "init/devices/disk_paths.h"

#include "init/base/text.h"

namespace mkcapture::init {
namespace {

constexpr std::size_t kMaxAttribute = 4096;

std::string attribute(System& system, const std::string& path) {
  const auto text = system.read_file(path, kMaxAttribute);
  return text ? std::string(trim(*text)) : std::string();
}

/// The folder of a disk, of a partition that of its disk.
std::string disk_folder(const std::string& name, const std::string& partition) {
  return "/sys/class/block/" + name + (partition.empty() ? "/" : "/../");
}

std::string partition_number(System& system, const std::string& name) {
  return attribute(system, "/sys/class/block/" + name + "/partition");
}

}  // namespace

std::string worldwide_name(System& system, const std::string& name) {
  const std::string partition = partition_number(system, name);
  const std::string folder = disk_folder(name, partition);
  std::string wwid = attribute(system, folder + "device/wwid");  // SCSI
  if (wwid.empty()) wwid = attribute(system, folder + "wwid");   // NVMe
  for (const char* unique : {"naa.", "eui.", "uuid."}) {
    if (wwid.starts_with(unique)) return partition.empty() ? wwid : wwid + "-part" + partition;
  }
  return {};
}

bool is_passive_path(System& system, const std::string& name) {
  const std::string state =
      attribute(system, disk_folder(name, partition_number(system, name)) + "device/access_state");
  for (const char* passive : {"standby", "unavailable", "offline", "transitioning"}) {
    if (state == passive) return true;
  }
  return false;
}

}  // namespace mkcapture::init

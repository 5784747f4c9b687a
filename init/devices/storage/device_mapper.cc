#include "init/devices/storage/device_mapper.h"

#include <linux/dm-ioctl.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "init/base/text.h"

namespace mkcapture::init {
namespace {

constexpr const char* kControl = "/dev/mapper/control";
constexpr std::size_t kAlign = 8;  // of each target's specification

// Into zeros, the last of which stays.
void put(char* to, std::size_t room, const std::string& text) {
  std::copy_n(text.data(), std::min(text.size(), room - 1), to);
}

/// One request: the header, and a table behind it where there is one.
class Request {
 public:
  Request(const std::string& name, const std::string& uuid, std::size_t table_bytes)
      : words_((sizeof(dm_ioctl) + table_bytes + kAlign - 1) / kAlign) {
    auto& h = header();
    h.version[0] = DM_VERSION_MAJOR;
    h.data_size = static_cast<std::uint32_t>(words_.size() * kAlign);
    h.data_start = sizeof(dm_ioctl);
    put(h.name, sizeof h.name, name);
    put(h.uuid, sizeof h.uuid, uuid);
  }
  dm_ioctl& header() { return *reinterpret_cast<dm_ioctl*>(words_.data()); }
  char* table() { return reinterpret_cast<char*>(words_.data()) + sizeof(dm_ioctl); }
  Status send(System& system, unsigned long request) {
    return system.control_device(kControl, request, words_.data());
  }

 private:
  std::vector<std::uint64_t> words_;  // aligned, zero
};

std::size_t spec_bytes(const DmTarget& target) {
  return (sizeof(dm_target_spec) + target.parameters.size() + 1 + kAlign - 1) / kAlign * kAlign;
}

Status load_table(System& system, const std::string& name, const std::vector<DmTarget>& table) {
  std::size_t bytes = 0;
  for (const auto& target : table)
    bytes += spec_bytes(target);
  Request request(name, "", bytes);
  request.header().target_count = static_cast<std::uint32_t>(table.size());
  char* at = request.table();
  for (const auto& target : table) {
    dm_target_spec spec{};
    spec.sector_start = target.start;
    spec.length = target.sectors;
    spec.next = static_cast<std::uint32_t>(spec_bytes(target));
    put(spec.target_type, sizeof spec.target_type, target.type);
    std::memcpy(at, &spec, sizeof spec);
    put(at + sizeof spec, spec_bytes(target) - sizeof spec, target.parameters);
    at += spec.next;
  }
  return request.send(system, DM_TABLE_LOAD);
}

/// The minor number as the kernel writes it (huge_encode_dev of linux/kdev_t.h).
std::uint64_t minor_of(std::uint64_t dev) {
  return (dev & 0xff) | (dev >> 12 & 0xfff00);
}

}  // namespace

std::string find_mapping(System& system, const std::string& uuid) {
  for (const auto& name : system.list_dir("/sys/class/block").value_or({})) {
    if (!name.starts_with("dm-")) continue;
    const auto found = system.read_file("/sys/class/block/" + name + "/dm/uuid", 4096);
    if (found && trim(*found) == uuid) return name;
  }
  return {};
}

Result<std::string> create_mapping(System& system, const std::string& name, const std::string& uuid,
                                   const std::vector<DmTarget>& table) {
  if (auto there = find_mapping(system, uuid); !there.empty()) return there;
  Request create(name, uuid, 0);
  TRY(create.send(system, DM_DEV_CREATE));
  const std::string device = "dm-" + std::to_string(minor_of(create.header().dev));
  auto made = load_table(system, name, table);
  // Without its flag "suspend" means to resume.
  if (made) made = Request(name, "", 0).send(system, DM_DEV_SUSPEND);
  if (!made) {
    remove_mapping(system, name);
    return std::move(made).error().within("device-mapper " + name);
  }
  return device;
}

void remove_mapping(System& system, const std::string& name) {
  (void)Request(name, "", 0).send(system, DM_DEV_REMOVE);
}

Result<std::string> mapping_status(System& system, const std::string& name) {
  constexpr std::size_t kRoom = 1024;
  Request request(name, "", kRoom);
  TRY(request.send(system, DM_TABLE_STATUS));
  const auto& header = request.header();
  const std::size_t at = header.data_start + sizeof(dm_target_spec);
  if (header.target_count == 0 || at >= sizeof(dm_ioctl) + kRoom) return fail("no status");
  const char* text = reinterpret_cast<const char*>(&header) + at;
  return std::string(text, strnlen(text, sizeof(dm_ioctl) + kRoom - at));
}

Status send_to_mapping(System& system, const std::string& name, const std::string& message) {
  Request request(name, "", sizeof(dm_target_msg) + message.size() + 1);
  std::memcpy(request.table() + sizeof(dm_target_msg), message.data(), message.size());
  return request.send(system, DM_TARGET_MSG);
}

}  // namespace mkcapture::init

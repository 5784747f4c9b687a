#include "tests/fakes/fake_storage.h"

#include <linux/dm-ioctl.h>
#include <linux/major.h>
#include <linux/raid/md_u.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>

namespace mkcapture::init {
namespace {

void put(std::string& disk, std::size_t at, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i)
    disk[at + static_cast<std::size_t>(i)] = static_cast<char>(value >> (8 * i));
}

std::uint32_t sum_of(const std::string& disk, std::size_t at, std::size_t bytes) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < bytes; ++i)
    sum += std::uint64_t{static_cast<unsigned char>(disk[at + i])} << (8 * (i % 4));
  return static_cast<std::uint32_t>(sum) + static_cast<std::uint32_t>(sum >> 32);
}

void put_1(std::string& disk, const MdDisk& md, const std::vector<unsigned>& roles) {
  const std::size_t at = md.minor == 2   ? 4096
                         : md.minor == 1 ? 0
                                         : (disk.size() - 8192) / 4096 * 4096;
  put(disk, at, 0xa92b4efc, 4);
  put(disk, at + 4, 1, 4);
  put(disk, at + 8, md.features, 4);
  put(disk, at + 64, 1700000000, 8);
  put(disk, at + 72, static_cast<std::uint32_t>(md.level), 4);
  put(disk, at + 76, md.layout, 4);
  put(disk, at + 92, md.raid_disks, 4);
  put(disk, at + 144, at / 512, 8);
  put(disk, at + 160, md.role == 0xffff ? roles.size() : md.role, 4);
  put(disk, at + 200, md.events, 8);
  put(disk, at + 208, md.clean ? ~std::uint64_t{0} : 0, 8);
  put(disk, at + 220, roles.size(), 4);
  for (std::size_t i = 0; i < roles.size(); ++i)
    put(disk, at + 256 + 2 * i, roles[i], 2);
  put(disk, at + 216, sum_of(disk, at, 256 + 2 * roles.size()), 4);
}

void put_090(std::string& disk, const MdDisk& md, const std::vector<unsigned>& roles) {
  const std::size_t at = disk.size() / 65536 * 65536 - 65536;
  const auto word = [&](std::size_t n, std::uint64_t value) { put(disk, at + 4 * n, value, 4); };
  word(0, 0xa92b4efc);
  word(2, 90);
  word(6, 1700000000);
  word(7, static_cast<std::uint32_t>(md.level));
  word(10, md.raid_disks);
  word(33, md.clean ? 1 : 0);
  word(39, md.events);
  word(64, md.layout);
  for (std::size_t i = 0; i < roles.size(); ++i) {
    word(128 + 32 * i + 3, roles[i]);
    word(128 + 32 * i + 4, roles[i] < md.raid_disks ? 6 : 0);
  }
  word(992 + 3, md.role);
  word(992 + 4, md.role < md.raid_disks ? 6 : 0);
  word(38, sum_of(disk, at, 4096));
}

}  // namespace

std::string md_disk(const MdDisk& md, std::size_t bytes) {
  std::string disk(bytes, '\0');
  std::vector<unsigned> roles = md.roles;
  for (unsigned i = 0; md.roles.empty() && i < md.raid_disks; ++i)
    roles.push_back(i);
  if (md.major == 0) {
    put_090(disk, md, roles);
  } else {
    put_1(disk, md, roles);
  }
  return disk;
}

FakeStorage::FakeStorage(FakeSystem& system) : system_(system) {
  system_.on_control = [this](FakeSystem&, const std::string& path, unsigned long request,
                              void* data) {
    return path == "/dev/mapper/control" ? device_mapper(request, data)
                                         : md(path.substr(path.rfind('/') + 1), request, data);
  };
}

void FakeStorage::add_disk(const std::string& name, int minor, std::string content) {
  system_.files["/sys/class/block/" + name + "/size"] = std::to_string(content.size() / 512);
  system_.files["/sys/class/block/" + name + "/dev"] = "8:" + std::to_string(minor) + "\n";
  system_.files["/dev/" + name] = std::move(content);
}

Status FakeStorage::device_mapper(unsigned long request, void* data) {
  auto& header = *static_cast<dm_ioctl*>(data);
  if (request == DM_DEV_CREATE) {
    const auto minor = mappings_.size();
    header.dev = 253 << 8 | minor;
    mappings_.emplace_back(header.name);
    const std::string folder = "/sys/class/block/dm-" + std::to_string(minor);
    system_.files[folder + "/dev"] = "253:" + std::to_string(minor) + "\n";
    system_.files[folder + "/dm/uuid"] = std::string(header.uuid) + "\n";
    system_.files[folder + "/dm/name"] = std::string(header.name) + "\n";
    return {};
  }
  if (request == DM_TABLE_LOAD) {
    if (header.name == table_error_of) return sys_error("/dev/mapper/control", EINVAL);
    if (table_error != 0) return sys_error("/dev/mapper/control", table_error);
    const char* at = static_cast<const char*>(data) + header.data_start;
    for (std::uint32_t i = 0; i < header.target_count; ++i) {
      dm_target_spec spec;
      std::memcpy(&spec, at, sizeof spec);
      tables[header.name].push_back(std::to_string(spec.sector_start) + " " +
                                    std::to_string(spec.length) + " " + spec.target_type + " " +
                                    (at + sizeof spec));
      at += spec.next;
    }
    return {};
  }
  if (request == DM_DEV_SUSPEND) {
    for (std::size_t minor = 0; minor < mappings_.size(); ++minor)
      if (mappings_[minor] == header.name)
        system_.files["/sys/class/block/dm-" + std::to_string(minor) + "/size"] = "2048\n";
    return {};
  }
  if (request == DM_DEV_REMOVE) {
    system_.calls.push_back(std::string("dm-remove ") + header.name);
    for (std::size_t minor = 0; minor < mappings_.size(); ++minor)
      if (mappings_[minor] == header.name)
        for (const char* file : {"/size", "/dev", "/dm/uuid", "/dm/name"})
          system_.files.erase("/sys/class/block/dm-" + std::to_string(minor) + file);
    return {};
  }
  if (request == DM_TABLE_STATUS) {
    const auto& text = statuses[header.name];
    header.target_count = 1;
    std::memcpy(static_cast<char*>(data) + header.data_start + sizeof(dm_target_spec), text.c_str(),
                text.size() + 1);
    return {};
  }
  if (request == DM_TARGET_MSG) {
    system_.calls.push_back(
        std::string("dm-message ") + header.name + " " +
        (static_cast<const char*>(data) + header.data_start + sizeof(dm_target_msg)));
    return {};
  }
  return sys_error("dm", ENOTTY);
}

Status FakeStorage::md(const std::string& name, unsigned long request, void* data) {
  auto& array = arrays[name];
  if (request == SET_ARRAY_INFO) {
    const auto& info = *static_cast<mdu_array_info_t*>(data);
    array.push_back(std::to_string(info.major_version) + "." + std::to_string(info.minor_version));
  } else if (request == ADD_NEW_DISK) {
    const auto& disk = *static_cast<mdu_disk_info_t*>(data);
    array.push_back(std::to_string(disk.major) + ":" + std::to_string(disk.minor));
  } else if (request == RUN_ARRAY) {
    if (run_error != 0) return sys_error(name, run_error);
    system_.files["/sys/class/block/" + name + "/size"] = "2048\n";
    system_.files["/sys/class/block/" + name + "/dev"] = "9:127\n";
    system_.files["/sys/class/block/" + name + "/md/sync_action"] = "resync\n";
  } else if (request == STOP_ARRAY) {
    system_.calls.push_back("md-stop " + name);
  }
  return {};
}

}  // namespace mkcapture::init

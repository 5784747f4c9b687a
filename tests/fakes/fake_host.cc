#include "tests/fakes/fake_host.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>

namespace mkcapture::fakes {

using mkcapture::BlockTags;
using mkcapture::DeviceNumber;
using mkcapture::fail;
using mkcapture::Result;
using mkcapture::sys_error;

namespace {

std::string last_part(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

// The real machine for what is below a TempDir; nothing for all else.
Host* disk_of(const std::string& path) {
  static const std::string kTempDirs = std::filesystem::temp_directory_path() / "mkcapture-test-";
  static const std::unique_ptr<Host> kReal = real_host();
  return path.starts_with(kTempDirs) ? kReal.get() : nullptr;
}

bool below(const std::string& path, const std::string& folder) {
  return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}

}  // namespace

void FakeHost::add_block(const std::string& block_folder, DeviceNumber number, BlockTags found) {
  const std::string name = last_part(block_folder);
  files[block_folder + "/dev"] = to_string(number) + "\n";
  links["/sys/class/block/" + name] = block_folder;
  links["/sys/dev/block/" + to_string(number)] = block_folder;
  nodes["/dev/" + name] = number;
  tags["/dev/" + name] = std::move(found);
}

void FakeHost::add_partition(const std::string& disk_folder, const std::string& name,
                             DeviceNumber number, BlockTags found) {
  add_block(disk_folder + "/" + name, number, std::move(found));
  files[disk_folder + "/" + name + "/partition"] = "1\n";
}

void FakeHost::bind_driver(const std::string& device_folder, const std::string& driver,
                           const std::string& module, const std::string& modalias) {
  const std::string driver_folder = "/sys/bus/any/drivers/" + driver;
  files[driver_folder + "/uevent"] = "";
  links[device_folder + "/driver"] = driver_folder;
  if (!module.empty()) links[driver_folder + "/module"] = "/sys/module/" + module;
  if (!modalias.empty()) files[device_folder + "/modalias"] = modalias + "\n";
}

void FakeHost::add_card(const std::string& device_folder, const std::string& name,
                        const std::string& mac) {
  const std::string card = device_folder + "/net/" + name;
  files[card + "/address"] = mac + "\n";
  links[card + "/device"] = device_folder;
  links["/sys/class/net/" + name] = card;
  NetworkLink& made = add_link(name, "");
  made.mac = made.permanent_mac = mac;
}

NetworkLink& FakeHost::add_link(const std::string& name, const std::string& kind) {
  const int index = static_cast<int>(interfaces.size()) + 1;
  interfaces.push_back({.index = index, .name = name, .kind = kind, .mtu = 1500});
  return interfaces.back();
}

NetworkLink& FakeHost::link(const std::string& name) {
  return *std::ranges::find(interfaces, name, &NetworkLink::name);
}

std::optional<NetworkRoute> FakeHost::network_route(const std::string& address) {
  const NetworkRoute* best = nullptr;
  std::size_t length = 0;
  for (const auto& [prefix, route] : routes) {
    const bool fits =
        prefix.empty() ? address.find(':') == std::string::npos : address.starts_with(prefix);
    if (!fits || (best != nullptr && prefix.size() <= length)) continue;
    best = &route;
    length = prefix.size();
  }
  return best != nullptr ? std::optional(*best) : std::nullopt;
}

std::string FakeHost::resolved(const std::string& path) const {
  std::string at;
  std::size_t begin = 0;
  while (begin < path.size()) {
    const auto end = std::min(path.find('/', begin + 1), path.size());
    at += path.substr(begin, end - begin);
    for (int hops = 0; hops < 8; ++hops) {
      const auto link = links.find(at);
      if (link == links.end()) break;
      at = resolved(link->second);
    }
    begin = end;
  }
  return at;
}

bool FakeHost::is_there(const std::string& plain) const {
  if (plain == "/" || plain == "." || files.contains(plain) || nodes.contains(plain)) return true;
  for (const auto& [path, text] : files)
    if (below(path, plain)) return true;
  for (const auto& [path, target] : links)
    if (below(path, plain)) return true;
  return false;
}

Result<std::string> FakeHost::read_whole(const std::string& path, std::size_t limit) {
  const auto file = files.find(resolved(path));
  if (file == files.end()) {
    if (Host* disk = disk_of(path)) return disk->read_whole(path, limit);
    return sys_error(path, ENOENT);
  }
  if (file->second.size() > limit) return sys_error(path, EFBIG);
  return file->second;
}

Result<std::string> FakeHost::read_link(const std::string& path) {
  const auto slash = path.rfind('/');
  const auto link = links.find(resolved(path.substr(0, slash)) + path.substr(slash));
  if (link != links.end()) return link->second;
  if (Host* disk = disk_of(path)) return disk->read_link(path);
  return sys_error(path, ENOENT);
}

Result<std::vector<std::string>> FakeHost::list_dir(const std::string& path) {
  const std::string folder_path = resolved(path);
  std::set<std::string> entries;
  const auto take = [&](const std::string& entry) {
    if (!below(entry, folder_path)) return;
    const auto begin = folder_path.size() + 1;
    entries.insert(entry.substr(begin, entry.find('/', begin) - begin));
  };
  for (const auto& [file, text] : files)
    take(file);
  for (const auto& [link, target] : links)
    take(link);
  if (Host* disk = disk_of(path))
    if (auto there = disk->list_dir(path)) entries.insert(there->begin(), there->end());
  if (entries.empty()) return sys_error(path, ENOENT);
  return std::vector<std::string>(entries.begin(), entries.end());
}

bool FakeHost::exists(const std::string& path) {
  if (is_there(resolved(path))) return true;
  Host* disk = disk_of(path);
  return disk != nullptr && disk->exists(path);
}

Result<std::string> FakeHost::real_path(const std::string& path) {
  if (path == ".") return std::string("/here");
  std::string plain = path == "/" ? "/" : resolved(path);
  if (plain == "/" || is_there(plain)) return plain;
  if (Host* disk = disk_of(path)) return disk->real_path(path);
  return sys_error(path, ENOENT);
}

std::optional<DeviceNumber> FakeHost::block_device(const std::string& path) {
  const auto node = nodes.find(resolved(path));
  return node == nodes.end() ? std::nullopt : std::optional(node->second);
}

Result<std::string> FakeHost::read_at(const std::string& node, std::uint64_t offset,
                                      std::size_t bytes) {
  const auto found = content.find(node);
  if (found == content.end()) {
    if (Host* disk = disk_of(node)) return disk->read_at(node, offset, bytes);
    return sys_error(node, EACCES);
  }
  if (offset >= found->second.size()) return std::string();
  return found->second.substr(offset, bytes);
}

BlockTags FakeHost::probe(const std::string& node) {
  const auto found = tags.find(node);
  return found == tags.end() ? BlockTags{} : found->second;
}

Result<std::string> FakeHost::read_unclaimed(const std::string& node, std::size_t bytes) {
  if (const auto error = claimed.find(node); error != claimed.end())
    return sys_error(node, error->second);
  std::string begin = content[node];
  begin.resize(bytes);
  return begin;
}

Result<std::vector<std::string>> FakeHost::resolve(const std::string& name) {
  if (!name.empty() && (std::isdigit(static_cast<unsigned char>(name[0])) != 0 ||
                        name.find(':') != std::string::npos))
    return std::vector<std::string>{name};
  const auto found = names.find(name);
  if (found == names.end()) return fail(name + ": Name or service not known");
  return found->second;
}

Result<std::string> FakeHost::run(const std::vector<std::string>& argv) {
  ran.push_back(argv);
  if (on_run) return on_run(argv);
  return sys_error(argv[0], ENOENT);
}

std::optional<mkcapture::FileStamp> FakeHost::stamp(const std::string& path) {
  const std::string plain = resolved(path);
  if (!is_there(plain)) {
    Host* disk = disk_of(path);
    return disk != nullptr ? disk->stamp(path) : std::nullopt;
  }
  const auto file = files.find(plain);
  const auto when = changed.find(plain);
  return mkcapture::FileStamp{.bytes = file == files.end() ? 0 : file->second.size(),
                              .changed = when == changed.end() ? 1000 : when->second,
                              .folder = file == files.end() && !nodes.contains(plain),
                              .regular = file != files.end()};
}

Result<std::string> FakeHost::read_start(const std::string& path, std::size_t bytes) {
  auto text = read_file(path);
  if (text && text->size() > bytes) text->resize(bytes);
  return text;
}

mkcapture::Status FakeHost::replace_file(const std::string& path, std::string_view bytes,
                                         std::uint32_t mode) {
  if (writes_fail_with != 0) return sys_error(path, writes_fail_with);
  if (Host* disk = disk_of(path)) return disk->replace_file(path, bytes, mode);
  files[resolved(path)] = bytes;
  return {};
}

mkcapture::Status FakeHost::write_file(const std::string& path, std::string_view bytes,
                                       std::uint32_t) {
  if (writes_fail_with != 0) return sys_error(path, writes_fail_with);
  files[resolved(path)] = bytes;
  return {};
}

mkcapture::Status FakeHost::rename_file(const std::string& from, const std::string& to) {
  const auto file = files.find(resolved(from));
  if (file == files.end()) return sys_error(from, ENOENT);
  files[resolved(to)] = file->second;
  files.erase(resolved(from));
  return {};
}

mkcapture::Status FakeHost::remove_file(const std::string& path) {
  files.erase(resolved(path));
  return {};
}

std::optional<std::uint64_t> FakeHost::free_bytes(const std::string& path) {
  const auto found = free_space.find(path);
  return found == free_space.end() ? std::nullopt : std::optional(found->second);
}

FakeHost virtual_machine() {
  FakeHost host;
  const std::string disk = "/sys/devices/pci0000:00/0000:00:03.0/virtio1";
  host.bind_driver("/sys/devices/pci0000:00/0000:00:03.0", "virtio-pci", "virtio_pci",
                   "pci:v00001AF4d00001042sv00001AF4sd00001100bc01sc00i00");
  host.bind_driver(disk, "virtio_blk", "virtio_blk", "virtio:d00000002v00001AF4");
  host.add_block(disk + "/block/vda", {254, 0});
  host.add_partition(disk + "/block/vda", "vda1", {254, 1},
                     {"ext4", kRootUuid, "root", "aaaa-01", "system"});
  host.add_partition(disk + "/block/vda", "vda2", {254, 2}, {"", "", "", "aaaa-02", "dump"});

  const std::string card = "/sys/devices/pci0000:00/0000:00:04.0/virtio2";
  host.bind_driver("/sys/devices/pci0000:00/0000:00:04.0", "virtio-pci", "virtio_pci");
  host.bind_driver(card, "virtio_net", "virtio_net", "virtio:d00000001v00001AF4");
  host.add_card(card, "enp1s0", "52:54:00:aa:bb:cc");

  host.files["/proc/self/mountinfo"] =
      "22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw\n"
      "23 22 0:21 / /proc rw shared:2 - proc proc rw\n";
  host.files["/var/crash/kexec_cmd"] = "";
  host.files["/proc/cmdline"] =
      "BOOT_IMAGE=/boot/vmlinuz-6.1.0-test root=UUID=1 ro quiet crashkernel=192M "
      "console=ttyS0,115200 mitigations=off\n";
  host.files["/proc/iomem"] =
      "00001000-0009fbff : System RAM\n"
      "00100000-7ffd9fff : System RAM\n"
      "  01000000-01e00fff : Kernel code\n";
  host.files["/sys/kernel/kexec_crash_size"] = "201326592\n";
  host.routes[""] = {"enp1s0", "10.0.0.5", "10.0.0.1"};
  host.routes["10."] = {"enp1s0", "10.0.0.5", ""};
  host.interface_addresses["enp1s0"] = {{"10.0.0.5", 8, false}};  // leased
  return host;
}

}  // namespace mkcapture::fakes

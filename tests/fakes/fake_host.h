// A machine in memory for the host tool: files and links of /proc and /sys, block devices with what
// blkid would find on them, and a name server. What is below a TempDir is on the real disk as well:
// kernel trees, payloads, and images that are written.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "builder/host/host.h"

namespace mkcapture::fakes {

class FakeHost final : public mkcapture::Host {
 public:
  // The machine, to be filled by the test. Paths are absolute; folders exist where something is
  // below them.
  std::map<std::string, std::string> files;
  std::map<std::string, std::string> links;               // to absolute paths
  std::map<std::string, mkcapture::DeviceNumber> nodes;   // block device nodes
  std::map<std::string, mkcapture::BlockTags> tags;       // by node
  std::map<std::string, std::string> content;             // of nodes, from their beginning
  std::map<std::string, int> claimed;                     // by node: errno of opening it alone
  std::map<std::string, std::vector<std::string>> names;  // the name server's
  std::vector<mkcapture::NetworkLink> interfaces;
  std::map<std::string, std::vector<mkcapture::InterfaceAddress>> interface_addresses;
  /// By how the address begins; the longest that fits, "" every IPv4 address.
  std::map<std::string, mkcapture::NetworkRoute> routes;
  std::string machine_name = "x86_64";
  std::string release = "6.1.0-test";
  std::string folder = "/nowhere";  // of the program
  std::string own_root;             // a folder that is this machine's root by another name
  std::function<mkcapture::Result<std::string>(const std::vector<std::string>&)> on_run;
  std::vector<std::vector<std::string>> ran;
  std::map<std::string, std::int64_t> changed;      // mtimes; 1000 where nothing is said
  std::map<std::string, std::uint64_t> free_space;  // by the folder asked about
  std::int64_t clock = 1795700000;                  // seconds since 1970: November 2026
  int writes_fail_with = 0;                         // errno

  /// A block device of /sys/devices: `folder` ends in its name. "dev" and the links that lead to it
  /// are made, and the node /dev/NAME.
  void add_block(const std::string& folder, mkcapture::DeviceNumber number,
                 mkcapture::BlockTags found = {});
  /// A partition below a disk added before.
  void add_partition(const std::string& disk_folder, const std::string& name,
                     mkcapture::DeviceNumber number, mkcapture::BlockTags found = {});
  /// A driver bound to the device `folder`; an empty `module` is one that is built in.
  void bind_driver(const std::string& folder, const std::string& driver, const std::string& module,
                   const std::string& modalias = "");
  /// A network card: its device below /sys/devices, and /sys/class/net/NAME.
  void add_card(const std::string& device_folder, const std::string& name, const std::string& mac);
  /// An interface that is made of others, or of none. Its index is the number of those before it.
  mkcapture::NetworkLink& add_link(const std::string& name, const std::string& kind);
  mkcapture::NetworkLink& link(const std::string& name);

  mkcapture::Result<std::string> read_whole(const std::string& path, std::size_t limit) override;
  mkcapture::Result<std::string> read_link(const std::string& path) override;
  mkcapture::Result<std::vector<std::string>> list_dir(const std::string& path) override;
  bool exists(const std::string& path) override;
  mkcapture::Result<std::string> real_path(const std::string& path) override;
  bool same_file(const std::string& a, const std::string& b) override {
    return a == b || (b == "/" && a == own_root);
  }
  std::optional<mkcapture::DeviceNumber> block_device(const std::string& path) override;
  mkcapture::Result<std::string> read_at(const std::string& node, std::uint64_t offset,
                                         std::size_t bytes) override;
  mkcapture::BlockTags probe(const std::string& node) override;
  mkcapture::Result<std::string> read_unclaimed(const std::string& node,
                                                std::size_t bytes) override;
  std::string machine() override { return machine_name; }
  std::string kernel_release() override { return release; }
  mkcapture::Result<std::vector<std::string>> resolve(const std::string& name) override;
  std::vector<mkcapture::NetworkLink> network_links() override { return interfaces; }
  std::vector<mkcapture::InterfaceAddress> addresses(const std::string& interface) override {
    return interface_addresses[interface];
  }
  std::optional<mkcapture::NetworkRoute> network_route(const std::string& address) override;
  mkcapture::Result<std::string> run(const std::vector<std::string>& argv) override;
  std::optional<mkcapture::FileStamp> stamp(const std::string& path) override;
  mkcapture::Result<std::string> read_start(const std::string& path, std::size_t bytes) override;
  mkcapture::Status replace_file(const std::string& path, std::string_view bytes,
                                 std::uint32_t mode) override;
  mkcapture::Status write_file(const std::string& path, std::string_view bytes,
                               std::uint32_t mode) override;
  mkcapture::Status rename_file(const std::string& from, const std::string& to) override;
  mkcapture::Status remove_file(const std::string& path) override;
  std::optional<std::uint64_t> free_bytes(const std::string& path) override;
  std::int64_t now() override { return clock; }
  std::string program_folder() override { return folder; }

 private:
  /// `path` with every link resolved, whether it exists or not.
  [[nodiscard]] std::string resolved(const std::string& path) const;
  [[nodiscard]] bool is_there(const std::string& plain) const;
};

/// A virtual machine: x86_64, 2 GiB, /dev/vda (virtio-blk) with vda1 = ext4 on /, UUID kRootUuid,
/// and the card enp1s0 (virtio-net, 52:54:00:aa:bb:cc) that leads to 10.0.0.0/8 and by a gateway
/// everywhere else (IPv4).
[[nodiscard]] FakeHost virtual_machine();
inline constexpr const char* kRootUuid = "11112222-3333-4444-5555-666677778888";

}  // namespace mkcapture::fakes

// A machine for the subcommands: a kernel tree and static programs in a temporary folder,
// everything else in memory, and a kexec that loads what it is told to.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "builder/run.h"
#include "builder/service/arm_state.h"
#include "tests/fakes/fake_host.h"
#include "tests/fakes/kernel_tree.h"
#include "tests/fakes/temp_dir.h"

namespace mkcapture::fakes {

struct ArmedMachine {
  TempDir tree;
  FakeHost host = virtual_machine();
  std::string out, err;
  std::string kexec_error;           // what kexec says instead of loading
  bool kexec_loads_nothing = false;  // and its exit status is 0 all the same

  ArmedMachine() {
    host.own_root = tree.path();
    write_kernel_tree(tree, "6.1.0-test",
                      {{"drivers/virtio/virtio_ring.ko", {}},
                       {"drivers/virtio/virtio_pci.ko", {"depends=virtio_ring"}},
                       {"drivers/block/virtio_blk.ko", {"depends=virtio_ring"}},
                       {"fs/ext4/ext4.ko", {}}},
                      {});
    tree.write("boot/vmlinuz-6.1.0-test", "kernel");
    tree.write("boot/config-6.1.0-test",
               "CONFIG_CRASH_DUMP=y\nCONFIG_PROC_VMCORE=y\nCONFIG_PROC_FS=y\nCONFIG_SYSFS=y\n"
               "CONFIG_DEVTMPFS=y\nCONFIG_BLK_DEV_INITRD=y\nCONFIG_TMPFS=y\nCONFIG_PRINTK=y\n"
               "CONFIG_RELOCATABLE=y\nCONFIG_MODULES=y\nCONFIG_KEXEC=y\nCONFIG_RD_GZIP=y\n");
    for (const char* program : {"init", "udhcpc", "dbclient", "busybox"}) {
      tree.write(std::string("payload/") + program, program);
      std::filesystem::permissions(tree.path(std::string("payload/") + program),
                                   std::filesystem::perms::owner_all);
    }
    host.files["/sys/kernel/kexec_crash_size"] = "201326592\n";
    host.files["/sys/kernel/kexec_crash_loaded"] = "0\n";
    host.files["/proc/meminfo"] =
        "MemTotal:        2000000 kB\nMemFree:         1000000 kB\nActive(anon):     300000 kB\n"
        "Inactive(anon):   100000 kB\nActive(file):     200000 kB\nInactive(file):   100000 kB\n";
    host.free_space["/var/crash"] = 50'000'000'000;
    host.on_run = [this](const std::vector<std::string>& argv) { return kexec(argv); };
  }

  /// The last line that went to sh.
  [[nodiscard]] std::string loaded_by() const {
    std::string line;
    for (const auto& argv : host.ran)
      if (argv[0] == "sh") line = argv[2];
    return line;
  }
  int run(std::vector<std::string> arguments) {
    out.clear();
    err.clear();
    arguments.insert(arguments.end(),
                     {"--root=" + tree.path(), "--payload=" + tree.path("payload")});
    return run_mkcapture(arguments, host, out, err);
  }
  [[nodiscard]] bool said(const std::string& text) const {
    return out.find(text) != std::string::npos;
  }
  void panicked(const std::string& name, std::uint64_t bytes, const std::string& log) {
    const std::string folder = "/var/crash/" + name;
    std::string dump = "KDUMP   " + std::string(4, '\6');
    for (const char* word : {"Linux", "office", "6.1.0-test"})
      dump += std::string(word) + std::string(65 - std::string(word).size(), '\0');
    dump.resize(bytes, 'x');
    host.files[folder + "/vmcore"] = dump;
    host.files[folder + "/vmcore-dmesg.txt"] = log;
  }

 private:
  Result<std::string> kexec(const std::vector<std::string>& argv) {
    if (argv[0] == "kexec" && argv.back() == "-u") {
      host.files["/sys/kernel/kexec_crash_loaded"] = "0\n";
      return std::string();
    }
    if (argv[0] != "sh") return sys_error(argv[0], ENOENT);
    if (argv[1] == "-c") return std::string();
    if (!kexec_error.empty()) return fail("sh: " + kexec_error);
    if (!kexec_loads_nothing) host.files["/sys/kernel/kexec_crash_loaded"] = "1\n";
    return std::string();
  }
};

}  // namespace mkcapture::fakes

#include <doctest/doctest.h>

#include "builder/kernel/cmdline.h"

using namespace mkcapture;

TEST_CASE("command line: words and quotes as the kernel's") {
  CHECK(split_cmdline("  a b=\"c d\" \"e f=g h\"\n") ==
        std::vector<std::string>{"a", "b=\"c d\"", "\"e f=g h\""});
  CHECK(cmdline_key("b=\"c d\"") == "b");
  CHECK(cmdline_value("b=\"c d\"") == "c d");
  CHECK(cmdline_key("\"e f=g h\"") == "e f");
  CHECK(cmdline_value("\"e f=g h\"") == "g h");
  CHECK(cmdline_key("\"ro\"") == "ro");
  CHECK(cmdline_value("ro").empty());
}

namespace {

std::string captured(std::string_view running, const std::vector<std::string>& remove,
                     const std::vector<std::string>& add, std::string_view append) {
  std::vector<CmdlineRemoval> removals;
  for (const auto& pattern : remove)
    removals.push_back({pattern, "why"});
  return capture_cmdline(running, removals, add, append).line;
}

}  // namespace

TEST_CASE("command line: a quote without its partner reaches to the end and is closed there") {
  CHECK(split_cmdline("a b=\"c d") == std::vector<std::string>{"a", "b=\"c d\""});
  CHECK(has_open_quote("a b=\"c d"));
  CHECK_FALSE(has_open_quote("a b=\"c d\""));
  CHECK(captured("a dyndbg=\"file x", {}, {"nr_cpus=1"}, "c") == "a dyndbg=\"file x\" nr_cpus=1 c");
}

TEST_CASE("capture command line: removed, kept, added") {
  const std::string line = captured(
      "BOOT_IMAGE=/vmlinuz root=/dev/vda1 rd.lvm.lv=a/b rd.luks=0 console=tty0 console=ttyS0 foo=1",
      {"BOOT_IMAGE", "root", "rd.*"}, {"nr_cpus=1", "irqpoll"}, "bar=2");
  CHECK(line == "console=tty0 console=ttyS0 foo=1 nr_cpus=1 irqpoll bar=2");
}

TEST_CASE("capture command line: what is left out has its reason") {
  const auto cmdline =
      capture_cmdline("nomodule panic=0 foo=1 nr_cpus=8 -- single",
                      {{"nomodule", "drivers are loaded"}}, {"panic=10", "foo=1"}, "nr_cpus=2");
  CHECK(cmdline.line == "panic=10 foo=1 nr_cpus=2");
  std::string left_out;
  for (const auto& [word, reason] : cmdline.left_out)
    left_out += word + ": " + reason + "\n";
  CHECK(left_out ==
        "nomodule: drivers are loaded\n"
        "--: behind --: for the running system's init\n"
        "single: behind --: for the running system's init\n"
        "panic=0: the profile sets it\n"
        "nr_cpus=8: --append sets it\n");
}

TEST_CASE("capture command line: dashes and underscores are alike, as in the kernel") {
  CHECK(captured("slub-debug=FZ x", {"slub_debug"}, {}, "") == "x");
  CHECK(captured("rd-a.b=1 x", {"rd_*"}, {}, "") == "x");
}

TEST_CASE("capture command line: a pattern with a value is for this value alone") {
  CHECK(captured("iommu=panic iommu=soft io-mmu=panic", {"iommu=panic"}, {}, "") ==
        "iommu=soft io-mmu=panic");
  CHECK(captured("iommu=\"panic\" iommu", {"iommu=panic"}, {}, "") == "iommu");
}

TEST_CASE("capture command line: what is set again replaces what was there") {
  CHECK(captured("panic=0 numa=on x", {}, {"numa=off"}, "panic=10") == "x numa=off panic=10");
}

TEST_CASE("capture command line: what is appended takes the place of the profile's") {
  CHECK(captured("", {}, {"nr_cpus=1", "irqpoll"}, "nr-cpus=2") == "irqpoll nr-cpus=2");
}

TEST_CASE("capture command line: consoles add up, each once, and the last one stays the last") {
  CHECK(captured("console=tty0 console=ttyS0 console=tty0", {}, {}, "") ==
        "console=ttyS0 console=tty0");
  CHECK(captured("console=tty0", {}, {}, "console=ttyS0 console=tty0") ==
        "console=ttyS0 console=tty0");
}

TEST_CASE("capture command line: what is for the production system's init stays behind") {
  CHECK(captured("a -- single", {}, {"b"}, "") == "a b");
}

TEST_CASE("capture command line: what loses a dump is in the table, with a reason") {
  const auto profile = builtin_profile("x86_64");
  REQUIRE(profile);
  // Each of these was on a production line: it costs the capture memory, ends it, keeps its modules
  // away or means a disk that it does not mount.
  for (const char* word : {"nomodule",
                           "module_blacklist=virtio_blk",
                           "init_on_alloc=1",
                           "init_on_free=1",
                           "fips=1",
                           "lockdown=confidentiality",
                           "module.sig_enforce=1",
                           "sysctl.vm.nr_hugepages=40",
                           "sysctl.kernel.panic_on_oops=1",
                           "oops=panic",
                           "softlockup_panic=1",
                           "hung_task_panic=1",
                           "panic_on_taint=0x20",
                           "panic_on_warn=1",
                           "nmi_watchdog=panic",
                           "nowatchdog",
                           "trace_buf_size=24M",
                           "trace_event=sched:*",
                           "ftrace_dump_on_oops",
                           "alloc_snapshot",
                           "reserve_mem=16M:4096:x",
                           "kernelcore=50%",
                           "movable_node",
                           "possible_cpus=256",
                           "hugetlb-cma=1G",
                           "swiotlb=65536",
                           "dhash_entries=1M",
                           "slub_debug=FZP",
                           "kasan=on",
                           "printk.devkmsg=off",
                           "keepinitrd",
                           "retain_initrd",
                           "kgdbwait",
                           "ima_appraise=enforce",
                           "usbcore.authorized_default=0",
                           "elfcorehdr=0x1000",
                           "resume=/dev/sda2",
                           "root=/dev/sda1",
                           "memtest=4",
                           "unknown_nmi_panic",
                           "workqueue.panic_on_stall=1",
                           "loadpin.enforce=1",
                           "cryptomgr.panic_on_fail=1",
                           "split_lock_detect=fatal",
                           "scsi_mod.scan=manual",
                           "cgroup_enable=memory",
                           "profile=2",
                           "kho=on",
                           "prot_virt=1",
                           "vmcp_cma=8M",
                           "iommu=panic",
                           "iommu.debug_pagealloc=1",
                           "kvm-arm.mode=protected",
                           "fail_skb_realloc=1,1,0,-1",
                           "add_efi_memmap"}) {
    const auto cmdline = capture_cmdline(word, profile->cmdline_remove, {}, "");
    CHECK_MESSAGE(cmdline.line.empty(), word);
    REQUIRE(cmdline.left_out.size() == 1);
    CHECK(cmdline.left_out[0].reason.size() > 10);
  }
  // What a machine needs to run at all stays.
  const std::string needed =
      "console=ttyS0,115200 iommu=pt intel_iommu=on pci=nommconf acpi_osi=Linux nomodeset "
      "mitigations=off tsc=reliable noapic nvme_core.io_timeout=255 libata.force=noncq "
      "earlyprintk=serial mem_encrypt=on reboot=pci panic_timeout=3";
  CHECK(capture_cmdline(needed, profile->cmdline_remove, {}, "").line == needed);
}

TEST_CASE("shell_quote") {
  CHECK(shell_quote("/boot/vmlinuz-6.1.0") == "/boot/vmlinuz-6.1.0");
  CHECK(shell_quote("a b") == "'a b'");
  CHECK(shell_quote("it's") == "'it'\\''s'");
  CHECK(shell_quote("") == "''");
}

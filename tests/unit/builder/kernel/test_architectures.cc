// What each architecture's profile makes of a plan: the load command of all as a golden file, and
// what hangs on the kernel's configuration or on the machine.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "builder/kernel/profile.h"
#include "builder/plan/kexec.h"
#include "builder/print/print.h"
#include "builder/run.h"
#include "tests/fakes/fake_host.h"
#include "tests/fakes/kernel_tree.h"
#include "tests/fakes/source_tree.h"
#include "tests/fakes/temp_dir.h"

using namespace mkcapture;
using fakes::FakeHost;

namespace {

constexpr const char* kEveryKernel =
    "CONFIG_CRASH_DUMP=y\nCONFIG_PROC_VMCORE=y\nCONFIG_PROC_FS=y\nCONFIG_SYSFS=y\n"
    "CONFIG_DEVTMPFS=y\nCONFIG_BLK_DEV_INITRD=y\nCONFIG_TMPFS=y\nCONFIG_PRINTK=y\n"
    "CONFIG_MODULES=y\nCONFIG_RD_GZIP=y\nCONFIG_KEXEC=y\n";
// What profiles ask for beyond that.
constexpr const char* kArchitectures =
    "CONFIG_RELOCATABLE=y\nCONFIG_HIGHMEM=y\nCONFIG_AUTO_ZRELADDR=y\nCONFIG_KALLSYMS_ALL=y\n";

/// A kernel tree that serves as any architecture's, and what the tool said to the last call.
struct Tree {
  fakes::TempDir folder;
  FakeHost host = fakes::virtual_machine();
  std::string out, err;

  explicit Tree(const std::string& config) {
    fakes::write_kernel_tree(folder, "6.1.0-test", {{"fs/ext4/ext4.ko", {}}}, {});
    for (const char* image : {"vmlinuz", "vmlinux"})
      folder.write(std::string("boot/") + image + "-6.1.0-test", "kernel");
    if (!config.empty()) folder.write("boot/config-6.1.0-test", config);
    folder.write("payload/init", "a static program");
  }
  int run(const std::string& profile, std::vector<std::string> arguments) {
    for (const auto& argument : {std::string("--root=") + folder.path(), "--profile=" + profile,
                                 std::string("--target=disk:LABEL=x:/"),
                                 std::string("--drivers=ext4"), std::string("-o/capture.img")})
      arguments.push_back(argument);
    out.clear();
    err.clear();
    return run_mkcapture(arguments, host, out, err);
  }
  std::string kexec(const std::string& profile) {
    REQUIRE_MESSAGE(run(profile, {"--print", "kexec"}) == 0, err);
    std::string line = out;
    for (auto at = line.find(folder.path()); at != std::string::npos; at = line.find(folder.path()))
      line.replace(at, folder.path().size(), "TREE");
    return line;
  }
};

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// The plan's command for this machine, x86_64, with its own kernel.
std::string own_machine(const std::string& cpuinfo, const std::string& cmdline,
                        std::string* warnings) {
  Tree tree(std::string(kEveryKernel) + kArchitectures);
  Plan plan;
  plan.profile = *builtin_profile("x86_64");
  plan.this_machine = true;
  plan.kernel.image = "/boot/vmlinuz";
  plan.output = "/capture.img";
  tree.host.files["/proc/cpuinfo"] = cpuinfo;
  tree.host.files["/proc/cmdline"] = cmdline;
  REQUIRE(plan_kexec({}, tree.host, plan));
  if (warnings != nullptr) *warnings = print_warnings(plan);
  return plan.kexec.append;
}

}  // namespace

TEST_CASE("architectures: the load command of each, as a golden file (UPDATE_GOLDEN=1 writes it)") {
  Tree tree(std::string(kEveryKernel) + kArchitectures);
  std::string all;
  for (const auto& builtin : builtin_profiles()) {
    const std::string name(builtin.name);
    all += name + "\n  " + tree.kexec(name);
  }
  const std::string path = fakes::source_path("tests/golden/kexec-architectures.txt");
  if (std::getenv("UPDATE_GOLDEN") != nullptr) std::ofstream(path) << all;
  std::ifstream in(path);
  const std::string golden{std::istreambuf_iterator<char>(in), {}};
  CHECK(all == golden);
}

TEST_CASE("architectures: what the kernel must have is named with the reason") {
  const std::pair<const char*, const char*> needs[] = {
      {"x86_64", "RELOCATABLE"}, {"i386", "RELOCATABLE"},  {"i386", "HIGHMEM"},
      {"arm", "AUTO_ZRELADDR"},  {"ppc64", "RELOCATABLE"}, {"ppc64le", "RELOCATABLE"}};
  for (const auto& [profile, symbol] : needs) {
    CAPTURE(profile);
    std::string config = std::string(kEveryKernel) + kArchitectures;
    const std::string line = std::string("CONFIG_") + symbol + "=y\n";
    config.replace(config.find(line), line.size(), "");
    Tree tree(config);
    CHECK(tree.run(profile, {"--print", "kexec"}) == 1);
    CHECK(contains(tree.err, std::string("has no CONFIG_") + symbol + ": as a capture kernel, "));
  }
}

TEST_CASE("i386: 64-bit headers where PAE reaches beyond 4 GiB") {
  const std::string config = std::string(kEveryKernel) + kArchitectures;
  CHECK(contains(Tree(config).kexec("i386"), "kexec -p --elf32-core-headers "));
  CHECK(contains(Tree(config + "CONFIG_X86_PAE=y\n").kexec("i386"),
                 "kexec -p --elf64-core-headers "));
  // Where the configuration is not known, kexec decides.
  CHECK(!contains(Tree("").kexec("i386"), "core-headers"));
}

TEST_CASE("arm64 without KALLSYMS_ALL: a warning with the ways out, or kexec_file_load") {
  const std::string config = kEveryKernel;
  Tree tree(config);
  CHECK(contains(tree.kexec("arm64"), "kexec -p -i "));
  CHECK(contains(tree.err, "warning: kernel 6.1.0-test has no CONFIG_KALLSYMS_ALL: "));
  CHECK(contains(tree.err, "README.md"));
  REQUIRE(tree.run("arm64", {"--print", "plan", "--payload", tree.folder.path("payload")}) == 0);
  CHECK(contains(tree.out, "has no CONFIG_KALLSYMS_ALL"));

  Tree with_file_load(config + "CONFIG_KEXEC_FILE=y\n");
  CHECK(contains(with_file_load.kexec("arm64"), "kexec -p -s "));
  CHECK(!contains(with_file_load.err, "KALLSYMS_ALL"));

  Tree whole(config + "CONFIG_KALLSYMS_ALL=y\nCONFIG_KEXEC_FILE=y\n");
  CHECK(contains(whole.kexec("arm64"), "kexec -p -i "));
  CHECK(!contains(whole.err, "KALLSYMS_ALL"));
}

TEST_CASE("riscv64 without KEXEC_FILE: a warning, as a part of the memory would be missing") {
  const std::string config = std::string(kEveryKernel) + kArchitectures;
  Tree without(config);
  CHECK(contains(without.kexec("riscv64"), "kexec -p -s "));
  CHECK(contains(without.err, "warning: kernel 6.1.0-test has no CONFIG_KEXEC_FILE: "));
  CHECK(contains(without.err, "a part of the memory"));
  Tree with(config + "CONFIG_KEXEC_FILE=y\n");
  CHECK(contains(with.kexec("riscv64"), "kexec -p -s "));
  CHECK(!contains(with.err, "KEXEC_FILE"));
}

TEST_CASE("ppc64: never by kexec_file_load, whose capture kernel overwrites what it has to save") {
  std::string config = std::string(kEveryKernel) + kArchitectures + "CONFIG_KEXEC_FILE=y\n";
  CHECK(!contains(Tree(config).kexec("ppc64"), " -s "));
  config.replace(config.find("CONFIG_KEXEC=y\n"), 15, "");
  Tree tree(config);
  CHECK(!contains(tree.kexec("ppc64"), " -s "));
  CHECK(contains(tree.err, "warning: kernel 6.1.0-test has no CONFIG_KEXEC: "));
  CHECK(contains(tree.err, "moves to address 0"));
  CHECK(contains(Tree(config).kexec("ppc64le"), "kexec -p -s "));
}

TEST_CASE(
    "ia64: loaded and built with somebody's programs, and else refused with the whole reason") {
  Tree tree(kEveryKernel);
  for (const char* what : {"kexec", "append"})
    CHECK_MESSAGE(tree.run("ia64", {"--print", what}) == 0, what);
  for (const auto& arguments :
       {std::vector<std::string>{}, std::vector<std::string>{"--print", "plan"}}) {
    CHECK(tree.run("ia64", arguments) == 1);
    for (const char* reason :
         {"clang has no target", "musl has no port", "Linux dropped it in 6.7", "--payload DIR"})
      CHECK_MESSAGE(contains(tree.err, reason), reason);
  }

  const std::string image = tree.folder.path("ia64.img");
  CHECK(run_mkcapture({"--root=" + tree.folder.path(), "--profile=ia64", "-tdisk:LABEL=x:/",
                       "--drivers=ext4", "--payload=" + tree.folder.path("payload"), "-o", image},
                      tree.host, tree.out, tree.err) == 0);
  CHECK(std::filesystem::exists(image));
}

TEST_CASE("x86: the boot CPU's number, where the running system tells it") {
  const std::string cpuinfo =
      "processor\t: 0\ninitial apicid\t: 18\n\nprocessor\t: 1\n"
      "initial apicid\t: 20\n";
  CHECK(contains(own_machine(cpuinfo, "quiet", nullptr), " disable_cpu_apicid=18"));
  CHECK(!contains(own_machine("", "quiet", nullptr), "disable_cpu_apicid"));
  CHECK(!contains(own_machine("initial apicid\t: x\n", "quiet", nullptr), "disable_cpu_apicid"));
  // One that an earlier kexec left behind goes.
  CHECK(!contains(own_machine("", "disable_cpu_apicid=3", nullptr), "disable_cpu_apicid"));
}

TEST_CASE("crashkernel: an address that the kernel cannot start from") {
  std::string warnings;
  (void)own_machine("", "crashkernel=128M@5M", &warnings);
  CHECK(contains(warnings, "crashkernel=128M@5M: the address must be a multiple of 16M"));
  (void)own_machine("", "crashkernel=128M@32M", &warnings);
  CHECK(!contains(warnings, "crashkernel=128M@32M"));
}

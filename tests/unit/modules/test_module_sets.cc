#include <doctest/doctest.h>

#include "modules/module_file.h"
#include "modules/module_sets.h"

using mkcapture::ModuleSets;
using mkcapture::parse_module_sets;
using Names = std::vector<std::string>;

namespace {

std::string error_of(std::string_view text) {
  ModuleSets sets;
  const auto status = parse_module_sets(text, "f.toml", sets);
  return status ? "" : status.error().message;
}

}  // namespace

TEST_CASE("sets: every key") {
  ModuleSets sets;
  const auto status = parse_module_sets(R"(
    [set.a]
    summary = "A"
    class = "net"
    drivers = ["x", "subtree:kernel/y"]
    required = ["z"]
    programs = ["p"]
    firmware = ["f"]
    kernel = ["INET"]
    [[needs]]
    module = "fat"
    before = ["nls_ascii"]
    after = ["tail"]
    [spare]
    modules = ["s"]
    [parameters]
    bonding = "max_bonds=0"
  )",
                                        "f.toml", sets);
  REQUIRE_MESSAGE(status.ok(), status.error().message);
  const auto* a = sets.find("a");
  REQUIRE(a != nullptr);
  CHECK(a->summary == "A");
  CHECK(a->driver_class == "net");
  CHECK(a->drivers == Names{"x", "subtree:kernel/y"});
  CHECK(a->required == Names{"z"});
  CHECK(a->programs == Names{"p"});
  CHECK(a->firmware == Names{"f"});
  CHECK(a->kernel == Names{"INET"});
  CHECK(sets.needs.at("fat").before == Names{"nls_ascii"});
  CHECK(sets.needs.at("fat").after == Names{"tail"});
  CHECK(sets.spare.count("s") == 1);
  CHECK(sets.parameters.at("bonding") == "max_bonds=0");
  CHECK(sets.find("b") == nullptr);
}

TEST_CASE("sets: errors name file, line and key") {
  CHECK(error_of("[set.a]\ndriver = [\"x\"]\n") == "f.toml:2: driver: unknown key");
  CHECK(error_of("[set.a]\ndrivers = \"x\"\n") == "f.toml:2: drivers: must be a list of strings");
  CHECK(error_of("[set.a]\ndrivers = [1]\n") == "f.toml:2: drivers: must hold strings");
  CHECK(error_of("[set.a]\nclass = \"disk\"\n") ==
        "f.toml:1: class: must be \"storage\", \"net\", \"fs\" or \"watchdog\"");
  CHECK(error_of("[sets.a]\n") == "f.toml:1: sets: unknown table");
  CHECK(error_of("[[needs]]\nbefore = []\n") == "f.toml:1: module: is missing");
  CHECK(error_of("[parameters]\nx = 1\n") == "f.toml:2: x: must be a string");
  CHECK(error_of("[set.a\n").find("f.toml:1: ") == 0);
  ModuleSets sets;
  REQUIRE(parse_module_sets("[set.a]\n", "f.toml", sets).ok());
  CHECK(parse_module_sets("[set.a]\n", "g.toml", sets).error().message ==
        "g.toml:1: a: this set is there already");
}

TEST_CASE("sets: the files that are compiled in") {
  const auto sets = mkcapture::builtin_module_sets();
  REQUIRE_MESSAGE(sets.ok(), sets.error().message);
  for (const char* name : {"virtio", "ahci", "nvme", "usb_storage", "mmc", "hyperv_storage",
                           "xen_storage", "vmware_storage", "ext4", "xfs", "btrfs", "vfat",
                           "virtio_net", "intel_net", "nfs3", "nfs4", "vlan", "bond", "ssh"})
    CHECK_MESSAGE(sets->find(name) != nullptr, name);
  // A summary for every set: `--print plan` shows it.
  for (const auto& [name, set] : sets->sets)
    CHECK_MESSAGE(!set.summary.empty(), name);
}

TEST_CASE("softdeps: both lists, in any order, words of no list passed over") {
  mkcapture::Softdep s;
  mkcapture::parse_softdep("stray pre: a b  post: c", s);
  mkcapture::parse_softdep("post: d pre: e", s);
  CHECK(s.pre == Names{"a", "b", "e"});
  CHECK(s.post == Names{"c", "d"});
}

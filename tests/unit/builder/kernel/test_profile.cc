#include <doctest/doctest.h>

#include <algorithm>

#include "builder/host/host.h"
#include "builder/kernel/profile.h"
#include "modules/module_sets.h"
#include "tests/fakes/temp_dir.h"

using namespace mkcapture;

namespace {

constexpr const char* kSmall =
    "machines = [\"m1\"]\n"
    "[kernel]\nimages = [\"boot/vmlinuz-{release}\"]\n"
    "[crashkernel]\nkernel_memory = \"88M\"\nrecommended = \"0-:128M\"\n";

std::string error(const std::string& text) {
  const auto profile = parse_profile(text, "p.toml");
  REQUIRE(!profile);
  CHECK(is_usage_error(profile.error()));
  return profile.error().message;
}

}  // namespace

TEST_CASE("profile: every profile that is compiled in can be read and stands for its machine") {
  REQUIRE(!builtin_profiles().empty());
  const auto sets = builtin_module_sets();
  REQUIRE(sets);
  for (const auto& builtin : builtin_profiles()) {
    CAPTURE(builtin.name);
    const auto profile = builtin_profile(builtin.name);
    REQUIRE(profile);
    CHECK(profile->name == builtin.name);
    for (const auto& machine : profile->machines)
      CHECK(profile_of_machine(machine)->name == builtin.name);
    // A set that modules/ does not know would only show when somebody builds a generic image.
    for (const auto* list : {&profile->storage_sets, &profile->net_sets, &profile->filesystems})
      for (const auto& set : *list)
        CHECK_MESSAGE(sets->find(set) != nullptr, set);
  }
}

TEST_CASE("profile: x86_64") {
  const auto profile = builtin_profile("x86_64");
  REQUIRE(profile);
  CHECK(profile->kernel_memory == 88 << 20);
  CHECK(profile->kexec_file_load);
  const auto& add = profile->cmdline_add;
  for (const char* word : {"nr_cpus=1", "irqpoll", "reset_devices"})
    CHECK(std::find(add.begin(), add.end(), word) != add.end());
}

TEST_CASE("profile: from a file") {
  const fakes::TempDir folder;
  const auto profile = load_profile(*real_host(), folder.write("mine.toml", kSmall));
  REQUIRE(profile);
  CHECK(profile->name == "mine");
  CHECK(profile->crashkernel.size() == 1);
}

TEST_CASE("profile: errors") {
  CHECK(load_profile(*real_host(), "vax")
            .error()
            .message.starts_with("profile: 'vax' is not known; there are "));
  CHECK(is_usage_error(load_profile(*real_host(), "vax").error()));
  CHECK(load_profile(*real_host(), "/nowhere/x.toml").error().message ==
        "profile: /nowhere/x.toml: No such file or directory");
  CHECK(error(std::string(kSmall) + "foo = 1\n") == "p.toml:7: crashkernel.foo: unknown key");
  CHECK(error(std::string("triple = 1\n") + kSmall) == "p.toml:1: triple: a string is wanted");
  CHECK(error("machines = [\"m\"]\n").starts_with("p.toml: "));
  CHECK(error("x = [").starts_with("p.toml:1: "));
}

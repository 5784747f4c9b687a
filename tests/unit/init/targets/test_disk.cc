#include <doctest/doctest.h>

#include <algorithm>

#include "init/targets/target.h"
#include "tests/fakes/described_links.h"
#include "tests/fakes/target_places.h"

using namespace mkcapture;
using namespace mkcapture::init;

namespace {

// With what options an ext4 is mounted whose superblock has this word for errors (s_errors).
std::string mount_options(std::string_view errors) {
  const auto& places = all_places();
  const auto disk = std::find_if(places.begin(), places.end(), [](const auto& kind) {
    return std::string_view(kind.name) == "disk";
  });
  const auto place = disk->make();
  FakeSystem& system = place->system();
  system.files["/dev/vda1"] = std::string(1024 + 0x3c, '\0') + std::string(errors);
  const auto config = *parse_config("target=" + place->spec() + "\n");
  NoSteps steps;
  ModuleLoader modules(system, config);
  const auto target =
      make_target(config.targets[0].spec, place->context({system, config, steps, modules}));
  CHECK(target->open(Deadline(system, Milliseconds(1000))).ok());
  for (const auto& call : system.calls)
    if (call.starts_with("mount /dev/vda1 ")) return call.substr(call.rfind(' ') + 1);
  return "not mounted";
}

}  // namespace

TEST_CASE("disk: an ext4 that is to panic at an error does not, other words stay") {
  CHECK(mount_options({"\3\0", 2}) == "errors=remount-ro");
  CHECK(mount_options({"\2\0", 2}) == "");
  CHECK(mount_options({"\1\0", 2}) == "");
  CHECK(mount_options("") == "");
}

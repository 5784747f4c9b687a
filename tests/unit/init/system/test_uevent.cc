#include <doctest/doctest.h>

#include "init/system/system.h"

using namespace mkcapture;
using namespace mkcapture::init;
using namespace std::string_view_literals;

TEST_CASE("uevents: action, path and keys") {
  const auto event = parse_uevent(
      "add@/devices/pci0000:00/0000:00:04.0/virtio1/block/vda\0ACTION=add\0"
      "SUBSYSTEM=block\0DEVNAME=vda\0EMPTY=\0nonsense\0"sv);
  REQUIRE(event.has_value());
  CHECK(event->action == "add");
  CHECK(event->devpath == "/devices/pci0000:00/0000:00:04.0/virtio1/block/vda");
  CHECK(event->get("SUBSYSTEM") == "block");
  CHECK(event->get("DEVNAME") == "vda");
  CHECK(event->get("EMPTY").empty());
  CHECK(event->get("MODALIAS").empty());
  CHECK(event->keys.size() == 4);
}

TEST_CASE("uevents: what is not from the kernel is refused") {
  CHECK_FALSE(parse_uevent(""sv).has_value());
  CHECK_FALSE(parse_uevent("libudev\0\xfe\xed\xca\xfe"sv).has_value());  // udev's own
  CHECK_FALSE(parse_uevent("add@/devices/x"sv).has_value());             // no end
  CHECK_FALSE(parse_uevent("@/devices/x\0"sv).has_value());
  CHECK_FALSE(parse_uevent("add@devices/x\0"sv).has_value());
  CHECK_FALSE(parse_uevent("add@/devices/x\0KEY=cut"sv).has_value());
}

#include <doctest/doctest.h>

#include <cerrno>

#include "init/devices/module_loader.h"
#include "tests/fakes/fake_system.h"

using namespace mkcapture;
using namespace mkcapture::init;
using Names = std::vector<std::string>;

namespace {

/// An image with these modules, "NAME|DEPS|PARAMS|CLASS" each.
struct Image {
  explicit Image(const Names& modules) {
    std::string text;
    for (const auto& module : modules) {
      text += "module=" + module + "\n";
      system.files["/lib/modules/" + module.substr(0, module.find('|')) + ".ko"] = "ELF";
    }
    auto parsed = parse_config(text);
    REQUIRE(parsed.ok());
    config = *std::move(parsed);
  }
  FakeSystem system;
  CaptureConfig config;
};

Image virtio() {
  return Image({"virtio_ring|||", "virtio|virtio_ring||", "virtio_pci|virtio_ring,virtio||",
                "virtio_blk|virtio_ring,virtio|queues=1|storage",
                "virtio_net|virtio_ring,virtio,failover||net", "failover|||net", "ext4|jbd2||fs",
                "jbd2|||fs"});
}

void add_device(FakeSystem& system, const std::string& bus, const std::string& device,
                const std::string& modalias) {
  system.files["/sys/bus/" + bus + "/devices/" + device + "/modalias"] = modalias + "\n";
}

}  // namespace

TEST_CASE("modules: dependencies first, each once, with parameters; files go away") {
  Image image = virtio();
  ModuleLoader loader(image.system, image.config);
  loader.load_all({"virtio_pci", "virtio_blk", "ext4"});
  CHECK(image.system.loaded() ==
        Names{"virtio_ring", "virtio", "virtio_pci", "virtio_blk queues=1", "jbd2", "ext4"});
  CHECK(loader.count() == 6);
  CHECK_FALSE(image.system.exists("/lib/modules/virtio_blk.ko"));
  CHECK(image.system.exists("/lib/modules/virtio_net.ko"));
  CHECK(image.system.lines.empty());
}

TEST_CASE("modules: a file system's wait for no probe, nor does any after a hang") {
  Image image = virtio();
  ModuleLoader loader(image.system, image.config);
  int said = 0;
  loader.on_loaded([&] { ++said; });
  loader.load_filesystem({"ext4"});
  loader.load_all({"virtio_pci"});
  loader.wait_for_no_probe();
  loader.load_all({"virtio_blk"});
  CHECK(image.system.loaded() == Names{"jbd2 async_probe", "ext4 async_probe", "virtio_ring",
                                       "virtio", "virtio_pci", "virtio_blk queues=1 async_probe"});
  CHECK(said == 6);
}

TEST_CASE("modules: those of another kernel are known by both signs") {
  Image image = virtio();
  image.config.kernel = "6.1.0-50-amd64";
  ModuleLoader loader(image.system, image.config);
  image.system.files["/proc/sys/kernel/osrelease"] = "6.1.0-51-amd64\n";
  loader.load_all({"failover"});
  CHECK_FALSE(loader.are_of_another_kernel());  // loaded all the same
  image.system.errors["load virtio_ring"] = ENOEXEC;
  loader.load_all({"virtio_pci"});
  CHECK(loader.are_of_another_kernel());
  image.system.files["/proc/sys/kernel/osrelease"] = "6.1.0-50-amd64\n";
  CHECK_FALSE(loader.are_of_another_kernel());
}

TEST_CASE("modules: a later worker skips what an earlier one has loaded") {
  Image image = virtio();
  CHECK(ModuleLoader(image.system, image.config).load("virtio_blk").ok());
  image.system.calls.clear();
  ModuleLoader later(image.system, image.config);
  CHECK(later.load("virtio_blk").ok());
  CHECK(later.load("virtio_net").ok());
  CHECK(image.system.loaded() == Names{"failover", "virtio_net"});
}

TEST_CASE("modules: a dependency that fails is logged, the module is tried all the same") {
  Image image({"crc32c_intel|||", "libcrc32c|||", "xfs|crc32c_intel,libcrc32c||fs"});
  image.system.errors["load crc32c_intel"] = ENODEV;
  ModuleLoader loader(image.system, image.config);
  CHECK(loader.load("xfs").ok());
  CHECK(image.system.loaded() == Names{"crc32c_intel", "libcrc32c", "xfs"});
  CHECK(image.system.logged("crc32c_intel not loaded: "));
  CHECK(image.system.exists("/lib/modules/crc32c_intel.ko"));  // for a later try
}

TEST_CASE("modules: a failure of the module itself is an error, and not repeated") {
  Image image = virtio();
  image.system.errors["load virtio_blk"] = EINVAL;
  ModuleLoader loader(image.system, image.config);
  const auto loaded = loader.load("virtio_blk");
  REQUIRE_FALSE(loaded.ok());
  CHECK(loaded.error().code == EINVAL);
  loader.load_all({"virtio_blk"});
  CHECK(image.system.loaded() == Names{"virtio_ring", "virtio", "virtio_blk queues=1"});
}

TEST_CASE("modules: a name that the image does not hold is built in") {
  Image image({});
  CHECK(ModuleLoader(image.system, image.config).load("ext4").ok());
  CHECK(image.system.calls.empty());
}

TEST_CASE("autoload: buses bring devices that bring drivers") {
  Image image = virtio();
  image.system.files["/etc/modules.alias"] =
      "pci:v00001AF4d*sv*sd*bc*sc*i* virtio_pci\n"
      "virtio:d00000002v* virtio_blk\n"
      "virtio:d00000001v* virtio_net\n"
      "fs-ext4 ext4\n";
  add_device(image.system, "pci", "0000:00:04.0", "pci:v00001AF4d00001001sv00001AF4sd2bc01sc00i00");
  add_device(image.system, "pci", "0000:00:1f.0", "pci:v00008086d00002918sv1sd1bc06sc01i00");
  image.system.on_module = [](FakeSystem& system, const std::string& name) {
    if (name != "virtio_pci") return;
    add_device(system, "virtio", "virtio0", "virtio:d00000002v00001AF4");
    add_device(system, "virtio", "virtio1", "virtio:d00000001v00001AF4");
  };
  ModuleLoader loader(image.system, image.config);
  loader.autoload(Autoload::kStorage);
  CHECK(image.system.loaded() ==
        Names{"virtio_ring", "virtio", "virtio_pci", "virtio_blk queues=1"});
  SUBCASE("the other class comes when it is asked for") {
    loader.autoload(Autoload::kNet);
    CHECK(image.system.loaded().back() == "virtio_net");
    CHECK(image.system.loaded().size() == 6);
  }
  SUBCASE("none is none") {
    const auto before = image.system.calls.size();
    loader.autoload(Autoload::kNone);
    CHECK(image.system.calls.size() == before);
  }
}

TEST_CASE("aliases: shell patterns, each module once, in the file's order") {
  const ModuleAliases aliases(
      "# comment\npci:v*bc01sc06i01* ahci\npci:v00008086d00002922* ahci\nbroken\n"
      "usb:v[0-9]* storage\n");
  const auto ahci = aliases.match("pci:v00008086d00002922sv1sd1bc01sc06i01");
  REQUIRE(ahci.size() == 1);
  CHECK(ahci[0] == "ahci");
  CHECK(aliases.match("usb:v5").size() == 1);
  CHECK(aliases.match("usb:vx").empty());
  CHECK(aliases.match("").empty());
}

// mkcapture arm, disarm: what is built and why, and that a load is believed only where the kernel
// confirms it.
#include <doctest/doctest.h>

#include "tests/fakes/armed_machine.h"

using namespace mkcapture;
using fakes::ArmedMachine;

TEST_CASE("arm: builds the first image, loads it, and the second time only loads it") {
  ArmedMachine machine;
  REQUIRE_MESSAGE(machine.run({"arm"}) == 0, machine.err);
  CHECK(machine.said("building /var/lib/mkcapture/capture.img: there is no image yet\n"));
  CHECK(machine.said("armed: kernel 6.1.0-test, image of "));
  CHECK(machine.host.files.contains("/var/lib/mkcapture/capture.img"));
  CHECK(machine.loaded_by().find("kexec -p") != std::string::npos);
  CHECK(machine.loaded_by().find("--initrd=/var/lib/mkcapture/capture.img") != std::string::npos);

  machine.host.clock += 100;
  const auto before = machine.host.files.at(kStatePath);
  REQUIRE(machine.run({"arm"}) == 0);
  CHECK(!machine.said("building"));
  CHECK(machine.host.files.at(kStatePath) == before);
  CHECK(read_loaded(machine.host)->at == machine.host.clock);
}

TEST_CASE("arm: says what has changed") {
  ArmedMachine machine;
  machine.host.files[machine.tree.path("etc/modprobe.d/a.conf")] = "options a b=1\n";
  REQUIRE(machine.run({"arm"}) == 0);
  const auto built_for = [&](const std::string& why, std::vector<std::string> more = {}) {
    more.insert(more.begin(), "arm");
    REQUIRE_MESSAGE(machine.run(more) == 0, machine.err);
    CHECK_MESSAGE(machine.said("building /var/lib/mkcapture/capture.img: " + why), machine.out);
    REQUIRE(machine.run(more) == 0);
    CHECK_MESSAGE(!machine.said("building"), machine.out);
  };
  machine.host.files[machine.tree.path("etc/modprobe.d/a.conf")] = "options a b=12\n";
  built_for("/etc/modprobe.d has changed");
  machine.host.files[machine.tree.path("lib/modules/6.1.0-test/modules.dep")] = "new";
  built_for("the kernel's modules.dep has changed");
  machine.host.files[machine.tree.path("boot/vmlinuz-6.1.0-test")] = "new";
  built_for("the file ");
  machine.host.files["/proc/cmdline"] = "root=UUID=1 crashkernel=192M mitigations=off more=1\n";
  built_for("the running system's command line has changed");
  built_for("the configuration has changed", {"--dump-level", "1"});
}

TEST_CASE("arm: --rebuild builds each time") {
  ArmedMachine machine;
  REQUIRE(machine.run({"arm"}) == 0);
  REQUIRE(machine.run({"arm", "--rebuild"}) == 0);
  REQUIRE(machine.run({"arm", "--rebuild"}) == 0);
  CHECK(machine.said("building"));
}

TEST_CASE("arm: what the target stands on is a part of the image") {
  ArmedMachine machine;
  REQUIRE(machine.run({"arm"}) == 0);
  machine.host.tags["/dev/vda1"].uuid = "99999999-3333-4444-5555-666677778888";
  REQUIRE_MESSAGE(machine.run({"arm"}) == 0, machine.err);
  CHECK(machine.said("the file system of /var/crash has changed: disk:UUID=99999999"));
}

TEST_CASE("arm: the layers below a target are a part of the image") {
  fakes::FakeHost host = fakes::virtual_machine();
  const std::string md = "/sys/devices/virtual/block/md0";
  host.add_block(md, {9, 0}, {"ext4", "0000-1111", "", "", ""});
  host.files[md + "/md/level"] = "raid1\n";
  host.files[md + "/md/metadata_version"] = "1.2\n";
  host.files[md + "/md/raid_disks"] = "2\n";
  host.links[md + "/slaves/vda2"] = host.links["/sys/class/block/vda2"];
  host.tags["/dev/vda2"] = {"linux_raid_member", "01234567-89ab-cdef-0123-456789abcdef", "", "",
                            ""};
  Settings settings;
  settings.add("targets", {"disk:/dev/md0:/x", "--target"});
  const auto request = parse_request(settings);
  REQUIRE(request);
  const auto inputs = gather_inputs({settings, *request}, {}, host);
  const auto input = std::find_if(inputs.begin(), inputs.end(), [](const Input& one) {
    return one.what == "what disk:/dev/md0:/x stands on";
  });
  REQUIRE(input != inputs.end());
  CHECK(input->value == "virtio-pci, virtio_blk, raid1, ext4, UUID=0000-1111");
}

TEST_CASE("arm: without reserved memory nothing is built") {
  ArmedMachine machine;
  machine.host.files["/sys/kernel/kexec_crash_size"] = "0\n";
  CHECK(machine.run({"arm"}) == 1);
  CHECK(machine.err.find("no memory is reserved") != std::string::npos);
  CHECK(machine.err.find("mkcapture crashkernel --apply") != std::string::npos);
  CHECK(!machine.host.files.contains(kStatePath));
}

TEST_CASE("arm: kexec's exit status proves nothing") {
  ArmedMachine machine;
  machine.kexec_loads_nothing = true;
  CHECK(machine.run({"arm"}) == 1);
  CHECK(machine.err.find("kexec reports success, but the kernel has nothing loaded") !=
        std::string::npos);
  CHECK(!read_loaded(machine.host));

  machine.kexec_error = "kexec_load failed: Operation not permitted";
  machine.host.files["/sys/kernel/security/lockdown"] = "none [integrity] confidentiality\n";
  CHECK(machine.run({"arm"}) == 1);
  CHECK(machine.err.find("kexec_load failed: Operation not permitted; lockdown is integrity") !=
        std::string::npos);
}

TEST_CASE("arm: the newer places below /sys/kernel are looked at as well") {
  ArmedMachine machine;
  machine.host.files.erase("/sys/kernel/kexec_crash_size");
  machine.host.files["/sys/kernel/kexec/crash_size"] = "201326592\n";
  machine.host.files["/sys/kernel/kexec/crash_loaded"] = "1\n";
  CHECK(machine.run({"arm"}) == 0);
}

TEST_CASE("arm --early: the image of last time, and nothing is built") {
  ArmedMachine machine;
  CHECK(machine.run({"arm", "--early"}) == 1);
  CHECK(machine.err.find("there is no image of last time: mkcapture arm builds it") !=
        std::string::npos);
  REQUIRE(machine.run({"arm"}) == 0);
  machine.host.files["/sys/kernel/kexec_crash_loaded"] = "0\n";
  machine.host.files[machine.tree.path("boot/vmlinuz-6.1.0-test")] = "new";
  REQUIRE(machine.run({"arm", "--early"}) == 0);
  CHECK(!machine.said("building"));
  CHECK(machine.host.files.at("/sys/kernel/kexec_crash_loaded") == "1\n");
  CHECK(machine.run({"arm", "--early", "--rebuild"}) == 2);
}

TEST_CASE("arm --prepare: the image that a kernel hook builds is taken at that kernel's boot") {
  ArmedMachine machine;
  machine.host.release = "6.1.0-old";
  REQUIRE_MESSAGE(machine.run({"arm", "--prepare", "--kernel", "6.1.0-test"}) == 0, machine.err);
  CHECK(machine.host.files.contains("/var/lib/mkcapture/capture-6.1.0-test.img"));
  CHECK(!machine.host.files.contains(kImagePath));
  CHECK(machine.loaded_by().empty());

  machine.host.release = "6.1.0-test";
  REQUIRE_MESSAGE(machine.run({"arm", "--early"}) == 0, machine.err);
  CHECK(!machine.host.files.contains("/var/lib/mkcapture/capture-6.1.0-test.img"));
  CHECK(machine.host.files.contains(kImagePath));
  REQUIRE(machine.run({"arm"}) == 0);
  CHECK_MESSAGE(!machine.said("building"), machine.out);

  CHECK(machine.run({"arm", "--prepare"}) == 2);
  CHECK(machine.run({"arm", "--prepare", "--kernel", "6.1.0-test"}) == 2);
}

TEST_CASE("arm: a state that cannot be understood is built anew") {
  ArmedMachine machine;
  REQUIRE(machine.run({"arm"}) == 0);
  machine.host.files[kStatePath] = "{\"built\": 1}";
  REQUIRE(machine.run({"arm"}) == 0);
  CHECK(machine.said("building /var/lib/mkcapture/capture.img: /var/lib/mkcapture/capture.json: "));
}

TEST_CASE("disarm: unloads, and says so") {
  ArmedMachine machine;
  REQUIRE(machine.run({"disarm"}) == 0);
  CHECK(machine.out == "nothing was loaded\n");
  REQUIRE(machine.run({"arm"}) == 0);
  REQUIRE(machine.run({"disarm"}) == 0);
  CHECK(machine.out == "disarmed: a panic will not be captured\n");
  CHECK(!read_loaded(machine.host));
  CHECK(machine.host.ran.back() == std::vector<std::string>{"kexec", "-p", "-u"});

  // Lockdown knows only the other system call.
  machine.host.files["/sys/kernel/kexec_crash_loaded"] = "1\n";
  machine.host.files["/sys/kernel/security/lockdown"] = "none [integrity] confidentiality\n";
  REQUIRE(machine.run({"disarm"}) == 0);
  CHECK(machine.host.ran.back() == std::vector<std::string>{"kexec", "-p", "-s", "-u"});
}

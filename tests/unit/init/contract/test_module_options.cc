// Options of kernel modules: from modprobe.d and command lines to finit_module.
#include <doctest/doctest.h>

#include "builder/kernel/modprobe_d.h"
#include "init/contract/module_options.h"
#include "init/devices/module_loader.h"
#include "tests/fakes/fake_host.h"
#include "tests/fakes/fake_system.h"

using namespace mkcapture;

TEST_CASE("module options: of a kernel command line, quotes kept") {
  const std::string line =
      "quiet virtio_blk.num_request_queues=2 virtio-blk.poll=1 virtio_blk2.x=1 \"virtio_blk.a=b "
      "c\" "
      "virtio_blk.d=\"e f\" virtio_blk. virtio_blk.async_probe -- virtio_blk.late=1\n";
  CHECK(module_options(line, "virtio_blk") ==
        "num_request_queues=2 poll=1 \"a=b c\" d=\"e f\" async_probe");
  CHECK(module_options(line, "virtio").empty());
  CHECK(module_options("", "x").empty());
  CHECK(joined_options("a=1", "b=2") == "a=1 b=2");
  CHECK(joined_options("", "b=2") == "b=2");
}

TEST_CASE("modprobe.d: options lines, and nothing else") {
  ModprobeOptions options;
  parse_modprobe_options(
      "# options virtio_blk a=1\nblacklist nouveau\noptions  virtio-blk  num_request_queues=2\n"
      "install x /bin/true\noptions nvme_core io_timeout=255 \\\n  multipath=N\noptions\n"
      "options virtio_blk b=3",
      options);
  CHECK(options.size() == 2);
  CHECK(options["virtio_blk"] == "num_request_queues=2 b=3");
  CHECK(options["nvme_core"] == "io_timeout=255 multipath=N");
}

TEST_CASE("modprobe.d: a file of /etc hides the one of the distribution, below the root alone") {
  fakes::FakeHost host;
  host.files["/tree/etc/modprobe.d/10-a.conf"] = "options a x=1\n";
  host.files["/tree/usr/lib/modprobe.d/10-a.conf"] = "options a x=2\n";
  host.files["/tree/usr/lib/modprobe.d/05-b.conf"] = "options a x=0\n";
  host.files["/tree/etc/modprobe.d/notes"] = "options a x=9\n";
  host.files["/etc/modprobe.d/other.conf"] = "options a x=8\n";
  auto options = read_modprobe_options(host, "/tree");
  CHECK(options["a"] == "x=0 x=1");
  CHECK(read_modprobe_options(host, "/")["a"] == "x=8");
}

TEST_CASE("modules: the command line's options stand behind those of the image") {
  init::FakeSystem system;
  system.files["/proc/cmdline"] = "quiet virtio_blk.queues=4\n";
  system.files["/lib/modules/virtio_blk.ko"] = "ELF";
  CaptureConfig config;
  config.modules.push_back({"virtio_blk", {}, "queues=1", "storage"});
  init::ModuleLoader loader(system, config);
  CHECK(loader.load("virtio_blk").ok());
  CHECK(system.loaded() == std::vector<std::string>{"virtio_blk queues=1 queues=4"});
}

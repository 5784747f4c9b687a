#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>

#include "builder/host/host.h"
#include "builder/image/image_contents.h"
#include "tests/fakes/elf_writer.h"
#include "tests/fakes/temp_dir.h"

using namespace mkcapture;

using fakes::TempDir;
using mkcapture::assemble_image;
using mkcapture::ImageContents;
using mkcapture::ImageEntry;
using mkcapture::ImageInputs;

namespace {

struct Fixture {
  Fixture() {
    for (const char* name : {"init", "udhcpc", "busybox", "dbclient"})
      root.write(std::string("payload/") + name, std::string("program ") + name);
    inputs.payload = root.path("payload");
    inputs.root = root.path();
    config.targets.push_back({*mkcapture::parse_target("raw:/dev/vdb"), {}, {}, {}});
  }
  ImageContents assemble() {
    auto image = assemble_image(*real_host(), config, inputs);
    REQUIRE_MESSAGE(image.ok(), image.error().message);
    return std::move(*image);
  }
  void add_module(const std::string& name) {
    mkcapture::ResolvedModule m;
    m.name = name;
    m.path = root.write("tree/" + name + ".ko",
                        write_object(fakes::make_module({"license=GPL", "author=x"})));
    inputs.modules.push_back(m);
  }
  TempDir root;
  mkcapture::CaptureConfig config;
  ImageInputs inputs;
};

}  // namespace

TEST_CASE_FIXTURE(Fixture, "the least image: /init, its configuration, the kernel's console") {
  const ImageContents image = assemble();
  CHECK(image.find("init")->data == "program init");
  CHECK(image.find("init")->mode == 0755);
  CHECK(image.find("etc/capture.conf")->data == mkcapture::format_config(config));
  const ImageEntry* console = image.find("dev/console");
  REQUIRE(console != nullptr);
  CHECK(console->type == ImageEntry::Type::kCharDevice);
  CHECK(console->major == 5);
  CHECK(console->minor == 1);
  for (const char* path : {"bin", "proc", "sys", "run", "mnt", "tmp", "root"}) {
    CAPTURE(path);
    REQUIRE(image.find(path) != nullptr);
    CHECK(image.find(path)->type == ImageEntry::Type::kDirectory);
  }
  // Nothing that was not asked for.
  for (const char* path : {"bin/busybox", "bin/sh", "bin/udhcpc", "bin/dbclient", "etc/ssh",
                           "root/.ssh", "etc/modules.alias", "lib"})
    CHECK_MESSAGE(image.find(path) == nullptr, path);
}

TEST_CASE_FIXTURE(Fixture, "programs, applets, the DHCP script, keys and hosts") {
  inputs.programs = {"udhcpc", "dbclient", "busybox"};
  inputs.applets = {"sh", "ls"};
  inputs.ssh_key = "key";
  inputs.ssh_known_hosts = "host key\n";
  inputs.hosts = "192.0.2.1 server\n";
  const ImageContents image = assemble();
  CHECK(image.find("bin/dbclient")->data == "program dbclient");
  CHECK(image.find("bin/dhcp-event")->data == "/init");
  CHECK(image.find("bin/sh")->data == "busybox");
  CHECK(image.find("bin/ls")->type == ImageEntry::Type::kSymlink);
  CHECK(image.find("etc/ssh/id_dropbear")->data == "key");
  CHECK(image.find("etc/ssh/id_dropbear")->mode == 0600);
  CHECK(image.find("etc/ssh")->mode == 0700);
  CHECK(image.find("root/.ssh/known_hosts")->data == "host key\n");
  CHECK(image.find("root/.ssh")->mode == 0700);
  CHECK(image.find("etc/hosts")->data == "192.0.2.1 server\n");
}

TEST_CASE_FIXTURE(Fixture, "modules lie flat and stripped, or untouched where signatures count") {
  add_module("virtio_blk");
  inputs.aliases = {{"virtio:d00000002v*", "virtio_blk"}};
  CHECK(assemble().find("etc/modules.alias")->data == "virtio:d00000002v* virtio_blk\n");
  const std::string whole = root.read("tree/virtio_blk.ko");
  CHECK(assemble().find("lib/modules/virtio_blk.ko")->data.size() < whole.size());
  inputs.signatures = mkcapture::SignaturePolicy::kKeep;
  CHECK(assemble().find("lib/modules/virtio_blk.ko")->data == whole);
}

TEST_CASE_FIXTURE(Fixture, "firmware: under the name that drivers ask for, unpacked") {
  const std::string plain = root.write("lib/firmware/rtl/a.fw", "plain");
  root.write("lib/firmware/b.bin", "packed");
  REQUIRE(std::system(("xz " + root.path("lib/firmware/b.bin")).c_str()) == 0);
  inputs.firmware = {{"rtl/a.fw", plain}, {"b.bin", root.path("lib/firmware/b.bin.xz")}};
  const ImageContents image = assemble();
  CHECK(image.find("lib/firmware/rtl/a.fw")->data == "plain");
  CHECK(image.find("lib/firmware/b.bin")->data == "packed");
  inputs.firmware = {{"gone.fw", root.path("gone.fw")}};
  const auto failed = assemble_image(*real_host(), config, inputs);
  REQUIRE_FALSE(failed.ok());
  CHECK(failed.error().message.find(root.path("gone.fw") + ": ") == 0);
}

TEST_CASE_FIXTURE(Fixture, "--add-file: at its own path or another, with its libraries") {
  root.write("lib64/ld-linux-x86-64.so.2", fakes::write_dynamic({{}, "", {}, ""}));
  root.write("usr/lib64/libown.so.1", fakes::write_dynamic({{}, "", {}, ""}));
  const std::string tool = root.write(
      "tool", fakes::write_dynamic({{}, "/lib64/ld-linux-x86-64.so.2", {"libown.so.1"}, ""}));
  const std::string text = root.write("text", "hello");
  std::filesystem::permissions(tool, std::filesystem::perms(0755));
  std::filesystem::permissions(text, std::filesystem::perms(0640));
  inputs.files = {{tool, "/usr/bin/tool"}, {text, ""}};
  const ImageContents image = assemble();
  CHECK(image.find("usr/bin/tool")->mode == 0755);
  CHECK(image.find(text.substr(1))->data == "hello");
  CHECK(image.find(text.substr(1))->mode == 0640);
  CHECK(image.find("lib64/ld-linux-x86-64.so.2") != nullptr);
  CHECK(image.find("usr/lib64/libown.so.1") != nullptr);

  inputs.files = {{root.path(), "x"}};
  CHECK(assemble_image(*real_host(), config, inputs).error().message ==
        root.path() + ": not a file");
  inputs.files = {{root.path("absent"), "x"}};
  CHECK_FALSE(assemble_image(*real_host(), config, inputs).ok());
  inputs.files = {{text, "init"}};
  CHECK(assemble_image(*real_host(), config, inputs)
            .error()
            .message.find("init: there is something else") == 0);
}

TEST_CASE_FIXTURE(Fixture, "a payload that is not there is named") {
  inputs.payload = root.path("nowhere");
  CHECK(assemble_image(*real_host(), config, inputs)
            .error()
            .message.find(root.path("nowhere/init")) == 0);
}

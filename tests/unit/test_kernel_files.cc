#include <doctest/doctest.h>

#include "builder/kernel/kernel_files.h"
#include "tests/fakes/temp_dir.h"

using namespace mkcapture;
using fakes::TempDir;

namespace {

void add_release(const TempDir& root, const std::string& release,
                 const std::string& folder = "lib/modules/") {
  root.write(folder + release + "/modules.dep", "");
}

}  // namespace

TEST_CASE("kernel: releases in the order of their versions") {
  const TempDir root;
  for (const char* release : {"6.1.0-10-amd64", "6.1.0-9-amd64", "5.10.0-30-amd64"})
    add_release(root, release);
  root.write("lib/modules/6.2.0-left-behind/extra/x.ko", "");  // no index: no kernel
  CHECK(kernel_releases(root.path()) ==
        std::vector<std::string>{"5.10.0-30-amd64", "6.1.0-9-amd64", "6.1.0-10-amd64"});
}

TEST_CASE("kernel: the running one, else the newest, else the one asked for") {
  const TempDir root;
  add_release(root, "6.1.0-9-amd64");
  add_release(root, "6.1.0-10-amd64", "usr/lib/modules/");
  CHECK(*choose_release(root.path(), "", "6.1.0-9-amd64") == "6.1.0-9-amd64");
  CHECK(*choose_release(root.path(), "", "6.18.0-other") == "6.1.0-10-amd64");
  CHECK(*choose_release(root.path(), "", "") == "6.1.0-10-amd64");
  CHECK(*choose_release(root.path(), "6.1.0-9-amd64", "6.1.0-10-amd64") == "6.1.0-9-amd64");
}

TEST_CASE("kernel: no tree") {
  const TempDir root;
  CHECK(choose_release(root.path(), "", "6.1").error().message ==
        "no kernel modules in " + root.path() +
            "/lib/modules: install a kernel package, or give --root DIR");
  add_release(root, "6.1.0-9-amd64");
  CHECK(choose_release(root.path(), "6.2", "").error().message ==
        "no modules in " + root.path() + "/lib/modules/6.2; there are 6.1.0-9-amd64");
  CHECK(!choose_release(root.path(), "../../etc", ""));
}

TEST_CASE("kernel: image and configuration where distributions put them") {
  Profile profile;
  profile.kernel_images = {"boot/vmlinuz-{release}", "lib/modules/{release}/vmlinuz"};
  const TempDir debian;
  debian.write("boot/vmlinuz-6.1", "x");
  debian.write("boot/config-6.1",
               "CONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\nCONFIG_D=\"x\"\n");
  const auto files = find_kernel_files(debian.path(), "6.1", profile);
  CHECK(files.image == debian.path("boot/vmlinuz-6.1"));
  CHECK(files.config_path == debian.path("boot/config-6.1"));
  CHECK(files.config.known());
  CHECK(files.config.is_set("A"));
  CHECK(files.config.is_builtin("A"));
  CHECK(files.config.is_set("B"));
  CHECK(!files.config.is_builtin("B"));
  CHECK(!files.config.is_set("C"));
  CHECK(!files.config.is_set("D"));

  const TempDir fedora;
  fedora.write("usr/lib/modules/6.1/vmlinuz", "x");
  fedora.write("usr/lib/modules/6.1/config", "CONFIG_A=y\n");
  const auto merged = find_kernel_files(fedora.path(), "6.1", profile);
  CHECK(merged.image == fedora.path("usr/lib/modules/6.1/vmlinuz"));
  CHECK(merged.config.is_set("A"));

  const TempDir empty;
  CHECK(find_kernel_files(empty.path(), "6.1", profile).image.empty());
  CHECK(!find_kernel_files(empty.path(), "6.1", profile).config.known());
}

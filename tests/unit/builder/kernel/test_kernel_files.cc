#include <doctest/doctest.h>

#include "builder/host/host.h"
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
  CHECK(kernel_releases(*real_host(), root.path()) ==
        std::vector<std::string>{"5.10.0-30-amd64", "6.1.0-9-amd64", "6.1.0-10-amd64"});
}

TEST_CASE("kernel: the running one, else the newest, else the one asked for") {
  const TempDir root;
  add_release(root, "6.1.0-9-amd64");
  add_release(root, "6.1.0-10-amd64", "usr/lib/modules/");
  CHECK(*choose_release(*real_host(), root.path(), "", "6.1.0-9-amd64") == "6.1.0-9-amd64");
  CHECK(*choose_release(*real_host(), root.path(), "", "6.18.0-other") == "6.1.0-10-amd64");
  CHECK(*choose_release(*real_host(), root.path(), "", "") == "6.1.0-10-amd64");
  CHECK(*choose_release(*real_host(), root.path(), "6.1.0-9-amd64", "6.1.0-10-amd64") ==
        "6.1.0-9-amd64");
}

TEST_CASE("kernel: kernels made for debugging alone") {
  const TempDir root;
  add_release(root, "6.1.0+debug");
  CHECK(choose_release(*real_host(), root.path(), "", "6.1.0").error().message ==
        "the kernels in " + root.path() +
            "/lib/modules are made for debugging (6.1.0+debug), which takes much more memory: "
            "--kernel RELEASE names the one that is meant");
  CHECK(*choose_release(*real_host(), root.path(), "6.1.0+debug", "") == "6.1.0+debug");
  CHECK(*choose_release(*real_host(), root.path(), "", "6.1.0+debug") == "6.1.0+debug");
}

TEST_CASE("kernel: links of a tree stay inside of it") {
  const TempDir root, outside;
  const auto link = [&](const char* name, const std::string& to) {
    std::filesystem::create_symlink(to, root.path(name));
  };
  add_release(root, "6.1", "usr/lib/modules/");
  root.write("usr/lib/kernels/vmlinuz", "x");
  const std::string config = root.write("usr/lib/kernels/config", "CONFIG_A=y\n");
  std::filesystem::create_directory(root.path("boot"));
  link("lib", "/usr/lib");  // absolute, as in an image of a merged system
  link("boot/vmlinuz-6.1", "/usr/lib/kernels/vmlinuz");
  link("boot/config-6.1", "../usr/lib/kernels/config");
  link("boot/vmlinuz-6.2", outside.write("vmlinuz", "of the machine that builds"));
  link("boot/config-6.2", outside.path("config"));
  outside.write("config", "CONFIG_B=y\n");
  Profile profile;
  profile.kernel_images = {"boot/vmlinuz-{release}"};

  CHECK(kernel_releases(*real_host(), root.path()) == std::vector<std::string>{"6.1"});
  const auto files = find_kernel_files(*real_host(), root.path(), "6.1", profile);
  CHECK(files.image == root.path("usr/lib/kernels/vmlinuz"));
  CHECK(files.config_path == config);
  const auto none = find_kernel_files(*real_host(), root.path(), "6.2", profile);
  CHECK(none.image.empty());
  CHECK(none.config_path.empty());
}

TEST_CASE("kernel: no tree") {
  const TempDir root;
  CHECK(choose_release(*real_host(), root.path(), "", "6.1").error().message ==
        "no kernel modules in " + root.path() +
            "/lib/modules: install a kernel package, or give --root DIR");
  add_release(root, "6.1.0-9-amd64");
  CHECK(choose_release(*real_host(), root.path(), "6.2", "").error().message ==
        "no modules in " + root.path() + "/lib/modules/6.2; there are 6.1.0-9-amd64");
  CHECK(!choose_release(*real_host(), root.path(), "../../etc", ""));
}

TEST_CASE("kernel: image and configuration where distributions put them") {
  Profile profile;
  profile.kernel_images = {"boot/vmlinuz-{release}", "lib/modules/{release}/vmlinuz"};
  const TempDir debian;
  debian.write("boot/vmlinuz-6.1", "x");
  debian.write("boot/config-6.1",
               "CONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\nCONFIG_D=\"x\"\n");
  const auto files = find_kernel_files(*real_host(), debian.path(), "6.1", profile);
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
  const auto merged = find_kernel_files(*real_host(), fedora.path(), "6.1", profile);
  CHECK(merged.image == fedora.path("usr/lib/modules/6.1/vmlinuz"));
  CHECK(merged.config.is_set("A"));

  const TempDir empty;
  CHECK(find_kernel_files(*real_host(), empty.path(), "6.1", profile).image.empty());
  CHECK(!find_kernel_files(*real_host(), empty.path(), "6.1", profile).config.known());
}

namespace {

std::string little(std::uint64_t value, int width) {
  std::string bytes;
  for (int i = 0; i < width; ++i, value >>= 8)
    bytes += static_cast<char>(value & 0xff);
  return bytes;
}

/// A PE file with these sections, as ukify makes it.
std::string unified(const std::vector<std::pair<std::string, std::string>>& sections) {
  std::string table, body;
  for (auto [name, data] : sections) {
    const auto raw = (data.size() + 511) / 512 * 512;
    name.resize(8, '\0');
    table += name + little(data.size(), 4) + little(0x1000, 4) + little(raw, 4) +
             little(0x400 + body.size(), 4) + std::string(16, '\0');
    data.resize(raw, '\0');
    body += data;
  }
  std::string head = "MZ" + std::string(0x3a, '\0') + little(0x80, 4);
  head.resize(0x80, '\0');
  head += std::string("PE\0\0", 4) + little(0x8664, 2) + little(sections.size(), 2) +
          std::string(12, '\0') + little(16, 2) + little(0, 2) + std::string(16, '\0') + table;
  head.resize(0x400, '\0');
  return head + body;
}

/// A bzImage that calls itself `release`.
std::string bzimage(const std::string& release) {
  std::string file(0x400, '\0');
  file.replace(0x202, 4, "HdrS");
  file.replace(0x20e, 2, little(0x100, 2));
  return file.replace(0x300, release.size() + 6, release + " (x) #1");
}

std::string found(const TempDir& root, const std::string& release) {
  Profile profile;
  profile.kernel_images = {"boot/vmlinuz-{release}"};
  const std::string image = find_kernel_files(*real_host(), root.path(), release, profile).image;
  return image.empty() ? "" : image.substr(root.path().size() + 1);
}

}  // namespace

TEST_CASE("kernel: beside the modules, under each architecture's names") {
  for (const auto& [arch, name] : {std::pair{"s390x", "vmlinuz"},
                                   {"s390x", "image"},
                                   {"riscv64", "vmlinuz"},
                                   {"riscv64", "Image"},
                                   {"arm64", "Image"},
                                   {"ppc64le", "vmlinux"},
                                   {"arm", "zImage"}}) {
    const TempDir root;
    const std::string path = root.write(std::string("usr/lib/modules/6.1/") + name, "x");
    CHECK(find_kernel_files(*real_host(), root.path(), "6.1", *builtin_profile(arch)).image ==
          path);
  }
}

TEST_CASE("kernel: where systemd-boot, ostree, Alpine and kernel packages put the image") {
  for (const char* path :
       {"boot/0123abcd/6.6.58-0-lts/linux", "efi/fedora/6.6.58-0-lts/linux",
        "boot/efi/debian/6.6.58-0-lts/linux", "boot/ostree/fedora-00ff/vmlinuz-6.6.58-0-lts",
        "usr/lib/ostree-boot/vmlinuz-6.6.58-0-lts-00ff", "usr/lib/modules/6.6.58-0-lts/vmlinuz"}) {
    const TempDir root;
    root.write(path, "x");
    CHECK(found(root, "6.6.58-0-lts") == path);
  }
}

TEST_CASE("kernel: a name without the release is taken where the file tells no other") {
  const TempDir root;
  root.write("boot/vmlinuz-lts", bzimage("6.6.58-0-lts"));
  CHECK(found(root, "6.6.58-0-lts") == "boot/vmlinuz-lts");
  CHECK(found(root, "6.6.60-0-lts").empty());
  root.write("boot/vmlinuz-lts", "another architecture's");
  CHECK(found(root, "6.6.60-0-lts") == "boot/vmlinuz-lts");
  const TempDir plain;
  plain.write("boot/vmlinuz", bzimage("6.9.1"));
  CHECK(found(plain, "6.9.1") == "boot/vmlinuz");
  CHECK(found(plain, "6.9.2").empty());
  plain.write("boot/vmlinuz", "tells nothing");
  CHECK(found(plain, "6.9.1").empty());
}

TEST_CASE("kernel: within a UKI, of those the one of this release") {
  const TempDir root;
  root.write("efi/EFI/Linux/a.efi", unified({{".uname", "6.1.0-9\n"}, {".linux", "old"}}));
  root.write("efi/EFI/Linux/b.efi",
             unified({{".osrel", "ID=x"}, {".uname", "6.1.0-10"}, {".linux", "kernel"}}));
  root.write("efi/EFI/Linux/c-6.2.efi", unified({{".linux", "by its name"}}));
  const auto files = find_kernel_files(*real_host(), root.path(), "6.1.0-10", Profile());
  CHECK(files.image == root.path("efi/EFI/Linux/b.efi"));
  REQUIRE(files.linux_part);
  CHECK(root.read("efi/EFI/Linux/b.efi").substr(files.linux_part->offset, files.linux_part->size) ==
        "kernel");
  CHECK(found(root, "6.2") == "efi/EFI/Linux/c-6.2.efi");
  CHECK(found(root, "6.3").empty());
}

TEST_CASE("unified images: what their headers say is not believed") {
  const std::string good = unified({{".linux", "kernel"}});
  CHECK(pe_section(good, good.size(), ".linux"));
  CHECK(!pe_section(good, 0x402, ".linux"));  // it would end behind the file
  for (const std::size_t cut : {0u, 2u, 0x40u, 0x84u, 0x98u, 0xb0u})
    CHECK(!pe_section(std::string_view(good).substr(0, cut), good.size(), ".linux"));
  std::string far = good;
  far.replace(0x3c, 4, "\xff\xff\xff\xff");
  CHECK(!pe_section(far, far.size(), ".linux"));
}

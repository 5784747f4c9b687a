#include <doctest/doctest.h>

#include "modules/kernel_tree.h"
#include "tests/fakes/kernel_tree.h"
#include "tests/fakes/temp_dir.h"

using namespace mkcapture;
using fakes::TempDir;

namespace {

constexpr const char* kRelease = "6.1.0-test";

}  // namespace

TEST_CASE("kernel tree: links of a tree stay inside of it") {
  const TempDir root, outside;
  write_kernel_tree(root, kRelease,
                    {{"fs/ext4/ext4.ko", {}}, {"net/own.ko", {}}, {"net/far.ko", {}}}, {});
  const std::string modules = std::string("lib/modules/") + kRelease + "/kernel/";
  const auto move_out = [&](const std::string& name, const std::string& to,
                            const std::string& link) {
    std::filesystem::create_directories(std::filesystem::path(to).parent_path());
    std::filesystem::rename(root.path(modules + name), to);
    std::filesystem::create_symlink(link, root.path(modules + name));
  };
  // As weak-updates has them, by an absolute path.
  move_out("net/own.ko", root.path("lib/modules/6.0/extra/own.ko"),
           "/lib/modules/6.0/extra/own.ko");
  move_out("net/far.ko", outside.path("far.ko"), outside.path("far.ko"));
  // And /lib as a merged system has it.
  std::filesystem::create_directory(root.path("usr"));
  std::filesystem::rename(root.path("lib"), root.path("usr/lib"));
  std::filesystem::create_symlink("/usr/lib", root.path("lib"));

  const auto tree = KernelTree::open(root.path(), kRelease);
  REQUIRE(tree);
  CHECK(tree->directory() == root.path(std::string("usr/lib/modules/") + kRelease));
  CHECK(tree->info("ext4")->path == root.path("usr/" + modules + "fs/ext4/ext4.ko"));
  CHECK(tree->info("own")->path == root.path("usr/lib/modules/6.0/extra/own.ko"));
  CHECK_FALSE(tree->info("far"));
}

TEST_CASE("kernel tree: what drivers that are built in may ask for") {
  const TempDir root;
  write_kernel_tree(root, kRelease, {{"fs/ext4/ext4.ko", {}}}, {"drivers/net/tg3.ko"});
  using namespace std::string_view_literals;
  root.write(std::string("lib/modules/") + kRelease + "/modules.builtin.modinfo",
             std::string("tg3.license=GPL\0tg3.firmware=tigon/tg3.bin\0nvme-core.firmware=a\0"
                         "tg3.firmware=tigon/tg3_tso.bin\0broken\0"sv));
  const auto tree = KernelTree::open(root.path(), kRelease);
  REQUIRE(tree);
  CHECK(tree->builtin_firmware("tg3") ==
        std::vector<std::string>{"tigon/tg3.bin", "tigon/tg3_tso.bin"});
  CHECK(tree->builtin_firmware("nvme_core") == std::vector<std::string>{"a"});
  CHECK(tree->builtin_firmware("ext4").empty());
}

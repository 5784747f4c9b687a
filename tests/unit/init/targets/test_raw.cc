// A raw target overwrites a device: only what is empty, swap or an earlier dump.
#include <doctest/doctest.h>

#include "init/devices/module_loader.h"
#include "init/targets/target.h"
#include "init/worker/worker_state.h"
#include "tests/fakes/target_places.h"

using namespace mkcapture;
using namespace mkcapture::init;

namespace {

class OneIdentity final : public BlockProber {
 public:
  explicit OneIdentity(BlockIdentity identity) : identity_(std::move(identity)) {}
  Result<BlockIdentity> probe(const std::string&, Tables) override { return identity_; }

 private:
  BlockIdentity identity_;
};

/// How a target on vda1, which holds this, is opened: the error's text, or nothing.
std::string opened(const std::string& type, const std::string& begin) {
  FakeSystem system;
  system.files["/sys/class/block/vda1/size"] = "2048\n";
  system.files["/sys/class/block/vda1/partition"] = "1\n";
  system.files["/sys/class/block/vda1/uevent"] = "PARTN=1\nPARTNAME=crash\n";
  system.files["/dev/vda1"] = begin;
  const CaptureConfig config = *parse_config("target=raw:PARTLABEL=crash\n");
  const auto state = *WorkerState::create();
  ModuleLoader modules(system, config);
  TargetContext context{{system, config, *state, modules}};
  context.make_prober = [&] {
    return std::make_unique<OneIdentity>(
        BlockIdentity{type, type.empty() ? "" : "filesystem", "", "", "", "crash"});
  };
  const auto done =
      make_target(config.targets[0].spec, context)->open(Deadline(system, Milliseconds(60'000)));
  if (done) return "";
  CHECK(done.error().kind == ErrorKind::kRefused);
  CHECK_FALSE(system.called("write /dev/vda1"));
  return done.error().message;
}

}  // namespace

TEST_CASE("raw: in the capture nothing is overwritten whose content is not known") {
  const std::string rest =
      " is not overwritten: only an empty one, swap and an earlier dump are overwritten";
  CHECK(opened("", std::string(4096, '\0')).empty());
  CHECK(opened("swap", "SWAPSPACE2").empty());
  CHECK(opened("", "KDUMP   ").empty());
  CHECK(opened("ext4", "") == "vda1 (ext4)" + rest);
  for (const char* type : {"LVM2_member", "zfs_member", "btrfs", "jbd"})
    CHECK(opened(type, "").starts_with("vda1 (" + std::string(type)));
  CHECK(opened("", "QFI\xfb a virtual machine's disk") == "vda1 (PARTLABEL=crash)" + rest);
}

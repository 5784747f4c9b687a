#include "init/targets/raw.h"

#include "init/contract/raw_content.h"
#include "init/devices/block_device_wait.h"

namespace mkcapture::init {
namespace {

/// One file without a name.
class RawStore final : public DumpStore {
 public:
  RawStore(std::unique_ptr<Output> device, std::uint64_t bytes)
      : device_(std::move(device)), bytes_(bytes) {}

  [[nodiscard]] bool has_directories() const noexcept override { return false; }
  Result<std::string> begin(const std::string&, const Deadline&) override {
    return fail("a raw target has no directory");
  }
  Result<std::unique_ptr<Output>> create(const std::string&, const Deadline&) override {
    if (!device_) return fail("a raw target holds one file");
    return std::move(device_);
  }
  Status commit(const std::string&, const std::string&, const Deadline&) override {
    return fail("a raw target has no names");
  }
  Result<std::vector<StoredDump>> list(const std::string&, const Deadline&) override {
    return std::vector<StoredDump>();
  }
  Status remove(const StoredDump&, const Deadline&) override {
    return fail("a raw target has no names");
  }
  std::optional<Space> free(const Deadline&) override { return Space{bytes_, bytes_}; }

 private:
  std::unique_ptr<Output> device_;
  std::uint64_t bytes_;
};

class RawTarget final : public Target {
 public:
  RawTarget(const RawSpec& spec, const TargetContext& context) : spec_(spec), context_(context) {}

  Status open(const Deadline& deadline) override {
    BlockDeviceWait block(context_, spec_, context_.make_prober());
    TRY_ASSIGN(device, block.wait_for_only(deadline));
    TRY_ASSIGN(held, context_.system.hold_device(device.path, kRawLook));
    if (!may_be_overwritten(device.identity.type, held.beginning)) {
      return fail(ErrorKind::kRefused,
                  describe(device) + " is not overwritten: " + std::string(kOverwritten));
    }
    store_.emplace(std::move(held.output), device.bytes);
    return {};
  }
  DumpStore& store() override { return *store_; }
  Status close(const Deadline&) override { return {}; }

 private:
  RawSpec spec_;
  TargetContext context_;
  std::optional<RawStore> store_;
};

}  // namespace

std::unique_ptr<Target> make_target_of(const RawSpec& spec, const TargetContext& context) {
  return std::make_unique<RawTarget>(spec, context);
}

}  // namespace mkcapture::init

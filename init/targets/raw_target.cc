#include "init/targets/raw_target.h"

#include <fcntl.h>

#include <cerrno>

#include "init/base/unique_fd.h"
#include "init/devices/block_device_wait.h"

namespace mkcapture::init {
namespace {

/// Whether writing over `device` could destroy what someone keeps there.
bool is_in_use(const BlockDevice& device, const DeviceName& name) {
  const auto& usage = device.identity.usage;
  return name.by == DeviceName::By::kPath &&
         (usage == "filesystem" || usage == "raid" || usage == "crypto" || usage == kPartitions);
}

class RawTarget final : public Target {
 public:
  RawTarget(const RawSpec& spec, CaptureContext context) : spec_(spec), context_(context) {}

  Status open(const Deadline& deadline) override {
    BlockDeviceWait block(context_, spec_);
    auto device = block.wait(deadline);
    if (!device) return std::move(device).error();
    if (is_in_use(*device, spec_.device)) {
      return fail(describe(*device) + " is not overwritten, since a name like " + device->path +
                  " may mean another device here: name a partition by PARTUUID= or PARTLABEL=");
    }
    fd_ = UniqueFd(::open(device->path.c_str(), O_RDWR | O_EXCL | O_CLOEXEC));
    if (!fd_.valid()) return sys_error(device->path, errno);
    bytes_ = device->bytes;
    return {};
  }
  [[nodiscard]] bool has_directory() const noexcept override { return false; }
  Result<std::string> make_directory(const std::string&, const Deadline&) override {
    return fail("a raw target has no directory");
  }
  Result<std::unique_ptr<Output>> create(const std::string&, const Deadline&) override {
    if (!fd_.valid()) return fail("a raw target holds one file");
    return file_output(fd_.release(), false);
  }
  Status rename(const std::string&, const std::string&, const Deadline&) override {
    return fail("a raw target has no names");
  }
  std::optional<std::uint64_t> free_bytes(const Deadline&) override { return bytes_; }
  Status close(const Deadline&) override { return {}; }

 private:
  RawSpec spec_;
  CaptureContext context_;
  UniqueFd fd_;
  std::uint64_t bytes_ = 0;
};

}  // namespace

std::unique_ptr<Target> make_target_of(const RawSpec& spec, CaptureContext context) {
  return std::make_unique<RawTarget>(spec, context);
}

}  // namespace mkcapture::init

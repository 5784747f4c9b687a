#include "init/targets/raw_target.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "init/base/unique_fd.h"
#include "init/contract/raw_content.h"
#include "init/devices/block_device_wait.h"

namespace mkcapture::init {
namespace {

/// The beginning of a device that is open; an error where it cannot be read.
Result<std::string> read_beginning(int fd, const std::string& path) {
  std::string begin(kRawLook, '\0');
  std::size_t have = 0;
  while (have < begin.size()) {
    const ssize_t n = pread(fd, begin.data() + have, begin.size() - have, static_cast<off_t>(have));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return sys_error(path, errno);
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  begin.resize(have);
  return begin;
}

class RawTarget final : public Target {
 public:
  RawTarget(const RawSpec& spec, CaptureContext context) : spec_(spec), context_(context) {}

  Status open(const Deadline& deadline) override {
    BlockDeviceWait block(context_, spec_);
    auto device = block.wait_for_only(deadline);
    if (!device) return std::move(device).error();
    fd_ = UniqueFd(::open(device->path.c_str(), O_RDWR | O_EXCL | O_CLOEXEC));
    if (!fd_.valid()) return sys_error(device->path, errno);
    auto begin = read_beginning(fd_.get(), device->path);
    if (!begin) return std::move(begin).error();
    if (!may_be_overwritten(device->identity.type, *begin)) {
      fd_.reset();
      return fail(ErrorKind::kRefused,
                  describe(*device) + " is not overwritten: " + std::string(kOverwritten));
    }
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

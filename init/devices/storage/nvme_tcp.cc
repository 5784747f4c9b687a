#include "init/devices/storage/nvme_tcp.h"

#include <cerrno>
#include <cstring>

namespace mkcapture::init {
namespace {

constexpr const char* kFabrics = "/dev/nvme-fabrics";
constexpr Milliseconds kPause{1000};

class NvmeTcpLayer final : public Layer {
 public:
  explicit NvmeTcpLayer(LayerParts parts) : parts_(std::move(parts)) {
    for (const auto& wanted : parts_.wanted)
      open_.push_back({wanted.name, "", Milliseconds(0)});
  }

  std::string_view member_type() const noexcept override { return "nvme_tcp"; }  // has none
  void add(const LayerMember&) override {}

  bool bring_up(bool) override {
    auto& system = parts_.system;
    bool made = false;
    for (auto& one : open_) {
      if (one.done || system.now() < one.next) continue;
      if (auto loaded = parts_.modules.load("nvme_tcp"); !loaded) one.why = loaded.error().message;
      const auto connected = system.write_file(kFabrics, one.options);
      one.next = system.now() + kPause;
      one.done = connected || connected.error().code == EALREADY;
      if (!one.done) {
        one.why = std::strerror(connected.error().code);
        continue;
      }
      system.log("connected to " + words(one.options));
      made = true;
    }
    return made;
  }

  std::string waiting_for() const override {
    std::string all;
    for (const auto& one : open_) {
      if (!one.done) all += (all.empty() ? "" : "; ") + words(one.options) + ": " + one.why;
    }
    return all;
  }

 private:
  struct Controller {
    std::string options;  // never said: there may be a secret in them
    std::string why;
    Milliseconds next;
    bool done = false;
  };

  static std::string words(std::string_view options) {
    return "NVMe/TCP " + std::string(nvme_option(options, "nqn")) + " at " +
           std::string(nvme_option(options, "traddr")) + " port " +
           std::string(nvme_option(options, "trsvcid"));
  }

  LayerParts parts_;
  std::vector<Controller> open_;
};

}  // namespace

std::unique_ptr<Layer> nvme_tcp_layer(LayerParts parts) {
  return std::make_unique<NvmeTcpLayer>(std::move(parts));
}

}  // namespace mkcapture::init

#include "init/devices/watchdogs.h"

#include <cerrno>
#include <string_view>

#include "init/base/text.h"

namespace mkcapture::init {
namespace {

constexpr const char* kClass = "/sys/class/watchdog";
constexpr const char* kPlainNode = "/dev/watchdog";
constexpr std::string_view kPlain = "watchdog";
constexpr std::size_t kMaxIdentity = 256;

}  // namespace

bool has_watchdog(System& system) {
  return !system.list_dir(kClass).value_or({}).empty() || system.exists(kPlainNode);
}

void Watchdogs::open(const std::string& path, const std::string& name) {
  if (!seen_.insert(path).second) return;
  const auto opened = system_.open_watchdog(path);
  if (!opened) {
    const bool is_open = name == kPlain && opened.error().code == EBUSY && !empty();
    if (is_open) return;  // by its number
    system_.log("watchdog " + name + " cannot be fed: " + opened.error().message);
    return;
  }
  fds_.push_back(opened->fd);
  system_.log("watchdog " + name + ": fed until the deadline, time-out " +
              std::to_string(opened->seconds) + " s");
}

void Watchdogs::open_new() {
  const auto devices = system_.list_dir(kClass).value_or({});
  for (const auto& device : devices) {
    const std::string folder = std::string(kClass) + "/" + device;
    const auto identity = system_.read_file(folder + "/identity", kMaxIdentity);
    open("/dev/" + device, identity ? device + " (" + std::string(trim(*identity)) + ")" : device);
  }
  // The node without a number is the first device's of the class, or that of a driver outside of
  // it.
  if (system_.exists(kPlainNode)) open(kPlainNode, std::string(kPlain));
}

void Watchdogs::feed() {
  for (const int fd : fds_)
    system_.feed_watchdog(fd);
}

void Watchdogs::stop() {
  for (const int fd : fds_)
    system_.stop_watchdog(fd);
  fds_.clear();
}

}  // namespace mkcapture::init

#include "init/devices/ccw_devices.h"

#include <algorithm>

namespace mkcapture::init {
namespace {

constexpr const char* kIgnoreList = "/proc/cio_ignore";
constexpr const char* kSettle = "/proc/cio_settle";
constexpr const char* kDevices = "/sys/bus/ccw/devices/";
constexpr const char* kGroups = "/sys/bus/ccwgroup/devices/";
constexpr const char* kGroupDriver = "/sys/bus/ccwgroup/drivers/qeth/group";
constexpr std::size_t kMaxAttribute = 4096;
constexpr Milliseconds kStep{20};
/// For one file to appear: sensing takes milliseconds, a port of a storage network seconds.
constexpr Milliseconds kPatience{5'000};

class Channels {
 public:
  Channels(System& system, const Deadline& deadline) : system_(system), deadline_(deadline) {}

  /// Devices on the list of ignored ones do not exist for the kernel.
  void unhide(const std::vector<CcwDevice>& ccw_devices) {
    if (!system_.exists(kIgnoreList)) return;
    for (const auto& channel : ccw_devices)
      for (const auto& id : channel.ids)
        (void)write(kIgnoreList, "free " + id);
    (void)write(kSettle, "1");
  }

  Status bring_up(const CcwDevice& channel) {
    for (const auto& id : channel.ids)
      TRY(wait_for(kDevices + id));
    if (channel.ids.size() > 1) return bring_up_group(channel);
    TRY(set_online(kDevices + channel.ids[0]));
    return channel.wwpn.empty() ? Status() : attach_lun(channel);
  }

 private:
  Status bring_up_group(const CcwDevice& channel) {
    const std::string group = kGroups + channel.ids[0];
    if (!system_.exists(group)) {
      std::string ids;
      for (const auto& id : channel.ids)
        ids += (ids.empty() ? "" : ",") + id;
      TRY(write(kGroupDriver, ids));
      TRY(wait_for(group));
    }
    // Ethernet frames; HiperSockets and some adapters have it fixed and refuse.
    (void)write(group + "/layer2", "1");
    return set_online(group);
  }

  /// Adapters with a virtual port of their own (NPIV) find their LUNs by themselves.
  Status attach_lun(const CcwDevice& channel) {
    const std::string port = kDevices + channel.ids[0] + "/" + channel.wwpn;
    TRY(wait_for(port));
    if (system_.exists(port + "/" + channel.lun)) return {};
    return write(port + "/unit_add", channel.lun);
  }

  Status set_online(const std::string& device) {
    const auto online = system_.read_file(device + "/online", kMaxAttribute);
    if (online && online->starts_with('1')) return {};
    return write(device + "/online", "1");
  }

  Status wait_for(const std::string& path) {
    const Deadline patience = deadline_.sooner(kPatience);
    while (!system_.exists(path)) {
      if (patience.passed()) return fail(path + " does not appear");
      system_.sleep(std::min(kStep, patience.left()));
    }
    return {};
  }

  Status write(const std::string& path, const std::string& text) {
    auto written = system_.write_file(path, text);
    if (!written) return std::move(written).error().within(path);
    return {};
  }

  System& system_;
  const Deadline& deadline_;
};

}  // namespace

void set_ccw_devices_online(System& system, const std::vector<CcwDevice>& ccw_devices,
                            const Deadline& deadline) {
  if (ccw_devices.empty()) return;
  Channels work(system, deadline);
  work.unhide(ccw_devices);
  for (const auto& channel : ccw_devices) {
    const Status up = work.bring_up(channel);
    system.log("channel device " + to_string(channel) +
               (up ? " online" : ": " + up.error().message));
  }
}

}  // namespace mkcapture::init

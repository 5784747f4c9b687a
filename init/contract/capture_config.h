// What the builder bakes into the image and /init reads: one definition for both sides.
//
// In the image it is `etc/capture.conf`: UTF-8 lines "key=value", '#' comments, at most
// kMaxConfigBytes. The same keys with a "capture." prefix on the capture kernel's command line
// override it (only those listed in SPEC and marked [cmdline] below). The builder reads its own
// output back with parse_config() before it seals the image, so /init never meets a text that its
// own parser would refuse.
//
//   target=SPEC              [cmdline] repeatable, tried in this order; the keys below
//                            belong to the last target= line before them
//     drivers=NAME,NAME      modules to load for it, in this order, each after its dependencies
//     autoload=storage|net   and every module of that class in etc/modules.alias whose pattern
//                            matches the modalias of a device that is present
//     layer=SPEC             what its device stands on and /init brings up (storage.h); repeatable
//     channel=SPEC           a channel device of IBM Z to be set online (channel_spec.h);
//     repeatable
//   watchdog=NAME,NAME       drivers of this machine's watchdogs, loaded before anything else
//   watchdog_autoload=0|1    and every module of the class "watchdog" in etc/modules.alias whose
//                            device is present
//   module=NAME|DEP,DEP|PARAMS|CLASS
//                            a module of the image: file lib/modules/NAME.ko (names with '_'),
//                            dependencies and pre-softdeps in load order, whole closure, parameters
//                            for finit_module, and "storage", "net", "fs", "watchdog" or ""
//   filesystem=TYPE:NAME,NAME  modules that mounting TYPE (as libblkid names it) needs; none where
//                            it is built in ("filesystem=ext4:")
//   ip= vlan= bond= route=   [cmdline: ip] network, as in net_spec.h; ip repeatable
//   deadline= wait= stall=   [cmdline] durations: the whole capture; one target to become ready
//                            (device, link, address, server); one target without progress
//   deadline_extends=0|1     the deadline is nobody's wish but a default: a target that is ready
//                            and moves goes on beyond it
//   final=reboot|poweroff|halt                  [cmdline]
//   on_failure=reboot|poweroff|halt|shell       [cmdline] shell only with shell_allowed
//   shell_allowed=0|1        the image holds /bin/busybox
//   shell=1                  [cmdline: capture.shell] a shell before the dump
//   debug=1                  [cmdline: capture.debug] each step's details in the log
//   kernel=RELEASE           the kernel that the modules are for
//   filter_check=...         how the page filter agreed with that kernel while it ran
//                            (filter_check.h); none where it was not asked
//   dump_level=0..31  dump_format=elf|kdump  dump_compress=none|zlib|lzo|snappy|zstd
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "init/base/result.h"
#include "init/base/units.h"
#include "init/contract/ccw_device.h"
#include "init/contract/dump_choice.h"
#include "init/contract/filter_check.h"
#include "init/contract/net_config.h"
#include "init/contract/storage.h"
#include "init/contract/target.h"

namespace mkcapture {

inline constexpr std::size_t kMaxConfigBytes = 1 << 20;
inline constexpr std::string_view kConfigPath = "etc/capture.conf";
inline constexpr std::string_view kAliasPath = "etc/modules.alias";  // lines "PATTERN NAME"
inline constexpr std::string_view kModuleDir = "lib/modules";
inline constexpr std::string_view kSshKeyPath = "etc/ssh/id_dropbear";
inline constexpr std::string_view kSshKnownHostsPath = "root/.ssh/known_hosts";  // HOME=/root

enum class FinalAction { kReboot, kPoweroff, kHalt, kShell };
enum class Autoload { kNone, kStorage, kNet, kWatchdog };

struct ModuleEntry {
  std::string name;
  std::vector<std::string> deps;
  std::string params;
  std::string driver_class;  // "storage", "net", "fs", "watchdog", ""
};

struct TargetEntry {
  TargetSpec spec;
  std::vector<std::string> drivers;
  Autoload autoload = Autoload::kNone;
  std::vector<CcwDevice> ccw_devices;
  std::vector<StorageLayer> layers = {};
};

struct FilesystemEntry {
  std::string type;
  std::vector<std::string> modules;
};

struct WatchdogConfig {
  std::vector<std::string> drivers;
  bool autoload = false;
};

struct CaptureConfig {
  std::vector<TargetEntry> targets;
  std::vector<ModuleEntry> modules;
  std::vector<FilesystemEntry> filesystems;
  WatchdogConfig watchdog;
  std::vector<IpSpec> ip;
  std::vector<VlanSpec> vlan;
  std::vector<BondSpec> bond;
  std::vector<RouteSpec> route;
  Milliseconds deadline = std::chrono::minutes(30);
  bool deadline_extends = false;
  Milliseconds wait = std::chrono::seconds(60);
  Milliseconds stall = std::chrono::seconds(60);
  FinalAction final_action = FinalAction::kReboot;
  FinalAction on_failure = FinalAction::kReboot;
  bool shell_allowed = false;
  bool shell = false;
  bool debug = false;
  std::string kernel;  // the release that the modules are for; empty where it is not known
  DumpChoice dump;
  std::uint64_t keep = 0;                // whole dumps of this host that stay on a target; 0: all
  std::optional<std::uint64_t> reserve;  // bytes that a dump leaves free; default: space.h
  std::optional<FilterCheck> filter_check;  // of the kernel that ran when the image was built
};

/// Parses etc/capture.conf. An error names the line and the key. Unknown keys are errors.
[[nodiscard]] Result<CaptureConfig> parse_config(std::string_view text);
/// parse_config(format_config(c)) gives c again.
[[nodiscard]] std::string format_config(const CaptureConfig& config);

/// Applies the capture.* parameters of a kernel command line (quotes as the kernel's, "--" ends).
/// The first capture.target= replaces the baked list, the first capture.ip= the baked network; each
/// overriding target takes the drivers of all baked targets together and, where any of those
/// autoloads, the class that its own kind needs. A parameter that cannot be used is left out and
/// one line about it goes to `complaints`: a typing error at the boot loader must not cost the
/// dump.
void apply_cmdline(std::string_view cmdline, CaptureConfig& config,
                   std::vector<std::string>& complaints);

[[nodiscard]] std::string_view to_string(FinalAction a);
[[nodiscard]] std::optional<FinalAction> parse_final_action(std::string_view text);

}  // namespace mkcapture

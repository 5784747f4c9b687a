// Plan: everything that was uncertain, decided. The printers print it, the image is built from it,
// nothing decides after it, and nobody changes it: what `--print plan` accepts, the build accepts.
//
// make_plan() is the order of decisions: profile, kernel, targets, network, drivers, kernel checks,
// keys, files, payload, compression, command line, crashkernel, firmware, page filter. Each is a
// file of its own.
//
// To add a decision: a field here, with its unit or its empty value; a step plan_SOMETHING() that
// fills it and refuses what cannot work, in a file of its own and called by make_plan(); a line in
// print_plan.cc. What /init has to know goes from the field into CaptureConfig by one line in
// config_of.cc, and by no other way.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "builder/ask/request.h"
#include "builder/base/usage.h"
#include "builder/host/block_stack.h"
#include "builder/host/host.h"
#include "builder/host/interfaces.h"
#include "builder/host/watchdogs.h"
#include "builder/image/compress.h"
#include "builder/image/image_contents.h"
#include "builder/kernel/cmdline.h"
#include "builder/kernel/crashkernel.h"
#include "builder/kernel/kernel_files.h"
#include "builder/kernel/profile.h"
#include "modules/resolver.h"

namespace mkcapture {

/// One target and what is known of it.
struct TargetPlan {
  TargetSpec spec;    // as it goes into the image
  std::string how;    // "the file system that holds /var/crash", "was /dev/vda1", or ""
  bool here = false;  // its device, or the way to its server, is on this machine
  std::string where;  // "vda1", "through enp3s0"; for the plan's words
  std::vector<DeviceDriver> drivers;  // of the device or the cards; empty where not here
  std::string filesystem;             // disk: its type; empty where it is not known
  std::string address;  // nfs, ssh: the server's, as it resolves now; empty where it does not
  std::string host_key_name = {};  // ssh: what its key is filed under; empty: its name and port
  std::vector<CcwDevice> ccw_devices = {};  // of IBM Z, to be set online
  BlockStack stack = {};                    // disk, raw: where here
  /// What a network has to lead to: its own server, or that of the disk that it stands on.
  std::optional<ServerName> server = {};
  // What /init does for it.
  std::vector<std::string> modules = {};  // loaded in this order, each after its dependencies
  Autoload autoload = Autoload::kNone;    // what else is loaded: what the machine's devices match
  std::vector<StorageLayer> layers = {};  // brought up, where its device stands on any
};

struct NetworkPlan {
  std::vector<IpSpec> ip;
  std::vector<VlanSpec> vlan;
  std::vector<BondSpec> bond;
  std::vector<RouteSpec> route;  // to targets that the first ip='s default route does not lead to
  std::vector<Nic> nics;         // of this machine that the image will use
  std::string hosts;             // etc/hosts: the servers' addresses
  bool dhcp = false;
};

/// What was asked for and is taken over as it is.
struct CapturePlan {
  Milliseconds deadline{}, wait{}, stall{};
  bool deadline_extends = false;
  FinalAction final_action = FinalAction::kReboot;
  FinalAction on_failure = FinalAction::kReboot;
  bool shell = false;
  DumpChoice dump;
  std::uint64_t keep = 0;                // whole dumps of this host that stay; 0: all
  std::optional<std::uint64_t> reserve;  // bytes that a dump leaves free
};

/// The command that loads the image, and the capture kernel's command line.
struct KexecPlan {
  std::string prepare;  // shell commands before it, "... && "; mostly empty
  std::vector<std::string> argv;
  std::string append;
  std::string builtin_options;        // of drivers that are built in: "NAME.PARAM=VALUE ..."
  std::vector<LeftOutWord> left_out;  // of the running system's command line
  std::string cmdline_origin;         // "/proc/cmdline" or why it is not
};

/// A part of the need for memory, and what it is for.
struct MemoryReason {
  std::uint64_t bytes = 0;
  std::string why;
};

struct CrashkernelPlan {
  std::uint64_t ram = 0;                  // 0: not this machine's image
  CrashkernelRequest request;             // of the running system
  std::optional<std::uint64_t> reserved;  // /sys/kernel/kexec_crash_size
  std::vector<MemoryReason> beyond;       // what was measured for the profile; assumptions
};

struct Plan {
  Profile profile;
  KernelFiles kernel;
  bool this_machine = false;  // the image is for this one: its architecture, its root
  std::string elsewhere;      // why it is not: "another architecture than this machine's"
  std::string output;

  std::vector<TargetPlan> targets;
  NetworkPlan network;
  bool other_ccw_devices_hidden = false;  // the capture kernel looks at the targets' alone
  std::string drivers_words;              // "host", "generic", "listed": how they were chosen
  Resolution drivers;
  std::vector<HostWatchdog> watchdogs;       // of this machine, where the image is for it
  WatchdogConfig fed_watchdogs;              // what /init loads for them
  std::vector<FilesystemEntry> filesystems;  // that can be mounted
  CapturePlan capture;
  ImageInputs image;  // the files of the image
  CompressOptions compress;
  std::string compress_why;
  std::string signatures_why;  // why the modules' signatures are kept; empty: they are dropped
  std::int64_t mtime = 0;
  std::optional<FilterCheck> filter;  // how the page filter agrees with the kernel that runs

  KexecPlan kexec;
  CrashkernelPlan crashkernel;
  std::vector<std::string> notes;     // worth knowing
  std::vector<std::string> warnings;  // likely to cost the dump
};

/// What the plan is for. What can refuse it refuses here, so that nothing is left that does later.
enum class PlanFor {
  kFile,     // an image in `output`, whose folder must be there
  kImage,    // an image that somebody else puts in its place
  kLoading,  // the command that loads one, and its command line: needs nothing of what is in it
};

[[nodiscard]] Result<Plan> make_plan(const Request& request, Host& host, PlanFor what);

}  // namespace mkcapture

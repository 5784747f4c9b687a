// Request: the settings with a meaning. Every value has been parsed and checked as far as that can
// be done without looking at a profile, this machine or a kernel.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "builder/ask/dump_choice.h"
#include "builder/ask/settings.h"
#include "builder/base/usage.h"
#include "builder/image/compress.h"
#include "builder/image/image_contents.h"
#include "init/contract/capture_config.h"

namespace mkcapture {

/// A value and where it came from, for errors that show up later.
template <class T>
struct From {
  T value;
  std::string origin;
};

struct DriverChoice {
  enum class Kind { kDefault, kHost, kGeneric, kList };
  Kind kind = Kind::kDefault;
  std::vector<std::string> list;  // kList, names with '_'
  std::string origin;
};

/// --module-option NAME.PARAM=VALUE.
struct ModuleOption {
  std::string module;  // with '_'
  std::string option;  // "PARAM=VALUE" or "PARAM"
};

enum class Signatures { kAuto, kKeep, kDrop };

struct Request {
  std::optional<std::string> profile;
  std::string output = "capture.img";
  std::string root = "/";
  std::optional<From<std::string>> kernel;
  std::optional<From<std::string>> kernel_image;
  std::optional<From<std::string>> payload;

  std::vector<From<TargetSpec>> targets;
  std::vector<From<IpSpec>> ip;
  std::vector<From<VlanSpec>> vlan;
  std::vector<From<BondSpec>> bond;
  std::optional<From<std::string>> ssh_key;
  std::optional<From<std::string>> ssh_known_hosts;

  DriverChoice drivers;
  std::vector<From<std::string>> add_driver;
  std::vector<From<std::string>> omit_driver;
  std::vector<From<ModuleOption>> module_option;
  Signatures signatures = Signatures::kAuto;
  std::vector<From<CcwDevice>> channel;
  std::vector<From<AddedFile>> add_file;
  std::optional<From<Compressor>> compress;
  std::string append;

  DumpChoice dump;
  std::uint64_t keep = 0;  // 0: all
  std::optional<std::uint64_t> reserve;
  Milliseconds deadline, wait, stall;
  std::optional<std::string> deadline_origin;  // empty: the deadline is the default
  FinalAction final_action = FinalAction::kReboot;
  FinalAction on_failure = FinalAction::kReboot;
  bool shell = false;
  std::string on_dump;  // a command for sh; $1 is the dump's folder
};

/// Errors are usage errors that begin with the origin of the value to blame.
[[nodiscard]] Result<Request> parse_request(const Settings& settings);

}  // namespace mkcapture

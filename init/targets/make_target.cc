#include "targets/disk_target.h"
#include "targets/nfs_target.h"
#include "targets/raw_target.h"
#include "targets/ssh_target.h"
#include "targets/target.h"

namespace capture {

std::unique_ptr<Target> make_target(const TargetSpec& spec, TargetContext context) {
  switch (spec.kind) {
    case TargetSpec::Kind::kDisk:
      break;
    case TargetSpec::Kind::kRaw:
      return make_raw_target(spec, context);
    case TargetSpec::Kind::kNfs:
      return make_nfs_target(spec, context);
    case TargetSpec::Kind::kSsh:
      return make_ssh_target(spec, context);
  }
  return make_disk_target(spec, context);
}

const char* to_string(Step s) {
  switch (s) {
    case Step::kStart:
      return "start";
    case Step::kDrivers:
      return "drivers";
    case Step::kDevice:
      return "device";
    case Step::kLink:
      return "link";
    case Step::kAddress:
      return "address";
    case Step::kConnect:
      return "connect";
    case Step::kMount:
      return "mount";
    case Step::kDirectory:
      return "directory";
    case Step::kDmesg:
      return "dmesg";
    case Step::kDump:
      return "dump";
    case Step::kSync:
      return "sync";
    case Step::kRename:
      return "rename";
    case Step::kLog:
      return "log";
    case Step::kUnmount:
      return "unmount";
  }
  return "?";
}

}  // namespace capture

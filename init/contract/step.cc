#include "init/contract/step.h"

namespace mkcapture {

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

}  // namespace mkcapture

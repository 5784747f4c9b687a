// From a resolved plan to the entries of the image. Everything that is in an image is put there by
// assemble_image(); nothing is decided here that the plan does not say.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "builder/image/assemble.h"
#include "builder/image/module_strip.h"
#include "init/base/result.h"
#include "init/contract/capture_config.h"
#include "modules/resolver.h"

namespace mkcapture {

/// --add-file SRC[:DST].
struct AddedFile {
  std::string source;       // on this machine
  std::string destination;  // in the image, with or without a leading '/'; empty: as the source
};

struct ImageInputs {
  CaptureConfig config;  // written to etc/capture.conf as it is
  std::vector<ResolvedModule> modules;
  std::vector<std::pair<std::string, std::string>> aliases;  // etc/modules.alias; none: no file
  SignaturePolicy signatures = SignaturePolicy::kDrop;
  std::string root = "/";             // firmware and libraries are looked up below it
  std::string payload;                // folder with init, udhcpc, dbclient, busybox
  std::vector<std::string> programs;  // of the payload, beside init: to bin/
  std::vector<std::string> applets;   // links to busybox in bin/; needs "busybox" in programs
  std::vector<AddedFile> files;
  std::vector<std::string> firmware;  // below lib/firmware, beyond what the modules name; required
  std::string ssh_key;                // bytes in dropbear's format; empty: none
  std::string ssh_known_hosts;
  std::string hosts;  // etc/hosts; empty: no file
};

/// Notes that are no errors (a firmware file that a module names and the machine does not have)
/// are appended to `notes`, one line each.
[[nodiscard]] Result<ImageContents> assemble_image(const ImageInputs& inputs,
                                                   std::vector<std::string>& notes);

}  // namespace mkcapture

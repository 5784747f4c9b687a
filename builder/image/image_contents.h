// From a resolved plan to the entries of the image. Everything that is in an image is put there by
// assemble_image(); nothing is decided here that the plan does not say.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "builder/host/host.h"
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

/// A file below lib/firmware; .xz and .zst are unpacked, as the capture kernel may lack
/// FW_LOADER_COMPRESS.
struct FirmwareFile {
  std::string name;    // as drivers ask for it
  std::string source;  // on this machine
};

/// The files of the image beside its configuration.
struct ImageInputs {
  std::vector<ResolvedModule> modules;
  std::vector<std::pair<std::string, std::string>> aliases;  // etc/modules.alias; none: no file
  SignaturePolicy signatures = SignaturePolicy::kDrop;
  std::string root = "/";             // firmware and libraries are looked up below it
  std::string payload;                // folder with init, udhcpc, dbclient, busybox
  std::string init = "init";          // of the payload: which one is /init
  std::vector<std::string> programs;  // of the payload, beside that: to bin/
  std::vector<std::string> applets;   // links to busybox in bin/; needs "busybox" in programs
  std::vector<AddedFile> files;
  std::vector<FirmwareFile> firmware;
  std::string ssh_key;  // bytes in dropbear's format; empty: none
  std::string ssh_known_hosts;
  std::string hosts;  // etc/hosts; empty: no file
};

/// `config` is written to etc/capture.conf as it is.
[[nodiscard]] Result<ImageContents> assemble_image(Host& host, const CaptureConfig& config,
                                                   const ImageInputs& inputs);

}  // namespace mkcapture

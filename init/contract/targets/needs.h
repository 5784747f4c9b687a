// What a target stands on, as the builder's plan and /init ask for it: nobody asks for its kind.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "init/contract/device_name.h"
#include "init/contract/targets/places.h"

namespace mkcapture {

/// A target stands on a block device, or on a server, or on neither (what its module sets bring is
/// enough then).
struct TargetNeeds {
  std::optional<DeviceName> device;      // a block device of this machine
  std::optional<ServerName> server;      // a server, and so a network that leads to it
  bool filesystem = false;               // mounts what is on the device; else it overwrites it
  std::vector<std::string> module_sets;  // of modules/*.toml, beside those of device and network
  bool ssh_key = false;  // a private key, and the server's key in known_hosts: secrets in the image
  std::string place;     // in words, where it is neither: "a share of the virtual machine's host"
  std::string
      directory;  // PATH, where the dumps get directories; empty: it holds one dump, no names
};

}  // namespace mkcapture

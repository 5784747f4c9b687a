// Sets channel devices of IBM Z online: the files of Documentation/s390/common_io.rst, qeth.rst and
// zfcp.rst. On other machines there are none, and nothing is done.
#pragma once

#include <vector>

#include "init/contract/ccw_device.h"
#include "init/system/system.h"

namespace mkcapture::init {

/// After the drivers are loaded. Each device is taken off the kernel's list of ignored ones, waited
/// for and set online, qeth's after its channels were made a group. What goes wrong is logged and
/// passed over: the wait for the disk or the card tells whether it mattered. Not longer than
/// `deadline`.
void set_ccw_devices_online(System& system, const std::vector<CcwDevice>& channels,
                            const Deadline& deadline);

}  // namespace mkcapture::init

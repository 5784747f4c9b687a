// /init of the capture image. run_init.cc has the way from start to reboot; this is only who is
// who: the same program is also the script that udhcpc calls with a lease.
#include <unistd.h>

#include <cstdio>
#include <string_view>

#include "init/net/dhcp.h"
#include "init/pid1/init_guard.h"
#include "init/pid1/run_init.h"
#include "init/system/linux_system.h"
#include "init/worker/watchdog_keeper.h"

int main(int argc, char** argv, char** envp) {
  const std::string_view name(argc > 0 ? argv[0] : "");
  if (name.ends_with("dhcp-event")) return mkcapture::init::dhcp_event_main(argc, argv, envp);
  if (getpid() != 1) {
    std::fputs("init: runs as the first process of a capture kernel only\n", stderr);
    return 2;
  }
  mkcapture::init::guard_init();
  const auto system = mkcapture::init::make_linux_system();
  const auto parts = mkcapture::init::real_parts();
  mkcapture::init::run_init(*system, {mkcapture::init::open_console, mkcapture::init::limit_init,
                                      [&parts](const mkcapture::init::SaveContext& context) {
                                        return mkcapture::init::save_to_target(context, parts);
                                      },
                                      mkcapture::init::keep_watchdogs});
}

// /init of the capture image. run_init.cc has the way from start to reboot; this is only who is
// who: the same program is also the script that udhcpc calls with a lease.
#include <unistd.h>

#include <cstdio>
#include <string_view>

#include "init_guard.h"
#include "linux_system.h"
#include "net/dhcp.h"
#include "run_init.h"

int main(int argc, char** argv, char** envp) {
  const std::string_view name(argc > 0 ? argv[0] : "");
  if (name.ends_with("dhcp-event")) return capture::dhcp_event_main(argc, argv, envp);
  if (getpid() != 1) {
    std::fputs("init: runs as the first process of a capture kernel only\n", stderr);
    return 2;
  }
  capture::guard_init();
  const auto system = capture::make_linux_system();
  const auto parts = capture::real_parts();
  capture::run_init(*system, {capture::open_console, capture::limit_init,
                              [&parts](const capture::SaveContext& context) {
                                return capture::save_to_target(context, parts);
                              }});
}

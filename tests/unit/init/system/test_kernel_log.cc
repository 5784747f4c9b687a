#include <doctest/doctest.h>

#include "init/system/kernel_log.h"
#include "tests/fakes/fake_system.h"

using namespace mkcapture;
using namespace mkcapture::init;

TEST_CASE("kernel log: records as dmesg prints them") {
  CHECK(format_kmsg_record("6,339,5140900,-;NET: Registered protocol family\n") ==
        "[    5.140900] NET: Registered protocol family\n");
  CHECK(format_kmsg_record("30,340,5690716,-,caller=T1;udevd[80]: starting\n SUBSYSTEM=acpi\n") ==
        "[    5.690716] udevd[80]: starting\n");
  CHECK(format_kmsg_record("6,1,123456789012,-;a;b\n") == "[123456.789012] a;b\n");
  CHECK(format_kmsg_record("6,1,x,-;text\n").empty());
  CHECK(format_kmsg_record("6,1;text\n").empty());
  CHECK(format_kmsg_record("no record").empty());
}

TEST_CASE("kernel log: our lines are not limited, and shown also when the kernel is quiet") {
  FakeSystem system;
  system.files["/proc/sys/kernel/printk"] = "1\t4\t1\t7\n";
  open_kernel_log_for_us(system);
  CHECK(system.files["/proc/sys/kernel/printk_devkmsg"] == "on\n");
  CHECK(system.files["/proc/sys/kernel/printk"] == "4");

  FakeSystem loud;
  loud.files["/proc/sys/kernel/printk"] = "7\t4\t1\t7\n";
  open_kernel_log_for_us(loud);
  CHECK(loud.files["/proc/sys/kernel/printk"] == "7\t4\t1\t7\n");
}

// A driver as bad as drivers get after a crash: a kernel module for the machines of the tests. What
// it does when it is loaded is its parameter, `faults`: words, done in this order.
//
//   firmware  asks for faulty_driver.bin and says what is in it
//   warn      a WARN()
//   taint     the taint "bad page" (panic_on_taint=0x20)
//   late      leaves a thread in uninterruptible sleep, for ever
//   busy      keeps the CPU for kBusySeconds, longer than a soft lockup is allowed to take
//   oops      writes to an address that is none: whoever loads the module dies
//   hang      waits for ever, where no signal reaches it
//   spin      keeps the CPU for ever
//   deaf      the same with interrupts off
#include <linux/delay.h>
#include <linux/device/driver.h>
#include <linux/firmware.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/platform_device.h>
#include <linux/sched.h>

enum { kBusySeconds = 25 };

static char* faults = "";
module_param(faults, charp, 0444);
MODULE_PARM_DESC(faults, "what to do wrong, separated by '+'");

static void say(const char* what) {
  pr_emerg("faulty_driver: %s\n", what);
}

static void read_firmware(void) {
  const struct firmware* file;
  struct platform_device* device =
      platform_device_register_simple("faulty_driver", PLATFORM_DEVID_NONE, NULL, 0);
  if (IS_ERR(device)) return;
  if (request_firmware_direct(&file, "faulty_driver.bin", &device->dev) == 0) {
    pr_emerg("faulty_driver: firmware \"%.*s\"\n", (int)file->size, (const char*)file->data);
    release_firmware(file);
  } else {
    say("no firmware");
  }
  platform_device_unregister(device);
}

static int sleep_for_ever(void* unused) {
  for (;;) {
    set_current_state(TASK_UNINTERRUPTIBLE);
    schedule();
  }
  return 0;
}

static void keep_cpu(bool for_ever) {
  int i;
  preempt_disable();
  for (i = 0; for_ever || i < kBusySeconds * 1000; ++i)
    udelay(1000);
  preempt_enable();
}

static void do_wrong(const char* what) {
  say(what);
  if (strcmp(what, "firmware") == 0) read_firmware();
  if (strcmp(what, "warn") == 0) WARN(1, "faulty_driver: as asked\n");
  if (strcmp(what, "taint") == 0) add_taint(TAINT_BAD_PAGE, LOCKDEP_STILL_OK);
  if (strcmp(what, "late") == 0) kthread_run(sleep_for_ever, NULL, "faulty_late");
  if (strcmp(what, "busy") == 0) keep_cpu(false);
  if (strcmp(what, "oops") == 0) *(volatile int*)8 = 1;
  if (strcmp(what, "hang") == 0) sleep_for_ever(NULL);
  if (strcmp(what, "deaf") == 0) local_irq_disable();
  if (strcmp(what, "deaf") == 0 || strcmp(what, "spin") == 0) keep_cpu(true);
}

static int __init faulty_init(void) {
  char* rest = kstrdup(faults, GFP_KERNEL);
  const char* what;
  while ((what = strsep(&rest, "+")) != NULL)
    if (*what) do_wrong(what);
  return 0;
}

static void __exit faulty_exit(void) {}

module_init(faulty_init);
module_exit(faulty_exit);
MODULE_FIRMWARE("faulty_driver.bin");
MODULE_LICENSE("GPL");

// The capture kernel's log: /init's lines go into it, and kexec-dmesg.log is a copy of it.
#pragma once

#include <string>
#include <string_view>

#include "init/base/result.h"
#include "init/base/unique_fd.h"
#include "init/output/output.h"

namespace mkcapture::init {

class System;

/// Writes lines by /dev/kmsg, from where the kernel brings them to its consoles; straight to
/// /dev/console where there is no /dev/kmsg (a kernel without printk).
class KernelLog {
 public:
  /// "capture: LINE". Never fails visibly and never waits for a reader.
  void write(std::string_view line);

 private:
  UniqueFd fd_;
  bool is_kmsg_ = false;
};

/// The text of one record of /dev/kmsg, "PRIO,SEQ,USEC,FLAGS[,...];TEXT\n KEY=VALUE\n" as
/// Documentation/ABI/testing/dev-kmsg has it, as dmesg prints it: "[    1.234567] TEXT\n".
/// Empty where it is no record.
[[nodiscard]] std::string format_kmsg_record(std::string_view record);

/// How /dev/kmsg shows what KernelLog::write() has written of `line`.
[[nodiscard]] std::string kmsg_text(std::string_view line);
/// Whether the kernel's log holds a line that KernelLog::write() has written, of any process.
[[nodiscard]] bool kernel_log_has(std::string_view line);

/// All that the kernel's log holds, as dmesg prints it; finishes the output.
Status copy_kernel_log(Output& output);

/// Makes sure that /init's lines pass: not rate-limited, and shown on the console also where the
/// command line says "quiet" or a lower loglevel=. Kernel messages stay as quiet as they were.
void open_kernel_log_for_us(System& system);

}  // namespace mkcapture::init

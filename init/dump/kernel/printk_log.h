// The crashed kernel's log, as lines "[    0.000000] text".
#pragma once

#include <cstdint>

#include "init/base/result.h"
#include "init/dump/kernel/kernel_memory.h"
#include "init/dump/kernel/vmcoreinfo.h"
#include "init/output/output.h"

namespace mkcapture::dump {

/// Writes the log from offset 0 on: the lockless ring buffer of 5.10 and later
/// (kernel/printk/printk_ringbuffer.h) or the records of 3.5 to 5.9 (kernel/printk/printk.c, struct
/// printk_log). Each line of a message gets its time; control characters become \xNN, so that a
/// hostile log does nothing to a terminal. Returns the bytes written; records that cannot be read
/// are passed over. Work is bounded by the rings' sizes, and those by kMaxLogBytes.
[[nodiscard]] Result<std::uint64_t> write_printk_log(const Vmcoreinfo& info, KernelMemory& memory,
                                                     Output& output);

/// log_buf_len= allows 2 GiB; nobody has that.
inline constexpr std::uint64_t kMaxLogBytes = std::uint64_t{256} << 20;

}  // namespace mkcapture::dump

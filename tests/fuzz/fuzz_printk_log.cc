// The kernel's log in hostile memory: the ring buffer where byte 0 is even, else the older records.
#include <cstdint>
#include <string>

#include "init/dump/kernel/printk_log.h"
#include "tests/fakes/printk_layout.h"
#include "tests/fuzz/crashed_memory.h"

using namespace mkcapture;
using namespace mkcapture::dump;

namespace {

// The ring's structures begin at byte 8; what they point to is the fuzzer's.
const std::string kRing =
    std::string("SYMBOL(prb)=ffffffff80000008\n") + mkcapture::fakes::kPrintkRingLayout + "\n";
const std::string kRecords =
    "SYMBOL(log_buf)=ffffffff80000008\nSYMBOL(log_buf_len)=ffffffff80000010\n"
    "SYMBOL(log_first_idx)=ffffffff80000014\nSYMBOL(log_next_idx)=ffffffff80000018\n"
    "SIZE(printk_log)=16\nOFFSET(printk_log.ts_nsec)=0\nOFFSET(printk_log.len)=8\n"
    "OFFSET(printk_log.text_len)=10\n";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 32 || size > 64 << 10) return 0;
  fuzz::Memory memory({reinterpret_cast<const std::byte*>(data), size},
                      data[0] % 2 == 0 ? kRing : kRecords);
  fuzz::CountingOutput output;
  const auto written = write_printk_log(memory.info, *memory.kernel, output);
  if (written && *written != output.size) std::abort();
  return 0;
}

// The kernel's log in hostile memory: the ring buffer where byte 0 is even, else the older records.
#include "crashed_memory.h"
#include "dump/printk_log.h"

namespace {

// The ring's structures begin at byte 8; what they point to is the fuzzer's.
const char* const kRing =
    "SYMBOL(prb)=ffffffff80000008\nSIZE(printk_ringbuffer)=88\n"
    "OFFSET(printk_ringbuffer.desc_ring)=0\nOFFSET(printk_ringbuffer.text_data_ring)=48\n"
    "OFFSET(prb_desc_ring.count_bits)=0\nOFFSET(prb_desc_ring.descs)=8\n"
    "OFFSET(prb_desc_ring.infos)=16\nOFFSET(prb_desc_ring.head_id)=24\n"
    "OFFSET(prb_desc_ring.tail_id)=32\nSIZE(prb_desc)=24\nOFFSET(prb_desc.state_var)=0\n"
    "OFFSET(prb_desc.text_blk_lpos)=8\nOFFSET(prb_data_blk_lpos.begin)=0\n"
    "OFFSET(prb_data_blk_lpos.next)=8\nSIZE(printk_info)=88\nOFFSET(printk_info.ts_nsec)=8\n"
    "OFFSET(printk_info.text_len)=16\nOFFSET(prb_data_ring.size_bits)=0\n"
    "OFFSET(prb_data_ring.data)=8\n";
const char* const kRecords =
    "SYMBOL(log_buf)=ffffffff80000008\nSYMBOL(log_buf_len)=ffffffff80000010\n"
    "SYMBOL(log_first_idx)=ffffffff80000014\nSYMBOL(log_next_idx)=ffffffff80000018\n"
    "SIZE(printk_log)=16\nOFFSET(printk_log.ts_nsec)=0\nOFFSET(printk_log.len)=8\n"
    "OFFSET(printk_log.text_len)=10\n";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace capture;
  if (size < 32 || size > 64 << 10) return 0;
  fuzz::Memory memory({reinterpret_cast<const std::byte*>(data), size},
                      data[0] % 2 == 0 ? kRing : kRecords);
  fuzz::CountingOutput output;
  const auto written = write_printk_log(memory.info, *memory.kernel, output);
  if (written && *written != output.size) std::abort();
  return 0;
}

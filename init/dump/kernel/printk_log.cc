#include "init/dump/kernel/printk_log.h"

#include <algorithm>
#include <vector>

#include "init/dump/kernel/log_writer.h"

namespace mkcapture::dump {
namespace {

/// Offsets of VMCOREINFO; notes what is missing instead of asking at every one.
class Needed {
 public:
  explicit Needed(const Vmcoreinfo& info) : info_(&info) {}

  std::uint64_t offset(std::string_view name) { return take("OFFSET", name, info_->offset(name)); }
  std::uint64_t size(std::string_view name) { return take("SIZE", name, info_->size(name)); }
  std::uint64_t symbol(std::string_view name) { return take("SYMBOL", name, info_->symbol(name)); }
  [[nodiscard]] Status status() const {
    return missing_.empty() ? Status() : Status(fail("VMCOREINFO lacks " + missing_));
  }

 private:
  std::uint64_t take(const char* kind, std::string_view name, std::optional<std::uint64_t> v) {
    if (!v && missing_.empty()) missing_.append(kind).append("(").append(name).append(")");
    return v.value_or(0);
  }

  const Vmcoreinfo* info_;
  std::string missing_;
};

/// A structure may be 4 KiB at most; ours have less than 200 bytes.
constexpr std::uint64_t kMaxStruct = 4096;

// ---- 5.10 and later: printk_ringbuffer -------------------------------------------------------

struct RingLayout {
  std::uint64_t prb, desc_ring, text_ring, ring_size;
  std::uint64_t count_bits, descs, infos, head_id, tail_id;
  std::uint64_t desc_size, state_var, lpos, begin, next;
  std::uint64_t info_size, ts_nsec, text_len;
  std::uint64_t data_size_bits, data;
};

Result<RingLayout> ring_layout(const Vmcoreinfo& info) {
  Needed n(info);
  RingLayout l{};
  l.prb = n.symbol("prb");
  l.ring_size = n.size("printk_ringbuffer");
  l.desc_ring = n.offset("printk_ringbuffer.desc_ring");
  l.text_ring = n.offset("printk_ringbuffer.text_data_ring");
  l.count_bits = n.offset("prb_desc_ring.count_bits");
  l.descs = n.offset("prb_desc_ring.descs");
  l.infos = n.offset("prb_desc_ring.infos");
  l.head_id = n.offset("prb_desc_ring.head_id");
  l.tail_id = n.offset("prb_desc_ring.tail_id");
  l.desc_size = n.size("prb_desc");
  l.state_var = n.offset("prb_desc.state_var");
  l.lpos = n.offset("prb_desc.text_blk_lpos");
  l.begin = n.offset("prb_data_blk_lpos.begin");
  l.next = n.offset("prb_data_blk_lpos.next");
  l.info_size = n.size("printk_info");
  l.ts_nsec = n.offset("printk_info.ts_nsec");
  l.text_len = n.offset("printk_info.text_len");
  l.data_size_bits = n.offset("prb_data_ring.size_bits");
  l.data = n.offset("prb_data_ring.data");
  const std::uint64_t counter = info.offset("atomic_long_t.counter").value_or(0);
  l.head_id += counter;
  l.tail_id += counter;
  l.state_var += counter;
  TRY(n.status());
  if (std::max({l.ring_size, l.desc_size, l.info_size}) > kMaxStruct)
    return fail("VMCOREINFO's sizes of the log's structures are impossible");
  return l;
}

class RingReader {
 public:
  RingReader(const RingLayout& layout, KernelMemory& memory)
      : l_(layout), memory_(&memory), f_(memory.fields()) {}

  Status open() {
    std::vector<std::byte> ring(l_.ring_size);
    const auto address = memory_->word(l_.prb);  // a pointer to the ring buffer
    if (!address || !memory_->read(*address, ring)) return fail("the log cannot be read");
    const std::uint32_t count_bits = f_.u32(ring, l_.desc_ring + l_.count_bits);
    const std::uint32_t size_bits = f_.u32(ring, l_.text_ring + l_.data_size_bits);
    if (size_bits > 63 || std::uint64_t{1} << size_bits > kMaxLogBytes || count_bits > size_bits)
      return fail("the log's sizes are impossible");
    count_ = std::uint64_t{1} << count_bits;
    text_size_ = std::uint64_t{1} << size_bits;
    descs_ = f_.word(ring, l_.desc_ring + l_.descs);
    infos_ = f_.word(ring, l_.desc_ring + l_.infos);
    text_ = f_.word(ring, l_.text_ring + l_.data);
    head_id_ = f_.word(ring, l_.desc_ring + l_.head_id);
    tail_id_ = f_.word(ring, l_.desc_ring + l_.tail_id);
    return {};
  }

  Status write(LogWriter& out) {
    for (std::uint64_t i = 0; i < count_; ++i) {
      const std::uint64_t id = (tail_id_ + i) & id_mask();
      if (read_record(id)) TRY(out.record(ts_nsec_, record_text()));
      if (id == (head_id_ & id_mask())) break;
    }
    return {};
  }

 private:
  // The two highest bits of state_var are the state, the others the id of its descriptor.
  [[nodiscard]] unsigned state_shift() const {
    return static_cast<unsigned>(f_.word_size() * 8 - 2);
  }
  [[nodiscard]] std::uint64_t word_mask() const {
    return f_.word_size() == 8 ? ~std::uint64_t{0} : UINT32_MAX;
  }
  [[nodiscard]] std::uint64_t id_mask() const { return (std::uint64_t{1} << state_shift()) - 1; }
  [[nodiscard]] std::string_view record_text() const {
    return {reinterpret_cast<const char*>(record_.data()), record_.size()};
  }

  // In the place of a position (printk_ringbuffer.h): FAILED_LPOS is 1, EMPTY_LINE_LPOS (NO_LPOS
  // until 6.6) is 3.
  static constexpr std::uint64_t kEmptyLine = 3;

  bool read_record(std::uint64_t id) {
    constexpr std::uint64_t kCommitted = 1;
    constexpr std::uint64_t kFinalized = 2;
    std::byte bytes[kMaxStruct];
    const std::uint64_t index = id & (count_ - 1);
    const std::span desc(bytes, l_.desc_size);
    if (!memory_->read(descs_ + index * l_.desc_size, desc)) return false;
    const std::uint64_t state_var = f_.word(desc, l_.state_var);
    const std::uint64_t state = state_var >> state_shift();
    if ((state_var & id_mask()) != id || (state != kCommitted && state != kFinalized)) return false;
    const std::uint64_t begin = f_.word(desc, l_.lpos + l_.begin);
    const std::uint64_t next = f_.word(desc, l_.lpos + l_.next);

    const std::span info(bytes, l_.info_size);
    if (!memory_->read(infos_ + index * l_.info_size, info)) return false;
    ts_nsec_ = f_.u64(info, l_.ts_nsec);
    return read_text(begin, next, f_.u16(info, l_.text_len));
  }

  // Logical positions grow for ever; the place in the ring is their remainder. A block begins with
  // its descriptor's id, and one that would cross the ring's end begins at its start instead.
  bool read_text(std::uint64_t begin, std::uint64_t next, std::size_t text_len) {
    record_.clear();
    if ((begin & 1) != 0) return begin == kEmptyLine && next == kEmptyLine;  // else it was lost
    const std::uint64_t mask = text_size_ - 1;
    std::uint64_t at = begin & mask;
    std::uint64_t end = next & mask;
    // They begin one ring's size below 0, so that the first wrap is that of the word as well.
    const std::uint64_t turn_after = ((begin + text_size_) & word_mask()) / text_size_;
    if (turn_after == next / text_size_ && end != 0) at = 0;
    if (end == 0) end = text_size_;
    at += f_.word_size();
    if (at > end) return false;
    record_.resize(std::min<std::uint64_t>(text_len, end - at));
    return memory_->read(text_ + at, record_);
  }

  RingLayout l_;
  KernelMemory* memory_;
  Fields f_;
  std::uint64_t count_ = 0, text_size_ = 0;
  std::uint64_t descs_ = 0, infos_ = 0, text_ = 0, head_id_ = 0, tail_id_ = 0;
  std::uint64_t ts_nsec_ = 0;
  std::vector<std::byte> record_;  // at most 64 KiB, as text_len has 16 bits
};

// ---- 3.5 to 5.9: struct printk_log -----------------------------------------------------------

Status write_records(const Vmcoreinfo& info, KernelMemory& memory, LogWriter& out) {
  // "struct log" before 3.11.
  const std::string type = info.size("printk_log") ? "printk_log" : "log";
  Needed n(info);
  const std::uint64_t log_buf = n.symbol("log_buf");
  const std::uint64_t log_buf_len = n.symbol("log_buf_len");
  const std::uint64_t first_idx = n.symbol("log_first_idx");
  const std::uint64_t next_idx = n.symbol("log_next_idx");
  const std::uint64_t header_size = n.size(type);
  const std::uint64_t ts_at = n.offset(type + ".ts_nsec");
  const std::uint64_t len_at = n.offset(type + ".len");
  const std::uint64_t text_len_at = n.offset(type + ".text_len");
  TRY(n.status());

  const auto buffer = memory.word(log_buf);
  const auto size = memory.u32(log_buf_len);
  const auto first = memory.u32(first_idx);
  const auto next = memory.u32(next_idx);
  if (!buffer || !size || !first || !next) return fail("the log cannot be read");
  if (*size > kMaxLogBytes || *first >= *size || *next > *size || header_size < 8 ||
      header_size > kMaxStruct)
    return fail("the log's sizes are impossible");

  std::byte header[kMaxStruct];
  const std::span h(header, header_size);
  std::vector<std::byte> text;
  std::uint64_t at = *first;
  // Each step goes at least 8 bytes on or wraps, which it may do once; where the first record lies
  // before `next` the log has not reached the buffer's end yet, and nothing wraps.
  for (bool wrapped = *first < *next; at != *next;) {
    if (!memory.read(*buffer + at, h)) break;
    const std::uint64_t len = memory.fields().u16(h, len_at);
    if (len == 0) {  // the rest of the buffer is unused
      if (wrapped) break;
      wrapped = true;
      at = 0;
      continue;
    }
    if (len < header_size || at + len > *size || (wrapped && at >= *next)) break;
    text.resize(std::min<std::uint64_t>(memory.fields().u16(h, text_len_at), len - header_size));
    if (memory.read(*buffer + at + header_size, text)) {
      TRY(out.record(memory.fields().u64(h, ts_at),
                     {reinterpret_cast<const char*>(text.data()), text.size()}));
    }
    at += len;
  }
  return {};
}

}  // namespace

Result<std::uint64_t> write_printk_log(const Vmcoreinfo& info, KernelMemory& memory,
                                       Output& output) {
  LogWriter out(output);
  if (info.symbol("prb")) {
    auto layout = ring_layout(info);
    if (!layout) return std::move(layout).error();
    RingReader ring(*layout, memory);
    TRY(ring.open());
    TRY(ring.write(out));
  } else if (info.symbol("log_first_idx")) {
    TRY(write_records(info, memory, out));
  } else {
    return fail("VMCOREINFO does not say where the log is");
  }
  return out.flush();
}

}  // namespace mkcapture::dump

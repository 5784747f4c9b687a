#include "tests/fakes/fake_vmcore.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace mkcapture::fakes {
namespace {

class FakeWindow final : public MemoryWindow {
 public:
  FakeWindow(const FakeVmcore& vmcore, std::size_t bytes) : vmcore_(vmcore), bytes_(bytes) {}

  std::span<const std::byte> at(std::uint64_t paddr, std::size_t size) override {
    const CrashedMachine& m = vmcore_.machine;
    size = std::min({size, bytes_, std::max<std::size_t>(vmcore_.most_bytes_at_once, m.page_size)});
    buffer_.clear();
    const auto range = std::find_if(m.ranges.begin(), m.ranges.end(), [&](const MemoryRange& r) {
      return paddr >= r.paddr && paddr < r.paddr + r.size;
    });
    if (range == m.ranges.end()) return {};
    const std::uint64_t end = std::min(paddr + size, range->paddr + range->size);
    for (std::uint64_t at = paddr; at < end;) {
      const std::uint64_t pfn = at / m.page_size;
      if (vmcore_.unreadable.contains(pfn)) break;
      const std::uint64_t next = std::min(end, (pfn + 1) * m.page_size);
      page_.assign(m.page_size, std::byte{0});
      vmcore_.content(pfn, page_);
      buffer_.insert(buffer_.end(), page_.begin() + static_cast<long>(at % m.page_size),
                     page_.begin() + static_cast<long>(at % m.page_size + (next - at)));
      at = next;
    }
    return buffer_;
  }

 private:
  const FakeVmcore& vmcore_;
  std::size_t bytes_;
  std::vector<std::byte> buffer_;
  std::vector<std::byte> page_;
};

class FakeFilter final : public PageFilter {
 public:
  FakeFilter(const FakeVmcore& vmcore, int level)
      : vmcore_(vmcore), everything_((level & ~1) == 0), level_(level & vmcore.filter_level) {}

  Status keep(std::uint64_t first_pfn, std::span<std::uint8_t> bits) override {
    std::fill(bits.begin(), bits.end(), std::uint8_t{0});
    for (const MemoryRange& r : vmcore_.machine.ranges) {
      const std::uint64_t page = vmcore_.machine.page_size;
      const std::uint64_t end =
          std::min((r.paddr + r.size + page - 1) / page, first_pfn + bits.size() * 8);
      for (std::uint64_t pfn = std::max(r.paddr / page, first_pfn); pfn < end; ++pfn) {
        if (!everything_ && vmcore_.keep && !vmcore_.keep(pfn)) continue;
        if (vmcore_.poisoned.contains(pfn)) continue;
        const std::uint64_t i = pfn - first_pfn;
        bits[i / 8] = static_cast<std::uint8_t>(bits[i / 8] | (1U << (i % 8)));
      }
    }
    return {};
  }
  [[nodiscard]] int level() const noexcept override { return level_; }
  [[nodiscard]] const std::string& note() const noexcept override { return vmcore_.filter_note; }
  [[nodiscard]] bool leaves_out_descriptors() const noexcept override {
    return vmcore_.without_descriptors;
  }

 private:
  const FakeVmcore& vmcore_;
  bool everything_;
  int level_;
};

}  // namespace

FakeVmcore::FakeVmcore(std::vector<std::pair<std::uint64_t, std::uint64_t>> ranges, Content fill)
    : content(std::move(fill)) {
  machine.elf_machine = 62;  // EM_X86_64
  machine.vmcoreinfo = "OSRELEASE=6.1.0-fake\nPAGESIZE=4096\n";
  add_note(machine.notes, false, "CORE", 1, std::string(336, 'r'));
  add_note(machine.notes, false, "CORE", 1, std::string(336, 's'));
  add_note(machine.notes, false, "VMCOREINFO", 0, machine.vmcoreinfo);
  machine.sysname = "Linux";
  machine.nodename = "fake";
  machine.release = "6.1.0-fake";
  machine.machine_name = "x86_64";
  std::uint64_t offset = 4096;
  for (const auto& [paddr, bytes] : ranges) {
    machine.ranges.push_back({.paddr = paddr,
                              .size = bytes,
                              .vaddr = 0xffff888000000000 + paddr,
                              .file_offset = offset});
    offset += bytes;
    machine.max_pfn = (paddr + bytes + 4095) / 4096;
  }
}

std::vector<std::byte> FakeVmcore::page(std::uint64_t pfn) const {
  std::vector<std::byte> whole(machine.page_size);
  std::vector<std::byte> shown(machine.page_size);
  content(pfn, whole);
  const std::uint64_t begin = pfn * machine.page_size;
  for (const MemoryRange& r : machine.ranges) {
    const std::uint64_t from = std::max(begin, r.paddr);
    const std::uint64_t to = std::min(begin + machine.page_size, r.paddr + r.size);
    for (std::uint64_t at = from; at < to; ++at)
      shown[at - begin] = whole[at - begin];
  }
  return shown;
}

bool FakeVmcore::present(std::uint64_t pfn) const {
  const std::uint64_t page = machine.page_size;
  return std::any_of(machine.ranges.begin(), machine.ranges.end(), [&](const MemoryRange& r) {
    return r.paddr < (pfn + 1) * page && r.paddr + r.size > pfn * page;
  });
}

std::uint64_t FakeVmcore::size() const noexcept {
  return 4096 + memory_bytes();
}

std::uint64_t FakeVmcore::memory_bytes() const noexcept {
  std::uint64_t n = 0;
  for (const MemoryRange& r : machine.ranges)
    n += r.size;
  return n;
}

Result<std::uint64_t> FakeVmcore::write_dmesg(Output& output) {
  const std::string line = "[    0.000000] fake\n";
  TRY(output.write_at(0, std::as_bytes(std::span(line))));
  return std::uint64_t{line.size()};
}

Result<std::unique_ptr<MemoryWindow>> FakeVmcore::window(std::size_t window_bytes) {
  return std::unique_ptr<MemoryWindow>(std::make_unique<FakeWindow>(*this, window_bytes));
}

Result<std::unique_ptr<PageFilter>> FakeVmcore::filter(int level, Descriptors) {
  return std::unique_ptr<PageFilter>(std::make_unique<FakeFilter>(*this, level));
}

void add_note(std::vector<std::byte>& notes, bool big_endian, const std::string& name,
              std::uint32_t type, const std::string& data) {
  const auto number = [&](std::uint32_t v) {
    for (unsigned i = 0; i < 4; ++i) {
      notes.push_back(static_cast<std::byte>(v >> (8 * (big_endian ? 3 - i : i))));
    }
  };
  const auto text = [&](const std::string& s) {
    for (const char c : s)
      notes.push_back(static_cast<std::byte>(c));
    while (notes.size() % 4 != 0)
      notes.push_back(std::byte{0});
  };
  number(static_cast<std::uint32_t>(name.size() + 1));
  number(static_cast<std::uint32_t>(data.size()));
  number(type);
  text(name + '\0');
  text(data);
}

Status MemoryOutput::write_at(std::uint64_t offset, std::span<const std::byte> data) {
  ++calls_;
  if (finished_) return fail("written after finish()");
  if (calls_ == fail_at_call) return sys_error("write", EIO);
  const bool reserved = offset >= reserved_from_ && offset + data.size() <= reserved_to_;
  if (!reserved && bytes_ + data.size() > full_at && !data.empty() && offset != 0) {
    return sys_error("write", ENOSPC);
  }
  if (!can_seek_ && offset < size_) return fail("a stream cannot go back");
  bytes_ += data.size();
  if (offset > size_) longest_gap_ = std::max(longest_gap_, offset - size_);
  size_ = std::max(size_, offset + data.size());
  for (std::size_t i = 0; i < data.size();) {
    const std::uint64_t at = offset + i;
    Block& b = blocks_[at / 4096];
    b.data.resize(4096);
    const std::size_t in_block = at % 4096;
    const std::size_t n = std::min(data.size() - i, 4096 - in_block);
    std::memcpy(b.data.data() + in_block, data.data() + i, n);
    b.from = std::min<std::uint64_t>(b.from, in_block);
    b.to = std::max<std::uint64_t>(b.to, in_block + n);
    i += n;
  }
  return {};
}

Status MemoryOutput::reserve(std::uint64_t offset, std::uint64_t size) {
  if (size > most_reserved) return sys_error("reserve", ENOSPC);
  reserved_from_ = offset;
  reserved_to_ = offset + size;
  return {};
}

Status MemoryOutput::sync() {
  return sync_errno != 0 ? Status(sys_error("sync", sync_errno)) : Status();
}

Status MemoryOutput::finish(std::uint64_t size) {
  if (finish_errno != 0) return sys_error("sync", finish_errno);
  finished_ = true;
  size_ = std::max(size_, size);
  return {};
}

std::vector<std::byte> MemoryOutput::read(std::uint64_t offset, std::size_t size) const {
  std::vector<std::byte> out(size);
  for (std::size_t i = 0; i < size;) {
    const std::size_t in_block = (offset + i) % 4096;
    const std::size_t n = std::min(size - i, 4096 - in_block);
    const auto b = blocks_.find((offset + i) / 4096);
    if (b != blocks_.end()) std::memcpy(out.data() + i, b->second.data.data() + in_block, n);
    i += n;
  }
  return out;
}

bool MemoryOutput::written(std::uint64_t offset) const {
  const auto b = blocks_.find(offset / 4096);
  return b != blocks_.end() && offset % 4096 >= b->second.from && offset % 4096 < b->second.to;
}

}  // namespace mkcapture::fakes

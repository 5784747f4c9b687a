#include "tests/fakes/synthetic_machine.h"

#include <doctest/doctest.h>
#include <sys/mman.h>

#include <algorithm>
#include <cstdio>

#include "init/dump/vmcore.h"
#include "tests/fakes/fake_vmcore.h"

namespace mkcapture::fakes {
namespace {

constexpr std::uint64_t kPresent = 0x63;  // present, writable, accessed, dirty
constexpr std::uint64_t kLarge = 0x80;

void append(std::vector<std::byte>& out, std::uint64_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i)
    out.push_back(static_cast<std::byte>(value >> (8 * i)));
}

void append_segment(std::vector<std::byte>& out, std::uint32_t type, std::uint64_t offset,
                    std::uint64_t vaddr, std::uint64_t paddr, std::uint64_t size) {
  append(out, type, 4);
  append(out, 7, 4);
  for (const std::uint64_t v : {offset, vaddr, paddr, size, size, std::uint64_t{0}})
    append(out, v, 8);
}

}  // namespace

std::size_t BytesFile::read(std::uint64_t offset, std::span<std::byte> out) const noexcept {
  if (offset >= bytes_.size()) return 0;
  std::uint64_t end = std::min<std::uint64_t>(bytes_.size(), offset + out.size());
  for (const auto& [from, to] : broken) {
    if (offset < to && end > from) end = std::max(from, offset);
  }
  std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), end - offset, out.begin());
  return end - offset;
}

FileMapping BytesFile::map(std::uint64_t offset, std::size_t size) const noexcept {
  if (!mappable || offset >= bytes_.size()) return {};
  const std::size_t skip = offset % 4096;
  const std::size_t n = std::min<std::uint64_t>(size, bytes_.size() - offset) + skip;
  void* p = mmap(nullptr, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return {};
  std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset - skip), n,
              static_cast<std::byte*>(p));
  return {p, n, skip};
}

SyntheticMachine::SyntheticMachine(std::string_view release, int levels)
    : memory(kMemory), levels_(levels) {
  loads.push_back({.paddr = 0, .size = kMemory, .vaddr = kDirectMap});
  info(std::string("OSRELEASE=").append(release));
  info("PAGESIZE=4096");
  info("CRASHTIME=1700000123");
  // Negative, as on a machine whose kernel was loaded below its link address.
  info("NUMBER(phys_base)=-15728640");
  info("NUMBER(pgtable_l5_enabled)=" + std::to_string(levels == 5 ? 1 : 0));
  symbol("init_top_pgt", image(0));
  map(kImageVaddr, kImagePaddr);
}

void SyntheticMachine::put32(std::uint64_t paddr, std::uint32_t value) {
  REQUIRE(paddr + 4 <= memory.size());
  std::memcpy(memory.data() + paddr, &value, sizeof value);
}

void SyntheticMachine::put64(std::uint64_t paddr, std::uint64_t value) {
  REQUIRE(paddr + 8 <= memory.size());
  std::memcpy(memory.data() + paddr, &value, sizeof value);
}

void SyntheticMachine::put_text(std::uint64_t paddr, std::string_view text) {
  REQUIRE(paddr + text.size() <= memory.size());
  std::memcpy(memory.data() + paddr, text.data(), text.size());
}

std::uint64_t SyntheticMachine::take_page() {
  REQUIRE(next_page_ + kPage <= memory.size());
  return std::exchange(next_page_, next_page_ + kPage);
}

std::uint64_t SyntheticMachine::entry_paddr(std::uint64_t vaddr, unsigned shift) {
  std::uint64_t table = image_paddr(0);
  for (unsigned at = levels_ == 5 ? 48 : 39;; at -= 9) {
    const std::uint64_t entry = table + (vaddr >> at & 511) * 8;
    if (at == shift) return entry;
    std::uint64_t next = 0;
    std::memcpy(&next, memory.data() + entry, sizeof next);
    if (next == 0) {
      next = take_page();
      put64(entry, next | kPresent);
    }
    table = next & ~std::uint64_t{0xfff};
  }
}

void SyntheticMachine::map(std::uint64_t vaddr, std::uint64_t paddr, unsigned shift,
                           std::uint64_t flags) {
  put64(entry_paddr(vaddr, shift), paddr | kPresent | flags | (shift > 12 ? kLarge : 0));
}

void SyntheticMachine::symbol(std::string_view name, std::uint64_t address) {
  char hex[24];
  std::snprintf(hex, sizeof hex, "%llx", static_cast<unsigned long long>(address));
  info(std::string("SYMBOL(").append(name).append(")=").append(hex));
}

std::uint64_t SyntheticMachine::add_descriptors() {
  constexpr std::uint64_t kBytes = kMemory / kPage * 64;
  const std::uint64_t array = take_page();
  for (std::uint64_t i = kPage; i < kBytes; i += kPage)
    (void)take_page();
  for (std::uint64_t i = 0; i < kBytes; i += kPage)
    map(kVmemmap + i, array + i);

  const std::uint64_t roots = 0x8000, root = 0x9000;  // offsets in the image
  put64(image_paddr(roots), image(root));
  put64(image_paddr(root), kVmemmap | 0xf);  // present, has a map, online, early
  symbol("mem_section", image(roots));
  info("LENGTH(mem_section)=4096\nSIZE(mem_section)=32\nOFFSET(mem_section.section_mem_map)=0");
  info("NUMBER(SECTION_SIZE_BITS)=27\nNUMBER(MAX_PHYSMEM_BITS)=46");
  info("SIZE(page)=64\nOFFSET(page.flags)=0\nOFFSET(page.mapping)=24\nOFFSET(page.private)=40");
  info("OFFSET(page._mapcount)=48\nOFFSET(page._refcount)=52\nOFFSET(page.compound_head)=8");
  info("LENGTH(zone.free_area)=11");
  return array;
}

std::vector<std::byte> SyntheticMachine::core() const {
  std::vector<std::byte> notes = other_notes;
  add_note(notes, false, "VMCOREINFO", 0, vmcoreinfo);

  std::vector<std::byte> out;
  const std::size_t segments = loads.size() + 1;
  const std::uint64_t notes_at = 64 + segments * 56;
  std::uint64_t offset = (notes_at + notes.size() + kPage - 1) / kPage * kPage;
  constexpr unsigned char kIdent[16] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
  for (const unsigned char c : kIdent)
    append(out, c, 1);
  append(out, 4, 2);   // ET_CORE
  append(out, 62, 2);  // EM_X86_64
  append(out, 1, 4);
  append(out, 0, 8);
  append(out, 64, 8);  // e_phoff
  append(out, 0, 8);
  append(out, 0, 4);
  for (const std::uint64_t v : {std::size_t{64}, std::size_t{56}, segments})
    append(out, v, 2);
  out.resize(64);
  append_segment(out, 4, notes_at, 0, 0, notes.size());
  for (const MemoryRange& load : loads) {
    append_segment(out, 1, offset + load.paddr % kPage, load.vaddr, load.paddr, load.size);
    offset += (load.paddr % kPage + load.size + kPage - 1) / kPage * kPage;
  }
  out.insert(out.end(), notes.begin(), notes.end());
  for (const MemoryRange& load : loads) {
    out.resize((out.size() + kPage - 1) / kPage * kPage);
    const std::uint64_t first = load.paddr / kPage * kPage;
    const std::uint64_t end = (load.paddr + load.size + kPage - 1) / kPage * kPage;
    if (end <= first) continue;  // no physical address
    const auto there = [&](std::uint64_t at) {
      return memory.begin() +
             static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(at, memory.size()));
    };
    const std::size_t size = out.size() + (end - first);
    out.insert(out.end(), there(first), there(end));
    out.resize(size);
  }
  return out;
}

std::unique_ptr<VmcoreSource> SyntheticMachine::open() const {
  auto vmcore = make_vmcore(std::make_unique<BytesFile>(core()));
  REQUIRE_MESSAGE(vmcore.ok(), vmcore.error().message);
  return std::move(*vmcore);
}

}  // namespace mkcapture::fakes

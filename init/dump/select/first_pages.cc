#include "init/dump/select/first_pages.h"

#include <algorithm>
#include <string_view>

#include "init/dump/core/elf_core.h"
#include "init/dump/core/memory_ranges.h"
#include "init/dump/kernel/zone_counters.h"

namespace mkcapture::dump {
namespace {

constexpr std::uint64_t kMostImage = std::uint64_t{96} << 20;
constexpr std::size_t kMostTables = 4096;      // blocks, of which each is noted several times
constexpr std::size_t kMostPointedTo = 12288;  // pages, all before the image
constexpr std::size_t kMostCpus = 512;
constexpr std::uint64_t kMostSections = 4 << 20;
constexpr std::uint64_t kNextToSymbols = 4 << 20;
constexpr std::uint64_t kMostTypes = 32 << 20;
constexpr int kMostTasks = 16384;
constexpr int kMostElements = 512;           // of any other list
constexpr std::uint64_t kStack = 16 << 10;   // of most machines, aligned to its size
constexpr std::uint64_t kCpuArea = 64;       // pages; of distributions' kernels 40 to 60
constexpr std::uint64_t kImagePiece = 256;   // pages
constexpr std::uint64_t kWindow = 64 << 10;  // bytes that are looked at at once
constexpr int kMostTranslations = 1 << 12;

/// Page frames as they are found, each once.
class Found {
 public:
  Found() : slots_(2 * kMostFirstPages) { pages_.reserve(kMostFirstPages); }

  bool add(std::uint64_t pfn) {
    if (pages_.size() == kMostFirstPages) return false;
    std::size_t slot = (pfn * 0x9e3779b97f4a7c15U) >> 48 & (slots_.size() - 1);
    for (; slots_[slot] != 0; slot = (slot + 1) & (slots_.size() - 1)) {
      if (pages_[slots_[slot] - 1] == pfn) return false;
    }
    pages_.push_back(pfn);
    slots_[slot] = static_cast<std::uint32_t>(pages_.size());
    return true;
  }
  [[nodiscard]] std::size_t size() const { return pages_.size(); }
  [[nodiscard]] std::uint64_t operator[](std::size_t i) const { return pages_[i]; }

  /// Those from the `begin`th on, ascending.
  void sort_from(std::size_t begin, std::vector<PageRun>& runs) const {
    std::vector<std::uint64_t> sorted(pages_.begin() + static_cast<std::ptrdiff_t>(begin),
                                      pages_.end());
    std::sort(sorted.begin(), sorted.end());
    for (const std::uint64_t pfn : sorted) {
      if (!runs.empty() && runs.back().first + runs.back().count == pfn)
        ++runs.back().count;
      else
        runs.push_back({pfn, 1});
    }
  }

 private:
  std::vector<std::uint64_t> pages_;
  std::vector<std::uint32_t> slots_;  // 1 + index into pages_; 0: none
};

class Finder {
 public:
  Finder(const CrashedMachine& machine, const MemoryRange& image, KernelMemory& kernel,
         MemoryWindow& window)
      : machine_(machine),
        image_(image),
        kernel_(kernel),
        window_(window),
        fields_(kernel.fields()),
        word_(fields_.word_size()) {
    const std::uint64_t of_image = image.vaddr - image.paddr;
    for (const MemoryRange& r : machine.ranges) {
      const std::uint64_t base = r.vaddr - r.paddr;
      if (r.vaddr == 0 || r.vaddr == ~std::uint64_t{0} || r.vaddr >> (word_ * 8 - 1) == 0) continue;
      // On some machines the image lies in the linear map.
      if (!linear_ || *linear_ == of_image) linear_ = base;
    }
  }

  std::vector<PageRun> find(const Vmcoreinfo& info, PhysicalMemory& memory, PageMap* map) {
    find_symbols(info);
    find_tables(info, memory, map);
    find_stacks();
    end_tier();
    if (linear_) {
      look_at_image();
      for (const std::uint64_t pfn : cpu_areas_)
        for (std::uint64_t i = 0; i < kCpuArea; ++i)
          point_to(pfn + i);
      const std::size_t end = found_.size();
      end_tier();
      for (std::size_t i = stacks_begin_; i < end; ++i)
        look_at_page(found_[i]);
      end_tier();
    }
    add_image();
    return std::move(runs_);
  }

 private:
  void end_tier() {
    found_.sort_from(tier_begin_, runs_);
    tier_begin_ = found_.size();
  }

  void find_tables(const Vmcoreinfo& info, PhysicalMemory& memory, PageMap* map) {
    std::vector<std::uint64_t> blocks;
    memory.note_reads(&blocks, 4 * kMostTables);
    (void)read_zone_counters(info, kernel_);
    for (const MemoryRange& range : machine_.ranges) {
      const std::uint64_t end = (range.paddr + range.size) / machine_.page_size;
      for (std::uint64_t pfn = range.paddr / machine_.page_size; map != nullptr && pfn < end;) {
        const DescriptorRun run = map->find(pfn);
        if (run.address != 0) (void)kernel_.translate(run.address);
        pfn += std::min(run.count, end - pfn);
      }
    }
    memory.note_reads(nullptr);
    // Debuggers read all of it at once: with five levels 2 MiB, most of them zeros.
    const auto sections = info.symbol("mem_section");
    const std::uint64_t size =
        std::min(info.length("mem_section").value_or(0) * word_, kMostSections);
    for (std::uint64_t at = 0; sections && at < size; at += machine_.page_size)
      add_page_at(*sections + at);
    for (const std::uint64_t table : kernel_.tables(kMostTables / 2))
      add(table / machine_.page_size);
    for (const std::uint64_t block : blocks) {
      if (found_.size() < kMostTables) add(block * PhysicalMemory::kBlock / machine_.page_size);
    }
    stacks_begin_ = found_.size();
  }

  /// What debuggers bring along: some megabytes that hardly compress. Known since 6.0.
  void find_symbols(const Vmcoreinfo& info) {
    std::uint64_t begin = ~std::uint64_t{0}, end = 0;
    for (const char* name :
         {"kallsyms_names", "kallsyms_token_table", "kallsyms_token_index", "kallsyms_offsets"}) {
      const auto at = info.symbol(name);
      if (!at || !in_image(*at)) return;
      begin = std::min(begin, *at);
      end = std::max(end, *at);
    }
    put_last(begin, end);
    find_types(end - image_.vaddr);
  }
  /// Whole pages of [begin, end) of the image's addresses.
  void put_last(std::uint64_t begin, std::uint64_t end) {
    const std::uint64_t page = machine_.page_size;
    const std::uint64_t first = (begin - image_.vaddr + page - 1) / page;
    const std::uint64_t behind = std::min(end - image_.vaddr, image_.size) / page;
    if (first < behind) last_.push_back({image_.paddr / page + first, behind - first});
  }

  /// What the registers of each CPU point to: whichever of them is the stack's.
  void find_stacks() {
    Bytes notes = machine_.notes;
    std::size_t cpus = 0;
    while (const auto note = next_note(Fields(machine_.elf_class, machine_.big_endian), notes)) {
      constexpr std::uint32_t kPrstatus = 1;  // NT_PRSTATUS
      if (note->name != "CORE" || note->type != kPrstatus || ++cpus > kMostCpus) continue;
      for (std::size_t at = 0; at + word_ <= note->desc.size(); at += word_) {
        const std::uint64_t address = fields_.word(note->desc, at);
        if (in_image(address))
          add_page_at(address);
        else
          add_stack(address & ~(kStack - 1));
      }
    }
    const std::size_t end = found_.size();
    for (std::size_t i = stacks_begin_; i < end; ++i) {
      each_word(found_[i] * machine_.page_size, machine_.page_size,
                [&](std::uint64_t, std::uint64_t value, std::uint64_t) {
                  if (!in_image(value)) return;
                  add_page_at(value);  // and where the function may begin
                  if (value - image_.vaddr >= machine_.page_size)
                    add_page_at(value - machine_.page_size);
                });
    }
  }

  /// Every word of the image's pages: pointers, and lists that begin here.
  void look_at_image() {
    each_word(image_.paddr, image_.size,
              [&](std::uint64_t at, std::uint64_t value, std::uint64_t next) {
                const auto paddr = linear(value);
                if (paddr) {
                  point_to(*paddr / machine_.page_size);
                  if (*paddr % machine_.page_size == 0) remember_cpu_area(*paddr);
                }
                // struct list_head: the first element's `prev` is this.
                if ((!paddr && !is_mapped(value)) || (!linear(next) && !is_mapped(next))) return;
                const std::uint64_t head = image_.vaddr + (at - image_.paddr);
                const auto back = kernel_.word(value + word_);
                if (back && *back == head) go_round(head, value);
              });
  }

  /// struct btf_header (include/uapi/linux/btf.h): magic and version, its length, and places of
  /// types and names behind it. Where it is not aligned to a word it stays where it is.
  void find_types(std::uint64_t at) {
    constexpr std::size_t kHeader = 24;
    const std::uint64_t until = std::min(at + kNextToSymbols, image_.size);
    at -= at % machine_.page_size;
    while (at < until) {
      const std::uint64_t wanted = std::min(until - at, kWindow);
      Bytes bytes = window_.at(image_.paddr + at, wanted);
      bytes = bytes.first(std::min<std::size_t>(bytes.size(), wanted));
      for (std::size_t i = 0; i + kHeader <= bytes.size(); i += 8) {
        if (fields_.u16(bytes, i) != 0xeb9f || fields_.u8(bytes, i + 2) != 1 ||
            fields_.u32(bytes, i + 4) != kHeader || fields_.u32(bytes, i + 8) != 0)
          continue;
        const std::uint64_t size =
            kHeader + std::uint64_t{fields_.u32(bytes, i + 16)} + fields_.u32(bytes, i + 20);
        if (size < machine_.page_size || size > kMostTypes) continue;
        put_last(image_.vaddr + at + i, image_.vaddr + at + i + size);
        return;
      }
      at += std::max<std::uint64_t>(bytes.size(), machine_.page_size);
    }
  }

  void go_round(std::uint64_t head, std::uint64_t element) {
    const bool tasks = is_first_task(head);
    for (int n = 0; n < (tasks ? kMostTasks : kMostElements) && element != head; ++n) {
      const auto extent = kernel_.translate(element);
      if (!extent) return;
      const std::uint64_t pfn = extent->paddr / machine_.page_size;
      point_to(pfn);
      // A task is larger than a page of 4 KiB, and the list goes through its middle.
      if (tasks && machine_.page_size == 4096 && pfn > 0) {
        for (const std::uint64_t beside : {pfn - 1, pfn + 1, pfn + 2})
          point_to(beside);
      }
      const auto next = kernel_.word(element);
      if (!next) return;
      element = *next;
    }
  }

  /// init_task is the only one in the image; it is called "swapper", behind its list.
  bool is_first_task(std::uint64_t head) {
    std::array<std::byte, 2048> bytes;
    if (!kernel_.read(head, bytes)) return false;
    return std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size())
               .find(std::string_view("swapper")) != std::string_view::npos;
  }

  void look_at_page(std::uint64_t pfn) {
    each_word(pfn * machine_.page_size, machine_.page_size,
              [&](std::uint64_t, std::uint64_t value, std::uint64_t) {
                if (const auto paddr = linear(value))
                  point_to(*paddr / machine_.page_size);
                else if (value % kStack == 0 && is_mapped(value))
                  add_stack(value);
              });
  }

  void add_image() {
    const std::uint64_t page = machine_.page_size;
    const std::uint64_t first = image_.paddr / page;
    std::uint64_t end = (image_.paddr + image_.size) / page;
    while (end > first) {
      const std::uint64_t begin = end - std::min(end - first, kImagePiece);
      for (std::uint64_t pfn = begin; pfn < end; ++pfn) {
        if (!is_last(pfn)) add(pfn);
      }
      end_tier();
      end = begin;
    }
    for (const PageRun& run : last_) {
      for (std::uint64_t i = 0; i < run.count; ++i)
        add(run.first + i);
    }
    end_tier();
  }
  [[nodiscard]] bool is_last(std::uint64_t pfn) const {
    return std::ranges::any_of(last_, [&](const PageRun& r) { return pfn - r.first < r.count; });
  }

  /// visit(physical address, value, the value behind it) for each word of [paddr, paddr + size).
  template <class Visit>
  void each_word(std::uint64_t paddr, std::uint64_t size, Visit visit) {
    const std::uint64_t end = paddr + size;
    while (paddr < end) {
      const std::uint64_t wanted = std::min(end - paddr, kWindow - paddr % kWindow);
      const Bytes bytes = window_.at(paddr, wanted);
      const std::size_t n = std::min<std::size_t>(bytes.size(), wanted) / word_ * word_;
      for (std::size_t at = 0; at < n; at += word_) {
        const std::uint64_t value = fields_.word(bytes, at);
        if (value >> (word_ * 8 - 1) != 0)
          visit(paddr + at, value, fields_.word(bytes.first(n), at + word_));
      }
      paddr += n > 0 ? n : machine_.page_size;
    }
  }

  [[nodiscard]] bool in_image(std::uint64_t vaddr) const {
    return vaddr - image_.vaddr < image_.size;
  }
  /// The physical address of a pointer into the linear map.
  [[nodiscard]] std::optional<std::uint64_t> linear(std::uint64_t vaddr) const {
    if (!linear_ || in_image(vaddr)) return std::nullopt;
    std::uint64_t paddr = vaddr - *linear_;
    if (word_ == 4) paddr &= UINT32_MAX;
    if (paddr / machine_.page_size >= machine_.max_pfn) return std::nullopt;
    return paddr;
  }
  /// Modules and stacks: addresses that only the page tables know.
  bool is_mapped(std::uint64_t vaddr) {
    if (vaddr % word_ != 0 || !is_canonical(vaddr) || in_image(vaddr) || linear(vaddr) ||
        ++translations_ > kMostTranslations)
      return false;
    return kernel_.translate(vaddr).has_value();
  }

  /// In the kernel's half, where at most 57 bits are of use.
  [[nodiscard]] bool is_canonical(std::uint64_t vaddr) const {
    return word_ == 8 ? vaddr >> 56 == 0xff : vaddr >> 31 != 0;
  }

  void add_stack(std::uint64_t vaddr) {
    if (!is_canonical(vaddr) || ++translations_ > kMostTranslations) return;
    for (std::uint64_t at = 0; at < kStack; at += machine_.page_size)
      add_page_at(vaddr + at);
  }
  void add_page_at(std::uint64_t vaddr) {
    if (const auto extent = kernel_.translate(vaddr)) point_to(extent->paddr / machine_.page_size);
  }
  void point_to(std::uint64_t pfn) {
    if (found_.size() < kMostPointedTo) add(pfn);
  }
  void add(std::uint64_t pfn) {
    if (find_range(machine_.ranges, pfn * machine_.page_size) != nullptr) found_.add(pfn);
  }

  /// __per_cpu_offset and the like are arrays of page addresses: of memory for one CPU each.
  void remember_cpu_area(std::uint64_t paddr) {
    if (cpu_areas_.size() < kMostCpus) cpu_areas_.push_back(paddr / machine_.page_size);
  }

  const CrashedMachine& machine_;
  MemoryRange image_;
  KernelMemory& kernel_;
  MemoryWindow& window_;
  Fields fields_;
  std::size_t word_;
  std::optional<std::uint64_t> linear_;  // what is taken off a linear address for a physical one
  Found found_;
  std::vector<PageRun> runs_;
  std::size_t tier_begin_ = 0;
  std::size_t stacks_begin_ = 0;
  std::vector<std::uint64_t> cpu_areas_;  // page frames
  std::vector<PageRun> last_;             // of the image
  int translations_ = 0;
};

}  // namespace

std::optional<MemoryRange> image_of(const CrashedMachine& machine, const Vmcoreinfo& info,
                                    KernelMemory& kernel) {
  const auto text = info.symbol("_stext");
  const auto extent = text ? kernel.translate(*text) : std::nullopt;
  const MemoryRange* range = extent ? find_range(machine.ranges, extent->paddr) : nullptr;
  // Of the linear map the code has another address.
  if (range == nullptr || range->vaddr + (extent->paddr - range->paddr) != *text)
    return std::nullopt;
  return *range;
}

std::vector<PageRun> find_first_pages(const CrashedMachine& machine, const Vmcoreinfo& info,
                                      KernelMemory& kernel, PhysicalMemory& memory,
                                      MemoryWindow& window, PageMap* map) {
  auto image = image_of(machine, info, kernel);
  if (!image) {  // a part of the memory around it
    const auto text = info.symbol("_stext");
    const auto extent = text ? kernel.translate(*text) : std::nullopt;
    const MemoryRange* range = extent ? find_range(machine.ranges, extent->paddr) : nullptr;
    if (range == nullptr) return {};
    const std::uint64_t skip =
        (extent->paddr - range->paddr) / machine.page_size * machine.page_size;
    image = {.paddr = range->paddr + skip,
             .size = range->size - skip,
             .vaddr = *text - (extent->paddr - range->paddr - skip),
             .file_offset = range->file_offset + skip};
  }
  image->size = std::min(image->size, kMostImage);
  return Finder(machine, *image, kernel, window).find(info, memory, map);
}

}  // namespace mkcapture::dump

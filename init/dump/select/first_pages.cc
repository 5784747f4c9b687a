#include "init/dump/select/first_pages.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "init/base/text.h"
#include "init/dump/core/elf_core.h"
#include "init/dump/core/memory_ranges.h"
#include "init/dump/kernel/kernel_image.h"
#include "init/dump/kernel/zone_counters.h"
#include "init/dump/select/found_pages.h"

namespace mkcapture::dump {
namespace {

constexpr std::uint64_t kMostImage = std::uint64_t{96} << 20;
constexpr std::size_t kMostTables = 4096;     // blocks that are read in one tier
constexpr std::size_t kMostPointedTo = 4096;  // pages, at the end
constexpr std::size_t kMostCpus = 512;
constexpr std::uint64_t kMostSections = 4 << 20;
constexpr std::size_t kMostTasks = 4096;
constexpr std::size_t kMostElements = 4096;  // of all lists of a kind
constexpr int kMostNodes = 256;              // of one tree
constexpr int kDeepestTree = 4;
constexpr int kMostTranslations = 1 << 12;  // of what the linear map does not have
constexpr std::uint64_t kStack = 16 << 10;  // of most machines, aligned to its size
constexpr std::uint64_t kTaskBefore = 4096, kTaskBehind = 12288;  // of struct task_struct's list
constexpr std::uint64_t kWindow = 64 << 10;  // bytes that are looked at at once
constexpr std::uint64_t kDataAlign = 2 << 20;
constexpr std::size_t kMostModules = 256;
constexpr std::uint64_t kMostOfArea = 256;  // pages, to either side
constexpr std::uint64_t kImagePiece = 1 << 20;
constexpr std::uint64_t kInitialized = 4 << 20;  // variables that are looked at; behind them .bss
constexpr std::uint64_t kArray = 64 << 10;
constexpr std::uint64_t kBeforeSymbols = 64 << 10;
constexpr std::uint64_t kSetOnce = 2 << 20;    // __ro_after_init, behind the symbols and texts
constexpr std::uint64_t kCpuAlign = 64 << 10;  // of a CPU's area, where it can be told
constexpr std::uint64_t kCpuArea = 256 << 10;  // of distributions' kernels 150 to 240 KiB
constexpr std::uint64_t kNameBehind = 2048;    // at most, the list of tasks
constexpr std::size_t kNameBytes = 16;         // TASK_COMM_LEN

struct VirtualArea {
  std::uint64_t begin, size;
};

class Finder {
 public:
  Finder(const CrashedMachine& machine, const MemoryRange& image, KernelMemory& kernel,
         PhysicalMemory& memory, MemoryWindow& window)
      : machine_(machine),
        image_(image),
        kernel_(kernel),
        memory_(memory),
        window_(window),
        fields_(kernel.fields()),
        word_(fields_.word_size()),
        highest_(machine.big_endian ? 0 : word_ - 1) {
    const std::uint64_t of_image = image.vaddr - image.paddr;
    for (const MemoryRange& r : machine.ranges) {
      const std::uint64_t base = r.vaddr - r.paddr;
      if (r.vaddr == 0 || r.vaddr == ~std::uint64_t{0} || !is_kernel(r.vaddr)) continue;
      // On some machines the image lies in the linear map.
      if (!linear_ || *linear_ == of_image) linear_ = base;
    }
  }

  std::vector<PageRun> find(const Vmcoreinfo& info, PageMap* map) {
    memory_.note_reads(&read_, kMostTables);
    find_tables(info, map);
    find_stacks();
    end_tier();

    const std::uint64_t data = data_of(info);
    data_vaddr_ = image_.vaddr + data;
    const Symbols symbols = symbols_of(info);
    add_image(data, image_.size);
    const bool known = symbols.begin < symbols.end && symbols.end < data;
    if (linear_) {
      look_at_variables(data, std::min(data + kInitialized, image_.size));
      if (known) {
        look_at_variables(symbols.begin - std::min(symbols.begin, kBeforeSymbols), symbols.begin);
        set_once_ = 0;
        look_at_variables(symbols.end, std::min(symbols.end + kSetOnce, data));
      } else {
        look_at_variables(0, data);
      }
    }
    end_tier();
    if (linear_) {
      look_at_tasks();
      for (const std::uint64_t pfn : in_trees_)  // tasks are found by their pids
        add(pfn);
      for (const std::uint64_t area : cpu_areas_)
        for (std::uint64_t at = 0; at < kCpuArea * cpus_; at += machine_.page_size)
          add((area + at) / machine_.page_size);
      end_tier();
    }
    for (const std::uint64_t module : modules_)
      add_area(module);
    end_tier();
    memory_.note_reads(nullptr, 0);
    // Behind its symbols the image has its texts, such as the names of tasks' states, up to what is
    // set once.
    if (known && set_once_ > symbols.end) add_image(symbols.end, set_once_);
    end_tier();
    // From its end on: what interrupts and the scheduler run is there.
    for (std::uint64_t end = std::min(data, symbols.begin); end > 0;) {
      const std::uint64_t begin = end - std::min(end, kImagePiece);
      add_image(begin, end);
      end_tier();
      end = begin;
    }
    for (const std::uint64_t pfn : pointed_to_)
      add(pfn);
    end_tier();
    return found_.take_runs();
  }

 private:
  /// With what had to be read on the way: tables, descriptors of tables, elements of lists.
  void end_tier() {
    for (const std::uint64_t block : read_)
      add(block * PhysicalMemory::kBlock / machine_.page_size);
    read_.clear();
    found_.end_tier();
  }

  void find_tables(const Vmcoreinfo& info, PageMap* map) {
    (void)read_zone_counters(info, kernel_);
    for (const MemoryRange& range : machine_.ranges) {
      const std::uint64_t end = (range.paddr + range.size) / machine_.page_size;
      for (std::uint64_t pfn = range.paddr / machine_.page_size; map != nullptr && pfn < end;) {
        const DescriptorRun run = map->find(pfn);
        if (run.address != 0) (void)kernel_.translate(run.address);
        pfn += std::min(run.count, end - pfn);
      }
    }
    for (const std::uint64_t table : kernel_.tables(kMostTables))
      add(table / machine_.page_size);
    // Debuggers read all of it at once: with five levels 2 MiB, most of them zeros.
    const auto sections = info.symbol("mem_section");
    const auto array = sections ? kernel_.word(*sections) : std::nullopt;
    const std::uint64_t size =
        std::min(info.length("mem_section").value_or(0) * word_, kMostSections);
    for (std::uint64_t at = 0; sections && at < size; at += machine_.page_size) {
      add_page_at(*sections + at);
      if (array && is_kernel(*array)) add_page_at(*array + at);
    }
  }

  /// What the registers of each CPU point to: whichever of them is the stack's.
  void find_stacks() {
    const std::size_t begin = found_.size();
    Bytes notes = machine_.notes;
    while (const auto note = next_note(Fields(machine_.elf_class, machine_.big_endian), notes)) {
      constexpr std::uint32_t kPrstatus = 1;  // NT_PRSTATUS
      if (note->name != "CORE" || note->type != kPrstatus || cpus_ == kMostCpus) continue;
      ++cpus_;
      for (std::size_t at = 0; at + word_ <= note->desc.size(); at += word_) {
        const std::uint64_t address = fields_.word(note->desc, at);
        if (in_image(address))
          add_page_at(address);
        else if (is_kernel(address))
          add_stack(address & ~(kStack - 1));
      }
    }
    cpus_ = std::max<std::size_t>(cpus_, 1);
    const std::size_t end = found_.size();
    for (std::size_t i = begin; i < end; ++i) {
      each_word(found_[i] * machine_.page_size, machine_.page_size, &Finder::look_at_stack);
    }
  }
  void look_at_stack(std::uint64_t value) {
    if (!in_image(value)) return;
    add_page_at(value);  // and where the function may begin
    if (value - image_.vaddr >= machine_.page_size) add_page_at(value - machine_.page_size);
  }

  /// Where the image's variables begin, from its own beginning on: at most some of its constants
  /// before them. init_task is among the first.
  [[nodiscard]] std::uint64_t data_of(const Vmcoreinfo& info) const {
    const auto at = info.symbol("init_uts_ns");
    return at && in_image(*at) ? (*at - image_.vaddr) / kDataAlign * kDataAlign : 0;
  }
  /// Its own symbols (known since 6.0), behind which its types come: debuggers bring both along.
  struct Symbols {
    std::uint64_t begin, end;
  };
  [[nodiscard]] Symbols symbols_of(const Vmcoreinfo& info) const {
    Symbols symbols{image_.size, 0};
    for (const char* name :
         {"kallsyms_names", "kallsyms_token_table", "kallsyms_token_index", "kallsyms_offsets"}) {
      const auto at = info.symbol(name);
      if (!at || !in_image(*at)) continue;
      symbols.begin = std::min(symbols.begin, *at - image_.vaddr);
      symbols.end = std::max(symbols.end, *at - image_.vaddr);
    }
    return symbols;
  }
  void add_image(std::uint64_t from, std::uint64_t to) {
    for (; from < to; from += machine_.page_size)
      found_.add((image_.paddr + from) / machine_.page_size);
  }

  /// Every word of the variables: pointers, trees, modules and tasks that begin here.
  void look_at_variables(std::uint64_t from, std::uint64_t to) {
    for (std::uint64_t at = from; at < to;) {
      const std::uint64_t wanted = std::min(to - at, kWindow);
      const Bytes bytes = window_.at(image_.paddr + at, static_cast<std::size_t>(wanted));
      for (std::size_t i = 0; i + word_ <= bytes.size(); i += word_) {
        // Most words are neither text nor a pointer, and are seen to be by one byte each.
        if (bytes[i + highest_] >= kLowestHighByte) {
          const std::uint64_t value = fields_.word(bytes, i);
          if (is_kernel(value) && !in_image(value))
            look_at_variable(image_.vaddr + at + i, value, fields_.word(bytes, i + word_));
        } else if (begins_with(bytes.subspan(i), "Linux version")) {  // debuggers compare it
          add((image_.paddr + at + i) / machine_.page_size);
        } else if (begins_with(bytes.subspan(i), "swapper") && tasks_.empty()) {
          find_tasks(image_.vaddr + at + i);
        }
      }
      at += std::max<std::uint64_t>(bytes.size() / machine_.page_size * machine_.page_size,
                                    machine_.page_size);
    }
  }
  void look_at_variable(std::uint64_t at, std::uint64_t value, std::uint64_t next) {
    const auto paddr = linear(value);
    if (paddr) {
      // Among constants this is set once, and so may be what follows (__per_cpu_offset: 64 KiB).
      if (at < data_vaddr_) {
        add_image(at - image_.vaddr, at - image_.vaddr + kArray);
        if (set_once_ == 0) set_once_ = at - image_.vaddr;
      }
      point_to(*paddr / machine_.page_size);
      if (*paddr % kCpuAlign == 0 && cpu_areas_.size() < kMostCpus / cpus_ + 8)
        append(cpu_areas_, *paddr);
      if (value % word_ == kTreeNode) go_down(value, 1);
    }
    // A list that begins in the image and goes on in vmalloc memory is that of modules.
    if (!paddr && is_kernel(next) && !in_image(next) && is_mapped(value) && is_list(at, value))
      go_round(at, value, modules_, kMostModules);
  }
  static bool begins_with(Bytes bytes, std::string_view text) {
    return bytes[0] == static_cast<std::byte>(text[0]) && bytes.size() >= text.size() &&
           std::memcmp(bytes.data(), text.data(), text.size()) == 0;
  }

  /// struct xa_node (include/linux/xarray.h): its slots are words; those that lead to another node
  /// are marked by their lowest two bits.
  void go_down(std::uint64_t node, int depth) {
    constexpr std::uint64_t kNodeBytes = 640;
    if (depth > kDeepestTree || ++nodes_ > kMostNodes) return;
    node -= kTreeNode;
    for (std::uint64_t at = node; at < node + kNodeBytes; at += word_) {
      const auto paddr = linear(at);
      std::array<std::byte, 8> word;
      if (!paddr || !memory_.read(*paddr, std::span(word).first(word_))) return;
      append(in_trees_, *paddr / machine_.page_size);
      const std::uint64_t value = fields_.word(word, 0);
      const auto to = linear(value);
      if (!to) continue;
      append(in_trees_, *to / machine_.page_size);
      if (value % word_ == kTreeNode && value - kTreeNode != node) go_down(value, depth + 1);
    }
  }

  /// struct list_head: the first element's `prev` is the head.
  bool is_list(std::uint64_t head, std::uint64_t first) {
    const auto back = word_at(first + word_);
    return back && *back == head;
  }
  void go_round(std::uint64_t head, std::uint64_t element, std::vector<std::uint64_t>& elements,
                std::size_t most) {
    for (std::size_t n = 0; n < most && element != head && elements.size() < kMostElements; ++n) {
      append(elements, element);
      const auto next = word_at(element);
      if (!next || !is_kernel(*next)) return;
      element = *next;
    }
  }

  /// The list of all tasks begins in init_task, some words before its name: in the same place
  /// behind the list each task has its own.
  void find_tasks(std::uint64_t name) {
    for (std::uint64_t head = name - word_; head > name - kNameBehind; head -= word_) {
      const auto first = kernel_.word(head);
      if (!first || !linear(*first) || !is_list(head, *first)) continue;
      std::array<std::byte, kNameBytes> text;
      if (!kernel_.read(*first + (name - head), text)) continue;
      const std::size_t length = strnlen(reinterpret_cast<const char*>(text.data()), text.size());
      const bool is_name = std::ranges::all_of(std::span(text).first(length), [](std::byte c) {
        return c > std::byte{' '} && c <= std::byte{'~'};
      });
      if (!is_name || length == 0 || length == text.size()) continue;
      go_round(head, *first, tasks_, kMostTasks);
      return;
    }
  }

  /// Their pages, and what these point to.
  void look_at_tasks() {
    for (const std::uint64_t task : tasks_) {
      const auto paddr = linear(task);
      if (!paddr || *paddr < kTaskBefore) continue;
      for (std::uint64_t at = *paddr - kTaskBefore; at < *paddr + kTaskBehind;
           at += machine_.page_size)
        add(at / machine_.page_size);
    }
    for (const std::uint64_t task : tasks_) {
      const auto paddr = linear(task);
      if (!paddr || *paddr < kTaskBefore) continue;
      each_word(*paddr - kTaskBefore, 2 * kTaskBefore, &Finder::look_at_task);
    }
  }
  void look_at_task(std::uint64_t value) {
    if (const auto to = linear(value))
      add(*to / machine_.page_size);
    else if (value % kStack == 0 && is_mapped(value))
      add_stack(value);
  }

  /// As KernelMemory::word(), without a look at the tables where none is needed.
  [[nodiscard]] std::optional<std::uint64_t> word_at(std::uint64_t vaddr) {
    const auto paddr = linear(vaddr);
    if (!paddr) return kernel_.word(vaddr);
    std::array<std::byte, 8> word;
    if (!memory_.read(*paddr, std::span(word).first(word_))) return std::nullopt;
    return fields_.word(word, 0);
  }
  /// For each word of [paddr, paddr + size), a few KiB, that may be a pointer.
  void each_word(std::uint64_t paddr, std::uint64_t size, void (Finder::*visit)(std::uint64_t)) {
    std::array<std::byte, 512> piece;
    for (const std::uint64_t end = paddr + size; paddr < end; paddr += piece.size()) {
      if (!memory_.read(paddr, piece)) continue;
      for (std::size_t at = 0; at < piece.size(); at += word_) {
        const std::uint64_t value = fields_.word(piece, at);
        if (is_kernel(value)) (this->*visit)(value);
      }
    }
  }

  [[nodiscard]] bool in_image(std::uint64_t vaddr) const {
    return vaddr - image_.vaddr < image_.size;
  }
  /// In the kernel's half, where at most 57 bits are of use.
  [[nodiscard]] bool is_kernel(std::uint64_t vaddr) const {
    return word_ == 8 ? vaddr >> 56 == 0xff || vaddr >> 60 == 0xc : vaddr >> 31 != 0;
  }
  /// The physical address of a pointer into the linear map.
  [[nodiscard]] std::optional<std::uint64_t> linear(std::uint64_t vaddr) const {
    if (in_image(vaddr) || !is_kernel(vaddr)) return std::nullopt;
    std::uint64_t paddr = vaddr - *linear_;
    if (word_ == 4) paddr &= UINT32_MAX;
    if (paddr / machine_.page_size >= machine_.max_pfn) return std::nullopt;
    return paddr;
  }
  /// Modules and stacks: addresses that only the page tables know.
  bool is_mapped(std::uint64_t vaddr) {
    if (vaddr % word_ != 0 || in_image(vaddr) || linear(vaddr) ||
        ++translations_ > kMostTranslations)
      return false;
    return kernel_.translate(vaddr).has_value();
  }

  void add_stack(std::uint64_t vaddr) {
    if (++translations_ > kMostTranslations) return;
    for (std::uint64_t at = 0; at < kStack; at += machine_.page_size)
      add_page_at(vaddr + at);
  }
  bool add_page_at(std::uint64_t vaddr) {
    const auto extent = kernel_.translate(vaddr);
    if (extent) add(extent->paddr / machine_.page_size);
    return extent.has_value();
  }
  /// The pages around `vaddr` up to the next that is not mapped: vmalloc() leaves one between two
  /// of its areas. A module is such an area, or several that its struct module points to.
  void add_area(std::uint64_t vaddr) {
    const std::uint64_t page = machine_.page_size;
    for (const VirtualArea& area : areas_) {
      if (vaddr - area.begin < area.size) return;
    }
    std::uint64_t above = 0, below = 0;
    while (above < kMostOfArea && add_page_at(vaddr + above * page))
      ++above;
    while (above > 0 && below < kMostOfArea && add_page_at(vaddr - (below + 1) * page))
      ++below;
    if (above > 0) areas_.push_back({(vaddr & ~(page - 1)) - below * page, (below + above) * page});
  }
  void point_to(std::uint64_t pfn) {
    if (pointed_to_.size() < kMostPointedTo) append(pointed_to_, pfn);
  }
  /// Not what came last: neighbours point to the same.
  [[gnu::noinline]] static void append(std::vector<std::uint64_t>& values, std::uint64_t value) {
    if (values.empty() || values.back() != value) values.push_back(value);
  }
  void add(std::uint64_t pfn) {
    if (find_range(machine_.ranges, pfn * machine_.page_size) != nullptr) found_.add(pfn);
  }

  static constexpr std::uint64_t kTreeNode = 2;
  static constexpr std::byte kLowestHighByte{0x80};  // of any is_kernel()

  const CrashedMachine& machine_;
  MemoryRange image_;
  KernelMemory& kernel_;
  PhysicalMemory& memory_;
  MemoryWindow& window_;
  Fields fields_;
  std::size_t word_;
  std::size_t highest_;                  // byte of a word
  std::optional<std::uint64_t> linear_;  // what is taken off a linear address for a physical one
  FoundPages found_;
  std::uint64_t data_vaddr_ = 0;           // of the first variable
  std::uint64_t set_once_ = 0;             // in the image, of the first such variable that was seen
  std::vector<std::uint64_t> read_;        // blocks of `memory_`
  std::vector<std::uint64_t> pointed_to_;  // page frames
  std::vector<std::uint64_t> cpu_areas_;   // physical addresses
  std::vector<std::uint64_t> in_trees_;    // page frames
  std::vector<std::uint64_t> modules_;     // addresses of their lists, and of the like
  std::vector<std::uint64_t> tasks_;       // addresses of their lists
  std::vector<VirtualArea> areas_;         // that add_area() has gone through
  std::size_t cpus_ = 0;
  int translations_ = 0;
  int nodes_ = 0;
};

}  // namespace

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
  return Finder(machine, *image, kernel, memory, window).find(info, map);
}

}  // namespace mkcapture::dump

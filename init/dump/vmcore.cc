// open_vmcore(): from the file to the parts of the dump engine's input side.
#include "init/dump/vmcore.h"

#include <algorithm>
#include <array>
#include <bit>

#include "init/base/text.h"
#include "init/dump/core/elf_core.h"
#include "init/dump/core/memory_ranges.h"
#include "init/dump/core/memory_window.h"
#include "init/dump/kernel/kernel_image.h"
#include "init/dump/kernel/kernel_memory.h"
#include "init/dump/kernel/page_map.h"
#include "init/dump/kernel/printk_log.h"
#include "init/dump/kernel/vmcoreinfo.h"
#include "init/dump/select/agreement.h"
#include "init/dump/select/first_pages.h"
#include "init/dump/select/kept_all.h"
#include "init/dump/select/page_filter.h"
#include "init/dump/select/page_rules.h"
#include "init/dump/select/unused_descriptors.h"

namespace mkcapture::dump {
namespace {

constexpr std::size_t kMaxNodeName = 64;
constexpr std::size_t kDescriptorWindow = 1 << 20;

/// The segments of a core and what came out of checking them.
struct CoreLayout {
  ElfHeader header;
  std::vector<MemoryRange> loads;
  std::vector<std::byte> notes;
  std::uint64_t file_size = 0;   // as the program headers say
  std::uint64_t impossible = 0;  // program headers that were passed over
};

Result<std::uint32_t> count_segments(const CoreFile& file, const ElfHeader& header) {
  if (header.phnum != ElfHeader::kMoreSegments) return header.phnum;
  std::array<std::byte, 64> section{};
  if (file.read(header.shoff, section) < (header.elf_class == 32 ? 40U : 64U))
    return fail("ELF section header 0 is cut short");
  return extended_phnum(header, section);
}

/// The notes of a segment, as far as there is room. Those with the dumps of devices, which the
/// kernel puts in front of all others (CONFIG_PROC_VMCORE_DEVICE_DUMP) and which have tens of
/// megabytes, are passed over.
void append_notes(const CoreFile& file, Fields fields, const ElfSegment& segment,
                  std::vector<std::byte>& notes) {
  constexpr std::uint32_t kDeviceDump = 0x700;  // NT_VMCOREDD
  constexpr int kMostDevices = 1024;
  std::uint64_t at = 0;
  for (int i = 0; i < kMostDevices; ++i) {
    std::array<std::byte, 12> header{};
    if (segment.filesz - at < header.size() ||
        file.read(segment.offset + at, header) < header.size() ||
        fields.u32(header, 8) != kDeviceDump)
      break;
    const auto padded = [](std::uint64_t n) { return (n + 3) & ~std::uint64_t{3}; };
    const std::uint64_t size =
        header.size() + padded(fields.u32(header, 0)) + padded(fields.u32(header, 4));
    at += std::min(size, segment.filesz - at);
  }
  const std::size_t old = notes.size();
  const auto size =
      static_cast<std::size_t>(std::min<std::uint64_t>(segment.filesz - at, kMaxNotesBytes - old));
  notes.resize(old + size);
  notes.resize(old + file.read(segment.offset + at, std::span(notes).subspan(old)));
}

/// Whether a hypervisor's kernel crashed: in its host's notes page frames are the machine's, in the
/// kernel's own structures they are not.
bool is_xen(Fields fields, Bytes notes) {
  while (const auto note = next_note(fields, notes)) {
    if (note->name == "Xen" || note->name == "VMCOREINFO_XEN") return true;
  }
  return false;
}

Result<CoreLayout> read_layout(const CoreFile& file) {
  CoreLayout core;
  std::array<std::byte, kElfHeaderBytes> head;
  auto header = parse_elf_header(std::span(head).first(file.read(0, head)));
  if (!header) return std::move(header).error();
  core.header = *header;

  const auto count = count_segments(file, core.header);
  if (!count) return count.error();
  if (*count == 0) return fail("ELF file has no program headers");
  if (*count > kMaxSegments)
    return fail("ELF file has " + std::to_string(*count) +
                " program headers: more than any machine");
  if (core.header.phoff >= std::uint64_t{1} << 62) return fail("ELF program headers lie nowhere");
  const std::size_t entry = core.header.phentsize();
  core.file_size = core.header.phoff + std::uint64_t{*count} * entry;

  std::string first_impossible;
  std::array<std::byte, std::size_t{64} * 56> block;
  for (std::uint32_t i = 0; i < *count; ++i) {
    const std::size_t slot = i % 64;
    if (slot == 0) {
      const std::size_t want = std::min<std::size_t>(*count - i, 64) * entry;
      if (file.read(core.header.phoff + std::uint64_t{i} * entry, std::span(block).first(want)) <
          want)
        return fail("ELF program headers are cut short");
    }
    auto segment = parse_program_header(core.header, std::span(block).subspan(slot * entry, entry));
    if (!segment) return std::move(segment).error();
    if (!segment->is_possible) {  // must not cost the others
      if (++core.impossible == 1) first_impossible = impossible_load(*segment).message;
      core.file_size = std::max(core.file_size, segment->offset + segment->filesz);
      continue;
    }
    if (segment->is(ElfSegment::Type::kLoad) && segment->has_paddr) {
      core.loads.push_back({segment->paddr, segment->filesz, segment->vaddr, segment->offset});
    } else if (segment->is(ElfSegment::Type::kNote)) {
      append_notes(file, core.header.fields(), *segment, core.notes);
    } else {
      continue;
    }
    core.file_size = std::max(core.file_size, segment->offset + segment->filesz);
  }
  if (core.loads.empty() && core.impossible > 0) return fail(std::move(first_impossible));
  if (core.loads.empty()) return fail("ELF file has no PT_LOAD: no memory in it");
  return core;
}

/// kexec's --elf64-core-headers makes an ELF64 of a 32-bit machine's memory.
int word_bits(Machine machine) {
  return machine == Machine::kI386 || machine == Machine::kArm ? 32 : 64;
}

/// What `uname -m` says on such a machine.
const char* uname_machine(Machine machine, bool big_endian) {
  switch (machine) {
    case Machine::kX86_64:
      return "x86_64";
    case Machine::kI386:
      return "i686";
    case Machine::kArm64:
      return big_endian ? "aarch64_be" : "aarch64";
    case Machine::kArm:
      return big_endian ? "armv7b" : "armv7l";
    case Machine::kPpc64:
      return big_endian ? "ppc64" : "ppc64le";
    case Machine::kS390x:
      return "s390x";
    case Machine::kRiscv64:
      return "riscv64";
  }
  return "";
}

/// A kernel that never had a host name calls itself "(none)", which names no machine.
Result<std::string> safe_node_name(std::string_view name) {
  if (name.empty() || name == "(none)") return fail("the crashed machine had no node name");
  std::string safe(name.substr(0, kMaxNodeName));
  for (char& c : safe) {
    if (!is_alnum(c) && c != '.' && c != '_' && c != '-') c = '_';
  }
  if (safe[0] == '.' || safe[0] == '-') safe[0] = '_';
  return safe;
}

class ElfVmcore : public VmcoreSource {
 public:
  explicit ElfVmcore(std::unique_ptr<CoreFile> file) : file_(std::move(file)) {}

  Status open();

  [[nodiscard]] std::uint64_t size() const noexcept override { return size_; }
  [[nodiscard]] std::uint64_t memory_bytes() const noexcept override { return memory_bytes_; }
  [[nodiscard]] std::string os_release() const override {
    return std::string(info_.value("OSRELEASE").value_or(std::string_view()));
  }
  [[nodiscard]] std::string build_id() const override {
    return std::string(info_.value("BUILD-ID").value_or(std::string_view()));
  }
  [[nodiscard]] std::int64_t crash_time() const noexcept override {
    return static_cast<std::int64_t>(info_.decimal("CRASHTIME").value_or(0));
  }
  [[nodiscard]] Result<std::string> node_name() override;
  Result<std::uint64_t> write_dmesg(Output& output) override;

  [[nodiscard]] const CrashedMachine& crashed() const noexcept override { return machine_; }
  [[nodiscard]] Result<std::unique_ptr<MemoryWindow>> window(std::size_t window_bytes) override {
    return std::unique_ptr<MemoryWindow>(
        std::make_unique<CoreWindow>(*file_, machine_.ranges, machine_.page_size, window_bytes));
  }
  using VmcoreSource::filter;
  [[nodiscard]] Result<std::unique_ptr<PageFilter>> filter(int level,
                                                           Descriptors descriptors) override;
  [[nodiscard]] std::vector<PageRun> first_pages() override;

 private:
  Status choose_page_size();
  void read_utsname();
  bool read_utsname_at(std::uint64_t vaddr);

  std::unique_ptr<CoreFile> file_;
  CrashedMachine machine_;
  Vmcoreinfo info_;
  std::uint64_t size_ = 0;
  std::uint64_t memory_bytes_ = 0;
  std::unique_ptr<PhysicalMemory> memory_;
  std::unique_ptr<AddressSpace> space_;  // null: why_no_addresses_
  std::unique_ptr<KernelMemory> kernel_;
  std::string why_no_addresses_;
};

Status ElfVmcore::open() {
  auto layout = read_layout(*file_);
  if (!layout) return std::move(layout).error();
  machine_.machine = layout->header.machine;
  machine_.elf_class = layout->header.elf_class;
  machine_.word_bits = word_bits(machine_.machine);
  machine_.elf_machine = layout->header.elf_machine;
  machine_.big_endian = layout->header.big_endian;
  machine_.notes = std::move(layout->notes);
  machine_.loads_impossible = layout->impossible;
  size_ = layout->file_size;
  machine_.vmcoreinfo = find_vmcoreinfo(layout->header.fields(), machine_.notes);
  info_ = Vmcoreinfo(machine_.vmcoreinfo);
  TRY(choose_page_size());

  machine_.ranges = page_ranges(std::move(layout->loads), machine_.page_size);
  machine_.pages_missing = cut_to_file(machine_.ranges, file_->size(), machine_.page_size);
  if (machine_.ranges.empty())
    return fail(machine_.pages_missing > 0 ? "the file ends before its memory begins"
                                           : "the PT_LOADs hold no memory");
  for (const MemoryRange& range : machine_.ranges)
    memory_bytes_ += range.size;
  const MemoryRange& last = machine_.ranges.back();
  machine_.max_pfn = (last.paddr + last.size) / machine_.page_size;

  machine_.phys_base = phys_base_of(machine_, info_);

  memory_ = std::make_unique<PhysicalMemory>(*file_, machine_.ranges);
  auto space = is_xen(layout->header.fields(), machine_.notes)
                   ? fail("it is a Xen host's, whose page frames are not the kernel's")
                   : make_address_space(machine_, info_, *memory_);
  if (space) {
    space_ = std::move(*space);
    kernel_ = std::make_unique<KernelMemory>(*space_, *memory_,
                                             Fields(machine_.word_bits, machine_.big_endian));
  } else {
    why_no_addresses_ = info_.empty() ? "no VMCOREINFO in the vmcore" : space.error().message;
  }
  read_utsname();
  return {};
}

Status ElfVmcore::choose_page_size() {
  const std::uint64_t size = info_.decimal("PAGESIZE").value_or(4096);
  if (!std::has_single_bit(size) || size < 4096 || size > 65536)
    return fail("VMCOREINFO has an impossible page size");
  machine_.page_size = static_cast<std::uint32_t>(size);
  return {};
}

void ElfVmcore::read_utsname() {
  machine_.release = os_release();
  const auto uts = info_.symbol("init_uts_ns");
  if (kernel_ != nullptr && uts) {
    // Before 5.11 the offset is not exported: behind a reference count, or at the beginning.
    const auto told = info_.offset("uts_namespace.name");
    if (told)
      read_utsname_at(*uts + *told);
    else if (!read_utsname_at(*uts + 4))
      read_utsname_at(*uts);
  }
  // Readers choose the machine by this name; without it libkdumpfile and drgn translate nothing.
  if (machine_.machine_name.empty())
    machine_.machine_name = uname_machine(machine_.machine, machine_.big_endian);
}

// struct new_utsname (include/uapi/linux/utsname.h): six arrays of 65 characters. False where it is
// not there.
bool ElfVmcore::read_utsname_at(std::uint64_t vaddr) {
  constexpr std::size_t kField = 65;
  std::array<std::byte, 6 * kField> bytes;
  if (!kernel_->read(vaddr, bytes)) return false;
  const char* text = reinterpret_cast<const char*>(bytes.data());
  if (std::string_view(text, strnlen(text, kField)) != "Linux") return false;
  std::string* const fields[] = {&machine_.sysname, &machine_.nodename,     &machine_.release,
                                 &machine_.version, &machine_.machine_name, &machine_.domainname};
  for (std::string* field : fields) {
    field->assign(text, strnlen(text, kField));
    text += kField;
  }
  return true;
}

Result<std::string> ElfVmcore::node_name() {
  return safe_node_name(machine_.nodename);
}

Result<std::uint64_t> ElfVmcore::write_dmesg(Output& output) {
  if (kernel_ == nullptr) return fail(why_no_addresses_);
  return write_printk_log(info_, *kernel_, output);
}

// Also at levels 0 and 1: a read of broken memory may bring the capture kernel down, and one of
// memory that the hypervisor took back never returns.
Result<std::unique_ptr<PageFilter>> ElfVmcore::filter(int level, Descriptors descriptors) {
  const auto keep_all = [&](std::string why) -> std::unique_ptr<PageFilter> {
    if ((level & ~kLevelZero) == 0) why.clear();  // nothing else was asked for
    return std::make_unique<KeepAll>(machine_, std::move(why));
  };
  if (kernel_ == nullptr) return keep_all("all of memory kept: " + why_no_addresses_);
  if (!space_->proven())
    return keep_all("all of memory kept: the kernel's page tables do not map themselves");
  PageRules rules = make_page_rules(info_, kernel_->fields(), level);
  if (!rules.usable) return keep_all(std::move(rules.note));
  if (const auto image = image_of(machine_, info_, *kernel_)) {
    rules.image_begin = image->paddr / machine_.page_size;
    rules.image_end = rules.image_begin + image->size / machine_.page_size;
  }
  auto map = make_page_map(info_, machine_.page_size, space_->sparse_bits(), *kernel_);
  if (!map) return keep_all("all of memory kept: " + map.error().message);
  auto view = window(kDescriptorWindow);
  if (!view) return std::move(view).error();
  std::optional<DescriptorPlaces> places;
  if (descriptors == Descriptors::kOfKeptPages)
    places = find_descriptors(machine_, **map, *kernel_, rules.descriptor_size);
  auto filter =
      std::make_unique<DescriptorFilter>(machine_, std::move(rules), std::move(*map), *kernel_,
                                         std::move(*view), read_zone_counters(info_, *kernel_));
  if (!places) return std::unique_ptr<PageFilter>(std::move(filter));
  return std::unique_ptr<PageFilter>(
      std::make_unique<UnusedDescriptors>(machine_, std::move(filter), std::move(*places),
                                          [this, level] { return this->filter(level); }));
}

std::vector<PageRun> ElfVmcore::first_pages() {
  if (kernel_ == nullptr || !space_->proven()) return {};
  auto view = window(kDescriptorWindow);
  if (!view) return {};
  const auto map = make_page_map(info_, machine_.page_size, space_->sparse_bits(), *kernel_);
  return find_first_pages(machine_, info_, *kernel_, *memory_, **view, map ? map->get() : nullptr);
}

}  // namespace

Result<std::unique_ptr<VmcoreSource>> make_vmcore(std::unique_ptr<CoreFile> file) {
  auto vmcore = std::make_unique<ElfVmcore>(std::move(file));
  TRY(vmcore->open());
  return std::unique_ptr<VmcoreSource>(std::move(vmcore));
}

Result<std::unique_ptr<Vmcore>> open_vmcore(const std::string& path) {
  auto file = open_core_file(path);
  if (!file) return std::move(file).error();
  auto vmcore = make_vmcore(std::move(*file));
  if (!vmcore) return std::move(vmcore).error().within(path);
  return std::unique_ptr<Vmcore>(std::move(*vmcore));
}

Result<AgreementReport> compare_with_kernel(const std::string& path, KernelPageFlags& kernel) {
  auto file = open_core_file(path);
  if (!file) return std::move(file).error();
  auto source = make_vmcore(std::move(*file));
  if (!source) return std::move(source).error().within(path);
  return compare_filter(**source, kernel);
}

}  // namespace mkcapture::dump

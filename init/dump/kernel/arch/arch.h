// What differs from machine to machine: how a virtual address of the crashed kernel becomes a
// physical one. One source file for each machine; a new one gets a line in make_address_space().
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "init/base/result.h"
#include "init/dump/core/memory_window.h"
#include "init/dump/kernel/vmcoreinfo.h"
#include "init/dump/pages.h"

namespace mkcapture::dump {

/// A stretch of virtual memory that is contiguous in physical memory, from the address asked for to
/// the end of its mapping.
struct Extent {
  std::uint64_t paddr = 0;
  std::uint64_t size = 0;  // bytes, at least 1
};

/// SECTION_SIZE_BITS and MAX_PHYSMEM_BITS of the kernel's sparsemem.h, for kernels whose VMCOREINFO
/// lacks them (before 5.13 and 5.9).
struct SparseBits {
  unsigned section_size = 0;
  unsigned max_physmem = 0;
};

/// The crashed kernel's address space. Not thread-safe: it keeps what it walked last.
class AddressSpace {
 public:
  virtual ~AddressSpace() = default;
  /// Empty where nothing is mapped or a table cannot be read. Work is bounded by the depth of the
  /// tables, whatever they hold; the result may still lie outside of all ranges.
  [[nodiscard]] virtual std::optional<Extent> translate(std::uint64_t vaddr) = 0;
  [[nodiscard]] virtual SparseBits sparse_bits() const noexcept = 0;
  /// Whether the kernel's tables map themselves to the place where they were found. What is made
  /// without that proof finds the image's variables, but no page descriptor is believed.
  [[nodiscard]] virtual bool proven() { return true; }
  /// The physical addresses of the kernel's own tables below its top one, at most `most` of them;
  /// none on a machine whose debuggers need only those on the way to what is asked for.
  [[nodiscard]] virtual std::vector<std::uint64_t> tables(std::size_t most) {
    (void)most;
    return {};
  }
};

/// `memory` must outlive the result. Fails where VMCOREINFO lacks what the machine needs.
[[nodiscard]] Result<std::unique_ptr<AddressSpace>> make_address_space(
    const CrashedMachine& machine, const Vmcoreinfo& info, PhysicalMemory& memory);

// One for each machine; parameters and result as above.
[[nodiscard]] Result<std::unique_ptr<AddressSpace>> make_x86_64(const CrashedMachine& machine,
                                                                const Vmcoreinfo& info,
                                                                PhysicalMemory& memory);
[[nodiscard]] Result<std::unique_ptr<AddressSpace>> make_i386(const CrashedMachine& machine,
                                                              const Vmcoreinfo& info,
                                                              PhysicalMemory& memory);
[[nodiscard]] Result<std::unique_ptr<AddressSpace>> make_arm64(const CrashedMachine& machine,
                                                               const Vmcoreinfo& info,
                                                               PhysicalMemory& memory);
[[nodiscard]] Result<std::unique_ptr<AddressSpace>> make_arm(const CrashedMachine& machine,
                                                             const Vmcoreinfo& info,
                                                             PhysicalMemory& memory);
[[nodiscard]] Result<std::unique_ptr<AddressSpace>> make_ppc64(const CrashedMachine& machine,
                                                               const Vmcoreinfo& info,
                                                               PhysicalMemory& memory);
[[nodiscard]] Result<std::unique_ptr<AddressSpace>> make_s390x(const CrashedMachine& machine,
                                                               const Vmcoreinfo& info,
                                                               PhysicalMemory& memory);
[[nodiscard]] Result<std::unique_ptr<AddressSpace>> make_riscv64(const CrashedMachine& machine,
                                                                 const Vmcoreinfo& info,
                                                                 PhysicalMemory& memory);

/// What the readers of a kdump dump take for phys_base, a number of each machine's own meaning; 0
/// where none is asked for or nothing tells it. Modulo 2^64: arm64's linear map may be randomised
/// to begin below address 0. Needs no page tables.
[[nodiscard]] std::uint64_t phys_base_of(const CrashedMachine& machine,
                                         const Vmcoreinfo& info) noexcept;

// One for each machine that has such a number.
/// What is added to an address of the kernel's image (less __START_KERNEL_map) for its physical
/// place.
[[nodiscard]] std::optional<std::uint64_t> x86_64_phys_base(const CrashedMachine& machine,
                                                            const Vmcoreinfo& info) noexcept;
/// PHYS_OFFSET: the physical address that the linear map begins with.
[[nodiscard]] std::optional<std::uint64_t> arm64_phys_base(const CrashedMachine& machine,
                                                           const Vmcoreinfo& info) noexcept;
[[nodiscard]] std::optional<std::uint64_t> arm_phys_base(const CrashedMachine& machine,
                                                         const Vmcoreinfo& info) noexcept;
/// Where memory begins (phys_ram_base).
[[nodiscard]] std::optional<std::uint64_t> riscv64_phys_base(const Vmcoreinfo& info) noexcept;

}  // namespace mkcapture::dump

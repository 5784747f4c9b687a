// From the PT_LOADs of a core to the pages that it holds. Pure.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "init/dump/pages.h"

namespace mkcapture::dump {

/// Whole pages, sorted by paddr, none twice. Where PT_LOADs overlap, the smallest one has the page:
/// on x86_64 the kernel's text is there both as a segment of its own and inside of the memory that
/// it was loaded to, and the small one carries the addresses that a debugger asks for.
///
/// A range that begins or ends inside of a page grows to the page's bounds, since /proc/vmcore
/// holds whole pages (fs/proc/vmcore.c: process_ptload_program_headers_elf64); where the file has
/// nothing in front of it, it begins with the next page. At most 2 * loads.size() ranges.
[[nodiscard]] std::vector<MemoryRange> page_ranges(std::vector<MemoryRange> loads,
                                                   std::uint32_t page_size);

/// Cuts off what a file of `file_size` bytes does not hold; a page that is there in part stays.
/// Returns the page frames that were cut off.
std::uint64_t cut_to_file(std::vector<MemoryRange>& ranges, std::uint64_t file_size,
                          std::uint32_t page_size);

/// The range with `paddr` in it; null where there is none. `ranges` as page_ranges() gives them.
[[nodiscard]] const MemoryRange* find_range(std::span<const MemoryRange> ranges,
                                            std::uint64_t paddr) noexcept;

}  // namespace mkcapture::dump

// The headers of the kdump-compressed format, version 6, as makedumpfile's diskdump_mod.h defines
// them and crash, drgn and libkdumpfile read them.
//
// In blocks of the crashed machine's page size: the disk dump header; the sub-header with the ELF
// notes behind it; the bitmap of the page frames that the machine has, and that of those in the
// dump; one page descriptor for each bit of the latter; the pages.
#pragma once

#include <cstdint>
#include <vector>

#include "init/dump/pages.h"

namespace mkcapture::dump {

// disk_dump_header.status
inline constexpr std::uint32_t kDumpIncomplete = 0x8;
inline constexpr std::uint32_t kDumpWithoutDescriptors = 0x10;  // DUMP_DH_EXCLUDED_VMEMMAP
inline constexpr std::uint64_t kPageDescriptorBytes = 24;

/// Where the parts are in the file, in bytes.
struct KdumpLayout {
  std::uint64_t block = 4096;
  /// Of the bitmaps' first bit, a multiple of 8. On arm readers count page frames from where memory
  /// begins (phys_base; crash's and makedumpfile's ARCH_PFN_OFFSET), on all others from 0.
  std::uint64_t first_pfn = 0;
  std::uint64_t notes_at = 0;
  std::uint64_t present_at = 0;  // first bitmap
  std::uint64_t kept_at = 0;     // second bitmap
  std::uint64_t descriptors_at = 0;
  std::uint64_t pages_at = 0;
};

/// Fails where the machine has more page frames than the header can say (2^32 blocks of bitmaps).
[[nodiscard]] Result<KdumpLayout> kdump_layout(const CrashedMachine& machine);

struct KdumpHeaderFields {
  std::uint32_t status = 0;  // kPage... of the codec, kDump...
  std::int64_t crash_time = 0;
  int level = 0;
};

/// Both headers, from the beginning of the file to layout.notes_at, in the machine's byte order.
[[nodiscard]] std::vector<std::byte> kdump_headers(const CrashedMachine& machine,
                                                   const KdumpLayout& layout,
                                                   const KdumpHeaderFields& fields);

/// Of disk_dump_header.status in the file.
[[nodiscard]] std::uint64_t kdump_status_offset(const CrashedMachine& machine) noexcept;

}  // namespace mkcapture::dump

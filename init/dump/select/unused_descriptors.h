// Leaving out page descriptors that nobody will ask for: those of pages that are left out
// themselves. A machine spends 1/64 of its memory on descriptors, 16 GB on each TB, and at level 31
// nearly all of it describes what is not in the dump.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "init/dump/kernel/kernel_memory.h"
#include "init/dump/kernel/page_map.h"
#include "init/dump/pages.h"

namespace mkcapture::dump {

/// A stretch of memory full of descriptors.
struct DescriptorExtent {
  std::uint64_t paddr = 0;
  std::uint64_t size = 0;
  std::uint64_t at = 0;  // of its first byte, counted from where page frame 0's descriptor would be
};

struct DescriptorPlaces {
  std::uint64_t descriptor_size = 0;
  std::vector<DescriptorExtent> extents;  // by paddr
  /// Why there are none: they lie in more pieces than there is memory for. Empty where all is well.
  std::string note;
};

/// 768 KiB. The kernel's own descriptors lie in one piece for each node, or in a few; each hugetlb
/// page whose descriptors share a page (HUGETLB_PAGE_OPTIMIZE_VMEMMAP) cuts them.
inline constexpr std::size_t kMostExtents = 32768;

/// Where the descriptors of the page frames of `machine`'s ranges are.
[[nodiscard]] DescriptorPlaces find_descriptors(const CrashedMachine& machine, PageMap& map,
                                                KernelMemory& memory,
                                                std::uint64_t descriptor_size);

/// What another filter keeps, less the pages with nothing in them but descriptors of pages that it
/// does not. They are judged a second time, cycle by cycle, by a filter of their own, since the
/// descriptors of a cycle lie in another one. Memory: three times the cycle's bits.
class UnusedDescriptors : public PageFilter {
 public:
  using MakeFilter = std::function<Result<std::unique_ptr<PageFilter>>()>;

  /// `make_filter` makes one that decides as `filter` does. `machine` must outlive this.
  UnusedDescriptors(const CrashedMachine& machine, std::unique_ptr<PageFilter> filter,
                    DescriptorPlaces places, MakeFilter make_filter);

  Status keep(std::uint64_t first_pfn, std::span<std::uint8_t> bits) override;
  [[nodiscard]] int level() const noexcept override { return filter_->level(); }
  [[nodiscard]] const std::string& note() const noexcept override { return note_; }
  [[nodiscard]] FilterDoubt doubt() const override { return filter_->doubt(); }
  [[nodiscard]] bool leaves_out_descriptors() const noexcept override {
    return places_.note.empty();
  }

 private:
  Status sort_out(const DescriptorExtent& extent, std::uint64_t first_pfn);
  [[nodiscard]] Result<bool> any_kept(std::uint64_t pfn, std::uint64_t end);
  Status judge(std::uint64_t first_pfn);
  void update_note();

  const CrashedMachine* machine_;
  std::unique_ptr<PageFilter> filter_;
  DescriptorPlaces places_;
  MakeFilter make_filter_;
  std::string note_;

  // Of the cycle at hand: pages with descriptors of kept pages, and with none but of others. With
  // hugetlb's shared descriptor pages (HUGETLB_PAGE_OPTIMIZE_VMEMMAP) one page can be both.
  std::vector<std::uint8_t> used_, unused_;

  std::unique_ptr<PageFilter> judge_;
  std::vector<std::uint8_t> judged_;  // bits of the page frames from judged_from_ on
  std::uint64_t judged_from_ = 0;
  std::uint64_t judgements_left_ = 0;  // the crashed kernel's word must not make us judge for ever
};

}  // namespace mkcapture::dump

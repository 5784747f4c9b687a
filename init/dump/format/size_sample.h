// What a dump will take on its target, by a sample of its pages, before any of it is written.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "init/base/result.h"
#include "init/dump/format/page_worker.h"
#include "init/dump/pages.h"

namespace mkcapture::dump {

/// Pages are taken evenly over each cycle's kept ones, so that large and small cycles count as what
/// they are; on machines of any size some thousands in all.
class SizeSample final : public PageReceiver {
 public:
  /// `source` must outlive this. Fails as the dump itself would.
  static Result<std::unique_ptr<SizeSample>> create(VmcoreSource& source, const DumpChoice& choice);

  /// Forgets what it has seen.
  void begin();
  /// One cycle: `bits` of the pages that are kept, of which there are `kept`.
  Status look_at(std::uint64_t first_pfn, std::span<const std::uint8_t> bits, std::uint64_t kept);
  /// Bytes of the whole dump of `kept` pages, with its descriptors and bitmaps.
  [[nodiscard]] std::uint64_t bytes(std::uint64_t kept) const;

  std::byte* room() override { return room_.get(); }
  Status stored(std::uint32_t size, std::uint32_t flags) override;
  Status zero() override { return {}; }
  Status unreadable(std::uint64_t pfn) override;

 private:
  SizeSample(const CrashedMachine& machine, const DumpChoice& choice,
             std::unique_ptr<PageWorker> worker, std::unique_ptr<std::byte[]> room);

  const CrashedMachine& machine_;
  bool has_descriptors_;  // and bitmaps: of the kdump format
  std::unique_ptr<PageWorker> worker_;
  std::unique_ptr<std::byte[]> room_;
  std::uint64_t per_cycle_;
  std::uint64_t seen_ = 0;       // bytes of the sampled pages of the cycle at hand
  std::uint64_t all_pages_ = 0;  // bytes of all kept pages of the cycles before, extrapolated
};

}  // namespace mkcapture::dump

// The filter of dump levels 2 to 31: page descriptors, found and read in batches, judged by rules.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "init/dump/kernel/page_map.h"
#include "init/dump/pages.h"
#include "init/dump/select/filter_proof.h"
#include "init/dump/select/page_rules.h"

namespace mkcapture::dump {

/// Memory: the window and a few KiB, whatever the machine's size. A page whose descriptor is
/// missing or cannot be read is kept and counted in the note.
class DescriptorFilter : public PageFilter {
 public:
  /// `machine` and `memory` must outlive it; `rules` are usable. `counters` are the kernel's own,
  /// where they can be had.
  DescriptorFilter(const CrashedMachine& machine, PageRules rules, std::unique_ptr<PageMap> map,
                   KernelMemory& memory, std::unique_ptr<MemoryWindow> window,
                   const std::optional<ZoneCounters>& counters);

  Status keep(std::uint64_t first_pfn, std::span<std::uint8_t> bits) override;
  [[nodiscard]] int level() const noexcept override { return rules_.level; }
  [[nodiscard]] const std::string& note() const noexcept override { return note_; }
  [[nodiscard]] FilterDoubt doubt() const override;

 private:
  std::uint64_t filter_run(std::uint64_t pfn, std::uint64_t end, PageBits bits);
  [[nodiscard]] Bytes contiguous(std::uint64_t address, std::uint64_t size);
  [[nodiscard]] Bytes gathered(std::uint64_t address, std::uint64_t count);
  void update_note();

  const CrashedMachine* machine_;
  PageRules rules_;
  std::unique_ptr<PageMap> map_;
  KernelMemory* memory_;
  std::unique_ptr<MemoryWindow> window_;
  std::vector<std::byte> gathered_;
  std::uint64_t decided_until_ = 0;  // a block that was left out reaches to here
  std::uint64_t unknown_ = 0;
  std::optional<ZoneCounters> counters_;
  PageSums sums_;
  std::string note_;
};

}  // namespace mkcapture::dump

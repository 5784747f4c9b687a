#include "init/dump/format/size_sample.h"

#include <algorithm>
#include <new>
#include <utility>

#include "init/dump/format/codecs.h"
#include "init/dump/format/kdump_format.h"
#include "init/dump/select/kept_pages.h"

namespace mkcapture::dump {
namespace {

// Of as many pages the mean size is a few percent off at most, whatever is in them.
constexpr std::uint64_t kWanted = 4096;
constexpr std::uint64_t kLeastOfCycle = 16;
constexpr std::uint64_t kMostOfCycle = 1024;

}  // namespace

SizeSample::SizeSample(const CrashedMachine& machine, const DumpChoice& choice,
                       std::unique_ptr<PageWorker> worker, std::unique_ptr<std::byte[]> room)
    : machine_(machine),
      has_descriptors_(choice.format != DumpFormat::kElf),
      worker_(std::move(worker)),
      room_(std::move(room)),
      per_cycle_(
          std::clamp(kWanted / (machine.max_pfn / kCyclePages + 1), kLeastOfCycle, kMostOfCycle)) {}

Result<std::unique_ptr<SizeSample>> SizeSample::create(VmcoreSource& source,
                                                       const DumpChoice& choice) {
  DumpOptions options;
  options.choice = choice;
  auto worker = PageWorker::create(source, options);
  if (!worker) return std::move(worker).error();
  std::unique_ptr<std::byte[]> room(new (std::nothrow)
                                        std::byte[page_room(source.crashed().page_size)]);
  if (!room) return fail(ErrorKind::kUnavailable, "no memory");
  return std::unique_ptr<SizeSample>(
      new SizeSample(source.crashed(), choice, *std::move(worker), std::move(room)));
}

void SizeSample::begin() {
  all_pages_ = 0;
}

Status SizeSample::look_at(std::uint64_t first_pfn, std::span<const std::uint8_t> bits,
                           std::uint64_t kept) {
  if (kept == 0) return {};
  // The `take`-th page of each run of `step` kept ones; an odd step, as what lies in memory does so
  // at even distances.
  const std::uint64_t step = (kept / per_cycle_) | 1;
  std::uint64_t skip = step / 2;
  std::uint64_t looked = 0;
  seen_ = 0;
  for (PageRun run = next_run(bits, 0); run.count > 0;
       run = next_run(bits, run.first + run.count)) {
    for (; skip < run.count; skip += step, ++looked)
      TRY(worker_->work({first_pfn + run.first + skip, 1}, *this));
    skip -= run.count;
  }
  if (looked > 0) all_pages_ += seen_ * kept / looked;
  return {};
}

std::uint64_t SizeSample::bytes(std::uint64_t kept) const {
  if (!has_descriptors_) return all_pages_;
  return all_pages_ + kept * kPageDescriptorBytes + machine_.max_pfn / 8 * 2;
}

Status SizeSample::stored(std::uint32_t size, std::uint32_t flags) {
  (void)flags;
  seen_ += size;
  return {};
}

Status SizeSample::unreadable(std::uint64_t pfn) {
  (void)pfn;
  return {};
}

}  // namespace mkcapture::dump

// -e: page descriptors of left-out pages.
#include <doctest/doctest.h>

#include "init/dump/select/unused_descriptors.h"
#include "tests/fakes/described_machine.h"

namespace mkcapture {
namespace {

using namespace dump;

using fakes::Described;
using fakes::SyntheticMachine;

constexpr std::uint64_t kPages = SyntheticMachine::kMemory / 4096;  // 2048
constexpr std::uint64_t kInPage = 4096 / 64;                        // descriptors

/// The pages of the array of descriptors that are left out, by their place in it.
std::vector<std::uint64_t> left_out(const Described& d, int level, std::uint64_t cycle = kPages) {
  const auto vmcore = d.machine.open();
  auto plain = vmcore->filter(level);
  auto filter = vmcore->filter(level, Descriptors::kOfKeptPages);
  REQUIRE(plain.ok());
  REQUIRE(filter.ok());
  CHECK((*filter)->level() == (level & ~1));
  const std::uint64_t array = d.array / 4096;
  std::vector<std::uint64_t> pages;
  std::vector<std::uint8_t> bits(cycle / 8), plain_bits(cycle / 8);
  for (std::uint64_t first = 0; first < kPages; first += cycle) {
    REQUIRE((*plain)->keep(first, plain_bits).ok());
    REQUIRE((*filter)->keep(first, bits).ok());
    for (std::uint64_t i = 0; i < cycle; ++i) {
      const bool kept = (bits[i / 8] >> (i % 8) & 1) != 0;
      const bool plainly_kept = (plain_bits[i / 8] >> (i % 8) & 1) != 0;
      if (kept == plainly_kept) continue;
      REQUIRE(!kept);
      pages.push_back(first + i - array);
    }
  }
  return pages;
}

void cache(Described& d, std::uint64_t from, std::uint64_t to) {
  for (; from < to; ++from)
    d.cache(from);
}

using Pages = std::vector<std::uint64_t>;

TEST_CASE("Descriptor pages go where every page that they describe goes") {
  Described d;
  cache(d, kInPage, 4 * kInPage);
  d.machine.put64(d.array + (2 * kInPage + 5) * 64, 0);  // one page that is kept
  d.free_block(1024, 8);                                 // 256 pages: four pages of descriptors
  for (const std::uint64_t cycle : {kPages, std::uint64_t{512}, std::uint64_t{64}}) {
    CHECK(left_out(d, 0, cycle).empty());
    CHECK(left_out(d, 2, cycle) == Pages{1, 3});
    CHECK(left_out(d, 31, cycle) == Pages{1, 3, 16, 17, 18, 19});
  }
}

TEST_CASE("Descriptors of page frames without memory are not in the way") {
  Described d;
  cache(d, 0, 3 * kInPage);
  // Page frames 0 to 9 have no memory; the array's first page is not wholly described by ranges.
  d.machine.loads = {{.paddr = 10 * 4096, .size = SyntheticMachine::kMemory - 10 * 4096}};
  CHECK(left_out(d, 2) == Pages{1, 2});
}

TEST_CASE("A page of descriptors that is mapped twice stays for either use") {
  // Its bytes say that 128 pages are free where they describe page frame 128 and what follows. Seen
  // as page frame 320's they are no free block: those pages are kept.
  Described d;
  d.free_block(128, 7);
  CHECK(left_out(d, 16) == Pages{2, 3});
  d.machine.map(SyntheticMachine::kVmemmap + 0x5000, d.array + 0x2000);
  CHECK(left_out(d, 16) == Pages{3});
}

TEST_CASE("Descriptors whose size does not divide a page") {
  Described d;
  d.machine.info("SIZE(page)=56\nOFFSET(page._mapcount)=44\nOFFSET(page._refcount)=48");
  // The array's second page, bytes 4096 to 8191, has parts of the descriptors 73 to 146.
  for (std::uint64_t pfn = 73; pfn <= 146; ++pfn)
    d.machine.put64(d.array + pfn * 56, Described::kLru);
  CHECK(left_out(d, 2) == Pages{1});
  d.machine.put64(d.array + 146 * 56, 0);
  CHECK(left_out(d, 2).empty());
  d.machine.put64(d.array + 146 * 56, Described::kLru);
  d.machine.put64(d.array + 73 * 56, 0);
  CHECK(left_out(d, 2).empty());
}

TEST_CASE("Descriptors in too many pieces are all kept, and the note says so") {
  class Scattered : public PageMap {
   public:
    DescriptorRun find(std::uint64_t pfn) override {
      // One at a time, backwards: no two of them make one piece.
      return {SyntheticMachine::kVmemmap + (2047 - pfn % 2048) * 64, 1};
    }
  } map;
  Described d;
  const auto vmcore = d.machine.open();
  CrashedMachine machine = vmcore->crashed();
  class Identity : public AddressSpace {
   public:
    std::optional<Extent> translate(std::uint64_t vaddr) override {
      return Extent{vaddr - SyntheticMachine::kVmemmap, 64};
    }
    [[nodiscard]] SparseBits sparse_bits() const noexcept override { return {27, 46}; }
  } space;
  const fakes::BytesFile file({});
  PhysicalMemory memory(file, machine.ranges);
  KernelMemory kernel(space, memory, Fields());
  CHECK(find_descriptors(machine, map, kernel, 64).extents.size() == 2048);
  machine.ranges[0].size = (kMostExtents + 1) * 4096;
  const DescriptorPlaces places = find_descriptors(machine, map, kernel, 64);
  CHECK(places.extents.empty());
  CHECK(places.note == "all page descriptors kept: they lie in too many pieces");
}

}  // namespace
}  // namespace mkcapture

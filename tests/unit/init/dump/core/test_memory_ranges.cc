#include <doctest/doctest.h>

#include <random>

#include "init/dump/core/memory_ranges.h"

namespace mkcapture {
namespace {

using namespace dump;

std::vector<std::pair<std::uint64_t, std::uint64_t>> spans(const std::vector<MemoryRange>& ranges) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> s;
  for (const MemoryRange& r : ranges)
    s.emplace_back(r.paddr, r.size);
  return s;
}
using Spans = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

TEST_CASE("The kernel's text, which /proc/vmcore has twice, is there once, with its own address") {
  const auto ranges = page_ranges({{0x15400000, 0x3430000, 0xffffffff8b600000, 0x2000},
                                   {0x1000, 0x9ec00, 0xffff888000001000, 0x3432000},
                                   {0x100000, 0x34f00000, 0xffff888000100000, 0x34d1000}},
                                  4096);
  REQUIRE(spans(ranges) == Spans{{0x1000, 0x9f000},
                                 {0x100000, 0x15300000},
                                 {0x15400000, 0x3430000},
                                 {0x18830000, 0x1c7d0000}});
  CHECK(ranges[1].file_offset == 0x34d1000);
  CHECK(ranges[2].vaddr == 0xffffffff8b600000);
  CHECK(ranges[2].file_offset == 0x2000);
  CHECK(ranges[3].vaddr == 0xffff888018830000);
  CHECK(ranges[3].file_offset == 0x34d1000 + 0x18730000);
}

TEST_CASE("Ranges grow to whole pages as far as the file goes") {
  CHECK(spans(page_ranges({{0x1c00, 0x800, 0, 0x5c00}}, 4096)) == Spans{{0x1000, 0x2000}});
  CHECK(page_ranges({{0x1c00, 0x800, 0, 0x5c00}}, 4096)[0].file_offset == 0x5000);
  // Nothing in front of it in the file: from the next page on.
  const auto late = page_ranges({{0x1c00, 0x2000, 0, 0x100}}, 4096);
  CHECK(spans(late) == Spans{{0x2000, 0x2000}});
  CHECK(late[0].file_offset == 0x500);
  CHECK(page_ranges({{0x1c00, 0x300, 0, 0x100}}, 4096).empty());
  CHECK(page_ranges({{0x1000, 0, 0, 0x1000}}, 4096).empty());
  // Two that share a page.
  CHECK(spans(page_ranges({{0x1000, 0x800, 0, 0x1000}, {0x1800, 0x1800, 0, 0x9800}}, 4096)) ==
        Spans{{0x1000, 0x1000}, {0x2000, 0x1000}});
}

TEST_CASE("What the file does not hold is cut off, to whole pages") {
  const auto cut = [](std::uint64_t file_size) {
    std::vector<MemoryRange> ranges{{0x10000, 0x4000, 0, 0x1000}, {0x20000, 0x4000, 0, 0x5000}};
    const std::uint64_t missing = cut_to_file(ranges, file_size, 4096);
    return std::pair(missing, spans(ranges));
  };
  CHECK(cut(0x9000) == std::pair(std::uint64_t{0}, Spans{{0x10000, 0x4000}, {0x20000, 0x4000}}));
  CHECK(cut(0x8001) == std::pair(std::uint64_t{0}, Spans{{0x10000, 0x4000}, {0x20000, 0x4000}}));
  CHECK(cut(0x8000) == std::pair(std::uint64_t{1}, Spans{{0x10000, 0x4000}, {0x20000, 0x3000}}));
  CHECK(cut(0x5000) == std::pair(std::uint64_t{4}, Spans{{0x10000, 0x4000}}));
  CHECK(cut(0x2fff) == std::pair(std::uint64_t{6}, Spans{{0x10000, 0x2000}}));
  CHECK(cut(0) == std::pair(std::uint64_t{8}, Spans{}));
}

TEST_CASE("Descending, nested and equal ranges: the smallest has the page") {
  const auto ranges = page_ranges({{0x8000, 0x2000, 0, 0x80000},
                                   {0x0000, 0x8000, 0, 0x10000},
                                   {0x2000, 0x4000, 0, 0x20000},
                                   {0x3000, 0x1000, 0, 0x30000},
                                   {0x3000, 0x1000, 0, 0x40000}},
                                  4096);
  REQUIRE(spans(ranges) == Spans{{0x0000, 0x2000},
                                 {0x2000, 0x1000},
                                 {0x3000, 0x1000},
                                 {0x4000, 0x2000},
                                 {0x6000, 0x2000},
                                 {0x8000, 0x2000}});
  CHECK(ranges[0].file_offset == 0x10000);
  CHECK(ranges[1].file_offset == 0x20000);
  CHECK((ranges[2].file_offset == 0x30000 || ranges[2].file_offset == 0x40000));
  CHECK(ranges[3].file_offset == 0x22000);
  CHECK(ranges[4].file_offset == 0x16000);
}

TEST_CASE("Any overlap: each page once, from a range that has it") {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::vector<MemoryRange> loads(random() % 12);
    for (std::size_t i = 0; i < loads.size(); ++i) {
      loads[i] = {random() % 64 * 4096, random() % 20 * 4096, 0, (i + 1) << 32};
      loads[i].file_offset += loads[i].paddr;
    }
    const auto ranges = page_ranges(loads, 4096);
    CHECK(ranges.size() <= 2 * loads.size());
    for (std::size_t i = 1; i < ranges.size(); ++i)
      CHECK(ranges[i - 1].paddr + ranges[i - 1].size <= ranges[i].paddr);
    for (std::uint64_t paddr = 0; paddr < 100 * 4096; paddr += 4096) {
      std::uint64_t smallest = ~std::uint64_t{0};
      for (const MemoryRange& l : loads) {
        if (paddr - l.paddr < l.size) smallest = std::min(smallest, l.size);
      }
      const MemoryRange* found = find_range(ranges, paddr);
      CHECK((found != nullptr) == (smallest != ~std::uint64_t{0}));
      if (found == nullptr) continue;
      const std::uint64_t offset = found->file_offset + (paddr - found->paddr);
      const MemoryRange& from = loads[(offset >> 32) - 1];
      CHECK(from.size == smallest);
      CHECK((offset & 0xffffffff) == paddr);
    }
  }
}

}  // namespace
}  // namespace mkcapture

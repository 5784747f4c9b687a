// The kernel's image stays, and its page tables have to prove themselves.
#include <doctest/doctest.h>

#include "tests/fakes/described_machine.h"
#include "tests/fakes/fake_vmcore.h"

namespace mkcapture {
namespace {

using namespace dump;

using fakes::Described;
using fakes::SyntheticMachine;

constexpr std::uint64_t kDirect = SyntheticMachine::kDirectMap;

/// The image at 1 MiB in a PT_LOAD of its own; the rest by the linear map.
Described with_image() {
  Described d;
  d.machine.loads = {{.paddr = 0, .size = 1 << 20, .vaddr = kDirect},
                     {.paddr = 1 << 20, .size = 1 << 20, .vaddr = SyntheticMachine::kImageVaddr},
                     {.paddr = 2 << 20, .size = 6 << 20, .vaddr = kDirect + (2 << 20)}};
  for (std::uint64_t at = 0; at < SyntheticMachine::kMemory; at += 2 << 20)
    d.machine.map(kDirect + at, at, 21);
  d.machine.symbol("_stext", SyntheticMachine::image(0));
  return d;
}

TEST_CASE("No block takes the kernel's image with it") {
  Described d = with_image();
  d.free_block(192, 6);  // ends where the image begins
  auto left = [&d](std::uint64_t pfn) {
    const auto vmcore = d.machine.open();
    auto filter = vmcore->filter(31);
    REQUIRE(filter);
    std::vector<std::uint8_t> bits(256);
    REQUIRE((*filter)->keep(0, bits).ok());
    return (bits[pfn / 8] >> (pfn % 8) & 1) == 0;
  };
  CHECK(left(255));
  CHECK_FALSE(left(256));
  d.free_block(0, 9);  // one wrong word
  CHECK(left(255));
  CHECK_FALSE(left(256));
  CHECK_FALSE(left(511));
}

TEST_CASE("Tables of x86_64 that do not map themselves prove nothing: every page is kept") {
  Described d;
  for (std::uint64_t pfn = 1024; pfn < 1040; ++pfn)
    d.cache(pfn);
  REQUIRE(d.machine.open()->check_level(31)->level_reached == 31);
  d.machine.put64(d.machine.entry_paddr(SyntheticMachine::kImageVaddr, 12), 0);
  const auto vmcore = d.machine.open();
  const auto report = vmcore->check_level(31);
  REQUIRE(report);
  CHECK(report->level_reached == 1);
  CHECK(report->note == "all of memory kept: the kernel's page tables do not map themselves");
  CHECK(report->bytes_kept == report->bytes_total);
}

}  // namespace
}  // namespace mkcapture

// Which pages a debugger needs first, on a made-up machine.
#include <doctest/doctest.h>

#include <cstring>

#include "tests/fakes/described_machine.h"
#include "tests/fakes/fake_vmcore.h"

namespace mkcapture {
namespace {

using namespace dump;

using fakes::Described;
using fakes::SyntheticMachine;

constexpr std::uint64_t kDirect = SyntheticMachine::kDirectMap;
constexpr std::uint64_t kImagePages = 256;
constexpr std::uint64_t kImage = SyntheticMachine::kImagePaddr / 4096;

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

/// The place of a page frame in the order; -1: none.
int place(const std::vector<PageRun>& runs, std::uint64_t pfn) {
  int at = 0;
  for (const PageRun& run : runs) {
    if (pfn - run.first < run.count) return at + static_cast<int>(pfn - run.first);
    at += static_cast<int>(run.count);
  }
  return -1;
}

std::vector<PageRun> first_pages(const Described& d) {
  return d.machine.open()->first_pages();
}

TEST_CASE("First pages: tables, what the image points to, what that points to, the image") {
  Described d = with_image();
  const std::uint64_t table = d.machine.entry_paddr(SyntheticMachine::kVmemmap, 12) / 4096;
  const std::uint64_t unused_table = d.machine.entry_paddr(0xffffc90000400000, 12) / 4096;
  d.machine.put64(SyntheticMachine::image_paddr(0x30000), kDirect + 1600 * 4096 + 8);
  d.machine.put64(1600 * 4096 + 64, kDirect + 1900 * 4096 + 16);
  const auto runs = first_pages(d);
  const int code = place(runs, kImage), data = place(runs, kImage + kImagePages - 1);
  CHECK(place(runs, table) >= 0);
  CHECK(place(runs, table) < place(runs, 1600));
  CHECK(place(runs, unused_table) >= 0);
  CHECK(place(runs, unused_table) < place(runs, 1600));
  for (std::uint64_t i = 0; i < 8; ++i)  // all of mem_section, whatever is in it
    CHECK(place(runs, kImage + 8 + i) >= 0);
  CHECK(place(runs, 1600) >= 0);
  CHECK(place(runs, 1600) < place(runs, 1900));
  CHECK(place(runs, 1900) >= 0);
  CHECK(place(runs, 1900) < data);
  CHECK(code >= 0);
  CHECK(place(runs, 1700) == -1);
}

TEST_CASE("First pages: the image from its end to its beginning") {
  Described d = with_image();
  d.machine.loads[1].size = 512 * 4096;  // two pieces
  d.machine.loads[2] = {.paddr = 3 << 20, .size = 5 << 20, .vaddr = kDirect + (3 << 20)};
  const auto runs = first_pages(d);
  CHECK(place(runs, kImage + 511) >= 0);
  CHECK(place(runs, kImage + 511) < place(runs, kImage + 16));
}

TEST_CASE("First pages: the image's own symbols and types come last") {
  Described d = with_image();
  auto& m = d.machine;
  m.symbol("kallsyms_offsets", SyntheticMachine::image(0x50800));
  m.symbol("kallsyms_names", SyntheticMachine::image(0x53000));
  m.symbol("kallsyms_token_table", SyntheticMachine::image(0x58000));
  m.symbol("kallsyms_token_index", SyntheticMachine::image(0x59800));
  const std::uint64_t types = SyntheticMachine::image_paddr(0x60f80);
  m.put64(types, 0x000000180001eb9f);
  m.put32(types + 12, 0x1000);
  m.put32(types + 16, 0x1000);
  m.put32(types + 20, 0x2000);
  const auto runs = first_pages(d);
  const int code = place(runs, kImage + 1);
  for (const std::uint64_t page : {0x51, 0x58, 0x61, 0x63})
    CHECK(place(runs, kImage + page) > code);
  for (const std::uint64_t page : {0x50, 0x59, 0x60, 0x64}) {
    CHECK(place(runs, kImage + page) >= 0);
    CHECK(place(runs, kImage + page) < place(runs, kImage + 0x51));
  }
}

TEST_CASE("First pages: every task is found by the list that begins in the image") {
  Described d = with_image();
  auto& m = d.machine;
  constexpr std::uint64_t kHead = 0x40100;
  constexpr std::uint64_t kTasks[] = {1300, 1500, 1700, 1900};
  const std::uint64_t head = SyntheticMachine::image(kHead);
  const auto list = [](std::uint64_t pfn) { return kDirect + pfn * 4096 + 0x800; };
  std::uint64_t before = head;
  std::uint64_t before_at = SyntheticMachine::image_paddr(kHead);
  for (const std::uint64_t task : kTasks) {
    m.put64(before_at, list(task));
    m.put64(list(task) - kDirect + 8, before);
    before = list(task);
    before_at = before - kDirect;
  }
  m.put64(before_at, head);
  m.put64(SyntheticMachine::image_paddr(kHead) + 8, before);

  // A list like any other: the elements' own pages.
  auto runs = first_pages(d);
  for (const std::uint64_t task : kTasks)
    CHECK(place(runs, task) >= 0);
  CHECK(place(runs, 1502) == -1);

  // The list of tasks: what lies around them as well, and their stacks.
  m.put_text(SyntheticMachine::image_paddr(kHead) + 0x300, "swapper/0");
  constexpr std::uint64_t kStack = 0xffffc90000008000;
  for (std::uint64_t i = 0; i < 4; ++i)
    m.map(kStack + i * 4096, (1950 + 2 * i) * 4096);
  m.put64(1500 * 4096 + 0x20, kStack);
  runs = first_pages(d);
  for (const std::uint64_t beside : {1499, 1501, 1502, 1950, 1952, 1956})
    CHECK(place(runs, beside) >= 0);
  CHECK(place(runs, 1503) == -1);

  // One that never ends.
  m.put64(list(1900) - kDirect, list(1300));
  CHECK(place(first_pages(d), 1700) >= 0);
}

TEST_CASE("First pages: the stack of each CPU, and the code that it came from") {
  Described d = with_image();
  auto& m = d.machine;
  constexpr std::uint64_t kStack = 0xffffc90000010000;
  for (std::uint64_t i = 0; i < 4; ++i)
    m.map(kStack + i * 4096, (1800 + 3 * i) * 4096);
  m.put64(1803 * 4096 + 0x100, SyntheticMachine::image(0x7123));
  std::vector<std::byte> registers(336);
  const std::uint64_t sp = kStack + 0x1f00;
  std::memcpy(registers.data() + 264, &sp, 8);
  fakes::add_note(m.other_notes, false, "CORE", 1,
                  std::string(reinterpret_cast<const char*>(registers.data()), registers.size()));
  const auto runs = first_pages(d);
  for (const std::uint64_t page : {1800, 1803, 1806, 1809})
    CHECK(place(runs, page) >= 0);
  CHECK(place(runs, kImage + 7) >= 0);
  CHECK(place(runs, kImage + 7) < place(runs, kImage + 255));
}

TEST_CASE(
    "First pages: none where the kernel's addresses are not known, never more than the most") {
  Described d = with_image();
  d.machine.vmcoreinfo.clear();
  CHECK(first_pages(d).empty());

  Described wild = with_image();
  for (std::uint64_t at = 0x10000; at < 0x100000; at += 8)
    wild.machine.put64(SyntheticMachine::image_paddr(at), kDirect + at * 64 % (8 << 20));
  std::uint64_t pages = 0;
  std::vector<bool> seen(2048);
  for (const PageRun& run : first_pages(wild)) {
    for (std::uint64_t pfn = run.first; pfn < run.first + run.count; ++pfn, ++pages) {
      REQUIRE(pfn < seen.size());
      CHECK_FALSE(seen[pfn]);
      seen[pfn] = true;
    }
  }
  CHECK(pages <= kMostFirstPages);
  CHECK(pages >= 2000);
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

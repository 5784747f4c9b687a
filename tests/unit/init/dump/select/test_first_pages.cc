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

TEST_CASE("First pages: tables, variables, code, what the variables point to") {
  Described d = with_image();
  const std::uint64_t table = d.machine.entry_paddr(SyntheticMachine::kVmemmap, 12) / 4096;
  const std::uint64_t unused_table = d.machine.entry_paddr(0xffffc90000400000, 12) / 4096;
  d.machine.put64(SyntheticMachine::image_paddr(0x30000), kDirect + 1600 * 4096 + 8);
  const auto runs = first_pages(d);
  CHECK(place(runs, table) >= 0);
  CHECK(place(runs, unused_table) >= 0);
  for (std::uint64_t i = 0; i < 8; ++i)  // all of mem_section, whatever is in it
    CHECK(place(runs, kImage + 8 + i) >= 0);
  CHECK(place(runs, kImage + kImagePages - 1) > place(runs, unused_table));
  CHECK(place(runs, 1600) > place(runs, kImage + kImagePages - 1));
  CHECK(place(runs, 1700) == -1);
}

TEST_CASE("First pages: the code from its end to its beginning, in front of the variables' 2 MiB") {
  Described d = with_image();
  auto& m = d.machine;
  m.loads[1].size = 5 << 20;
  m.loads[2] = {.paddr = 6 << 20, .size = 2 << 20, .vaddr = kDirect + (6 << 20)};
  m.symbol("init_uts_ns", SyntheticMachine::image(0x4f0000));
  for (std::uint64_t at = 0; at < 5 << 20; at += 4096)
    m.map(SyntheticMachine::image(at), SyntheticMachine::image_paddr(at));
  // Constants: what was set once is among them, and the banner.
  m.put64(SyntheticMachine::image_paddr(0x203008), kDirect + 1900 * 4096);
  m.put_text(SyntheticMachine::image_paddr(0x3f8000), "Linux version 6.1.0-test");
  const auto runs = first_pages(d);
  const int data = place(runs, kImage + 0x4ff);
  CHECK(data >= 0);
  CHECK(place(runs, kImage + 0x3ff) > data);
  CHECK(place(runs, kImage + 0x120) > place(runs, kImage + 0x3f0));
  for (const std::uint64_t page : {0x203, 0x204, 0x3f8})
    CHECK(place(runs, kImage + page) <= data);
  CHECK(place(runs, 1900) > place(runs, kImage + 0x120));
}

TEST_CASE("First pages: the image's own symbols and what follows them are left to the others") {
  Described d = with_image();
  auto& m = d.machine;
  m.loads[1].size = 5 << 20;
  m.loads[2] = {.paddr = 6 << 20, .size = 2 << 20, .vaddr = kDirect + (6 << 20)};
  for (std::uint64_t at = 0; at < 5 << 20; at += 4096)
    m.map(SyntheticMachine::image(at), SyntheticMachine::image_paddr(at));
  m.symbol("init_uts_ns", SyntheticMachine::image(0x4f0000));
  m.symbol("kallsyms_offsets", SyntheticMachine::image(0x150800));
  m.symbol("kallsyms_names", SyntheticMachine::image(0x153000));
  m.symbol("kallsyms_token_table", SyntheticMachine::image(0x158000));
  m.symbol("kallsyms_token_index", SyntheticMachine::image(0x159800));
  const auto runs = first_pages(d);
  for (const std::uint64_t page : {0x151, 0x158, 0x161})
    CHECK(place(runs, kImage + page) == -1);
  CHECK(place(runs, kImage + 0x100) >= 0);

  // But for the texts, which end where what is set once begins.
  m.put64(SyntheticMachine::image_paddr(0x164008), kDirect + 1900 * 4096);
  const auto more = first_pages(d);
  for (const std::uint64_t page : {0x15a, 0x161, 0x163}) {
    CHECK(place(more, kImage + page) >= 0);
    CHECK(place(more, kImage + page) < place(more, kImage + 0x121));
  }
  CHECK(place(more, kImage + 0x156) == -1);
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
    m.put_text(list(task) - kDirect + 0x300, "worker");
    before = list(task);
    before_at = before - kDirect;
  }
  m.put64(before_at, head);
  m.put64(SyntheticMachine::image_paddr(kHead) + 8, before);

  // A list like any other is not followed.
  auto runs = first_pages(d);
  CHECK(place(runs, 1300) >= 0);
  CHECK(place(runs, 1500) == -1);

  // The list of tasks: what lies around them as well, their stacks, and their pids.
  m.put_text(SyntheticMachine::image_paddr(kHead) + 0x300, "swapper/0");
  constexpr std::uint64_t kStack = 0xffffc90000008000;
  for (std::uint64_t i = 0; i < 4; ++i)
    m.map(kStack + i * 4096, (1950 + 2 * i) * 4096);
  m.put64(1500 * 4096 + 0x20, kStack);
  m.put64(SyntheticMachine::image_paddr(0x48000), kDirect + 1400 * 4096 + 2);
  m.put64(1400 * 4096 + 40, kDirect + 1402 * 4096 + 2);
  m.put64(1402 * 4096 + 48, kDirect + 1404 * 4096);
  runs = first_pages(d);
  for (const std::uint64_t page : {1499, 1501, 1502, 1950, 1952, 1956, 1400, 1402, 1404})
    CHECK(place(runs, page) >= 0);
  CHECK(place(runs, 1505) == -1);

  // One that never ends, and a tree that is its own branch.
  m.put64(list(1900) - kDirect, list(1300));
  m.put64(1402 * 4096 + 56, kDirect + 1400 * 4096 + 2);
  CHECK(place(first_pages(d), 1700) >= 0);
}

TEST_CASE("First pages: a module's whole area") {
  Described d = with_image();
  auto& m = d.machine;
  constexpr std::uint64_t kHead = 0x40100, kModule = 0xffffffffc0004000;
  for (std::uint64_t i = 0; i < 4; ++i)
    m.map(kModule - 2 * 4096 + i * 4096, (1950 + 2 * i) * 4096);
  const std::uint64_t head = SyntheticMachine::image(kHead);
  m.put64(SyntheticMachine::image_paddr(kHead), kModule + 8);
  m.put64(SyntheticMachine::image_paddr(kHead) + 8, kModule + 8);
  m.put64(1954 * 4096 + 8, head);
  m.put64(1954 * 4096 + 16, head);
  const auto runs = first_pages(d);
  for (const std::uint64_t page : {1950, 1952, 1954, 1956})
    CHECK(place(runs, page) >= 0);
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

}  // namespace
}  // namespace mkcapture

// Value first: the pages that a debugger needs are in the file before all others, and the dump is
// the same to a reader, however it ends.
#include <doctest/doctest.h>

#include <array>
#include <cstring>

#include "init/dump/dump.h"
#include "init/dump/format/early_pages.h"
#include "tests/fakes/dump_reader.h"
#include "tests/fakes/fake_vmcore.h"

namespace mkcapture {
namespace {

using namespace dump;

using fakes::FakeVmcore;
using fakes::KdumpReader;
using fakes::MemoryOutput;

constexpr std::uint64_t kPages = 4096;
constexpr std::uint64_t kFirst = 123;  // first pages that are kept

void page_of_its_own(std::uint64_t pfn, std::span<std::byte> page) {
  if (pfn % 7 == 0) return;  // zeros
  std::uint64_t x = pfn * 0x9e3779b97f4a7c15 + 1;
  for (std::size_t i = 0; i < page.size(); i += 8) {
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    std::memcpy(page.data() + i, &x, 8);
  }
}

/// 16 MiB, of which some is left out. The first pages lie all over it; some of them are left out,
/// zero, or in no range.
FakeVmcore machine() {
  FakeVmcore vmcore({{0, kPages / 2 * 4096}, {0x10000000, kPages / 2 * 4096}}, page_of_its_own);
  vmcore.keep = [](std::uint64_t pfn) { return pfn % 5 != 0; };
  vmcore.first = {{0x10000000 / 4096 + 2000, 48}, {3, 1}, {1500, 100}, {700, 2}, {9, 1}, {8, 1}};
  return vmcore;
}

bool is_first(const FakeVmcore& vmcore, std::uint64_t pfn) {
  for (const PageRun& run : vmcore.first) {
    if (pfn - run.first < run.count) return true;
  }
  return false;
}

DumpOptions options(int threads, DumpFormat format = DumpFormat::kKdump) {
  return {.choice = {.level = 31, .format = format, .codec = DumpCodec::kNone}, .threads = threads};
}

template <class Visit>
void each_page(const FakeVmcore& vmcore, Visit visit) {
  for (const MemoryRange& r : vmcore.machine.ranges) {
    for (std::uint64_t at = 0; at < r.size; at += 4096)
      visit((r.paddr + at) / 4096);
  }
}

KdumpReader reader(const MemoryOutput& file) {
  return {[&file](std::uint64_t o, std::size_t n) { return file.read(o, n); }, true, false};
}

/// What can be read is right. Returns how many first pages can be.
std::uint64_t check_readable(const FakeVmcore& vmcore, const KdumpReader& dump) {
  std::uint64_t first = 0;
  each_page(vmcore, [&](std::uint64_t pfn) {
    if (!dump.kept(pfn)) return;
    const auto page = dump.page(pfn);
    if (!page) return;
    if (*page != vmcore.page(pfn)) FAIL("bytes of page frame " << pfn);
    first += is_first(vmcore, pfn) ? 1 : 0;
  });
  return first;
}

std::uint64_t check_whole(const FakeVmcore& vmcore, const KdumpReader& dump) {
  each_page(vmcore, [&](std::uint64_t pfn) {
    if (dump.kept(pfn) != vmcore.keep(pfn)) FAIL("bit of page frame " << pfn);
    if (vmcore.keep(pfn) && dump.page(pfn).has_value() == vmcore.unreadable.contains(pfn))
      FAIL("page frame " << pfn);
  });
  return check_readable(vmcore, dump);
}

TEST_CASE("Value first: every page comes back, those that were named from the file's front on") {
  FakeVmcore vmcore = machine();
  std::vector<std::byte> bytes;
  for (const int threads : {1, 2, 5}) {
    CAPTURE(threads);
    MemoryOutput file;
    fakes::NoProgress progress;
    const auto report = write_dump(vmcore, file, options(threads), progress);
    REQUIRE(report);
    const KdumpReader dump = reader(file);
    CHECK(check_whole(vmcore, dump) == kFirst);
    CHECK(report->file_size == file.size());

    // As they were named, the shared page of zeros before all.
    std::uint64_t last = 0;
    for (const PageRun& run : vmcore.first) {
      for (std::uint64_t pfn = run.first; pfn < run.first + run.count; ++pfn) {
        if (!vmcore.keep(pfn) || pfn % 7 == 0) continue;
        CHECK(dump.descriptor(pfn).offset > last);
        last = dump.descriptor(pfn).offset;
      }
    }
    each_page(vmcore, [&](std::uint64_t pfn) {
      if (vmcore.keep(pfn) && !is_first(vmcore, pfn) && pfn % 7 != 0 &&
          dump.descriptor(pfn).offset <= last)
        FAIL("page frame " << pfn << " came too early");
    });
    const auto all = file.read(0, file.size());
    CHECK((bytes.empty() || bytes == all));
    bytes = all;
  }
}

TEST_CASE("Value first: a disk that is full at a fifth has them all") {
  FakeVmcore vmcore = machine();
  for (const int threads : {1, 3}) {
    for (const bool reserves : {true, false}) {
      MemoryOutput whole;
      fakes::NoProgress progress;
      REQUIRE(write_dump(vmcore, whole, options(threads), progress));
      MemoryOutput file;
      file.full_at = whole.bytes() / 5;
      if (!reserves) file.most_reserved = 0;
      const auto report = write_dump(vmcore, file, options(threads), progress);
      REQUIRE(report);
      CHECK(report->incomplete.find("No space left") != std::string::npos);
      const KdumpReader dump = reader(file);
      CHECK((dump.status & 0x8) != 0);
      CHECK(check_readable(vmcore, dump) == kFirst);
    }
  }
}

TEST_CASE(
    "Value first: a run in two cycles, pages that are left out, and one that cannot be read") {
  // Cycles of 64 page frames; what is kept: 3, 61 to 64, 66 and, not among the first, 2.
  EarlyPages early({{60, 8}, {3, 2}, {200, 1}});
  const auto count = [&early] {
    early.restart();
    std::vector<std::uint8_t> low(8), high(8);
    low[0] = 1 << 2 | 1 << 3;
    low[7] = 1 << 5 | 1 << 6 | 1 << 7;
    high[0] = 1 << 0 | 1 << 2;
    early.count(0, low, 0);
    early.count(64, high, 5);
  };
  count();
  count();  // a pass that is made once more
  for (const PageRun wanted : {PageRun{61, 4}, PageRun{66, 1}, PageRun{3, 1}, PageRun{}}) {
    const PageRun run = early.take_run(100);
    CHECK((run.first == wanted.first && run.count == wanted.count));
  }
  constexpr std::uint64_t kAt = std::uint64_t{1} << 40;
  for (std::uint64_t i = 0; i < 6; ++i) {
    if (i == 1)
      early.not_stored();
    else
      early.stored(kAt, {.offset = kAt + i * 100, .size = 65536, .flags = 0x20});
  }

  EarlyPages::Place place;
  std::vector<std::array<std::uint64_t, 2>> found;  // ordinal, offset
  while (const auto page = early.next(place)) {
    CHECK((page->size == 65536 && page->flags == 0x20));
    found.push_back({page->ordinal, page->offset - kAt});
  }
  const std::vector<std::array<std::uint64_t, 2>> wanted = {
      {1, 500}, {2, 0}, {4, 200}, {5, 300}, {6, 400}};
  CHECK(found == wanted);
  CHECK(!early.due(0));
  CHECK(early.due(1)->offset == kAt + 500);
  CHECK(early.due(2)->offset == kAt);
  CHECK(!early.due(3));
  CHECK(early.due(4)->offset == kAt + 200);

  std::vector<std::uint8_t> bits(8, 0xff);
  early.clear_stored(0, bits);
  CHECK(bits == std::vector<std::uint8_t>{0xf7, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x5f});
}

TEST_CASE("Value first: whichever write fails, what can be read is right") {
  FakeVmcore vmcore = machine();
  for (const bool broken : {false, true}) {
    if (broken) vmcore.unreadable = {1, 4, 701, 1001, 1002, 1502, 0x10000000 / 4096 + 2001};
    MemoryOutput whole;
    fakes::NoProgress progress;
    REQUIRE(write_dump(vmcore, whole, options(1), progress));
    check_whole(vmcore, reader(whole));
    std::uint64_t with_first = 0, failures = 0;
    for (std::uint64_t call = 1; call <= whole.calls(); call += 1 + call / 16) {
      CAPTURE(call);
      ++failures;
      MemoryOutput file;
      file.fail_at_call = call;
      const auto report = write_dump(vmcore, file, options(1), progress);
      if (!report) continue;
      with_first += check_readable(vmcore, reader(file)) > 100 ? 1 : 0;
    }
    CHECK(with_first > failures / 4);
  }
}

}  // namespace
}  // namespace mkcapture

// A filter is held against what the crashed kernel counted itself.
#include <doctest/doctest.h>

#include "init/dump/select/filter_proof.h"
#include "init/dump/select/kept_pages.h"
#include "tests/fakes/described_machine.h"
#include "tests/fakes/fake_vmcore.h"

namespace mkcapture {
namespace {

using namespace dump;

using fakes::Described;

constexpr std::uint64_t kFree = 320, kCached = 400;

/// Free blocks of 16 pages, cache, some of processes, the rest the kernel's own.
Described lived_in() {
  Described d;
  for (std::uint64_t pfn = 1024; pfn < 1024 + kFree; pfn += 16)
    d.free_block(pfn, 4);
  for (std::uint64_t pfn = 1536; pfn < 1536 + kCached; ++pfn)
    d.cache(pfn);
  return d;
}

/// What check_level() says of all of 31.
LevelReport checked(const Described& d) {
  const auto report = d.machine.open()->check_level(31);
  REQUIRE(report);
  return *report;
}

std::uint64_t pages_left_out(const LevelReport& report) {
  return (report.bytes_total - report.bytes_kept) / 4096;
}

TEST_CASE("A filter that the kernel's counters agree with is used, whatever the version") {
  for (const char* release : {"6.1.0-test", "9.9.9", "custom"}) {
    for (const std::uint64_t place : {0, 1}) {
      for (const bool numa : {false, true}) {
        Described d = lived_in();
        d.machine.info(std::string("OSRELEASE=") + release);
        d.count(kFree, kCached, place, numa);
        const LevelReport report = checked(d);
        CHECK(report.level_reached == 31);
        CHECK(report.note.empty());
        CHECK(pages_left_out(report) == kFree + kCached);
      }
    }
  }
}

TEST_CASE("A crash in the middle of an allocation is no contradiction") {
  Described d = lived_in();
  d.count(kFree - 16, kCached + 60);
  CHECK(checked(d).level_reached == 31);
}

TEST_CASE("Either of the two counts of free pages is enough") {
  Described d = lived_in();
  d.count(kFree, kCached);
  d.machine.info("OFFSET(zone.free_area)=72");
  CHECK(checked(d).level_reached == 31);
}

TEST_CASE("Pages that look free and are not counted as free stay, and the rest goes") {
  Described d = lived_in();
  d.count(100, kCached);
  const LevelReport report = checked(d);
  CHECK(report.level_reached == 15);
  CHECK(report.note == "free pages kept: 320 pages look free, the kernel counts 100");
  CHECK(pages_left_out(report) == kCached);
}

TEST_CASE("Pages that look like cache and are on no list that the kernel counts stay") {
  Described d = lived_in();
  d.count(kFree, 100);
  const LevelReport report = checked(d);
  CHECK(report.level_reached == 17);
  CHECK(report.note ==
        "cache and user pages kept: 400 pages look as if on a list, the kernel counts 100");
  CHECK(pages_left_out(report) == kFree);
}

TEST_CASE("Pages that look like processes' and are on no list stay") {
  Described d = lived_in();
  for (std::uint64_t pfn = 100; pfn < 300; ++pfn)
    d.machine.put64(d.array + pfn * 64 + 24, 0xffff888000000001);
  d.count(kFree, kCached);
  const LevelReport report = checked(d);
  CHECK(report.level_reached == 17);
  CHECK(report.note ==
        "cache and user pages kept: 200 pages look like a process's and are on no list");
}

TEST_CASE("Exports that do not tell the truth: every page stays, with the reason") {
  for (const char* lie : {"SIZE(page)=128", "NUMBER(PG_lru)=5\nNUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=0",
                          "OFFSET(page.flags)=32\nOFFSET(page._mapcount)=36",
                          "OFFSET(zone.free_area)=72\nNUMBER(NR_FREE_PAGES)=7"}) {
    CAPTURE(lie);
    Described d = lived_in();
    d.count(kFree, kCached);
    CHECK(checked(d).level_reached == 31);
    d.machine.info(std::string("OSRELEASE=9.9.9\n") + lie);
    const LevelReport report = checked(d);
    CHECK(report.level_reached == 1);
    CHECK(pages_left_out(report) == 0);
    CHECK(report.note.find("the kernel counts") != std::string::npos);
  }
}

/// A machine with everything that a kernel has, and what its own pages are.
struct Furnished {
  Described d;
  std::vector<std::uint64_t> own;

  void put(std::uint64_t pfn, std::uint64_t at, std::uint64_t value) {
    d.machine.put64(d.array + pfn * 64 + at, value);
  }
  void put_type(std::uint64_t pfn, std::uint32_t mapcount, std::uint32_t references) {
    d.machine.put32(d.array + pfn * 64 + 48, mapcount);
    d.machine.put32(d.array + pfn * 64 + 52, references);
  }

  Furnished() {
    constexpr std::uint64_t kPointer = 0xffff888000000000;
    for (std::uint64_t pfn = 0; pfn < 2048; ++pfn) {
      put(pfn, 0, std::uint64_t{1} << 12);  // reserved: what is not said otherwise
      put(pfn, 8, kPointer + pfn * 8);
      put(pfn, 16, kPointer + pfn * 8);
      put_type(pfn, ~0U, 1);
      if (pfn < 1024) own.push_back(pfn);
    }
    for (std::uint64_t pfn = 300; pfn < 700; ++pfn) {  // slab: pointers, counters, a free list
      put(pfn, 0, 1 << 9);
      put(pfn, 24, kPointer + pfn * 64);
      put(pfn, 32, pfn % 3 == 0 ? 0 : kPointer + pfn * 4096);
      put(pfn, 40, 0x8015000f + pfn);
    }
    for (std::uint64_t pfn = 700; pfn < 760; ++pfn) {  // page tables
      put(pfn, 0, 0);
      put_type(pfn, 0xfffffbff, 1);
    }
    for (std::uint64_t pfn = 760; pfn < 1024; ++pfn) {  // whatever drivers keep in theirs
      put(pfn, 0, 0);
      put(pfn, 32, kPointer + pfn * 64);
      put(pfn, 40, pfn * 0x9e3779b9);
    }
    for (std::uint64_t pfn = 1024; pfn < 1024 + kFree; pfn += 16)
      d.free_block(pfn, 4);
    for (std::uint64_t pfn = 1024; pfn < 1024 + kFree; ++pfn) {
      put(pfn, 0, 0);
      put_type(pfn, pfn % 16 == 0 ? Described::kBuddy : ~0U, 0);
    }
    for (std::uint64_t pfn = 1536; pfn < 1536 + kCached; ++pfn) {
      const bool anonymous = pfn % 4 == 0;
      put(pfn, 0, Described::kLru | 1 << 3 | (anonymous ? 1 << 19 : 0));
      put(pfn, 24, kPointer + pfn * 64 + (anonymous ? 1 : 0));
      put(pfn, 32, pfn * 3);
      put_type(pfn, anonymous ? 0 : ~0U, 2);
    }
    for (std::uint64_t pfn = 1024 + kFree; pfn < 1536; ++pfn)
      own.push_back(pfn);
    for (std::uint64_t pfn = 1536 + kCached; pfn < 2048; ++pfn)
      own.push_back(pfn);
    d.count(kFree, kCached);
    d.machine.info("OSRELEASE=9.9.9");
  }
};

/// The kernel's own pages that a dump of `level` lacks, and what it says of it.
std::pair<std::uint64_t, LevelReport> own_pages_lost(const Furnished& f, int level) {
  const auto vmcore = f.d.machine.open();
  fakes::NoProgress progress;
  auto pages = KeptPages::create(*vmcore, level, Descriptors::kAll, progress);
  REQUIRE(pages);
  std::uint64_t lost = 0;
  const auto count = [&](std::uint64_t first, std::span<std::uint8_t> bits) -> Status {
    for (const std::uint64_t pfn : f.own)
      lost += (bits[(pfn - first) / 8] >> (pfn % 8) & 1) == 0 ? 1 : 0;
    return {};
  };
  REQUIRE(pages->first_pass([&] { lost = 0; }, count).ok());
  return {lost, {.level_reached = pages->level_reached(), .note = pages->note()}};
}

TEST_CASE("A kernel of an unknown future is filtered by its exports") {
  const Furnished f;
  const auto [lost, report] = own_pages_lost(f, 31);
  CHECK(lost == 0);
  CHECK(report.level_reached == 31);
  CHECK(report.note.empty());
  const LevelReport sizes = checked(f.d);
  CHECK(pages_left_out(sizes) == kFree + kCached);
}

TEST_CASE("One export that lies, whichever it is: no page of the kernel's own is lost") {
  std::vector<std::string> lies = {"SIZE(page)=32", "SIZE(page)=56", "SIZE(page)=72",
                                   "SIZE(page)=128"};
  for (const char* offset : {"page.flags", "page._mapcount", "page.mapping", "page.private",
                             "page.lru", "page.compound_head"}) {
    for (int at = 0; at < 64; at += 8)
      lies.push_back("OFFSET(" + std::string(offset) + ")=" + std::to_string(at));
  }
  for (const char* flag : {"PG_lru", "PG_private", "PG_swapcache", "PG_swapbacked", "PG_slab",
                           "PG_hwpoison", "PG_head_mask"}) {
    for (int bit = 0; bit < 24; bit += 4)
      lies.push_back("NUMBER(" + std::string(flag) + ")=" + std::to_string(bit));
  }
  for (const char* type : {"PAGE_BUDDY_MAPCOUNT_VALUE", "PAGE_SLAB_MAPCOUNT_VALUE",
                           "PAGE_OFFLINE_MAPCOUNT_VALUE", "PAGE_HUGETLB_MAPCOUNT_VALUE"}) {
    // Not -1025: what has another type than the exported ones cannot be told from these.
    for (const int value : {-1, 0, 1, -2, -129, -257, -513, -2049})
      lies.push_back("NUMBER(" + std::string(type) + ")=" + std::to_string(value));
  }
  for (const std::string& lie : lies) {
    CAPTURE(lie);
    Furnished f;
    f.d.machine.info(lie);
    const auto [lost, report] = own_pages_lost(f, 31);
    CAPTURE(report.note);
    CAPTURE(report.level_reached);
    CHECK(lost == 0);
  }
}

TEST_CASE("Memory of which much looks broken is not left out at any level") {
  for (const int level : {0, 1, 31}) {
    Furnished f;
    f.d.machine.info("NUMBER(PG_hwpoison)=12");
    const auto [lost, report] = own_pages_lost(f, level);
    CHECK(lost == 0);
    CHECK(report.note.find("all of memory kept: ") == 0);
    CHECK(report.note.ends_with(" pages look broken"));
    CHECK(report.level_reached == (level & 1));
  }
}

TEST_CASE("Exports that all belong to another kernel: every page is kept, with the reason") {
  Furnished f;
  f.d.machine.info(
      "SIZE(page)=56\nOFFSET(page.flags)=8\nOFFSET(page._mapcount)=40\nOFFSET(page.mapping)=16\n"
      "OFFSET(page.private)=32\nNUMBER(PG_lru)=5\nNUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-257");
  const LevelReport report = checked(f.d);
  CHECK(report.level_reached == 1);
  CHECK(pages_left_out(report) == 0);
  CHECK_FALSE(report.note.empty());
}

TEST_CASE("Counters that cannot be had, or that hold what cannot be, prove nothing") {
  Described d = lived_in();
  CHECK(checked(d).level_reached == 31);
  d.count(kFree, 0);  // were they read, the lists would not agree
  d.machine.info("LENGTH(zone.free_area)=77");
  CHECK_FALSE(
      doubt_filter({.free = 9999, .on_lists = 9999, .anonymous = 0, .strays = 0, .poisoned = 0},
                   std::nullopt, 9999, 30)
          .bits);
}

TEST_CASE("Where memory is missing, less than the counters say is no contradiction") {
  const ZoneCounters counters{.zones = 1,
                              .free_pages = 10000,
                              .free_item = 10000,
                              .block_pages = 16,
                              .spanned_pages = 20000,
                              .on_lists = {{5000, 0}},
                              .anonymous = {}};
  const PageSums half{.free = 5000, .on_lists = 2500, .anonymous = 0, .strays = 0, .poisoned = 0};
  CHECK(doubt_filter(half, counters, 20000, 30).bits == 30);
  CHECK(doubt_filter(half, counters, 10000, 30).bits == 0);
  CHECK(doubt_filter(half, counters, 20000, 8).bits == 8);
  CHECK(doubt_filter(half, counters, 20000, 0).bits == 0);
}

TEST_CASE("The level that is left is that of each format's dump, and of all its passes") {
  for (const DumpFormat format : {DumpFormat::kKdump, DumpFormat::kFlat, DumpFormat::kElf}) {
    Described d = lived_in();
    d.count(100, kCached);
    fakes::MemoryOutput file(format != DumpFormat::kFlat);
    fakes::NoProgress progress;
    const auto report = d.machine.open()->write_dump(
        file, {.choice = {.level = 30, .format = format, .codec = DumpCodec::kNone}}, progress);
    REQUIRE(report);
    CHECK(report->level_reached == 14);
    CHECK(report->note.find("free pages kept: ") == 0);
    if (format != DumpFormat::kElf) CHECK(report->pages_saved == 2048 - kCached);
    CHECK(report->incomplete.empty());
  }
}

}  // namespace
}  // namespace mkcapture

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

TEST_CASE("Counters that cannot be had, or that hold what cannot be, prove nothing") {
  Described d = lived_in();
  CHECK(checked(d).level_reached == 31);
  d.count(kFree, 0);  // were they read, the lists would not agree
  d.machine.info("LENGTH(zone.free_area)=77");
  CHECK_FALSE(
      doubt_filter({.free = 9999, .on_lists = 9999, .strays = 0}, std::nullopt, 9999, 30).bits);
}

TEST_CASE("Where memory is missing, less than the counters say is no contradiction") {
  const ZoneCounters counters{.zones = 1,
                              .free_pages = 10000,
                              .free_item = 10000,
                              .block_pages = 16,
                              .spanned_pages = 20000,
                              .on_lists = {{5000, 0}}};
  const PageSums half{.free = 5000, .on_lists = 2500, .strays = 0};
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

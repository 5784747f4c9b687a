#include <doctest/doctest.h>

#include "init/worker/retention.h"
#include "init/worker/space.h"

using namespace mkcapture;
using namespace mkcapture::init;

namespace {

const std::vector<std::string> kWhole{"vmcore", "vmcore-dmesg.txt", "kexec-dmesg.log"};
const std::vector<std::string> kPart{"vmcore.incomplete", "kexec-dmesg.log"};

std::vector<std::string> names(const std::vector<StoredDump>& all, const std::string& newest,
                               std::uint64_t keep) {
  std::vector<std::string> found;
  for (const auto& dump : outdated_dumps(all, newest, keep))
    found.push_back(dump.name);
  return found;
}

}  // namespace

TEST_CASE("retention: a dump's name, and whose it is") {
  CHECK(host_of_dump("node7-2026-11-27-16:00:01") == "node7");
  CHECK(host_of_dump("node7-2026-11-27-16-00-01") == "node7");  // vfat
  CHECK(host_of_dump("node7-2026-11-27-16:00:01-12") == "node7");
  CHECK(host_of_dump("a-b-2026-11-27-16:00:01") == "a-b");
  // A host whose name ends like a dump's.
  CHECK(host_of_dump("x-2026-11-27-16:00:01-2026-11-28-16:00:01") == "x-2026-11-27-16:00:01");
  for (const char* no : {"", "node7", "-2026-11-27-16:00:01", "node7-2026-11-27",
                         "node7-2026-11-27-16:00", "node7-2026-11-27-16:00:01-x",
                         "node7-2026-11-27-16:00:01.old", "node7-2026-11-27-16:00:01-"}) {
    CAPTURE(no);
    CHECK(host_of_dump(no).empty());
  }
}

TEST_CASE("retention: the oldest whole dumps of this host go, the incomplete ones before the new") {
  const std::string day = "node7-2026-11-2";
  const std::string newest = day + "7-00:00:00";
  const std::vector<StoredDump> all{
      {day + "4-00:00:00", kWhole}, {newest, {"vmcore", "vmcore-dmesg.txt"}},
      {day + "2-00:00:00", kWhole}, {day + "3-00:00:00", kPart},
      {day + "5-00:00:00", kWhole}, {day + "6-00:00:00", {"vmcore-dmesg.txt"}}};
  CHECK(names(all, newest, 0).empty());  // all stay
  CHECK(names(all, newest, 9) == std::vector<std::string>{day + "3-00:00:00", day + "6-00:00:00"});
  CHECK(names(all, newest, 2) == std::vector<std::string>{day + "2-00:00:00", day + "3-00:00:00",
                                                          day + "4-00:00:00", day + "6-00:00:00"});
  CHECK(names(all, newest, 1).size() == 5);  // all but the newest
}

TEST_CASE("retention: several dumps of one second, and the two ways to write its name") {
  const std::string second = "n-2026-11-27-16:00:01";
  const std::vector<StoredDump> all{{second + "-10", kWhole},
                                    {second, kWhole},
                                    {second + "-9", kWhole},
                                    {"n-2026-11-27-16-00-00", kWhole}};
  CHECK(names(all, second + "-10", 2) == std::vector<std::string>{"n-2026-11-27-16-00-00", second});
}

TEST_CASE("retention: another host's dumps and what is no dump are never touched") {
  const std::string newest = "node7-2026-11-27-00:00:00";
  const std::vector<StoredDump> all{
      {"node71-2026-11-01-00:00:00", kWhole},
      {"node7-x-2026-11-01-00:00:00", kWhole},
      {"node7-keep", kWhole},
      {"node7-2026-11-01-00:00:00", {"vmcore", "notes.txt"}},
      {"node7-2026-11-28-00:00:00", kWhole},  // the clock was set back
      {"node7-2026-11-28-00:00:01", kPart},
      {newest, kWhole}};
  CHECK(names(all, newest, 1).empty());
  CHECK(names(all, "node7", 1).empty());
}

TEST_CASE("retention: however often there is no room for a dump, ten logs stay") {
  std::vector<StoredDump> all{{"n-2026-11-01-00:00:00", kWhole},
                              {"n-2026-11-02-00:00:00", kPart},
                              {"n-2026-11-03-00:00:00", {"vmcore-dmesg.txt", "notes.txt"}},
                              {"other-2026-11-03-00:00:00", {"vmcore-dmesg.txt"}}};
  for (int day = 10; day <= 22; ++day) {
    all.push_back({"n-2026-11-" + std::to_string(day) + "-00:00:00",
                   {"vmcore-dmesg.txt", "kexec-dmesg.log"}});
  }
  const auto gone = outdated_logs(all, all.back().name);
  REQUIRE(gone.size() == 3);
  CHECK(gone.front().name == "n-2026-11-10-00:00:00");
  CHECK(gone.back().name == "n-2026-11-12-00:00:00");
  all.resize(all.size() - 3);
  CHECK(outdated_logs(all, all.back().name).empty());
  CHECK(outdated_logs(all, "no dump").empty());
}

TEST_CASE("space: what a dump may take") {
  constexpr std::uint64_t kGiga = 1 << 30;
  CHECK(default_reserve(10 * kGiga) == kGiga / 2);
  CHECK(default_reserve(100 * kGiga) == 2 * kGiga);
  CHECK(budget_of({10 * kGiga, 100 * kGiga}, std::nullopt) == 8 * kGiga);
  CHECK(budget_of({kGiga, 100 * kGiga}, std::nullopt) == 0);
  CHECK(budget_of({kGiga, 100 * kGiga}, 0) == kGiga);
  CHECK(budget_of({3 * kGiga, 100 * kGiga}, kGiga) == 2 * kGiga);
}

// The filter held against what a running kernel says of its pages.
#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "init/dump/select/agreement.h"
#include "tests/fakes/described_machine.h"

namespace mkcapture {
namespace {

using namespace dump;

using fakes::Described;

constexpr std::uint64_t kSaysLru = 1 << 5, kSaysFree = 1 << 10, kSaysAnon = 1 << 12,
                        kSaysHead = 1 << 15, kSaysTail = 1 << 16, kSaysHuge = 1 << 17,
                        kSaysNoPage = 1 << 20, kSaysOffline = 1 << 23;

/// As /proc/kpageflags, with a change at each look.
class Flags final : public KernelPageFlags {
 public:
  std::vector<std::uint64_t> flags = std::vector<std::uint64_t>(2048);
  std::function<void(Flags&)> at_each_look;

  std::size_t read(std::uint64_t pfn, std::span<std::uint64_t> out) override {
    if (pfn == 0 && at_each_look) at_each_look(*this);
    if (pfn >= flags.size()) return 0;
    const std::size_t n = std::min<std::size_t>(out.size(), flags.size() - pfn);
    std::copy_n(flags.begin() + static_cast<long>(pfn), n, out.begin());
    return n;
  }
};

struct Running : Described {
  Running() {
    free_block(1024, 3);
    for (std::uint64_t i = 0; i < 8; ++i)
      flags.flags[1024 + i] = kSaysFree;
    for (std::uint64_t pfn = 100; pfn < 120; ++pfn) {
      cache(pfn);
      flags.flags[pfn] = kSaysLru;
    }
    // A huge page of a process: the kernel says most of it of the head alone.
    machine.put64(array + 512 * 64, kLru | 1 << 16);
    machine.put64(array + 512 * 64 + 24, 0xffff888000000001);
    for (std::uint64_t t = 513; t < 516; ++t)
      machine.put64(array + t * 64 + 8, 0xffffea0000008001);
    machine.put32(array + 513 * 64 + 16, 2 << 8);  // compound_order
    flags.flags[512] = kSaysLru | kSaysAnon | kSaysHead;
    for (std::uint64_t t = 513; t < 516; ++t)
      flags.flags[t] = kSaysTail;
    machine.put32(array + 700 * 64 + 48, 0xfffffeff);
    flags.flags[700] = kSaysOffline;
    flags.flags[2000] = kSaysNoPage;
  }
  AgreementReport compare() {
    const auto source = machine.open();
    const auto report = compare_filter(*source, flags);
    REQUIRE_MESSAGE(report, report.error().message);
    return *report;
  }
  Flags flags;
};

std::uint64_t differences(const AgreementReport& report) {
  std::uint64_t n = 0;
  for (const auto& c : report.classes)
    n += c.differ;
  return n;
}

const AgreementReport::Class& of(const AgreementReport& report, PageClass c) {
  return report.classes[static_cast<std::size_t>(c)];
}

TEST_CASE("A filter that agrees with the running kernel, class by class") {
  Running r;
  const AgreementReport report = r.compare();
  CHECK(differences(report) == 0);
  CHECK(of(report, PageClass::kFree).pages == 8);
  CHECK(of(report, PageClass::kCache).pages == 20);
  CHECK(of(report, PageClass::kUser).pages == 4);
  CHECK(of(report, PageClass::kUnreadable).pages == 1);
  CHECK(of(report, PageClass::kKernel).pages == 2048 - 33 - 1);
}

TEST_CASE("Pages that differ are counted in the class that the kernel has them in") {
  Running r;
  r.flags.flags[101] = 0;  // the kernel's own, and the filter takes it for cache
  r.flags.flags[300] = kSaysHuge;
  const AgreementReport report = r.compare();
  CHECK(differences(report) == 2);
  CHECK(of(report, PageClass::kKernel).differ == 1);
  CHECK(report.own_left_out == 1);
  CHECK(of(report, PageClass::kUser).differ == 1);
}

TEST_CASE("A page that changes hands between two looks does not differ") {
  Running r;
  int look = 0;
  r.flags.at_each_look = [&look](Flags& f) { f.flags[101] = ++look <= 2 ? 0 : kSaysLru; };
  const AgreementReport report = r.compare();
  CHECK(differences(report) == 0);
  CHECK(of(report, PageClass::kCache).pages == 20);
  CHECK(report.changing == 0);
  CHECK(look == 4);  // before and after each of two
}

TEST_CASE("A page that changes hands while the filter looks is not compared") {
  Running r;
  int look = 0;
  r.flags.at_each_look = [&look](Flags& f) { f.flags[101] = ++look % 2 == 0 ? 0 : kSaysLru; };
  const AgreementReport report = r.compare();
  CHECK(differences(report) == 0);
  CHECK(report.changing == 1);
  CHECK(of(report, PageClass::kCache).pages == 19);
  CHECK(of(report, PageClass::kKernel).pages == 2048 - 33 - 1);
}

/// A filter, counted as long as it has memory.
class Counted final : public PageFilter {
 public:
  Counted(std::unique_ptr<PageFilter> filter, int& alive)
      : filter_(std::move(filter)), alive_(alive) {
    ++alive_;
  }
  Counted(const Counted&) = delete;
  Counted& operator=(const Counted&) = delete;
  ~Counted() override { --alive_; }

  Status keep(std::uint64_t first_pfn, std::span<std::uint8_t> bits) override {
    return filter_->keep(first_pfn, bits);
  }
  [[nodiscard]] int level() const noexcept override { return filter_->level(); }
  [[nodiscard]] const std::string& note() const noexcept override { return filter_->note(); }

 private:
  std::unique_ptr<PageFilter> filter_;
  int& alive_;
};

class CountingSource final : public VmcoreSource {
 public:
  explicit CountingSource(std::unique_ptr<VmcoreSource> source) : source_(std::move(source)) {}

  int alive = 0;

  Result<std::unique_ptr<PageFilter>> filter(int level, Descriptors descriptors) override {
    auto filter = source_->filter(level, descriptors);
    if (!filter) return std::move(filter).error();
    return std::unique_ptr<PageFilter>(std::make_unique<Counted>(std::move(*filter), alive));
  }
  [[nodiscard]] const CrashedMachine& crashed() const noexcept override {
    return source_->crashed();
  }
  Result<std::unique_ptr<MemoryWindow>> window(std::size_t bytes) override {
    return source_->window(bytes);
  }
  [[nodiscard]] std::uint64_t size() const noexcept override { return source_->size(); }
  [[nodiscard]] std::uint64_t memory_bytes() const noexcept override {
    return source_->memory_bytes();
  }
  [[nodiscard]] std::string os_release() const override { return source_->os_release(); }
  [[nodiscard]] std::string build_id() const override { return source_->build_id(); }
  [[nodiscard]] std::int64_t crash_time() const noexcept override { return source_->crash_time(); }
  Result<std::string> node_name() override { return source_->node_name(); }
  Result<std::uint64_t> write_dmesg(Output& output) override {
    return source_->write_dmesg(output);
  }

 private:
  std::unique_ptr<VmcoreSource> source_;
};

TEST_CASE("The filter's own memory is its own until the kernel was asked") {
  Running r;
  CountingSource source(r.machine.open());
  std::vector<int> alive;
  r.flags.at_each_look = [&](Flags& f) {
    alive.push_back(source.alive);
    f.flags[101] = 0;  // differs, so that there are more looks
  };
  REQUIRE(compare_filter(source, r.flags));
  REQUIRE(alive.size() == 10);
  for (std::size_t i = 1; i < alive.size(); ++i)
    CHECK(alive[i] == alive[0] + 4 * static_cast<int>((i + 1) / 2));
  CHECK(source.alive == 0);
}

TEST_CASE("A filter that cannot judge is not compared") {
  Running r;
  r.machine.info("NUMBER(PG_lru)=99");
  const auto source = r.machine.open();
  const auto report = compare_filter(*source, r.flags);
  REQUIRE_FALSE(report);
  CHECK(report.error().message.find("PG_lru") != std::string::npos);
}

}  // namespace
}  // namespace mkcapture

// Page classes from made-up descriptors, as the kernels 5.10, 6.1, 6.6 and 6.12 lay them out.
#include <doctest/doctest.h>

#include <cstring>
#include <string>
#include <vector>

#include "init/dump/select/page_rules.h"

namespace mkcapture {
namespace {

using namespace dump;

constexpr int kAll = 31;
constexpr std::uint64_t kFirst = 4096;  // a page frame that every order up to 12 is aligned to
constexpr std::uint32_t kNoMapping = 0xffffffff;  // _mapcount of a page that nobody maps

/// A kernel: what it exports and how it marks things.
struct Kernel {
  const char* name;
  std::string info;
  std::uint64_t lru, private_data, swapcache, swapbacked, hwpoison, head, slab_flag;
  std::uint32_t buddy, offline, slab_type, hugetlb_type;
  std::size_t order_byte;      // in the second descriptor
  std::size_t hugetlb_byte;    // 0: not by a destructor
  std::uint64_t hugetlb_flag;  // in the second descriptor's flags
};

const char* const kLayout =
    "SIZE(page)=64\nOFFSET(page.flags)=0\nOFFSET(page._refcount)=52\nOFFSET(page.mapping)=24\n"
    "OFFSET(page.lru)=8\nOFFSET(page._mapcount)=48\nOFFSET(page.private)=40\n"
    "OFFSET(page.compound_head)=8\nLENGTH(zone.free_area)=11\n";

std::string before_6_10(const char* release) {
  return std::string("OSRELEASE=") + release + "\n" + kLayout +
         "NUMBER(PG_lru)=4\nNUMBER(PG_private)=13\nNUMBER(PG_swapcache)=10\nNUMBER(PG_swapbacked)="
         "19\n"
         "NUMBER(PG_slab)=9\nNUMBER(PG_hwpoison)=23\nNUMBER(PG_head_mask)=65536\n"
         "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-129\nNUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)=-257\n";
}

Kernel old_kernel(const char* release) {
  return {release,
          before_6_10(release) +
              "OFFSET(page.compound_dtor)=16\nOFFSET(page.compound_order)=17\n"
              "NUMBER(HUGETLB_PAGE_DTOR)=2\n",
          1 << 4,
          1 << 13,
          1 << 10,
          1 << 19,
          1 << 23,
          1 << 16,
          1 << 9,
          0xffffff7f,
          0xfffffeff,
          0,
          0,
          17,
          16,
          0};
}

Kernel v6_3() {
  Kernel k = old_kernel("6.3.1");
  k.info =
      before_6_10("6.3.1") +
      "OFFSET(folio._folio_dtor)=80\nOFFSET(folio._folio_order)=81\nNUMBER(HUGETLB_PAGE_DTOR)=2\n";
  return k;
}

Kernel v6_6() {
  Kernel k = old_kernel("6.6.9");
  k.info = before_6_10("6.6.9") + "NUMBER(PG_hugetlb)=8\n";
  k.order_byte = 0;
  k.hugetlb_byte = 0;
  k.hugetlb_flag = 1 << 8;
  return k;
}

Kernel v6_12() {
  return {"6.12",
          std::string("OSRELEASE=6.12.95+deb12-amd64\n") + kLayout +
              "NUMBER(PG_lru)=5\nNUMBER(PG_private)=14\nNUMBER(PG_swapcache)=11\n"
              "NUMBER(PG_swapbacked)=17\nNUMBER(PG_hwpoison)=22\nNUMBER(PG_head_mask)=64\n"
              "NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)=-184549376\n"
              "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-268435456\n"
              "NUMBER(PAGE_HUGETLB_MAPCOUNT_VALUE)=-201326592\n"
              "NUMBER(PAGE_OFFLINE_MAPCOUNT_VALUE)=-251658240\n",
          1 << 5,
          1 << 14,
          1 << 11,
          1 << 17,
          1 << 22,
          1 << 6,
          0,
          0xf0000000,
          0xf1000000,
          0xf5000000,
          0xf4000000,
          0,
          0,
          0};
}

std::vector<Kernel> kernels() {
  return {old_kernel("5.10.0-35-amd64"), old_kernel("6.1.0-56-amd64"), v6_3(), v6_6(), v6_12()};
}

/// An array of descriptors, and which of its pages a level keeps.
class Pages {
 public:
  explicit Pages(const Kernel& kernel, std::size_t count = 16)
      : kernel_(kernel), bytes_(count * 64) {
    for (std::size_t i = 0; i < count; ++i)
      mapcount(i, kNoMapping);
  }

  Pages& flags(std::size_t i, std::uint64_t f) { return put(i, 0, f); }
  Pages& mapping(std::size_t i, std::uint64_t m) { return put(i, 24, m); }
  Pages& private_data(std::size_t i, std::uint64_t p) { return put(i, 40, p); }
  Pages& mapcount(std::size_t i, std::uint32_t m) {
    std::memcpy(bytes_.data() + i * 64 + 48, &m, sizeof m);
    return *this;
  }
  /// Pages [i, i + 2^order) become one compound page.
  Pages& compound(std::size_t i, unsigned order, std::uint64_t head_flags) {
    flags(i, head_flags | kernel_.head);
    for (std::size_t t = i + 1; t < i + (std::size_t{1} << order); ++t)
      put(t, 8, 0xffffea0000000001);
    bytes_[(i + 1) * 64 + kernel_.order_byte] = static_cast<std::byte>(order);
    return *this;
  }
  Pages& hugetlb(std::size_t i, unsigned order) {
    compound(i, order, 0);
    if (kernel_.hugetlb_type != 0) mapcount(i, kernel_.hugetlb_type);
    if (kernel_.hugetlb_byte != 0) bytes_[(i + 1) * 64 + kernel_.hugetlb_byte] = std::byte{2};
    if (kernel_.hugetlb_flag != 0) put(i + 1, 0, order | kernel_.hugetlb_flag);
    return *this;
  }
  /// What the head at `i` says of its order, which may not be true.
  Pages& order(std::size_t i, unsigned order) {
    bytes_[(i + 1) * 64 + kernel_.order_byte] = static_cast<std::byte>(order);
    return *this;
  }
  Pages& slab(std::size_t i) {
    if (kernel_.slab_type != 0) mapcount(i, kernel_.slab_type);
    return flags(i, kernel_.slab_flag);
  }

  /// "x" for each page that is kept, "." for the others.
  [[nodiscard]] std::string kept(int level) const {
    const PageRules rules = make_page_rules(Vmcoreinfo(kernel_.info), Fields(64, false), level);
    REQUIRE(rules.usable);
    REQUIRE(rules.level == (level & ~kLevelZero));
    CHECK(rules.note.empty());
    std::vector<std::uint8_t> bits(bytes_.size() / 64 / 8, 0xff);
    PageSums sums;
    (void)apply_rules(rules, kFirst, bytes_, {kFirst, bits}, sums);
    std::string text;
    for (std::size_t i = 0; i < bytes_.size() / 64; ++i)
      text += (bits[i / 8] >> (i % 8) & 1) != 0 ? 'x' : '.';
    return text;
  }
  /// The levels, of single bits 2 to 16, that leave page 0 out.
  [[nodiscard]] int left_out_by() const {
    int levels = 0;
    for (const int level : {2, 4, 8, 16}) {
      if (kept(level)[0] == '.') levels |= level;
    }
    return levels;
  }

 private:
  Pages& put(std::size_t i, std::size_t at, std::uint64_t value) {
    std::memcpy(bytes_.data() + i * 64 + at, &value, sizeof value);
    return *this;
  }

  const Kernel& kernel_;
  std::vector<std::byte> bytes_;
};

TEST_CASE("A page of the kernel's own is kept at every level") {
  for (const Kernel& k : kernels()) {
    CAPTURE(k.name);
    CHECK(Pages(k).kept(kAll) == "xxxxxxxxxxxxxxxx");
    CHECK(Pages(k).slab(0).left_out_by() == 0);
    CHECK(Pages(k).compound(0, 2, 0).kept(kAll) == "xxxxxxxxxxxxxxxx");
    // What a slab keeps in the place of mapping may look like an anonymous page's.
    CHECK(Pages(k).slab(0).mapping(0, 0xffff888000000001).left_out_by() == 0);
  }
}

TEST_CASE("Page cache, with and without private data") {
  for (const Kernel& k : kernels()) {
    CAPTURE(k.name);
    CHECK(Pages(k).flags(0, k.lru).mapping(0, 0xffff888000001000).left_out_by() == (2 | 4));
    CHECK(Pages(k).flags(0, k.lru | k.private_data).left_out_by() == 4);
    CHECK(Pages(k).flags(0, k.swapcache | k.swapbacked).left_out_by() == (2 | 4));
    // PG_swapcache shares its bit with PG_owner_priv_1: it means nothing alone.
    CHECK(Pages(k).flags(0, k.swapcache).left_out_by() == 0);
    CHECK(Pages(k).compound(0, 2, k.lru).kept(2) == "....xxxxxxxxxxxx");
    CHECK(Pages(k).compound(4, 2, k.lru | k.private_data).kept(4) == "xxxx....xxxxxxxx");
  }
}

TEST_CASE("Memory of processes: anonymous and hugetlb pages") {
  for (const Kernel& k : kernels()) {
    CAPTURE(k.name);
    CHECK(Pages(k).flags(0, k.lru | k.swapbacked).mapping(0, 0xffff888000001001).left_out_by() ==
          8);
    CHECK(Pages(k).mapping(0, 0xffff888000001003).left_out_by() == 8);  // KSM
    CHECK(Pages(k).mapping(0, 0xffff888000001002).left_out_by() == 0);  // movable, a driver's
    CHECK(Pages(k).compound(0, 3, k.lru).mapping(0, 0xffff888000001001).kept(8) ==
          "........xxxxxxxx");
    CHECK(Pages(k).hugetlb(0, 3).kept(8) == "........xxxxxxxx");
    CHECK(Pages(k).hugetlb(8, 2).kept(8) == "xxxxxxxx....xxxx");
    CHECK(Pages(k).hugetlb(0, 3).left_out_by() == 8);
  }
}

TEST_CASE("Free blocks, whose order is in page.private") {
  for (const Kernel& k : kernels()) {
    CAPTURE(k.name);
    CHECK(Pages(k).mapcount(0, k.buddy).private_data(0, 3).kept(16) == "........xxxxxxxx");
    CHECK(Pages(k).mapcount(0, k.buddy).left_out_by() == 16);
    CHECK(Pages(k).mapcount(4, k.buddy).private_data(4, 2).kept(16) == "xxxx....xxxxxxxx");
    // Not aligned to its size, or larger than any block: not what it seems.
    CHECK(Pages(k).mapcount(2, k.buddy).private_data(2, 2).kept(16) == "xxxxxxxxxxxxxxxx");
    CHECK(Pages(k).mapcount(0, k.buddy).private_data(0, 11).kept(16) == "xxxxxxxxxxxxxxxx");
    CHECK(Pages(k).mapcount(0, k.buddy).private_data(0, ~std::uint64_t{0}).kept(16) ==
          "xxxxxxxxxxxxxxxx");
  }
}

TEST_CASE("Poisoned and offline pages go at every level") {
  for (const Kernel& k : kernels()) {
    CAPTURE(k.name);
    for (const int level : {0, 1, 16, 31}) {
      CHECK(Pages(k).flags(1, k.hwpoison).kept(level) == "x.xxxxxxxxxxxxxx");
      CHECK(Pages(k).mapcount(2, k.offline).kept(level) == "xx.xxxxxxxxxxxxx");
    }
    CHECK(Pages(k).compound(0, 2, k.lru).flags(2, k.hwpoison).kept(8) == "xx.xxxxxxxxxxxxx");
  }
}

TEST_CASE("A block that reaches beyond the array says so") {
  const Kernel k = old_kernel("6.1.0");
  std::vector<std::byte> bytes(16 * 64);
  const std::uint32_t buddy = k.buddy;
  const std::uint64_t order = 10;
  std::memcpy(bytes.data() + 48, &buddy, 4);
  std::memcpy(bytes.data() + 40, &order, 8);
  const PageRules rules = make_page_rules(Vmcoreinfo(k.info), Fields(64, false), 16);
  std::vector<std::uint8_t> bits(2, 0xff);
  PageSums sums;
  CHECK(apply_rules(rules, kFirst, bytes, {kFirst, bits}, sums) == kFirst + 1024);
  CHECK(sums.free == 1024);
  CHECK(bits == std::vector<std::uint8_t>{0, 0});
}

TEST_CASE("A compound page of an impossible order is one page") {
  for (const Kernel& k : kernels()) {
    CAPTURE(k.name);
    CHECK(Pages(k).compound(2, 1, k.lru).kept(2) == "xx..xxxxxxxxxxxx");
    Pages p(k);
    p.compound(0, 1, k.lru).compound(0, 1, k.lru);
    CHECK(p.kept(2) == "..xxxxxxxxxxxxxx");
    // Order 2 at an odd multiple of 2: the head alone goes, its tails stay.
    CHECK(Pages(k).compound(2, 2, k.lru).kept(2) == "xx.xxxxxxxxxxxxx");
  }
}

TEST_CASE("A wrong order takes no more with it than its page") {
  for (const Kernel& k : kernels()) {
    CAPTURE(k.name);
    // Larger than what the buddy allocator has, but its last tail at hand is no tail of this head.
    Pages p(k);
    p.compound(0, 2, k.lru).order(0, 12);
    CHECK(p.kept(2) == ".xxxxxxxxxxxxxxx");
    // A hugetlb page beyond it is whole.
    CHECK(Pages(k).hugetlb(0, 4).order(0, 12).kept(8) == "................");
  }
}

TEST_CASE("Unaccepted memory of 6.16 and later is free in the largest blocks") {
  Kernel k = v6_12();
  k.info +=
      "OSRELEASE=6.16.0\nNUMBER(PAGE_UNACCEPTED_MAPCOUNT_VALUE)=-117440512\nLENGTH(zone.free_area)="
      "4\n";
  CHECK(Pages(k).mapcount(8, 0xf9000000).kept(16) == "xxxxxxxx........");
  CHECK(Pages(k).mapcount(0, 0xf9000000).left_out_by() == 16);
}

TEST_CASE("7.1 calls compound_head compound_info") {
  Kernel k = v6_12();
  k.info.replace(k.info.find("page.compound_head"), 18, "page.compound_info");
  k.info += "OSRELEASE=7.1.3\n";
  CHECK(Pages(k).compound(0, 3, k.lru).kept(2) == "........xxxxxxxx");
}

TEST_CASE("32 bits, big-endian") {
  const std::string info =
      before_6_10("6.1.0") +
      "SIZE(page)=32\nOFFSET(page.flags)=0\nOFFSET(page.mapping)=12\nOFFSET(page.private)=20\n"
      "OFFSET(page._mapcount)=24\nOFFSET(page._refcount)=28\nOFFSET(page.compound_head)=4\n"
      "OFFSET(page.compound_order)=9\n";
  const PageRules rules = make_page_rules(Vmcoreinfo(info), Fields(32, true), kAll);
  REQUIRE(rules.usable);
  CHECK(rules.level == 30);
  std::vector<std::byte> bytes(8 * 32);
  const auto put = [&](std::size_t i, std::size_t at, std::uint32_t v) {
    for (std::size_t n = 0; n < 4; ++n)
      bytes[i * 32 + at + n] = static_cast<std::byte>(v >> (24 - 8 * n));
  };
  put(0, 24, 0xffffff7f);  // a free block of two
  put(0, 20, 1);
  put(3, 0, 1 << 4);       // page cache
  put(5, 12, 0xc0001001);  // anonymous
  std::vector<std::uint8_t> bits{0xff};
  PageSums sums;
  (void)apply_rules(rules, 8, bytes, {8, bits}, sums);
  CHECK(sums.free == 2);
  CHECK(sums.on_lists == 1);
  CHECK(sums.strays == 1);
  CHECK(bits[0] == 0b11010100);
}

TEST_CASE("Rules that are not known are named, and their pages kept") {
  const auto rules = [](std::string info) {
    return make_page_rules(Vmcoreinfo(std::move(info)), Fields(64, false), kAll);
  };
  const std::string whole = old_kernel("6.1.0").info;
  const auto without = [&](std::string_view key) {
    std::string info = whole;
    const auto at = info.find(key);
    REQUIRE(at != std::string::npos);
    return info.erase(at, info.find('\n', at) + 1 - at);
  };
  CHECK(rules(whole).level == 30);
  CHECK(rules(without("NUMBER(PAGE_BUDDY")).level == 14);
  CHECK(rules(without("NUMBER(PAGE_BUDDY")).note == "free pages kept: no rule for free blocks");
  CHECK(rules(without("LENGTH(zone.free_area)")).level == 14);
  CHECK(rules(without("NUMBER(PG_slab)")).level == 6);
  CHECK(rules(without("NUMBER(PG_lru)")).level == 24);
  CHECK(rules(without("OFFSET(page.compound_order)")).level == 16);
  CHECK(rules(without("SIZE(page)")).level == 0);
  CHECK_FALSE(rules(without("SIZE(page)")).usable);
  CHECK_FALSE(rules(without("OFFSET(page.flags)")).usable);
  // A version alone decides nothing.
  for (const char* release : {"4.17.0", "9.9.9", "custom"}) {
    CAPTURE(release);
    CHECK(rules(whole + "OSRELEASE=" + release + "\n").level == 30);
    CHECK(rules(v6_12().info + "OSRELEASE=" + release + "\n").level == 30);
    CHECK(rules(v6_12().info + "OSRELEASE=" + release + "\n").note.empty());
  }
  CHECK(rules(without("OSRELEASE")).level == 30);
  // Offsets outside of the descriptor.
  CHECK(rules(whole + "OFFSET(page.mapping)=57\n").level == 16);
  CHECK(rules(whole + "OFFSET(page.mapping)=56\n").level == 30);
  CHECK_FALSE(rules(whole + "OFFSET(page.flags)=18446744073709551615\n").usable);
  CHECK_FALSE(rules(whole + "SIZE(page)=1099511627776\n").usable);
  CHECK(rules(whole + "OFFSET(page.compound_order)=64\n").level == 16);
  // Without hugetlb, 6.6 exports nothing of compound pages: the version tells where the order is,
  // and since 6.10 the type of slabs.
  CHECK(rules(before_6_10("6.6.0")).level == 30);
  CHECK(rules(before_6_10("6.5.0")).level == 16);
  CHECK(rules(before_6_10("custom") + "NUMBER(PAGE_SLAB_MAPCOUNT_VALUE)=-184549376\n").level == 30);
  // What does not name a tail cannot tell cache from the kernel's own; the rest still holds.
  CHECK(rules(without("OFFSET(page.compound_head)")).level == 16);
  CHECK(rules(without("OFFSET(page.compound_head)")).hwpoison == 1 << 23);
  CHECK(rules(without("OFFSET(page.mapping)")).level == 16);
  CHECK(rules(without("OFFSET(page.private)")).level == 14);
  // Private cache or not: only level 2 needs to know.
  CHECK(rules(without("NUMBER(PG_private)")).level == 30);
  CHECK(make_page_rules(Vmcoreinfo(without("NUMBER(PG_private)")), Fields(64, false), 27).level ==
        24);
}

}  // namespace
}  // namespace mkcapture

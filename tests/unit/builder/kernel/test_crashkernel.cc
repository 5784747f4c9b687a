#include <doctest/doctest.h>

#include "builder/kernel/crashkernel.h"

using namespace mkcapture;

namespace {

constexpr std::uint64_t kMiB = 1 << 20, kGiB = 1 << 30;

std::uint64_t reserved(std::string_view text, std::uint64_t ram) {
  const auto value = parse_crashkernel(text);
  REQUIRE(value);
  return reserved_bytes(*value, ram);
}

}  // namespace

TEST_CASE("crashkernel: the simple form") {
  CHECK(reserved("256M", kGiB) == 256 * kMiB);
  CHECK(reserved("1G@16M", 8 * kGiB) == kGiB);
  CHECK(parse_crashkernel("1G@16M")->offset == 16 * kMiB);
  CHECK(reserved("262144k", kGiB) == 256 * kMiB);
}

TEST_CASE("crashkernel: numbers as memparse() has them") {
  CHECK(reserved("0x10000000", kGiB) == 256 * kMiB);
  CHECK(reserved("0X100M", kGiB) == 256 * kMiB);
  CHECK(reserved("0400M", kGiB) == 256 * kMiB);
  CHECK(reserved("256M@0x10000000", kGiB) == 256 * kMiB);
  CHECK(parse_crashkernel("256M@0x10000000")->offset == 256 * kMiB);
  CHECK(reserved("0-0x80000000:64M,0x80000000-:128M", 4 * kGiB) == 128 * kMiB);
  CHECK(!parse_crashkernel("0x"));
  CHECK(!parse_crashkernel("08M"));
}

TEST_CASE("crashkernel: ranges take the RAM they say, end excluded") {
  const char* text = "512M-2G:64M,2G-:128M@16M";
  CHECK(reserved(text, 256 * kMiB) == 0);
  CHECK(reserved(text, 512 * kMiB) == 64 * kMiB);
  CHECK(reserved(text, kGiB) == 64 * kMiB);
  CHECK(reserved(text, 2 * kGiB) == 128 * kMiB);
  CHECK(parse_crashkernel(text)->offset == 16 * kMiB);
}

TEST_CASE("crashkernel: RAM counts rounded up to 128M, as firmware keeps some back") {
  CHECK(reserved("512M-2G:64M,2G-:128M", 2 * kGiB - 3 * kMiB) == 128 * kMiB);
  CHECK(rounded_ram(1) == 128 * kMiB);
  CHECK(rounded_ram(kGiB) == kGiB);
}

TEST_CASE("crashkernel: high, low and cma") {
  CHECK(parse_crashkernel("512M,high")->where == Crashkernel::Where::kHigh);
  CHECK(parse_crashkernel("72M,low")->where == Crashkernel::Where::kLow);
  CHECK(parse_crashkernel("1G,cma")->where == Crashkernel::Where::kCma);
}

TEST_CASE("crashkernel: what the kernel refuses is refused") {
  for (const char* text : {"", "M", "128M,", "128M,hi", "2G-1G:64M", "1G-2G", "1G-:", "1G:64M",
                           "1G-2G:64M,", "128M@", "99999999999999999999", "20000000T", "auto"})
    CHECK_MESSAGE(!parse_crashkernel(text), text);
}

TEST_CASE("crashkernel: of a command line the last of each form counts") {
  const auto simple = crashkernel_of_cmdline("quiet crashkernel=64M crashkernel=192M", kGiB);
  CHECK(simple.bytes == 192 * kMiB);
  const auto high = crashkernel_of_cmdline("crashkernel=512M,high crashkernel=72M,low", 8 * kGiB);
  CHECK(high.bytes == 512 * kMiB);
  CHECK(high.text == "crashkernel=512M,high crashkernel=72M,low");
  CHECK(crashkernel_of_cmdline("quiet", kGiB).text.empty());
  CHECK(crashkernel_of_cmdline("crashkernel=auto", kGiB).error ==
        "only kernels of Red Hat know auto, others reserve nothing by it");
  // A plain size is what the kernel takes where there is one; ",high" else.
  CHECK(crashkernel_of_cmdline("crashkernel=1G,high crashkernel=256M", 8 * kGiB).bytes ==
        256 * kMiB);
  CHECK(crashkernel_of_cmdline("crashkernel=64G-:1G crashkernel=512M,high", 8 * kGiB).bytes ==
        512 * kMiB);
}

TEST_CASE("crashkernel: the recommendation follows RAM and image") {
  Profile profile;
  profile.kernel_memory = 88 * kMiB;
  profile.crashkernel = parse_crashkernel("0-4G:128M,4G-:192M")->ranges;
  CHECK(needed_bytes(profile, {3 * kMiB, false}) == 88 * kMiB);
  CHECK(needed_bytes(profile, {3 * kMiB, true}) == 96 * kMiB);
  CHECK(needed_bytes(profile, {50 * kMiB, false}) == 136 * kMiB);
  // Debian's 7.3 with all drivers for a disk: 120M were too little.
  CHECK(needed_bytes(profile, {46'700'000, false}) == 128 * kMiB);
  CHECK(recommended_bytes(profile, kGiB, {3 * kMiB, false}) == 128 * kMiB);
  CHECK(recommended_bytes(profile, 8 * kGiB, {3 * kMiB, false}) == 192 * kMiB);
  CHECK(recommended_bytes(profile, kGiB, {50 * kMiB, true}) == 176 * kMiB);
}

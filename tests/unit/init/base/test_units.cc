#include <doctest/doctest.h>

#include "init/base/units.h"

using namespace mkcapture;

TEST_CASE("durations: units, sums and their limits") {
  CHECK(*parse_duration("30min") == std::chrono::minutes(30));
  CHECK(*parse_duration("90") == std::chrono::seconds(90));
  CHECK(*parse_duration("1h30min") == std::chrono::minutes(90));
  CHECK(*parse_duration("500ms") == Milliseconds(500));
  CHECK(*parse_duration("2m") == std::chrono::minutes(2));
  CHECK(*parse_duration("7d") == std::chrono::hours(7 * 24));
  for (const char* bad : {"", "0", "0s", "min", "-1s", "5 min", "1x", "8d", "7d1ms",
                          "99999999999999999999999s", "3000000000000h"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_duration(bad).ok());
  }
}

TEST_CASE("durations: what is formatted parses back") {
  CHECK(format_duration(std::chrono::minutes(30)) == "30min");
  CHECK(format_duration(std::chrono::seconds(90)) == "1min30s");
  CHECK(format_duration(Milliseconds(90'061'001)) == "1d1h1min1s1ms");
  CHECK(format_duration(Milliseconds(0)) == "0s");
  for (const long ms : {1L, 999L, 1000L, 59'999L, 3'600'000L, 604'800'000L}) {
    CHECK(*parse_duration(format_duration(Milliseconds(ms))) == Milliseconds(ms));
  }
}

TEST_CASE("sizes: binary multiples, any case, no overflow") {
  CHECK(*parse_size("512M") == 512ull << 20);
  CHECK(*parse_size("2g") == 2ull << 30);
  CHECK(*parse_size("64KiB") == 64ull << 10);
  CHECK(*parse_size("1TB") == 1ull << 40);
  CHECK(*parse_size("4096") == 4096);
  CHECK(*parse_size("16383P") == 16383ull << 50);
  for (const char* bad : {"", "M", "1X", "1 M", "-1", "16384P", "18446744073709551616", "1Mi"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_size(bad).ok());
  }
}

TEST_CASE("sizes for people") {
  CHECK(format_size(0) == "0 bytes");
  CHECK(format_size(999) == "999 bytes");
  CHECK(format_size(12'345'678) == "12.3 MB");
  CHECK(format_size(999'960) == "1.0 MB");
  CHECK(format_size(~0ull) == "18.4 EB");
}

TEST_CASE("numbers: whole text, one base") {
  CHECK(*parse_number("18446744073709551615") == ~0ull);
  CHECK(*parse_number("ff", 16) == 255);
  for (const char* bad : {"", "18446744073709551616", "1a", "+1", " 1", "0x10"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_number(bad).ok());
  }
  CHECK_FALSE(parse_number("fg", 16).ok());
}

// What the image carries of the page filter's comparison with the running kernel.
#include <doctest/doctest.h>

#include "init/contract/filter_check.h"

namespace mkcapture {
namespace {

FilterCheck check() {
  FilterCheck found;
  found.release = "6.1.0-56-amd64";
  found.build_id = "c0ffee";
  found.level = 31;
  found.classes = {{{1000, 3}, {200'000, 150}, {50'000, 0}, {700'000, 64}, {2, 0}}};
  return found;
}

TEST_CASE("filter check: a line, there and back") {
  const FilterCheck found = check();
  CHECK(to_string(found) == "6.1.0-56-amd64 c0ffee 31 1000/3 200000/150 50000/0 700000/64 2/0");
  CHECK(*parse_filter_check(to_string(found)) == found);
  FilterCheck old = found;
  old.build_id.clear();
  CHECK(to_string(old).starts_with("6.1.0-56-amd64 - 31 "));
  CHECK(*parse_filter_check(to_string(old)) == old);
  CHECK(found.pages() == 951'002);
  CHECK(found.differ() == 217);
}

TEST_CASE("filter check: what is no such line") {
  for (const char* text :
       {"", "6.1", "6.1 - 31 1/0 1/0 1/0 1/0", "6.1 - 31 1/0 1/0 1/0 1/0 1/0 1/0",
        "6.1 - 32 1/0 1/0 1/0 1/0 1/0", "6.1 - x 1/0 1/0 1/0 1/0 1/0", " - 31 1/0 1/0 1/0 1/0 1/0",
        "6.1 - 31 1/2 1/0 1/0 1/0 1/0", "6.1 - 31 1 1/0 1/0 1/0 1/0",
        "6.1 - 31 1/-1 1/0 1/0 1/0 1/0", "6.1 - 31 1/ 1/0 1/0 1/0 1/0"}) {
    CAPTURE(text);
    CHECK(!parse_filter_check(text));
  }
}

TEST_CASE("filter check: which bits of a level are doubted") {
  FilterCheck found = check();
  CHECK(found.doubtful_bits() == 0);
  found.classes[1].differ = 201;  // more than one of a thousand
  CHECK(found.doubtful_bits() == (2 | 4));
  found.classes[2].differ = 65;  // more than some
  CHECK(found.doubtful_bits() == (2 | 4 | 8));
  found.classes[3].differ = 701;
  found.classes[4] = {100, 100};  // these are never read anyway
  CHECK(found.doubtful_bits() == (2 | 4 | 8 | 16));
  found = check();
  found.classes[0].differ = 65;  // of the kernel's own nothing may be missing
  CHECK(found.doubtful_bits() == (2 | 4 | 8 | 16));
}

TEST_CASE("filter check: it is of one build of one kernel") {
  FilterCheck found = check();
  CHECK(found.is_of("6.1.0-56-amd64", "c0ffee"));
  CHECK(found.is_of("6.1.0-56-amd64", ""));
  CHECK(!found.is_of("6.1.0-56-amd64", "c0ffef"));
  CHECK(!found.is_of("6.1.0-57-amd64", "c0ffee"));
  found.build_id.clear();
  CHECK(found.is_of("6.1.0-56-amd64", "c0ffef"));
}

}  // namespace
}  // namespace mkcapture

// The page filter beside the kernel that runs, at build: asked for, shown, kept and put into the
// image.
#include <doctest/doctest.h>

#include <cstdlib>

#include "init/contract/capture_config.h"
#include "tests/fakes/armed_machine.h"

namespace mkcapture {
namespace {

using fakes::ArmedMachine;

struct Compared : ArmedMachine {
  std::string line = "6.1.0-test c0ffee 31 1000/0 2000/1 3000/0 4000/2 1/0\n";
  std::string error;

  Compared() {
    tree.write("payload/savecore", "savecore");
    host.on_run =
        [this, others = host.on_run](const std::vector<std::string>& argv) -> Result<std::string> {
      if (!argv[0].ends_with("/savecore")) return others(argv);
      if (!error.empty()) return fail(error);
      return line;
    };
  }
  [[nodiscard]] std::size_t times_asked() const {
    std::size_t times = 0;
    for (const auto& argv : host.ran)
      times += argv[0].ends_with("/savecore") ? 1 : 0;
    return times;
  }
  std::string plan(std::vector<std::string> more = {}) {
    more.insert(more.begin(), {"--print", "plan"});
    CHECK(run(more) == 0);
    return out;
  }
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("page filter: compared with the running kernel, shown, kept and in the image") {
  Compared machine;
  CHECK(has(machine.plan(), "filter    3 of 10001 pages differ"));
  CHECK(machine.host.ran.back() == std::vector<std::string>{machine.tree.path("payload/savecore"),
                                                            "--check", "--line", "-d", "31"});
  CHECK(machine.run({"arm"}) == 0);
  const auto state = read_arm_state(machine.host, kStatePath);
  REQUIRE((state && *state && (*state)->filter));
  CHECK(to_string(*(*state)->filter) + "\n" == machine.line);
  CHECK(!has(machine.err, "filter"));
  machine.run({"status"});
  CHECK(machine.said("page filter 3 of 10001 pages differ from what kernel 6.1.0-test says"));
  machine.run({"status", "--json"});
  const auto json = nlohmann::json::parse(machine.out)["image"]["filter"];
  CHECK(json["build_id"] == "c0ffee");
  CHECK(json["level"] == 31);
  CHECK(json["classes"]["free"]["differ"] == 2);
}

TEST_CASE("page filter: what the two do not agree about is a warning") {
  Compared machine;
  machine.line = "6.1.0-test c0ffee 31 100000/0 200000/900 3000/0 4000/2 1/0\n";
  CHECK(machine.run({"arm"}) == 0);
  CHECK(has(machine.err,
            "the page filter and kernel 6.1.0-test do not agree about its pages (cache: 900 of "
            "200000, free: 2 of 4000 differ): the dump will have level 25, not 31"));
  machine.run({"status", "--json"});
  CHECK(nlohmann::json::parse(machine.out)["image"]["filter"]["level"] == 25);
  machine.line = "6.1.0-test c0ffee 1 100000/0 200000/0 3000/0 4000/2 1/0\n";
  machine.plan();
  CHECK(machine.said("the page filter does not know all of kernel 6.1.0-test"));
}

TEST_CASE(
    "page filter: an image that was built before its kernel ran is compared by the next arm") {
  Compared machine;
  machine.error = "not yet";
  CHECK(machine.run({"arm"}) == 0);
  CHECK(!(*read_arm_state(machine.host, kStatePath))->filter);
  machine.error.clear();
  CHECK(machine.run({"arm"}) == 0);
  CHECK(!machine.said("building"));
  CHECK((*read_arm_state(machine.host, kStatePath))->filter);
  const std::size_t times = machine.times_asked();
  CHECK(machine.run({"arm"}) == 0);
  CHECK(machine.times_asked() == times);

  Compared other;
  other.error = "not yet";
  CHECK(other.run({"arm"}) == 0);
  other.error.clear();
  other.line = "6.1.0-test c0ffee 31 100000/0 200000/0 300000/900 4000/2 1/0\n";
  CHECK(other.run({"arm"}) == 0);
  CHECK(other.said("the page filter and this kernel do not agree about its pages"));
  CHECK(has(other.err, "user: 900 of 300000"));
}

TEST_CASE("page filter: where it cannot be compared, the plan says why") {
  Compared machine;
  const std::string not_compared = "the page filter is not compared with the running kernel: ";
  machine.error = "savecore: /proc/kcore: Operation not permitted";
  CHECK(has(machine.plan(), not_compared + machine.error));
  machine.error.clear();
  machine.line = "nonsense\n";
  CHECK(has(machine.plan(), not_compared));
  machine.line = "6.1.0-other - 31 1/0 1/0 1/0 1/0 1/0\n";
  CHECK(has(machine.plan(), not_compared + "it says that kernel 6.1.0-other runs"));
  setenv("SOURCE_DATE_EPOCH", "1700000000", 1);
  const std::size_t times = machine.times_asked();
  CHECK(has(machine.plan(), not_compared + "SOURCE_DATE_EPOCH"));
  unsetenv("SOURCE_DATE_EPOCH");
  // Nobody expects it of a dump that needs no filter, or of another kernel.
  CHECK(!has(machine.plan({"--dump-level", "1"}), "page filter"));
  machine.host.release = "6.1.0-other";
  CHECK(!has(machine.plan({"--kernel", "6.1.0-test"}), "page filter"));
  CHECK(machine.times_asked() == times);
}

}  // namespace
}  // namespace mkcapture

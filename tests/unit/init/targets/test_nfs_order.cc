// In which order an NFS target asks for exports.
#include <doctest/doctest.h>

#include <cerrno>

#include "init/targets/target.h"
#include "tests/fakes/fake_system.h"
#include "tests/fakes/listener.h"
#include "tests/fakes/ready_links.h"

using namespace mkcapture;
using namespace mkcapture::init;
using std::chrono::seconds;

namespace {

class NoSteps final : public StepReporter {
  void enter(Step) override {}
  void progress() override {}
};

struct Client {
  FakeSystem system;
  CaptureConfig config;
  NoSteps steps;
  ModuleLoader modules{system, config};
  Listener listener;
  std::unique_ptr<Target> target;
  std::string asked;  // "4.2 /a/b, 3 /a/b, ..."

  /// `answer`: the errno for a version and an export, 0 where it can be mounted.
  Status open(
      const std::string& path_and_options,
      const std::function<int(const std::string& version, const std::string& path)>& answer) {
    system.on_mount = [this, answer](const std::string& source) {
      const std::string& call = system.calls.back();
      const auto at = call.find("vers=") + 5;
      const std::string version = call.substr(at, call.find(',', at) - at);
      const std::string path = source.substr(source.find(":/") + 1);
      asked += (asked.empty() ? "" : ", ") + version + " " + path;
      return answer(version, path);
    };
    config.ip.push_back(*parse_ip("10.0.0.5::10.0.0.1:24::eth0:off"));
    TargetContext context{{system, config, steps, modules}};
    context.open_links = []() -> Result<std::unique_ptr<LinkControl>> {
      return std::unique_ptr<LinkControl>(std::make_unique<ReadyLinks>());
    };
    target = make_target(*parse_target("nfs://" + listener.address() + path_and_options), context);
    return target->open(Deadline(system, seconds(20)));
  }
};

}  // namespace

TEST_CASE("nfs order: PATH with each version, then what is above it") {
  Client client;
  const auto opened =
      client.open("/a/b?vers=4&mountport=7", [](const auto& version, const auto& path) {
        if (version == "4.2") return EPROTONOSUPPORT;
        return path == "/a" && version == "4.0" ? 0 : ENOENT;
      });
  CHECK(opened.ok());
  CHECK(client.asked == "4.2 /a/b, 4.1 /a/b, 4.0 /a/b, 4.1 /a, 4.0 /a");
}

TEST_CASE("nfs order: a v3 export comes before the root of version 4") {
  Client client;
  const auto opened = client.open("/a?mountport=7", [](const auto& version, const auto& path) {
    return version == "3" ? (path == "/a" ? 0 : ENOENT) : path == "/" ? 0 : ENOENT;
  });
  CHECK(opened.ok());
  CHECK(client.asked == "4.2 /a, 4.1 /a, 4.0 /a, 3 /a");
}

TEST_CASE("nfs order: the root of version 4 only where PATH is there") {
  const auto only_root = [](const auto& version, const auto& path) {
    return version == "4.2" && path == "/" ? 0 : ENOENT;
  };
  Client empty;
  const auto opened = empty.open("/a?vers=4.2", only_root);
  REQUIRE_FALSE(opened.ok());
  CHECK(opened.error().code == ENOENT);
  CHECK(opened.error().message.find(":/a: No such file or directory (no such export") !=
        std::string::npos);
  CHECK(empty.system.called("unmount /mnt"));

  Client there;
  there.system.dirs.insert("/mnt/a");
  CHECK(there.open("/a?vers=4.2", only_root).ok());
  CHECK(there.asked == "4.2 /a, 4.2 /");
}

TEST_CASE("nfs order: a version that does not answer does not cost what another says") {
  Client client;
  const auto opened = client.open("/a/b?mountport=7", [](const auto& version, const auto& path) {
    if (version == "3") return ETIMEDOUT;
    return version == "4.2" && path == "/a" ? 0 : version == "4.2" ? ENOENT : EPROTONOSUPPORT;
  });
  CHECK(opened.ok());
  CHECK(client.asked == "4.2 /a/b, 4.1 /a/b, 4.0 /a/b, 3 /a/b, 4.2 /a");
}

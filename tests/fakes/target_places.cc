#include "tests/fakes/target_places.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "init/base/unique_fd.h"
#include "init/system/process.h"
#include "tests/fakes/fake_sftp_server.h"
#include "tests/fakes/listener.h"
#include "tests/fakes/ready_links.h"
#include "tests/fakes/temp_dir.h"

namespace mkcapture::init {
namespace {

constexpr const char* kPartial = "vmcore.incomplete";
constexpr const char* kWhole = "vmcore";

int errno_of(Fault fault) {
  switch (fault) {
    case Fault::kNoSpace:
      return ENOSPC;
    case Fault::kInputOutput:
      return EIO;
    case Fault::kDenied:
      return EACCES;
    case Fault::kSilence:
      break;
  }
  return ETIMEDOUT;
}

class FakeProber final : public BlockProber {
 public:
  explicit FakeProber(BlockIdentity identity) : identity_(std::move(identity)) {}
  Result<BlockIdentity> probe(const std::string&, Tables) override { return identity_; }

 private:
  BlockIdentity identity_;
};

TargetContext with_prober(const CaptureContext& worker, const BlockIdentity& identity) {
  TargetContext context{worker};
  context.make_prober = [identity] { return std::make_unique<FakeProber>(identity); };
  return context;
}

TargetContext with_links(const CaptureContext& worker) {
  TargetContext context{worker};
  context.open_links = []() -> Result<std::unique_ptr<LinkControl>> {
    return std::unique_ptr<LinkControl>(std::make_unique<ReadyLinks>());
  };
  return context;
}

/// A directory of a file system that is mounted at /mnt.
class MountedPlace : public TargetPlace {
 public:
  FakeSystem& system() override { return system_; }
  void break_at(Stage stage, Fault fault, const std::string& dump) override {
    const std::string folder = "/mnt" + below_ + "/" + dump;
    const std::string file = folder + "/" + kPartial;
    const std::string call = stage == Stage::kBegin    ? "mkdir " + folder
                             : stage == Stage::kCreate ? "create " + file
                             : stage == Stage::kWrite  ? "write " + file
                             : stage == Stage::kFinish ? "finish " + file
                                                       : "rename " + file + " " + kWhole;
    system_.errors[call] = errno_of(fault);
  }
  void put(const std::string& dump, const std::vector<std::string>& files) override {
    system_.dirs.insert("/mnt");
    system_.dirs.insert("/mnt" + below_);
    system_.dirs.insert("/mnt" + below_ + "/" + dump);
    for (const auto& file : files)
      system_.files["/mnt" + below_ + "/" + dump + "/" + file] = "x";
  }
  std::vector<Stage> stages(const std::string& dump) override {
    const std::string folder = "/mnt" + below_ + "/" + dump;
    const std::string file = folder + "/" + kPartial;
    std::vector<Stage> found;
    for (const auto& call : system_.calls) {
      if (call == "mkdir " + folder) found.push_back(Stage::kBegin);
      if (call == "create " + file) found.push_back(Stage::kCreate);
      if (call == "write " + file) found.push_back(Stage::kWrite);
      if (call == "finish " + file) found.push_back(Stage::kFinish);
      if (call == "syncfs " + folder) found.push_back(Stage::kCommit);
    }
    return found;
  }
  std::set<std::string> files(const std::string& dump) override {
    const auto names = system_.list_dir("/mnt" + below_ + "/" + dump).value_or({});
    return {names.begin(), names.end()};
  }

 protected:
  explicit MountedPlace(std::string below) : below_(std::move(below)) {}
  FakeSystem system_;
  std::string below_;  // PATH as seen from the mount point
};

class DiskPlace final : public MountedPlace {
 public:
  DiskPlace() : MountedPlace("/var/crash") {
    system_.files["/sys/class/block/vda1/size"] = "2048\n";
    system_.files["/proc/filesystems"] = "\text4\n";
  }
  [[nodiscard]] std::string spec() const override { return "disk:LABEL=crash:/var/crash"; }
  TargetContext context(const CaptureContext& worker) override {
    return with_prober(worker, {"ext4", "filesystem", "1-2", "crash", "", ""});
  }
};

class NfsPlace final : public MountedPlace {
 public:
  NfsPlace() : MountedPlace("/below") {
    // The export is /srv; what asks for more is told that there is no such export.
    system_.on_mount = [](const std::string& source) {
      return source.ends_with(":/srv") ? 0 : ENOENT;
    };
  }
  [[nodiscard]] std::string spec() const override {
    return "nfs://" + listener_.address() + "/srv/below?vers=4.2";
  }
  TargetContext context(const CaptureContext& worker) override { return with_links(worker); }

 private:
  Listener listener_;
};

class VirtiofsPlace final : public MountedPlace {
 public:
  VirtiofsPlace() : MountedPlace("/crash") {
    system_.on_mount = [](const std::string& source) { return source == "share" ? 0 : EINVAL; };
  }
  [[nodiscard]] std::string spec() const override { return "virtiofs:share:/crash"; }
  TargetContext context(const CaptureContext& worker) override { return TargetContext{worker}; }
};

class RawPlace final : public TargetPlace {
 public:
  RawPlace() {
    system_.files["/sys/class/block/vda1/size"] = "2048\n";
    system_.files["/sys/class/block/vda1/partition"] = "1\n";
    system_.files["/sys/class/block/vda1/uevent"] = "PARTN=1\nPARTNAME=crash\n";
    system_.files["/dev/vda1"] = std::string(4096, 0);
  }
  [[nodiscard]] std::string spec() const override { return "raw:PARTLABEL=crash"; }
  FakeSystem& system() override { return system_; }
  TargetContext context(const CaptureContext& worker) override {
    return with_prober(worker, {"", "", "", "", "", "crash"});
  }
  [[nodiscard]] bool has_directories() const override { return false; }
  void break_at(Stage stage, Fault fault, const std::string&) override {
    const char* call = stage == Stage::kCreate  ? "device "
                       : stage == Stage::kWrite ? "write "
                                                : "finish ";
    system_.errors[std::string(call) + "/dev/vda1"] = errno_of(fault);
  }
  void put(const std::string&, const std::vector<std::string>&) override {}
  std::vector<Stage> stages(const std::string&) override {
    std::vector<Stage> found;
    for (const auto& call : system_.calls) {
      if (call == "device /dev/vda1") found.push_back(Stage::kCreate);
      if (call == "write /dev/vda1") found.push_back(Stage::kWrite);
      if (call == "finish /dev/vda1") found.push_back(Stage::kFinish);
    }
    return found;
  }
  std::set<std::string> files(const std::string&) override { return {}; }

 private:
  FakeSystem system_;
};

class SftpPlace final : public TargetPlace {
 public:
  SftpPlace() {
    system_.on_spawn = [this](const auto&, const auto&) -> Result<Child> {
      const int fd = server_.start();
      return Child{7, fd, dup(fd), -1};
    };
  }
  [[nodiscard]] std::string spec() const override {
    return "ssh://kdump@" + listener_.address() + "/srv/crash";
  }
  FakeSystem& system() override { return system_; }
  TargetContext context(const CaptureContext& worker) override { return with_links(worker); }
  void break_at(Stage stage, Fault fault, const std::string& dump) override {
    const std::string folder = "/srv/crash/" + dump;
    const char* call = stage == Stage::kBegin    ? "mkdir "
                       : stage == Stage::kCreate ? "open "
                       : stage == Stage::kWrite  ? "write "
                       : stage == Stage::kFinish ? "fsync "
                                                 : "rename ";
    server_.errors[call + (stage == Stage::kBegin ? folder : folder + "/" + kPartial)] =
        fault == Fault::kSilence ? FakeSftpServer::kSilent : errno_of(fault);
  }
  void put(const std::string& dump, const std::vector<std::string>& files) override {
    for (const char* folder : {"/srv", "/srv/crash"})
      server_.dirs.emplace(folder, 0755);
    server_.dirs.emplace("/srv/crash/" + dump, 0700);
    for (const auto& file : files)
      server_.files["/srv/crash/" + dump + "/" + file] = "x";
  }
  std::vector<Stage> stages(const std::string& dump) override {
    server_.join();
    const std::string folder = "/srv/crash/" + dump;
    const std::string file = folder + "/" + kPartial;
    std::vector<Stage> found;
    for (const auto& call : server_.calls) {
      if (call == "mkdir " + folder) found.push_back(Stage::kBegin);
      if (call == "open " + file) found.push_back(Stage::kCreate);
      if (call == "write " + file) found.push_back(Stage::kWrite);
      if (call == "fsync " + file) found.push_back(Stage::kFinish);
      if (call == "rename " + file) found.push_back(Stage::kCommit);
    }
    return found;
  }
  std::set<std::string> files(const std::string& dump) override {
    server_.join();
    std::set<std::string> names;
    const std::string folder = "/srv/crash/" + dump + "/";
    for (const auto& [path, text] : server_.files) {
      if (path.starts_with(folder)) names.insert(path.substr(folder.size()));
    }
    return names;
  }

 private:
  Listener listener_;
  FakeSftpServer server_;
  FakeSystem system_;
};

/// Programs are real ones here.
class ShellSystem final : public FakeSystem {
 public:
  std::optional<int> wait_child(int pid, FakeSystem::Milliseconds limit) override {
    for (auto left = limit; left.count() >= 0; left -= FakeSystem::Milliseconds(5)) {
      if (const auto status = poll_child(pid)) return status;
      usleep(5000);
    }
    return std::nullopt;
  }
  void kill_child(int pid) override { (void)kill(pid, SIGKILL); }
};

/// A server without SFTP: the commands are run by this machine's sh in a temporary folder.
class ShellPlace final : public TargetPlace {
 public:
  ShellPlace() {
    system_.on_spawn = [this](const std::vector<std::string>& argv, const auto&) -> Result<Child> {
      std::string command = argv.back();
      if (command == "sftp") command = "echo 'subsystem request failed' >&2; exit 1";
      note(command);
      return spawn_program({"/bin/sh", "-c", with_fault(command)}, {"PATH=/usr/bin:/bin"},
                           Pipes::kInOutErr);
    };
  }
  [[nodiscard]] std::string spec() const override {
    return "ssh://kdump@" + listener_.address() + top_.path("crash");
  }
  FakeSystem& system() override { return system_; }
  TargetContext context(const CaptureContext& worker) override { return with_links(worker); }
  void break_at(Stage stage, Fault fault, const std::string&) override {
    stage_ = stage;
    fault_ = fault;
  }
  void put(const std::string& dump, const std::vector<std::string>& files) override {
    std::filesystem::create_directories(top_.path("crash/" + dump));
    for (const auto& file : files)
      top_.write("crash/" + dump + "/" + file, "x");
  }
  std::vector<Stage> stages(const std::string&) override { return reached_; }
  std::set<std::string> files(const std::string& dump) override {
    std::set<std::string> names;
    std::error_code none;
    for (const auto& entry : std::filesystem::directory_iterator(top_.path("crash/" + dump), none))
      names.insert(entry.path().filename());
    return names;
  }

 private:
  static bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
  }
  static bool is_of(Stage stage, const std::string& command) {
    if (stage == Stage::kBegin) return has(command, "mkdir -p");
    if (stage == Stage::kCommit) return has(command, "mv -f");
    return has(command, "exec 3>") && has(command, kPartial);
  }
  void note(const std::string& command) {
    if (is_of(Stage::kBegin, command)) reached_.push_back(Stage::kBegin);
    if (is_of(Stage::kCreate, command)) {
      for (const Stage stage : {Stage::kCreate, Stage::kWrite, Stage::kFinish})
        if (!stage_ || stage <= *stage_) reached_.push_back(stage);
    }
    if (is_of(Stage::kCommit, command)) reached_.push_back(Stage::kCommit);
  }
  /// The command as it runs where something is wrong on the server.
  [[nodiscard]] std::string with_fault(const std::string& command) const {
    if (!stage_ || !is_of(*stage_, command)) return command;
    const std::string end =
        fault_ == Fault::kSilence
            ? "exec sleep 60"
            : std::string("echo \"sh: ") + strerror(errno_of(fault_)) + "\" >&2; exit 1";
    if (*stage_ != Stage::kWrite && *stage_ != Stage::kFinish) return end;
    // The file is there, and a part of it or all.
    std::string changed = command;
    const std::string_view copy = "cat >&3 &&";
    const std::string take = *stage_ == Stage::kWrite ? "head -c 2 >&3; " : "cat >&3; ";
    changed.replace(changed.find(copy), copy.size(), take + end + "; true &&");
    return changed;
  }

  Listener listener_;
  fakes::TempDir top_;
  ShellSystem system_;
  std::optional<Stage> stage_;
  Fault fault_ = Fault::kNoSpace;
  std::vector<Stage> reached_;
};

template <class Place>
std::unique_ptr<TargetPlace> make() {
  return std::make_unique<Place>();
}

}  // namespace

const std::vector<PlaceKind>& all_places() {
  static const std::vector<PlaceKind> all{{"disk", make<DiskPlace>},
                                          {"raw", make<RawPlace>},
                                          {"nfs", make<NfsPlace>},
                                          {"virtiofs", make<VirtiofsPlace>},
                                          {"ssh with SFTP", make<SftpPlace>},
                                          {"ssh with a shell", make<ShellPlace>}};
  return all;
}

}  // namespace mkcapture::init

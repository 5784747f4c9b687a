// A System in memory, for the tests: files, mounts, modules, uevents, programs and a clock that
// only moves when the code under test waits. A test scripts what it needs and reads back what was
// done.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "init/system/system.h"

namespace mkcapture::init {

class FakeSystem : public System {
 public:
  using Milliseconds = Milliseconds;

  // What the test sets up.
  std::map<std::string, std::string> files;  // folders exist where something is below them
  std::map<std::string, std::string> links;
  std::set<std::string> dirs;             // empty ones
  std::map<std::string, int> errors;      // "CALL PATH" (as in `calls`) -> errno
  std::map<std::string, unsigned> modes;  // of folders that were made
  std::optional<Space> free_space;        // of any file system
  std::int64_t wall = 0;
  bool real_time = false;  // the clock moves by itself too, for what waits by the machine's own
  /// Runs once the clock has reached `when`: a device appears, a server answers.
  void at(Milliseconds when, std::function<void(FakeSystem&)> what);
  void add_uevent(Milliseconds when, Uevent event);
  /// Called for each module that was loaded: what its device driver makes appear.
  std::function<void(FakeSystem&, const std::string& name)> on_module;
  /// The errno of a mount, by its source; without it mounts succeed.
  std::function<int(const std::string& source)> on_mount;
  /// Stands for a program; without it every spawn is ENOENT.
  std::function<Result<Child>(const std::vector<std::string>& argv,
                              const std::vector<std::string>& env)>
      on_spawn;
  /// Answers control_device(); without it every call is ENOTTY.
  std::function<Status(FakeSystem&, const std::string& path, unsigned long request, void* data)>
      on_control;
  /// How the next workers end, in order; a worker without an entry here really runs (within this
  /// process) when it is forked.
  struct WorkerScript {
    std::function<void(FakeSystem&)> run;  // instead of the work; may be empty
    std::optional<int> status;             // nothing: it hangs until it is killed
    bool ends_when_killed = true;          // false: in uninterruptible sleep
    Milliseconds takes{0};                 // not 0: the work is done, and has ended, so much later
  };
  std::deque<WorkerScript> workers;

  // What was done, in order: "mount SRC DIR TYPE FLAGS DATA", "unmount DIR", "load NAME [PARAMS]",
  // "remove PATH", "mkdir PATH", "write PATH", "spawn ARGV...", "fork", "kill PID", "end ACTION",
  // "device PATH", and those of folders (fake_directory.h).
  std::vector<std::string> calls;
  std::vector<std::string> lines;  // log()
  std::vector<FinalAction> ended;
  std::map<int, std::vector<Milliseconds>> feedings;  // of watchdogs, by descriptor

  [[nodiscard]] bool called(std::string_view prefix) const;
  [[nodiscard]] bool logged(std::string_view part) const;
  [[nodiscard]] std::vector<std::string> loaded() const;  // names and parameters, in order
  /// Records a call, and fails as `errors` has it, with the errno's words alone.
  Status play(const std::string& call);

  // System.
  Milliseconds now() override;
  std::int64_t wall_clock() override { return wall; }
  void sleep(Milliseconds d) override { advance(d); }
  Result<std::string> read_file(const std::string& path, std::size_t limit) override;
  Status write_file(const std::string& path, std::string_view data) override;
  Result<std::vector<std::string>> list_dir(const std::string& path) override;
  Result<std::string> read_link(const std::string& path) override;
  bool exists(const std::string& path) override;
  Status make_dir(const std::string& path) override;
  Status remove(const std::string& path) override;
  Result<std::string> read_at(const std::string& path, std::uint64_t offset,
                              std::size_t bytes) override;
  Status control_device(const std::string& path, unsigned long request, void* data) override;
  Status mount(const std::string& source, const std::string& target, const std::string& type,
               unsigned long flags, const std::string& data) override;
  Status unmount(const std::string& target) override;
  Result<OpenWatchdog> open_watchdog(const std::string& path) override;
  void feed_watchdog(int fd) override { feedings[fd].push_back(now_); }
  void stop_watchdog(int fd) override { calls.push_back("watchdog stop " + std::to_string(fd)); }
  Result<std::unique_ptr<Directory>> open_directory(const std::string& path) override;
  Result<HeldDevice> hold_device(const std::string& path, std::size_t look) override;
  Status load_module(const std::string& path, const std::string& params) override;
  std::optional<Uevent> wait_uevent(Milliseconds limit) override;
  Result<Child> spawn(const std::vector<std::string>& argv, const std::vector<std::string>& env,
                      Pipes pipes) override;
  Result<int> fork_worker(const std::function<int()>& work) override;
  std::optional<int> wait_child(int pid, Milliseconds limit) override;
  void kill_child(int pid) override;
  void log(std::string_view line) override { lines.emplace_back(line); }
  bool has_logged(std::string_view line) override {
    return std::find(lines.begin(), lines.end(), line) != lines.end();
  }
  void end(FinalAction action) override;

 private:
  void advance(Milliseconds d);
  Status record(const std::string& call, const std::string& key);

  Milliseconds now_{0};
  const std::chrono::steady_clock::time_point made_ = std::chrono::steady_clock::now();
  std::multimap<Milliseconds, std::function<void(FakeSystem&)>> timeline_;
  std::deque<Uevent> uevents_;
  struct Process {
    std::optional<int> status;
    bool ends_when_killed = true;
  };
  std::map<int, Process> processes_;
  int next_pid_ = 100;
};

}  // namespace mkcapture::init

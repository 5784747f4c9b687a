#include "tests/fakes/fake_system.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "tests/fakes/fake_directory.h"

namespace mkcapture::init {

Milliseconds FakeSystem::now() {
  if (!real_time) return now_;
  const auto since = std::chrono::steady_clock::now() - made_;
  return now_ + std::chrono::duration_cast<Milliseconds>(since);
}

void FakeSystem::at(Milliseconds when, std::function<void(FakeSystem&)> what) {
  timeline_.emplace(when, std::move(what));
}

void FakeSystem::add_uevent(Milliseconds when, Uevent event) {
  at(when, [event = std::move(event)](FakeSystem& s) { s.uevents_.push_back(event); });
}

void FakeSystem::advance(Milliseconds d) {
  const Milliseconds until = now_ + d;
  while (!timeline_.empty() && timeline_.begin()->first <= until) {
    const auto first = timeline_.begin();
    now_ = std::max(now_, first->first);
    const auto what = std::move(first->second);
    timeline_.erase(first);
    what(*this);
  }
  now_ = std::max(now_, until);
}

bool FakeSystem::called(std::string_view prefix) const {
  return std::any_of(calls.begin(), calls.end(),
                     [&](const std::string& call) { return call.starts_with(prefix); });
}

bool FakeSystem::logged(std::string_view part) const {
  return std::any_of(lines.begin(), lines.end(),
                     [&](const std::string& line) { return line.find(part) != std::string::npos; });
}

std::vector<std::string> FakeSystem::loaded() const {
  std::vector<std::string> names;
  for (const auto& call : calls) {
    if (call.starts_with("load ")) names.push_back(call.substr(5));
  }
  return names;
}

Status FakeSystem::record(const std::string& call, const std::string& key) {
  calls.push_back(call);
  const auto error = errors.find(key);
  if (error != errors.end()) return sys_error(key, error->second);
  return {};
}

Result<std::string> FakeSystem::read_file(const std::string& path, std::size_t limit) {
  if (const auto error = errors.find("read " + path); error != errors.end()) {
    return sys_error(path, error->second);
  }
  const auto file = files.find(path);
  if (file == files.end()) return sys_error(path, ENOENT);
  if (file->second.size() > limit) return sys_error(path, EFBIG);
  return file->second;
}

Status FakeSystem::write_file(const std::string& path, std::string_view data) {
  TRY(record("write " + path, "write " + path));
  files[path] = data;
  return {};
}

Result<std::vector<std::string>> FakeSystem::list_dir(const std::string& path) {
  const std::string prefix = path.ends_with('/') ? path : path + "/";
  std::set<std::string> names;
  const auto collect = [&](const std::string& name) {
    if (!name.starts_with(prefix)) return;
    const std::string rest = name.substr(prefix.size());
    if (!rest.empty()) names.insert(rest.substr(0, rest.find('/')));
  };
  for (const auto& [name, text] : files)
    collect(name);
  for (const auto& [name, text] : links)
    collect(name);
  for (const auto& name : dirs)
    collect(name);
  if (names.empty() && dirs.count(path) == 0) return sys_error(path, ENOENT);
  return std::vector<std::string>(names.begin(), names.end());
}

Result<std::string> FakeSystem::read_link(const std::string& path) {
  const auto link = links.find(path);
  if (link == links.end()) return sys_error(path, ENOENT);
  return link->second;
}

bool FakeSystem::exists(const std::string& path) {
  if (files.count(path) != 0 || links.count(path) != 0 || dirs.count(path) != 0) return true;
  return list_dir(path).ok();
}

Status FakeSystem::make_dir(const std::string& path) {
  TRY(record("mkdir " + path, "mkdir " + path));
  dirs.insert(path);
  return {};
}

Status FakeSystem::remove(const std::string& path) {
  TRY(record("remove " + path, "remove " + path));
  if (files.erase(path) == 0) return sys_error(path, ENOENT);
  return {};
}

Result<std::string> FakeSystem::read_at(const std::string& path, std::uint64_t offset,
                                        std::size_t bytes) {
  if (const auto error = errors.find("read " + path); error != errors.end()) {
    return sys_error(path, error->second);
  }
  const auto file = files.find(path);
  if (file == files.end()) return sys_error(path, ENOENT);
  if (offset >= file->second.size()) return std::string();
  return file->second.substr(static_cast<std::size_t>(offset), bytes);
}

Status FakeSystem::control_device(const std::string& path, unsigned long request, void* data) {
  if (!on_control) return sys_error(path, ENOTTY);
  return on_control(*this, path, request, data);
}

Status FakeSystem::mount(const std::string& source, const std::string& target,
                         const std::string& type, unsigned long flags, const std::string& data) {
  TRY(record(
      "mount " + source + " " + target + " " + type + " " + std::to_string(flags) + " " + data,
      "mount " + target));
  if (const int code = on_mount ? on_mount(source) : 0; code != 0) return sys_error(source, code);
  return {};
}

Status FakeSystem::unmount(const std::string& target) {
  return record("unmount " + target, "unmount " + target);
}

Status FakeSystem::play(const std::string& call) {
  calls.push_back(call);
  const auto error = errors.find(call);
  if (error != errors.end()) return Error{error->second, std::strerror(error->second)};
  return {};
}

Result<std::unique_ptr<Directory>> FakeSystem::open_directory(const std::string& path) {
  if (!exists(path)) return Error{ENOENT, std::strerror(ENOENT)};
  return std::unique_ptr<Directory>(std::make_unique<FakeDirectory>(*this, path, path));
}

Result<HeldDevice> FakeSystem::hold_device(const std::string& path, std::size_t look) {
  TRY(record("device " + path, "device " + path));
  return HeldDevice{fake_output(*this, path), files[path].substr(0, look)};
}

Status FakeSystem::load_module(const std::string& path, const std::string& params) {
  if (files.count(path) == 0) return sys_error(path, ENOENT);
  std::string name = path.substr(path.rfind('/') + 1);
  name = name.substr(0, name.rfind('.'));
  TRY(record("load " + name + (params.empty() ? "" : " " + params), "load " + name));
  dirs.insert("/sys/module/" + name);
  if (on_module) on_module(*this, name);
  return {};
}

Result<OpenWatchdog> FakeSystem::open_watchdog(const std::string& path) {
  TRY(record("watchdog open " + path, "watchdog open " + path));
  return OpenWatchdog{static_cast<int>(40 + feedings.size()), kWatchdogSeconds};
}

std::optional<Uevent> FakeSystem::wait_uevent(Milliseconds limit) {
  const Milliseconds until = now_ + limit;
  while (uevents_.empty() && !timeline_.empty() && timeline_.begin()->first <= until) {
    advance(std::max(timeline_.begin()->first - now_, Milliseconds(0)));
  }
  if (uevents_.empty()) {
    advance(until - now_);
    return std::nullopt;
  }
  Uevent event = std::move(uevents_.front());
  uevents_.pop_front();
  return event;
}

Result<Child> FakeSystem::spawn(const std::vector<std::string>& argv,
                                const std::vector<std::string>& env, Pipes) {
  std::string call = "spawn";
  for (const auto& argument : argv)
    call += " " + argument;
  calls.push_back(call);
  if (!on_spawn) return sys_error(argv.front(), ENOENT);
  return on_spawn(argv, env);
}

Result<int> FakeSystem::fork_worker(const std::function<int()>& work) {
  TRY(record("fork", "fork"));
  const int pid = next_pid_++;
  if (workers.empty()) {
    processes_[pid] = {work(), true};
    return pid;
  }
  const WorkerScript script = std::move(workers.front());
  workers.pop_front();
  if (script.run) script.run(*this);
  if (script.takes > Milliseconds(0)) {
    processes_[pid] = {std::nullopt, false};
    at(now_ + script.takes, [pid, work](FakeSystem& s) { s.processes_[pid].status = work(); });
    return pid;
  }
  processes_[pid] = {script.status, script.ends_when_killed};
  return pid;
}

std::optional<int> FakeSystem::wait_child(int pid, Milliseconds limit) {
  const auto process = processes_.find(pid);
  if (process == processes_.end()) {  // a spawned program: as if it had ended well
    return 0;
  }
  if (process->second.status) return process->second.status;
  advance(limit);
  return std::nullopt;
}

void FakeSystem::kill_child(int pid) {
  calls.push_back("kill " + std::to_string(pid));
  const auto process = processes_.find(pid);
  if (process != processes_.end() && !process->second.status && process->second.ends_when_killed) {
    process->second.status = 128 + 9;
  }
}

void FakeSystem::end(FinalAction action) {
  calls.push_back("end " + std::string(to_string(action)));
  ended.push_back(action);
}

}  // namespace mkcapture::init

#include "init/devices/probes_apart.h"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

namespace mkcapture::init {
namespace {

/// A probe of a healthy disk is over by then; one that is not no longer keeps others from starting.
constexpr Milliseconds kYoungFor{500};

template <std::size_t N>
void put(char (&into)[N], const std::string& text) {
  const std::size_t size = std::min(text.size(), N - 1);
  std::memcpy(into, text.data(), size);
  into[size] = '\0';
}

}  // namespace

/// One page at most. A label has at most 256 bytes (btrfs), a partition's name 36 UTF-16 units.
struct ProbesApart::Shared {
  bool done = false;
  bool found = false;
  ErrorKind kind = ErrorKind::kBroken;
  int code = 0;
  char error[256] = {};
  char type[64] = {};
  char usage[64] = {};
  char uuid[128] = {};
  char label[384] = {};
  char part_uuid[128] = {};
  char part_label[256] = {};

  void store(const Result<BlockIdentity>& answer) {
    found = answer.ok();
    if (found) {
      put(type, answer->type);
      put(usage, answer->usage);
      put(uuid, answer->uuid);
      put(label, answer->label);
      put(part_uuid, answer->part_uuid);
      put(part_label, answer->part_label);
    } else {
      kind = answer.error().kind;
      code = answer.error().code;
      put(error, answer.error().message);
    }
    done = true;
  }
  [[nodiscard]] Result<BlockIdentity> load(const std::string& path) const {
    if (!done) return fail(path + ": the probe crashed");
    if (found) return BlockIdentity{type, usage, uuid, label, part_uuid, part_label};
    Error why(kind, error);
    why.code = code;
    return why;
  }
};

void ProbesApart::Unmap::operator()(Shared* shared) const noexcept {
  munmap(shared, sizeof *shared);
}

ProbesApart::ProbesApart(System& system, BlockProber& prober) : system_(system), prober_(prober) {}

ProbesApart::~ProbesApart() {
  for (const auto& probe : probes_) {
    if (probe.pid > 0) system_.kill_child(probe.pid);
  }
}

int ProbesApart::ask(const std::string& path, BlockProber::Tables tables) {
  Probe probe;
  probe.number = next_++;
  probe.path = path;
  probe.tables = tables;
  probes_.push_back(std::move(probe));
  start_next();
  return next_ - 1;
}

Status ProbesApart::start(Probe& probe) {
  void* memory =
      mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return sys_error(probe.path + ": shared memory", errno);
  probe.shared.reset(new (memory) Shared);
  Shared* const shared = probe.shared.get();
  auto pid = system_.fork_worker([this, shared, path = probe.path, tables = probe.tables] {
    shared->store(prober_.probe(path, tables));
    return 0;
  });
  if (!pid) return std::move(pid).error().within(probe.path);
  probe.pid = *pid;
  probe.since = system_.now();
  return {};
}

void ProbesApart::start_next() {
  std::size_t running = 0;
  std::size_t young = 0;
  for (const auto& probe : probes_) {
    if (probe.pid < 0) continue;
    ++running;
    if (system_.now() - probe.since < kYoungFor) ++young;
  }
  for (auto& probe : probes_) {
    if (probe.pid >= 0) continue;
    if (running >= kMost || young >= kYoung) return;
    if (auto started = start(probe); !started) {
      early_.push_back({probe.number, std::move(started).error()});
      probe.pid = 0;  // collect() takes it out
      continue;
    }
    ++running;
    ++young;
  }
}

std::vector<ProbesApart::Answer> ProbesApart::collect() {
  std::vector<Answer> answers = std::move(early_);
  early_.clear();
  std::erase_if(probes_, [&](Probe& probe) {
    if (probe.pid < 0) return false;
    if (probe.pid == 0) return true;
    if (!system_.wait_child(probe.pid, Milliseconds(0))) return false;
    answers.push_back({probe.number, probe.shared->load(probe.path)});
    return true;
  });
  start_next();
  return answers;
}

bool ProbesApart::expecting() const {
  return std::any_of(probes_.begin(), probes_.end(), [this](const Probe& probe) {
    return probe.pid < 0 || system_.now() - probe.since < kLimit;
  });
}

Milliseconds ProbesApart::pace() const {
  Milliseconds pace{1'000};
  for (const auto& probe : probes_) {
    if (probe.pid < 0) continue;
    const auto age = system_.now() - probe.since;
    pace = std::min(pace, Milliseconds(age < Milliseconds(100) ? 2 : age < kLimit ? 50 : 500));
  }
  return pace;
}

}  // namespace mkcapture::init

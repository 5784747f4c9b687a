// Probes of block devices in processes of their own. A sick disk's read takes half a minute, or
// never comes back, and no signal reaches who waits for it: such a probe is left behind, and costs
// the other devices nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "init/devices/block_probe.h"
#include "init/system/system.h"

namespace mkcapture::init {

class ProbesApart {
 public:
  /// Both must outlive it.
  ProbesApart(System& system, BlockProber& prober);
  /// Kills what has not answered; where it waits within the kernel, it ends once it comes back.
  ~ProbesApart();
  ProbesApart(const ProbesApart&) = delete;
  ProbesApart& operator=(const ProbesApart&) = delete;

  /// A device is asked; its answer comes by collect() under the number that is returned. It begins
  /// at once where there is room (kMost processes in all, kYoung that were started a moment ago).
  int ask(const std::string& path, BlockProber::Tables tables);

  struct Answer {
    int number = 0;
    Result<BlockIdentity> identity;
  };
  /// What was answered since the last time. Does not wait.
  [[nodiscard]] std::vector<Answer> collect();

  /// Whether a probe is under way that may still answer within its limit (kLimit).
  [[nodiscard]] bool expecting() const;
  /// How long who waits for an answer should sleep between two looks: short at first.
  [[nodiscard]] Milliseconds pace() const;

  static constexpr Milliseconds kLimit{10'000};
  static constexpr std::size_t kYoung = 16;
  static constexpr std::size_t kMost = 64;

 private:
  struct Shared;  // memory that a probe's process writes its answer to
  struct Unmap {
    void operator()(Shared* shared) const noexcept;
  };
  struct Probe {
    int number = 0;
    std::string path;
    BlockProber::Tables tables = BlockProber::Tables::kLeave;
    int pid = -1;  // -1: waits for its turn
    Milliseconds since{0};
    std::unique_ptr<Shared, Unmap> shared;
  };

  void start_next();
  Status start(Probe& probe);

  System& system_;
  BlockProber& prober_;
  int next_ = 1;
  std::vector<Probe> probes_;  // in the order of asking
  std::vector<Answer> early_;  // those that could not be started
};

}  // namespace mkcapture::init

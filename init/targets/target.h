// Target: a place that dumps go to, behind one interface. A new kind is one page here that
// implements it, a line in make_target.cc, its specification in contract/targets/, and what it
// needs in the image in modules/.
//
// A target runs in a worker process of its own (supervisor.h): it may hang or die without harm to
// the next one. Every wait is bounded by the Deadline given. No target makes a system call of its
// own: what it asks of the kernel goes through the System and the parts of its context, so that
// every kind runs in tests/unit/init/targets/test_target_contract.cc.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "init/base/result.h"
#include "init/contract/capture_config.h"
#include "init/devices/block_probe.h"
#include "init/devices/context.h"
#include "init/net/link_control.h"
#include "init/targets/dump_store.h"

namespace mkcapture::init {

class Target {
 public:
  virtual ~Target() = default;

  /// Loads nothing (drivers are loaded before); waits for the device or for link, address and
  /// server, then mounts or connects. Writes nothing.
  virtual Status open(const Deadline& deadline) = 0;
  /// The dumps there; between an open() that succeeded and close().
  [[nodiscard]] virtual DumpStore& store() = 0;
  /// The local address as the dump's HOST when the crashed machine's name is unknown; may be empty.
  [[nodiscard]] virtual std::string local_address() const { return {}; }
  /// Unmounts or disconnects. Once called nothing else is.
  virtual Status close(const Deadline& deadline) = 0;
};

/// What a target has at hand: the worker's context, and the ways to interfaces and devices.
struct TargetContext : CaptureContext {
  std::function<Result<std::unique_ptr<LinkControl>>()> open_links = open_rtnetlink;
  std::function<std::unique_ptr<BlockProber>()> make_prober = make_blkid_prober;
};

/// The implementation for the kind that `spec` is of. Never null.
[[nodiscard]] std::unique_ptr<Target> make_target(const TargetSpec& spec,
                                                  const TargetContext& context);

}  // namespace mkcapture::init

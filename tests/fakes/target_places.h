// A place for every kind of target, in memory or in a temporary folder: what tests of all kinds run
// against (tests/unit/init/targets/test_target_contract.cc). A new kind adds a place and a line in
// all_places().
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "init/targets/target.h"
#include "tests/fakes/fake_system.h"

namespace mkcapture::init {

/// What a store does to the dump's file, in order; where a fault can be put.
enum class Stage { kBegin, kCreate, kWrite, kFinish, kCommit };
/// What goes wrong there.
enum class Fault { kNoSpace, kInputOutput, kDenied, kSilence };

class TargetPlace {
 public:
  virtual ~TargetPlace() = default;

  [[nodiscard]] virtual std::string spec() const = 0;
  [[nodiscard]] virtual FakeSystem& system() = 0;
  [[nodiscard]] virtual TargetContext context(const CaptureContext& worker) = 0;
  [[nodiscard]] virtual bool has_directories() const { return true; }

  /// Before the target is opened. `dump`: the name of the directory that will be asked for.
  virtual void break_at(Stage stage, Fault fault, const std::string& dump) = 0;
  /// A dump that is there already.
  virtual void put(const std::string& dump, const std::vector<std::string>& files) = 0;

  // Once the target is closed.
  /// The stages of the dump's file that were reached, in order.
  [[nodiscard]] virtual std::vector<Stage> stages(const std::string& dump) = 0;
  /// Names in a dump's directory.
  [[nodiscard]] virtual std::set<std::string> files(const std::string& dump) = 0;
};

struct PlaceKind {
  const char* name;
  std::function<std::unique_ptr<TargetPlace>()> make;
};
[[nodiscard]] const std::vector<PlaceKind>& all_places();

}  // namespace mkcapture::init

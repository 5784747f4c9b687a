#include "init/worker/save.h"

#include <algorithm>
#include <utility>

#include "init/base/text.h"
#include "init/contract/verdict.h"
#include "init/devices/ccw_devices.h"
#include "init/devices/module_loader.h"
#include "init/system/kernel_log.h"
#include "init/worker/again.h"
#include "init/worker/dump_name.h"
#include "init/worker/dump_watch.h"
#include "init/worker/retention.h"

namespace mkcapture::init {
namespace {

constexpr const char* kVmcorePath = "/proc/vmcore";
/// For a device that needs no module, where none can be loaded.
constexpr Milliseconds kOtherKernelWait{5'000};
constexpr std::size_t kMaxStatus = 16 << 10;
constexpr std::uint64_t kLogRoom = 256 << 10;  // the kernel's own buffer is smaller at its default

/// One target's way to a saved dump. Each step leaves what its comment says for the next one.
class Save {
 public:
  Save(const SaveContext& context, const SaveParts& parts)
      : context_(context),
        parts_(parts),
        system_(context.system),
        state_(context.state),
        needs_(needs(context.entry.spec)),
        modules_(context.system, context.config),
        ready_by_(context.deadline.sooner(context.config.wait)),
        level_(context.config.dump.level) {
    modules_.on_loaded([this] { state_.progress(); });
    // A disk that does not answer must not keep the other drivers from being loaded; the wait for
    // the device follows its events. A channel device is set online by its driver's probe.
    if (context.probes_hang || (needs_.device && context.entry.ccw_devices.empty()))
      modules_.wait_for_no_probe();
  }

  Status run() {
    TRY(open_vmcore());     // the crashed kernel's headers make sense
    load_drivers();         // what the image has for this target's devices is loaded
    TRY(open_target());     // mounted or connected; nothing written yet
    TRY(make_directory());  // the dump's directory is there and empty
    save_dmesg();           // the crashed kernel's log is safe, if it can be had
    set_room_aside();       // a disk that becomes full has room left for the log
    TRY(compare_space());   // the log tells what is needed and free, and the level fits
    TRY(save_dump());       // vmcore.incomplete is whole and on stable storage
    TRY(rename_dump());     // and is called vmcore
    return {};
  }

  void give_verdict(const Status& result) {
    if (result) {
      state_.say_verdicts_before(system_, context_.verdicts_before);
      state_.give_verdict(system_, true,
                          saved_line(context_.entry.spec, bytes_, took_, dump_path(), note_));
      return;
    }
    const Error& why = result.error();
    const std::string line = failed_line(context_.entry.spec, state_.step(), why.message);
    if (context_.deadline.left() >= kLeastTry &&
        worth_another_try(state_.step(), why, state_.has_other_path())) {
      state_.give_up_for_now(system_, line);
    } else {
      state_.give_verdict(system_, false, line);
    }
  }

  /// After the verdict: its line is in the log that is saved. Nothing here can undo a saved dump.
  void wind_up() {
    if (context_.config.debug) log_memory();
    if (store_ == nullptr) return;
    if (!directory_.empty()) {
      state_.enter(Step::kLog);
      if (state_.saved() && context_.config.keep != 0) {
        remove_outdated(system_, state_, *store_, directory_, context_.config.keep,
                        context_.deadline);
      } else if (log_alone_) {
        remove_outdated_logs(system_, state_, *store_, directory_, context_.deadline);
      }
      const auto saved = save_file(kLogFile, parts_.copy_kernel_log);
      if (!saved) system_.log(std::string(kLogFile) + ": " + saved.error().message);
    }
    state_.enter(Step::kUnmount);
    const auto closed = target_->close(context_.deadline);
    if (!closed) system_.log("closing: " + closed.error().message);
  }

 private:
  Status open_vmcore() {
    state_.enter(Step::kStart);
    auto vmcore = parts_.open_vmcore();
    if (!vmcore) return std::move(vmcore).error();
    vmcore_ = *std::move(vmcore);
    const std::string release = vmcore_->os_release();
    system_.log("crashed kernel " + (release.empty() ? "of unknown release" : release) + ", " +
                format_size(vmcore_->memory_bytes()) + " of memory");
    if (context_.config.filter_check) heed(*context_.config.filter_check, release);
    return {};
  }

  /// What the page filter and this kernel did not agree about while it ran is kept.
  void heed(const FilterCheck& check, const std::string& release) {
    if (!check.is_of(release, vmcore_->build_id())) {
      system_.log("the page filter was compared with " + check.release + ", not with this kernel");
      return;
    }
    const int doubtful = check.doubtful_bits();
    smallest_ &= ~doubtful;
    const std::string less =
        (level_ & doubtful) == 0
            ? std::string()
            : ": level " + std::to_string(level_ & ~doubtful) + ", not " + std::to_string(level_);
    level_ &= ~doubtful;
    system_.log("the page filter was compared with this kernel while it ran: " +
                std::to_string(check.differ()) + " of " + std::to_string(check.pages()) +
                " pages differ" + less);
  }

  void load_drivers() {
    state_.enter(Step::kDrivers);
    load_only_filesystem();
    modules_.load_all(context_.entry.drivers);
    ready_by_ = context_.deadline.sooner(modules_.are_of_another_kernel() ? kOtherKernelWait
                                                                          : context_.config.wait);
    set_ccw_devices_online(system_, context_.entry.ccw_devices, ready_by_);
    modules_.autoload(context_.entry.autoload);
    ready_by_ = context_.deadline.sooner(modules_.are_of_another_kernel() ? kOtherKernelWait
                                                                          : context_.config.wait);
    const int count = modules_.count();
    if (count > 0)
      system_.log(std::to_string(count) + (count == 1 ? " module" : " modules") + " loaded");
  }

  /// Where all that the image can mount is by the same driver (ext2 to ext4 are), the device need
  /// not be seen to know which. It touches no hardware, and is ready before the device is.
  void load_only_filesystem() {
    const auto& filesystems = context_.config.filesystems;
    if (!needs_.filesystem || filesystems.empty()) return;
    const auto& modules = filesystems.front().modules;
    if (std::all_of(filesystems.begin(), filesystems.end(),
                    [&](const auto& f) { return f.modules == modules; })) {
      modules_.load_filesystem(modules);
    }
  }

  Status open_target() {
    TargetContext context{{system_, context_.config, state_, modules_, context_.passed_over}};
    target_ = parts_.make_target(context_.entry.spec, context);
    auto opened = target_->open(ready_by_);
    if (!opened && modules_.are_of_another_kernel()) {
      return fail(ErrorKind::kRefused, opened.error().message +
                                           "; the modules are of another kernel (" +
                                           context_.config.kernel + ")");
    }
    TRY(std::move(opened));
    store_ = &target_->store();
    state_.set_ready();
    return {};
  }

  Status make_directory() {
    if (!store_->has_directories()) return {};
    state_.enter(Step::kDirectory);
    const std::string host = vmcore_->node_name().value_or(target_->local_address());
    const std::int64_t crashed = vmcore_->crash_time();
    std::string name = dump_name(host, crashed != 0 ? crashed : system_.wall_clock());
    auto made = store_->begin(name, context_.deadline);
    if (!made && made.error().kind != ErrorKind::kTimedOut &&
        made.error().kind != ErrorKind::kUnavailable) {
      // What serves it may hold no ':' in names (Windows), and says so in words of its own.
      std::replace(name.begin(), name.end(), ':', '-');
      if (auto other = store_->begin(name, context_.deadline)) made = std::move(other);
    }
    if (!made) return std::move(made).error();
    directory_ = *std::move(made);
    return {};
  }

  /// Creates a file, lets `fill` write and finish it.
  template <class Fill>
  Status save_file(const char* name, const Fill& fill) {
    auto output = store_->create(name, context_.deadline);
    if (!output) return std::move(output).error();
    return fill(*watched_output(*std::move(output), state_, context_.deadline));
  }

  void save_dmesg() {
    if (!store_->has_directories()) return;
    state_.enter(Step::kDmesg);
    const auto saved = save_file(kDmesgFile, [this](Output& output) -> Status {
      auto bytes = vmcore_->write_dmesg(output);
      if (!bytes) return std::move(bytes).error();
      TRY(output.finish(*bytes));
      system_.log(std::string(kDmesgFile) + " saved, " + format_size(*bytes));
      return {};
    });
    if (!saved) system_.log(std::string(kDmesgFile) + " not saved: " + saved.error().message);
  }

  Status compare_space() {
    const auto space = store_->free(context_.deadline);
    if (!space) return {};
    const std::uint64_t most = vmcore_->size();
    system_.log(format_size(space->free) + " free, the dump needs at most " + format_size(most) +
                (space->free < most ? ": it may not fit" : ""));
    if (!store_->has_directories()) return {};  // the whole device is the dump's
    state_.enter(Step::kDump);
    budget_ = budget_of(*space, context_.config.reserve);
    DumpChoice choice = context_.config.dump;
    choice.level = level_;
    const auto level =
        level_that_fits(system_, *vmcore_, parts_.forecast, choice, smallest_, *budget_);
    if (!level) {
      log_alone_ = true;
      return fail(ErrorKind::kNoSpace, "no room for a dump: " + format_size(*budget_) +
                                           " may be written; the log alone");
    }
    level_ = *level;
    return {};
  }

  void set_room_aside() {
    if (!store_->has_directories()) return;
    auto output = store_->create(kLogFile, context_.deadline);
    if (output) (void)(*output)->reserve(0, kLogRoom);
  }

  Status save_dump() {
    state_.enter(Step::kDump);
    auto created = store_->create(kPartialFile, context_.deadline);
    if (!created) return std::move(created).error();
    auto limited = budget_ ? limited_output(*std::move(created), *budget_) : *std::move(created);
    const auto output = watched_output(std::move(limited), state_, context_.deadline);
    const auto& config = context_.config;
    dump::DumpOptions options{.choice = config.dump, .threads = 0};
    options.choice.level = level_;
    system_.log("dump starts: level " + std::to_string(level_) + ", " +
                std::string(to_string(config.dump.format)) + ", " +
                std::string(to_string(config.dump.codec)));
    dump_started_ = system_.now();
    ProgressLines progress(system_, state_);
    auto report = parts_.write_dump(*vmcore_, *output, options, progress);
    took_ = system_.now() - dump_started_;
    if (!report) return std::move(report).error();
    TRY(judge(*report));
    note_ = output->note();
    if (!note_.empty()) system_.log("vmcore: " + note_);
    return {};
  }

  Status judge(const dump::DumpReport& report) {
    bytes_ = report.bytes_written;
    if (!report.note.empty()) {
      system_.log("level " + std::to_string(report.level_reached) + " reached: " + report.note);
    }
    if (report.pages_unreadable > 0) {
      system_.log(std::to_string(report.pages_unreadable) + " pages could not be read: holes");
    }
    const std::string pages =
        std::to_string(report.pages_saved) + " of " + std::to_string(report.pages_total) + " pages";
    if (!report.incomplete.empty()) {
      Error why(report.incomplete_kind, report.incomplete + "; incomplete, with " + pages);
      why.code = report.incomplete_code;
      return why;
    }
    system_.log("dump whole: " + pages + ", " + format_size(bytes_) +
                (report.threads > 1 ? ", by " + std::to_string(report.threads) + " threads" : ""));
    return {};
  }

  Status rename_dump() {
    if (!store_->has_directories()) return {};
    state_.enter(Step::kRename);
    auto renamed = store_->commit(kPartialFile, kWholeFile, context_.deadline);
    took_ = system_.now() - dump_started_;
    return renamed;
  }

  /// The most memory that this process, all threads, has had resident (proc(5), VmHWM).
  void log_memory() {
    const auto status = system_.read_file("/proc/self/status", kMaxStatus);
    if (!status) return;
    for (auto line : split(*status, '\n')) {
      if (consume(line, "VmHWM:")) system_.log("memory at most " + std::string(trim(line)));
    }
  }

  [[nodiscard]] std::string dump_path() const {
    if (directory_.empty()) {
      return needs_.device ? to_string(*needs_.device) : to_string(context_.entry.spec);
    }
    const std::string& path = needs_.directory;
    return (path == "/" ? "" : path) + "/" + directory_ + "/" + kWholeFile;
  }

  const SaveContext& context_;
  const SaveParts& parts_;
  System& system_;
  WorkerState& state_;
  const TargetNeeds needs_;
  ModuleLoader modules_;
  Deadline ready_by_;

  std::unique_ptr<dump::Vmcore> vmcore_;
  std::unique_ptr<Target> target_;
  DumpStore* store_ = nullptr;  // once the target is open
  std::string directory_;
  std::string note_;                     // what the target could not promise
  int level_;                            // at which the dump is written
  int smallest_ = 31;                    // level, where the dump would not fit
  bool log_alone_ = false;               // there is no room for a dump
  std::optional<std::uint64_t> budget_;  // bytes that it may take
  Milliseconds dump_started_{0};
  Milliseconds took_{0};
  std::uint64_t bytes_ = 0;
};

}  // namespace

SaveParts real_parts() {
  return {[] { return dump::open_vmcore(kVmcorePath); }, make_target,
          [](dump::Vmcore& vmcore, const DumpChoice& choice) { return vmcore.forecast(choice); },
          [](dump::Vmcore& vmcore, Output& output, const dump::DumpOptions& options,
             dump::DumpProgress& progress) { return vmcore.write_dump(output, options, progress); },
          copy_kernel_log};
}

int save_to_target(const SaveContext& context, const SaveParts& parts) {
  Save save(context, parts);
  const Status result = save.run();
  save.give_verdict(result);
  save.wind_up();
  return result ? 0 : 1;
}

}  // namespace mkcapture::init

// The dump engine as /init and savecore use it: open a vmcore, take the log, write a dump.
//
// Everything that comes from the crashed kernel's memory is untrusted: every offset, count and
// pointer is bounded before use, loops have a limit, and what cannot be read becomes a hole that is
// counted and reported. Resident memory stays within 12 MB with one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "init/base/result.h"
#include "init/contract/dump_choice.h"
#include "init/output/output.h"

namespace mkcapture::dump {

struct DumpOptions {
  DumpChoice choice;
  int codec_level = 0;  // 0: the codec's own default
  int threads = 1;      // compressors; 0: one per CPU that is online
  /// Leave out the memory, too, that holds nothing but descriptors of left-out pages: up to 1/64 of
  /// a machine. Debuggers then cannot list such pages.
  bool leave_out_descriptors = false;
};

struct DumpReport {
  std::uint64_t bytes_written = 0;  // of the file, holes not counted
  std::uint64_t file_size = 0;
  std::uint64_t pages_total = 0;
  std::uint64_t pages_saved = 0;
  std::uint64_t pages_unreadable = 0;  // EIO, or behind the vmcore's end; holes in the dump
  int level_reached = 0;
  int threads = 1;   // that compressed
  std::string note;  // why level_reached or the format is not what was asked; empty otherwise
  /// Empty: whole. Otherwise the dump ends early but can be read as far as it came, and this says
  /// why ("No space left on device").
  std::string incomplete;
  ErrorKind incomplete_kind = ErrorKind::kBroken;  // of that error, and its errno
  int incomplete_code = 0;

  void ended_early(Error why) {
    incomplete_kind = why.kind;
    incomplete_code = why.code;
    incomplete = std::move(why.message);
  }
};

/// Called from one thread, only where something has moved since the last call: whoever waits for a
/// sign of life has one. Must return quickly.
class DumpProgress {
 public:
  virtual ~DumpProgress() = default;
  /// A part of the memory was gone through by its page descriptors, once for each GiB or so and in
  /// every pass: before the first page is written, and where none has to be.
  virtual void looked_at(std::uint64_t cycles_done, std::uint64_t cycles_total) {
    (void)cycles_done;
    (void)cycles_total;
  }
  /// At most a few times a second.
  virtual void update(std::uint64_t pages_done, std::uint64_t pages_total,
                      std::uint64_t bytes_written) = 0;
};

/// What a dump would be.
struct LevelReport {
  int level_reached = 0;
  std::string note;  // as in DumpReport
  std::uint64_t bytes_total = 0;
  std::uint64_t bytes_kept = 0;      // zero pages are not looked for
  std::uint64_t bytes_forecast = 0;  // of the dump; forecast() alone tells it
};

/// What a page is to a dump.
enum class PageClass : std::uint8_t { kKernel, kCache, kUser, kFree, kUnreadable, kNone };

/// What the running kernel says of its pages, as /proc/kpageflags has it.
class KernelPageFlags {
 public:
  virtual ~KernelPageFlags() = default;
  /// The flags (KPF_..., include/uapi/linux/kernel-page-flags.h) of the page frames from `pfn` on.
  /// Returns how many could be had; 0 behind the last one.
  virtual std::size_t read(std::uint64_t pfn, std::span<std::uint64_t> flags) = 0;
};

/// How far the page filter and the kernel agree, by what the kernel says that a page is.
struct AgreementReport {
  struct Class {
    std::uint64_t pages = 0;
    std::uint64_t differ = 0;  // at each of several looks
  };
  std::array<Class, 5> classes;    // by PageClass
  std::uint64_t own_left_out = 0;  // the kernel's own, which some level would leave out
  std::uint64_t changing = 0;      // changed hands during each look: in no class
};

/// An ELF core of a crashed kernel: /proc/vmcore or a file. Owns its descriptor and mappings.
class Vmcore {
 public:
  virtual ~Vmcore() = default;

  /// Bytes of the whole file as its program headers describe it.
  [[nodiscard]] virtual std::uint64_t size() const noexcept = 0;
  /// Bytes of physical memory in its PT_LOADs, as far as the file holds them.
  [[nodiscard]] virtual std::uint64_t memory_bytes() const noexcept = 0;
  /// "6.1.0-56-amd64" from VMCOREINFO; empty where there is none.
  [[nodiscard]] virtual std::string os_release() const = 0;
  /// The kernel's build id, hexadecimal, from VMCOREINFO; empty where there is none.
  [[nodiscard]] virtual std::string build_id() const = 0;
  /// The panic's time from VMCOREINFO (CRASHTIME, seconds since 1970); 0 where unknown.
  [[nodiscard]] virtual std::int64_t crash_time() const noexcept = 0;
  /// The crashed machine's node name (init_uts_ns), made safe for a file name ([A-Za-z0-9._-], at
  /// most 64 characters); an error where it cannot be read.
  [[nodiscard]] virtual Result<std::string> node_name() = 0;
  /// Writes the crashed kernel's log as dmesg prints it, "[    0.000000] text" lines: the ring
  /// buffer of 5.10 and later (prb) and the record format before it (log_buf). Returns the bytes
  /// written; does not finish() the output.
  virtual Result<std::uint64_t> write_dmesg(Output& output) = 0;
  /// Goes through the page descriptors as write_dump() does, without reading the pages.
  [[nodiscard]] virtual Result<LevelReport> check_level(int level) = 0;
  /// check_level(), and what the dump will take on its target by a sample of its pages: within a
  /// few percent.
  [[nodiscard]] virtual Result<LevelReport> forecast(const DumpChoice& choice) = 0;
  /// Writes the dump and finishes the output. An error means that nothing usable was written; a
  /// dump that ended early is a report with `incomplete` set.
  [[nodiscard]] virtual Result<DumpReport> write_dump(Output& output, const DumpOptions& options,
                                                      DumpProgress& progress) = 0;
};

/// Opens and checks: ELF magic, class, byte order, machine; program headers that wrap, or more than
/// kMaxSegments of them, are an error that says so. Memory beyond 2^56 is passed over and counted,
/// unless there is no other.
[[nodiscard]] Result<std::unique_ptr<Vmcore>> open_vmcore(const std::string& path);

/// Judges the running kernel's pages through its own memory (`path`: /proc/kcore) and compares.
/// Fails where the filter cannot judge every class.
[[nodiscard]] Result<AgreementReport> compare_with_kernel(const std::string& path,
                                                          KernelPageFlags& kernel);

}  // namespace mkcapture::dump

#include "init/dump/format/kdump_writer.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "init/dump/core/crashed_bytes.h"
#include "init/dump/format/codecs.h"
#include "init/dump/format/compress_pool.h"
#include "init/dump/format/early_pages.h"
#include "init/dump/format/kdump_body.h"
#include "init/dump/format/kdump_format.h"
#include "init/dump/format/progress_meter.h"

namespace mkcapture::dump {
namespace {

class KdumpWriter {
 public:
  KdumpWriter(VmcoreSource& source, KeptPages& pages, Output& output, const DumpOptions& options,
              const KdumpWriteOptions& how, DumpProgress& progress)
      : source_(source),
        machine_(source.crashed()),
        pages_(pages),
        output_(output),
        options_(options),
        how_(how),
        progress_(progress),
        early_(how.write_once ? std::vector<PageRun>() : source.first_pages()) {}

  Result<DumpReport> write() {
    auto layout = kdump_layout(machine_);
    if (!layout) return std::move(layout).error();
    layout_ = *layout;
    auto codec = make_codec(options_.choice.codec, options_.codec_level, machine_.page_size);
    if (!codec) return std::move(codec).error();
    const std::uint32_t codec_flag = (*codec)->flag();
    status_ = codec_flag;
    codec->reset();

    // First pass. A stream's headers, which say what the level is, come behind it.
    if (!how_.write_once) TRY(write_front(kDumpIncomplete));
    TRY(pages_.first_pass(
        [&] {
          kept_ = 0;
          early_.restart();
        },
        [&](std::uint64_t first_pfn, std::span<std::uint8_t> bits) {
          early_.count(first_pfn, bits, kept_);
          kept_ += count_bits(bits);
          return how_.write_once ? Status() : write_bits(first_pfn, bits);
        }));
    status_ = codec_flag | (pages_.without_descriptors() ? kDumpWithoutDescriptors : 0);
    if (how_.write_once) TRY(write_front(0));
    report_.pages_total = pages_.pages_present();
    const std::uint64_t descriptors_end = layout_.descriptors_at + kept_ * kPageDescriptorBytes;
    layout_.pages_at = (descriptors_end + 4095) / 4096 * 4096;
    if (!how_.write_once) {
      set_room_aside(descriptors_end);
      (void)step_over_to(layout_.pages_at);  // where it fails the pages do as well
    }

    // Second pass. From here on there is something that can be read.
    KdumpBody body(output_, machine_, layout_, kept_, early_, report_);
    if (!body.ok()) return sys_error("dump buffers", ENOMEM);
    Status end = write_pages(body);
    if (const Status rest = body.flush(); end && !rest) end = rest;
    report_.file_size = body.position();
    report_.bytes_written = written(body);
    // Only what is on the disk is called whole.
    if (end && !how_.write_once) {
      end = output_.sync();
      if (end) end = write_headers(0);
    }
    if (end) end = output_.finish(report_.file_size);
    if (!end) {
      report_.ended_early(std::move(end).error());
      end_early();
    }
    return report_;
  }

 private:
  /// Saves what can be saved; the errors have been reported.
  void end_early() {
    // Of a stream the header is out, and tools that rearrange it take the later of two writes. Of a
    // file it may be that the sync behind the last header failed.
    CrashedBytes status(machine_.word_bits, machine_.big_endian);
    status.u32(status_ | kDumpIncomplete);
    (void)output_.write_at(kdump_status_offset(machine_), status.data());
    (void)output_.finish(0);  // what is buffered may still find room
  }

  [[nodiscard]] std::uint64_t written(const KdumpBody& body) const {
    return report_.bytes_written + (body.position() - layout_.pages_at);
  }

  Status write_front(std::uint32_t flags) {
    TRY(write_headers(flags));
    return write_part(layout_.notes_at, machine_.notes);
  }

  Status write_headers(std::uint32_t flags) {
    return write_part(0, kdump_headers(machine_, layout_,
                                       {.status = status_ | flags,
                                        .crash_time = source_.crash_time(),
                                        .level = pages_.level_reached()}));
  }

  /// Room for the descriptors, which come in between: on a full disk pages are lost, not what leads
  /// to those that are there. The bitmaps have been written. Where not all of it can be had, as on
  /// a disk that will not take the whole dump, then so much as the pages that fit may need.
  void set_room_aside(std::uint64_t descriptors_end) {
    constexpr std::uint64_t kUsualRatio = 16;
    const std::uint64_t size = descriptors_end - layout_.descriptors_at;
    if (!output_.reserve(layout_.descriptors_at, size))
      (void)output_.reserve(layout_.descriptors_at, size / kUsualRatio);
  }

  /// Goes to `offset` in steps that are each seen as a move: a device without holes writes zeros
  /// over what was there before, gigabytes of them at a time otherwise.
  Status step_over_to(std::uint64_t offset) {
    static constexpr std::array<std::byte, 4096> kZeros{};
    while (offset > reached_ && offset - reached_ > kStepBytes) {
      reached_ = reached_ / kZeros.size() * kZeros.size() + kStepBytes;
      TRY(output_.write_at(reached_ - kZeros.size(), kZeros));
    }
    return {};
  }

  Status write_part(std::uint64_t offset, std::span<const std::byte> data) {
    if (!how_.write_once) TRY(step_over_to(offset));
    reached_ = std::max(reached_, offset + data.size());
    TRY(output_.write_at(offset, data));
    report_.bytes_written += data.size();
    return {};
  }

  /// A cycle's bits in both bitmaps.
  Status write_bits(std::uint64_t first_pfn, std::span<const std::uint8_t> bits) {
    present_.assign(bits.size(), 0);
    set_present(machine_, first_pfn, present_);
    TRY(write_bitmap(layout_.present_at, first_pfn, present_));
    return write_bitmap(layout_.kept_at, first_pfn, bits);
  }

  Status write_bitmap(std::uint64_t at, std::uint64_t first_pfn,
                      std::span<const std::uint8_t> bits) {
    if (first_pfn < layout_.first_pfn) {  // less than a cycle, where nothing is
      const auto before = std::min<std::uint64_t>((layout_.first_pfn - first_pfn) / 8, bits.size());
      bits = bits.subspan(static_cast<std::size_t>(before));
      first_pfn = layout_.first_pfn;
    }
    // The last cycle reaches beyond the bitmap's end.
    const std::uint64_t byte = (first_pfn - layout_.first_pfn) / 8;
    const std::uint64_t room = layout_.kept_at - layout_.present_at - byte;
    return write_part(at + byte,
                      std::as_bytes(bits.first(std::min<std::uint64_t>(bits.size(), room))));
  }

  Status write_pages(KdumpBody& body) {
    ProgressMeter meter(progress_, kept_);
    std::unique_ptr<PageWorker> worker;
    std::unique_ptr<CompressPool> pool;
    if (how_.threads > 1) {
      auto made = CompressPool::create(source_, options_, how_.threads);
      if (!made) return std::move(made).error();
      pool = std::move(*made);
    } else {
      auto made = PageWorker::create(source_, options_);
      if (!made) return std::move(made).error();
      worker = std::move(*made);
    }
    if ((options_.choice.level & 1) != 0) TRY(body.share_zeros());
    const auto put = [&](PageRun run) {
      Status status = pool ? pool->put(run, body) : worker->work(run, body);
      meter.update(body.pages_done(), written(body));
      return status;
    };
    if (!how_.write_once) {
      body.begin_early();
      for (PageRun run = early_.take_run(kRunPages); run.count > 0;
           run = early_.take_run(kRunPages)) {
        TRY(put(run));
      }
      if (pool) TRY(pool->drain(body));
      TRY(body.end_early());
    }
    TRY(pages_.for_each_cycle([&](std::uint64_t first_pfn, std::span<std::uint8_t> bits) -> Status {
      // A stream's bits have not been written yet.
      if (how_.write_once) TRY(write_bits(first_pfn, bits));
      early_.clear_stored(first_pfn, bits);
      for (std::uint64_t from = 0;;) {
        PageRun run = next_run(bits, from);
        if (run.count == 0) return {};
        run.count = std::min(run.count, kRunPages);
        from = run.first + run.count;
        run.first += first_pfn;
        TRY(put(run));
      }
    }));
    return pool ? pool->drain(body) : Status();
  }

  static constexpr std::uint64_t kRunPages = 1024;  // so that progress is seen
  static constexpr std::uint64_t kStepBytes = 64 << 20;

  VmcoreSource& source_;
  const CrashedMachine& machine_;
  KeptPages& pages_;
  Output& output_;
  const DumpOptions& options_;
  const KdumpWriteOptions& how_;
  DumpProgress& progress_;
  KdumpLayout layout_;
  std::uint32_t status_ = 0;   // kPage... and kDump... of a whole dump
  std::uint64_t reached_ = 0;  // the furthest byte of the file so far
  std::uint64_t kept_ = 0;
  EarlyPages early_;
  std::vector<std::uint8_t> present_;
  DumpReport report_;
};

}  // namespace

Result<DumpReport> write_kdump(VmcoreSource& source, KeptPages& pages, Output& output,
                               const DumpOptions& options, const KdumpWriteOptions& how,
                               DumpProgress& progress) {
  return KdumpWriter(source, pages, output, options, how, progress).write();
}

}  // namespace mkcapture::dump

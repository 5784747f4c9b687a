#include "init/dump/format/kdump_writer.h"

#include <algorithm>
#include <cerrno>

#include "init/dump/core/crashed_bytes.h"
#include "init/dump/format/codecs.h"
#include "init/dump/format/compress_pool.h"
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
        progress_(progress) {}

  Result<DumpReport> write() {
    auto layout = kdump_layout(machine_);
    if (!layout) return std::move(layout).error();
    layout_ = *layout;
    auto codec = make_codec(options_.codec, options_.codec_level, machine_.page_size);
    if (!codec) return std::move(codec).error();
    codec_flag_ = (*codec)->flag();
    codec->reset();

    // First pass.
    TRY(write_headers(how_.write_once ? 0 : kDumpIncomplete));
    TRY(write_part(layout_.notes_at, machine_.notes));
    TRY(pages_.for_each_cycle([&](std::uint64_t first_pfn, std::span<std::uint8_t> bits) {
      kept_ += count_bits(bits);
      progress_.update(0, pages_.pages_present(), report_.bytes_written);
      return how_.write_once ? Status() : write_bits(first_pfn, bits);
    }));
    report_.pages_total = pages_.pages_present();
    const std::uint64_t descriptors_end = layout_.descriptors_at + kept_ * kPageDescriptorBytes;
    layout_.pages_at = (descriptors_end + 4095) / 4096 * 4096;
    TRY(output_.reserve(layout_.present_at, descriptors_end - layout_.present_at));

    // Second pass. From here on there is something that can be read.
    KdumpBody body(output_, machine_, layout_, kept_, report_);
    if (!body.ok()) return sys_error("dump buffers", ENOMEM);
    Status end = write_pages(body);
    if (const Status rest = body.flush(); end && !rest) end = rest;
    report_.file_size = body.position();
    report_.bytes_written = written(body);
    if (end && !how_.write_once) end = write_headers(0);
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
    if (how_.write_once) {
      // The header is out. Tools that rearrange the stream take the later of two writes.
      CrashedBytes status(machine_.word_bits, machine_.big_endian);
      status.u32(codec_flag_ | kDumpIncomplete);
      (void)output_.write_at(kdump_status_offset(machine_), status.data());
    }
    (void)output_.finish(0);  // what is buffered may still find room
  }

  [[nodiscard]] std::uint64_t written(const KdumpBody& body) const {
    return report_.bytes_written + (body.position() - layout_.pages_at);
  }

  Status write_headers(std::uint32_t flags) {
    return write_part(0, kdump_headers(machine_, layout_,
                                       {.status = codec_flag_ | flags,
                                        .crash_time = source_.crash_time(),
                                        .level = pages_.level_reached()}));
  }

  Status write_part(std::uint64_t offset, std::span<const std::byte> data) {
    TRY(output_.write_at(offset, data));
    report_.bytes_written += data.size();
    return {};
  }

  /// A cycle's bits in both bitmaps.
  Status write_bits(std::uint64_t first_pfn, std::span<const std::uint8_t> bits) {
    present_.assign(bits.size(), 0);
    set_present(machine_, first_pfn, present_);
    TRY(write_bitmap(layout_.present_at, first_pfn, present_));
    return write_kept(first_pfn, bits);
  }

  Status write_bitmap(std::uint64_t at, std::uint64_t first_pfn,
                      std::span<const std::uint8_t> bits) {
    // The last cycle reaches beyond the bitmap's end.
    const std::uint64_t room = layout_.kept_at - layout_.present_at - first_pfn / 8;
    return write_part(at + first_pfn / 8,
                      std::as_bytes(bits.first(std::min<std::uint64_t>(bits.size(), room))));
  }

  Status write_kept(std::uint64_t first_pfn, std::span<const std::uint8_t> bits) {
    return write_bitmap(layout_.kept_at, first_pfn, bits);
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
    if ((options_.level & 1) != 0) TRY(body.share_zeros());
    return pages_.for_each_cycle([&](std::uint64_t first_pfn, std::span<std::uint8_t> bits) {
      Status status;
      std::uint64_t from = 0;
      while (status) {
        PageRun run = next_run(bits, from);
        if (run.count == 0) break;
        run.count = std::min(run.count, kRunPages);
        from = run.first + run.count;
        run.first += first_pfn;
        status = pool ? pool->put(run, body) : worker->work(run, body);
        meter.update(body.pages_done(), written(body));
      }
      if (pool && status) status = pool->drain(body);
      return end_cycle(std::move(status), first_pfn, bits, body);
    });
  }

  /// Takes the bits of pages that could not be read back.
  Status end_cycle(Status status, std::uint64_t first_pfn, std::span<std::uint8_t> bits,
                   KdumpBody& body) {
    const auto unreadable = body.take_unreadable();
    for (const std::uint64_t pfn : unreadable) {
      auto& byte = bits[(pfn - first_pfn) / 8];
      byte = static_cast<std::uint8_t>(byte & ~(1U << (pfn % 8)));
    }
    Status written;
    if (how_.write_once) {
      written = write_bits(first_pfn, bits);
    } else if (!unreadable.empty()) {
      written = write_kept(first_pfn, bits);
    }
    return status ? std::move(written) : std::move(status);
  }

  static constexpr std::uint64_t kRunPages = 1024;  // so that progress is seen

  VmcoreSource& source_;
  const CrashedMachine& machine_;
  KeptPages& pages_;
  Output& output_;
  const DumpOptions& options_;
  const KdumpWriteOptions& how_;
  DumpProgress& progress_;
  KdumpLayout layout_;
  std::uint32_t codec_flag_ = 0;
  std::uint64_t kept_ = 0;
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

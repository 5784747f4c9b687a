#include "init/dump/format/page_worker.h"

#include <algorithm>
#include <cstring>

#include "init/dump/format/page_bytes.h"

namespace mkcapture::dump {

Result<std::unique_ptr<PageWorker>> PageWorker::create(VmcoreSource& source,
                                                       const DumpOptions& options) {
  const CrashedMachine& machine = source.crashed();
  auto window = source.window(kWindowBytes);
  if (!window) return std::move(window).error();
  auto codec = make_codec(options.choice.codec, options.codec_level, machine.page_size);
  if (!codec) return std::move(codec).error();
  return std::unique_ptr<PageWorker>(new PageWorker(PageReader(machine, std::move(*window)),
                                                    std::move(*codec), machine.page_size,
                                                    (options.choice.level & 1) != 0));
}

Status PageWorker::work(PageRun run, PageReceiver& receiver) {
  while (run.count > 0) {
    const auto bytes =
        reader_.pages(run.first, std::min<std::uint64_t>(run.count, kWindowBytes / page_size_));
    std::uint64_t done = bytes.size() / page_size_;
    if (done == 0) {
      TRY(receiver.unreadable(run.first));
      done = 1;
    }
    for (std::size_t at = 0; at < bytes.size(); at += page_size_) {
      TRY(work_on(bytes.subspan(at, page_size_), receiver));
    }
    run.first += done;
    run.count -= done;
  }
  return {};
}

Status PageWorker::work_on(std::span<const std::byte> page, PageReceiver& receiver) {
  if (leave_out_zeros_ && is_zero(page)) return receiver.zero();
  std::byte* const room = receiver.room();
  const std::size_t size = codec_->compress(page, room);
  if (size > 0) return receiver.stored(static_cast<std::uint32_t>(size), codec_->flag());
  std::memcpy(room, page.data(), page.size());
  return receiver.stored(static_cast<std::uint32_t>(page.size()), 0);
}

}  // namespace mkcapture::dump

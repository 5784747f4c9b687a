// What happens to a single page of a kdump dump: left out as zero, compressed, or stored as it is.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "init/base/result.h"
#include "init/dump/format/codecs.h"
#include "init/dump/format/page_reader.h"
#include "init/dump/select/kept_pages.h"

namespace mkcapture::dump {

/// Takes pages in ascending order.
class PageReceiver {
 public:
  virtual ~PageReceiver() = default;
  /// page_room() bytes for the next page's data; valid until the next call of another method.
  virtual std::byte* room() = 0;
  /// The first `size` bytes at room() are the page's data. `flags` as in page_desc.
  virtual Status stored(std::uint32_t size, std::uint32_t flags) = 0;
  virtual Status zero() = 0;
  virtual Status unreadable(std::uint64_t pfn) = 0;
};

/// One compressor: its view of the memory and its codec. One per thread.
class PageWorker {
 public:
  static constexpr std::size_t kWindowBytes = 256 << 10;

  static Result<std::unique_ptr<PageWorker>> create(VmcoreSource& source,
                                                    const DumpOptions& options);

  /// Hands each page frame of `run` to `receiver`; stops at its first error.
  Status work(PageRun run, PageReceiver& receiver);

 private:
  PageWorker(PageReader reader, std::unique_ptr<PageCodec> codec, std::size_t page_size,
             bool leave_out_zeros)
      : reader_(std::move(reader)),
        codec_(std::move(codec)),
        page_size_(page_size),
        leave_out_zeros_(leave_out_zeros) {}

  Status work_on(std::span<const std::byte> page, PageReceiver& receiver);

  PageReader reader_;
  std::unique_ptr<PageCodec> codec_;
  std::size_t page_size_;
  bool leave_out_zeros_;
};

}  // namespace mkcapture::dump

// The descriptors and the pages of a kdump dump, as they come: the early ones, then all others.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "init/dump/format/append_buffer.h"
#include "init/dump/format/early_pages.h"
#include "init/dump/format/kdump_format.h"
#include "init/dump/format/page_worker.h"

namespace mkcapture::dump {

/// What became of a page that went through another buffer than the body's own.
struct PageOutcome {
  enum class Kind : std::uint8_t { kStored, kZero, kUnreadable };
  Kind kind = Kind::kStored;
  std::uint32_t size = 0;
  std::uint32_t flags = 0;
};

class KdumpBody final : public PageReceiver {
 public:
  /// All arguments by reference must outlive this. `most_pages`: descriptors that there is room
  /// for.
  KdumpBody(Output& output, const CrashedMachine& machine, const KdumpLayout& layout,
            std::uint64_t most_pages, EarlyPages& early, DumpReport& report);

  /// Whether there was memory for the buffers.
  [[nodiscard]] bool ok() const noexcept { return pages_.ok() && descriptors_; }

  /// Puts the page of zeros that zero() needs before all others.
  Status share_zeros();

  /// Until end_early() the pages that come are those of `early`, in its order. Their descriptors
  /// are at the places that the first pass has counted out for them; now and then, and at the end,
  /// those of the pages that came are written, and whatever ends the dump leaves these readable.
  /// Everything that comes behind is in ascending order of page frames, and they are put in
  /// between.
  void begin_early() { in_early_ = true; }
  Status end_early();

  std::byte* room() override { return pages_.room(); }
  Status stored(std::uint32_t size, std::uint32_t flags) override;
  Status zero() override;
  Status unreadable(std::uint64_t pfn) override;

  /// Data of several stored pages at once; their outcomes follow with described().
  Status append(std::span<const std::byte> data) { return pages_.append(data); }
  Status described(std::uint64_t offset, std::uint32_t size, std::uint32_t flags);
  /// Where the next byte of append() goes.
  [[nodiscard]] std::uint64_t position() const noexcept { return pages_.position(); }

  [[nodiscard]] std::uint64_t pages_done() const noexcept { return pages_done_; }

  /// Writes what is buffered. After an error of another call, too: descriptors from the first one
  /// on whose page did not get to the output are dropped.
  Status flush();

 private:
  /// page_desc in this machine's byte order until it is written.
  struct Descriptor {
    std::uint64_t offset;
    std::uint32_t size;
    std::uint32_t flags;
    std::uint64_t page_flags;
  };
  static_assert(sizeof(Descriptor) == kPageDescriptorBytes);

  /// Where a page would be that could not be read: its place among the descriptors is counted, and
  /// stays. Behind every file's end, so that readers have an error for this page.
  static constexpr std::uint64_t kFirstDescribed = 512;
  static constexpr std::uint64_t kNowhere = std::uint64_t{1} << 62;

  Status push(const Descriptor& d);
  Status push_early();
  Status describe_early();
  /// Those whose pages have been handed to the output; the others wait.
  Status write_descriptors();
  [[nodiscard]] bool is_ahead(const Descriptor& d) const noexcept {
    return d.offset != kNowhere && d.offset + d.size > pages_.written_up_to();
  }
  [[nodiscard]] Descriptor in_file_order(Descriptor d) const noexcept;
  [[nodiscard]] Descriptor* descriptors() const noexcept {
    return reinterpret_cast<Descriptor*>(descriptors_.data());
  }

  Output& output_;
  const CrashedMachine& machine_;
  DumpReport& report_;
  EarlyPages& early_;
  bool in_early_ = false;
  std::uint64_t describe_at_ = kFirstDescribed;  // early pages
  const std::uint64_t first_page_at_;
  AppendBuffer pages_;
  AlignedBuffer descriptors_;
  const std::uint64_t first_descriptor_at_;
  std::uint64_t descriptors_at_;
  std::uint64_t ordinal_ = 0;       // of the next page, as the first pass counted
  std::size_t waiting_ = 0;         // descriptors in the buffer
  std::uint64_t room_left_;         // descriptors, those in the buffer counted
  std::uint64_t zero_page_at_ = 0;  // 0: there is none
  std::uint64_t pages_done_ = 0;
};

}  // namespace mkcapture::dump

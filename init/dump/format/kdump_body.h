// The descriptors and the pages of a kdump dump, as they come.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "init/dump/format/append_buffer.h"
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
            std::uint64_t most_pages, DumpReport& report);

  /// Whether there was memory for the buffers.
  [[nodiscard]] bool ok() const noexcept { return pages_.ok() && descriptors_; }

  /// Puts the page of zeros that zero() needs before all others.
  Status share_zeros();

  std::byte* room() override { return pages_.room(); }
  Status stored(std::uint32_t size, std::uint32_t flags) override;
  Status zero() override;
  Status unreadable(std::uint64_t pfn) override;

  /// Data of several stored pages at once; their outcomes follow with described().
  Status append(std::span<const std::byte> data) { return pages_.append(data); }
  Status described(std::uint64_t offset, std::uint32_t size, std::uint32_t flags);
  /// Where the next byte of append() goes.
  [[nodiscard]] std::uint64_t position() const noexcept { return pages_.position(); }

  /// Pages since the last call that could not be read, ascending: their bits must be cleared.
  [[nodiscard]] std::vector<std::uint64_t> take_unreadable() { return std::move(unreadable_); }
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

  /// Those whose pages have been handed to the output; the others wait.
  Status write_descriptors();
  [[nodiscard]] bool is_ahead(const Descriptor& d) const noexcept {
    return d.offset + d.size > pages_.written_up_to();
  }
  [[nodiscard]] Descriptor* descriptors() const noexcept {
    return reinterpret_cast<Descriptor*>(descriptors_.data());
  }

  Output& output_;
  const CrashedMachine& machine_;
  DumpReport& report_;
  AppendBuffer pages_;
  AlignedBuffer descriptors_;
  std::uint64_t descriptors_at_;
  std::size_t waiting_ = 0;         // descriptors in the buffer
  std::uint64_t room_left_;         // descriptors, those in the buffer counted
  std::uint64_t zero_page_at_ = 0;  // 0: there is none
  std::vector<std::uint64_t> unreadable_;
  std::uint64_t pages_done_ = 0;
};

}  // namespace mkcapture::dump

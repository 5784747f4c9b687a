#include "init/dump/format/kdump_body.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace mkcapture::dump {
namespace {

constexpr std::size_t kWaitingDescriptors = 8192;  // 192 KiB: whole blocks

bool is_native(const CrashedMachine& machine) {
  return machine.big_endian == (std::endian::native == std::endian::big);
}

}  // namespace

KdumpBody::KdumpBody(Output& output, const CrashedMachine& machine, const KdumpLayout& layout,
                     std::uint64_t most_pages, EarlyPages& early, bool write_once,
                     DumpReport& report)
    : output_(output),
      machine_(machine),
      report_(report),
      early_(early),
      write_once_(write_once),
      pages_(output, layout.pages_at, page_room(machine.page_size)),
      descriptors_(kWaitingDescriptors * sizeof(Descriptor)),
      first_descriptor_at_(layout.descriptors_at),
      descriptors_at_(layout.descriptors_at),
      room_left_(most_pages) {}

Status KdumpBody::stored(std::uint32_t size, std::uint32_t flags) {
  const std::uint64_t offset = pages_.position();
  TRY(pages_.commit(size));
  return described(offset, size, flags);
}

Status KdumpBody::share_zeros() {
  zero_page_at_ = pages_.position();
  const std::vector<std::byte> page(machine_.page_size);
  return pages_.append(page);
}

Status KdumpBody::zero() {
  return described(zero_page_at_, machine_.page_size, 0);
}

Status KdumpBody::unreadable(std::uint64_t pfn) {
  if (in_early_) {  // it will be tried again, and counted
    early_.not_stored();
    return {};
  }
  TRY(push_early());
  ++report_.pages_unreadable;
  ++pages_done_;
  ++ordinal_;
  if (write_once_ && early_.any_left()) {
    // The descriptors behind it are out already and cannot move.
    return push({.offset = kNowhere, .size = machine_.page_size, .flags = 0, .page_flags = 0});
  }
  unreadable_.push_back(pfn);
  // Every descriptor behind it moves, also those that are in the file: a reader must not take one
  // for another page's, should it end here.
  if (shift_++ == 0) return write_early(0, false, true);
  return {};
}

Status KdumpBody::described(std::uint64_t offset, std::uint32_t size, std::uint32_t flags) {
  if (in_early_) {
    ++pages_done_;
    early_.stored(offset, size, flags);
    return {};
  }
  TRY(push_early());
  ++ordinal_;
  ++pages_done_;
  return push({.offset = offset, .size = size, .flags = flags, .page_flags = 0});
}

Status KdumpBody::push_early() {
  while (const EarlyPage* page = early_.due(ordinal_)) {
    ++ordinal_;
    TRY(push({.offset = page->offset,
              .size = page->size,
              .flags = page->flags,
              .page_flags = page->described ? kInPlace : 0}));
  }
  return {};
}

Status KdumpBody::push(const Descriptor& d) {
  if (room_left_ == 0) return fail("the page filter changed its mind");
  --room_left_;
  descriptors()[waiting_++] = d;
  if (waiting_ < kWaitingDescriptors) return {};
  TRY(write_descriptors());
  if (waiting_ < kWaitingDescriptors) return {};
  // Thousands of pages in a buffer's worth of bytes, or in none, as those of zeros.
  TRY(pages_.hand_over(!write_once_));
  return write_descriptors();
}

KdumpBody::Descriptor KdumpBody::in_file_order(Descriptor d) const noexcept {
  d.page_flags = 0;
  if (!is_native(machine_)) {
    d.offset = __builtin_bswap64(d.offset);
    d.size = __builtin_bswap32(d.size);
    d.flags = __builtin_bswap32(d.flags);
  }
  return d;
}

Status KdumpBody::write_descriptors() {
  // In order, and none before its page: what a reader finds here is in the file.
  std::size_t ready = 0;
  while (ready < waiting_ && !is_ahead(descriptors()[ready].offset, descriptors()[ready].size))
    ++ready;
  if (ready == 0) return {};
  std::uint64_t saved = 0;
  Status written;
  for (std::size_t i = 0, first = 0; i < ready; ++i) {
    Descriptor& d = descriptors()[i];
    if (d.offset != zero_page_at_ && d.offset != kNowhere) ++saved;
    // What takes each byte once has those already.
    const bool in_place = write_once_ && d.page_flags == kInPlace;
    d = in_file_order(d);
    if (written && (in_place || i + 1 == ready)) written = write_segment(first, i + !in_place);
    if (in_place) first = i + 1;
  }
  waiting_ -= ready;
  std::memmove(descriptors(), descriptors() + ready, waiting_ * sizeof(Descriptor));
  TRY(written);
  descriptors_at_ += ready * sizeof(Descriptor);
  report_.bytes_written += ready * sizeof(Descriptor);
  report_.pages_saved += saved;
  return {};
}

/// Of the descriptors that wait.
Status KdumpBody::write_segment(std::size_t first, std::size_t end) {
  if (first == end) return {};
  return output_.write_at(
      descriptors_at_ + first * sizeof(Descriptor),
      descriptors_.span().subspan(first * sizeof(Descriptor), (end - first) * sizeof(Descriptor)));
}

Status KdumpBody::end_early() {
  in_early_ = false;
  TRY(pages_.hand_over(!write_once_));
  return write_early(0, !write_once_, false);
}

/// Writes the descriptors of early pages that have not been due, each `before` places in front of
/// its ordinal's: as they are, or zeros over those that are in the file. `in_blocks`: everything
/// around them is still zeros, and whole blocks are cheaper.
// Invariant: what descriptors_ holds of the `waiting_` is not touched.
Status KdumpBody::write_early(std::uint64_t before, bool in_blocks, bool as_zeros) {
  constexpr std::uint64_t kBlock = 4096;
  const std::uint64_t longest_gap = in_blocks ? 4 * kBlock : 0;
  std::vector<std::byte> piece;  // of the file, from `begin` on
  std::uint64_t begin = 0, written_to = 0;
  const auto write_piece = [&]() -> Status {
    if (piece.empty()) return {};
    if (in_blocks) piece.resize((begin + piece.size() + kBlock - 1) / kBlock * kBlock - begin);
    TRY(output_.write_at(begin, piece));
    written_to = begin + piece.size();
    piece.clear();
    return {};
  };
  for (EarlyPage& page : early_.not_due()) {
    if (page.offset == 0 || page.described != as_zeros) continue;
    if (!as_zeros && is_ahead(page.offset, page.size)) continue;
    const std::uint64_t at = first_descriptor_at_ + (page.ordinal - before) * sizeof(Descriptor);
    if (!piece.empty() && (at - begin - piece.size() > longest_gap || piece.size() > (64 << 10)))
      TRY(write_piece());
    if (piece.empty()) {
      begin = in_blocks ? at / kBlock * kBlock : at;
      if (begin < written_to) begin = at;
    }
    const Descriptor d =
        as_zeros
            ? Descriptor{}
            : in_file_order(
                  {.offset = page.offset, .size = page.size, .flags = page.flags, .page_flags = 0});
    piece.resize(at - begin);
    const auto* bytes = reinterpret_cast<const std::byte*>(&d);
    piece.insert(piece.end(), bytes, bytes + sizeof d);
    page.described = !as_zeros;
  }
  return write_piece();
}

Status KdumpBody::flush() {
  Status status = pages_.flush();
  Status rest = push_early();
  if (rest) rest = write_descriptors();
  if (status) status = std::move(rest);
  // Ended early: those that were taken back, or are not there yet, where their places are now.
  if (early_.any_left()) {
    if (shift_ > 0 && !write_once_) (void)write_early(0, false, true);
    (void)write_early(shift_, false, false);
  }
  return status;
}

}  // namespace mkcapture::dump

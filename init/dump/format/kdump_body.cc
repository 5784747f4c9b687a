#include "init/dump/format/kdump_body.h"

#include <bit>
#include <cstring>

namespace mkcapture::dump {
namespace {

constexpr std::size_t kWaitingDescriptors = 4096;  // 96 KiB: whole blocks

bool is_native(const CrashedMachine& machine) {
  return machine.big_endian == (std::endian::native == std::endian::big);
}

}  // namespace

KdumpBody::KdumpBody(Output& output, const CrashedMachine& machine, const KdumpLayout& layout,
                     std::uint64_t most_pages, EarlyPages& early, DumpReport& report)
    : output_(output),
      machine_(machine),
      report_(report),
      early_(early),
      first_page_at_(layout.pages_at),
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

Status KdumpBody::unreadable(std::uint64_t) {
  if (in_early_) {
    early_.not_stored();
    return {};
  }
  ++report_.pages_unreadable;
  return described(kNowhere, machine_.page_size, 0);
}

Status KdumpBody::described(std::uint64_t offset, std::uint32_t size, std::uint32_t flags) {
  ++pages_done_;
  if (in_early_) {
    early_.stored(first_page_at_, {.offset = offset, .size = size, .flags = flags});
    if (pages_done_ < describe_at_) return {};
    describe_at_ *= 2;
    TRY(pages_.hand_over());
    return describe_early();
  }
  TRY(push_early());
  return push({.offset = offset, .size = size, .flags = flags, .page_flags = 0});
}

Status KdumpBody::push_early() {
  while (const auto page = early_.due(ordinal_))
    TRY(push({.offset = page->offset, .size = page->size, .flags = page->flags, .page_flags = 0}));
  return {};
}

Status KdumpBody::push(const Descriptor& d) {
  if (room_left_ == 0) return fail("the page filter changed its mind");
  --room_left_;
  ++ordinal_;
  descriptors()[waiting_++] = d;
  if (waiting_ < kWaitingDescriptors) return {};
  TRY(write_descriptors());
  if (waiting_ < kWaitingDescriptors) return {};
  // Thousands of pages in a buffer's worth of bytes, or in none, as those of zeros.
  TRY(pages_.hand_over());
  TRY(write_descriptors());
  return waiting_ < kWaitingDescriptors ? Status()
                                        : fail("no page of the waiting descriptors is out");
}

Status KdumpBody::write_descriptors() {
  // In order, and none before its page: what a reader finds here is in the file.
  std::size_t ready = 0;
  while (ready < waiting_ && !is_ahead(descriptors()[ready]))
    ++ready;
  if (ready == 0) return {};
  const auto bytes = descriptors_.span().first(ready * sizeof(Descriptor));
  std::uint64_t saved = 0;
  for (std::size_t i = 0; i < ready; ++i) {
    Descriptor& d = descriptors()[i];
    if (d.offset != zero_page_at_ && d.offset != kNowhere) ++saved;
    d = in_file_order(d);
  }
  const Status written = output_.write_at(descriptors_at_, bytes);
  waiting_ -= ready;
  std::memmove(descriptors(), descriptors() + ready, waiting_ * sizeof(Descriptor));
  TRY(written);
  descriptors_at_ += ready * sizeof(Descriptor);
  report_.bytes_written += ready * sizeof(Descriptor);
  report_.pages_saved += saved;
  return {};
}

KdumpBody::Descriptor KdumpBody::in_file_order(Descriptor d) const noexcept {
  if (!is_native(machine_)) {
    d.offset = __builtin_bswap64(d.offset);
    d.size = __builtin_bswap32(d.size);
    d.flags = __builtin_bswap32(d.flags);
  }
  return d;
}

Status KdumpBody::end_early() {
  TRY(pages_.hand_over());
  in_early_ = false;
  return describe_early();
}

// All other descriptors' room still holds zeros: what lies between two of these is written with
// them where that is less work than a write of its own.
Status KdumpBody::describe_early() {
  constexpr std::size_t kLongestGap = 16 << 10;
  const auto buffer = descriptors_.span();
  std::uint64_t begin = 0;  // place in the file of the buffer's first byte
  std::size_t used = 0;
  EarlyPages::Place place;
  while (const auto page = early_.next(place)) {
    if (page->offset + page->size > pages_.written_up_to()) continue;
    const std::uint64_t at = first_descriptor_at_ + page->ordinal * sizeof(Descriptor);
    if (used > 0 &&
        (at - begin - used > kLongestGap || at - begin + sizeof(Descriptor) > buffer.size())) {
      TRY(output_.write_at(begin, buffer.first(used)));
      used = 0;
    }
    if (used == 0) begin = at;
    const auto skip = static_cast<std::size_t>(at - begin);
    std::memset(buffer.data() + used, 0, skip - used);
    const Descriptor d = in_file_order(
        {.offset = page->offset, .size = page->size, .flags = page->flags, .page_flags = 0});
    std::memcpy(buffer.data() + skip, &d, sizeof d);
    used = skip + sizeof d;
  }
  return used > 0 ? output_.write_at(begin, buffer.first(used)) : Status();
}

Status KdumpBody::flush() {
  Status status = pages_.flush();
  Status rest = in_early_ ? describe_early() : push_early();
  if (rest) rest = write_descriptors();
  return status ? std::move(rest) : std::move(status);
}

}  // namespace mkcapture::dump

#include "init/dump/format/kdump_body.h"

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
                     std::uint64_t most_pages, DumpReport& report)
    : output_(output),
      machine_(machine),
      report_(report),
      pages_(output, layout.pages_at, page_room(machine.page_size)),
      descriptors_(kWaitingDescriptors * sizeof(Descriptor)),
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
  unreadable_.push_back(pfn);
  ++report_.pages_unreadable;
  ++pages_done_;
  return {};
}

Status KdumpBody::described(std::uint64_t offset, std::uint32_t size, std::uint32_t flags) {
  if (room_left_ == 0) return fail("the page filter changed its mind");
  --room_left_;
  ++pages_done_;
  descriptors()[waiting_++] = {.offset = offset, .size = size, .flags = flags, .page_flags = 0};
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
    if (d.offset != zero_page_at_) ++saved;
    if (!is_native(machine_)) {
      d.offset = __builtin_bswap64(d.offset);
      d.size = __builtin_bswap32(d.size);
      d.flags = __builtin_bswap32(d.flags);
    }
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

Status KdumpBody::flush() {
  Status status = pages_.flush();
  const Status rest = write_descriptors();
  return status ? rest : status;
}

}  // namespace mkcapture::dump

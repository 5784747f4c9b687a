#include "builder/kernel/crashkernel.h"

#include <fmt/format.h>

#include <algorithm>

#include "builder/kernel/cmdline.h"

namespace mkcapture {

namespace {

constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kNoEnd = ~std::uint64_t{0};

// A digit's value in any base; 16 where it is none.
unsigned digit_of(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? static_cast<unsigned>(lower - 'a' + 10) : 16;
}

// memparse() of the kernel (lib/cmdline.c): a number, hexadecimal behind 0x and octal behind 0, and
// one suffix. Advances `text`.
Result<std::uint64_t> take_size(std::string_view& text) {
  std::uint64_t base = 10;
  if (text.size() > 2 && text[0] == '0' && (text[1] | 0x20) == 'x' && digit_of(text[2]) < 16) {
    base = 16;
    text.remove_prefix(2);
  } else if (text.starts_with('0')) {
    base = 8;
  }
  std::uint64_t value = 0;
  std::size_t digits = 0;
  while (digits < text.size() && digit_of(text[digits]) < base) {
    if (value > (kNoEnd - base) / base) return fail("a size is too large");
    value = value * base + digit_of(text[digits++]);
  }
  if (digits == 0) return fail("a size is wanted");
  text.remove_prefix(digits);
  int shift = 0;
  if (!text.empty()) {
    switch (text.front() | 0x20) {
      case 'k':
        shift = 10;
        break;
      case 'm':
        shift = 20;
        break;
      case 'g':
        shift = 30;
        break;
      case 't':
        shift = 40;
        break;
      default:
        break;
    }
    if (shift != 0) text.remove_prefix(1);
  }
  if (shift != 0 && value > (kNoEnd >> shift)) return fail("a size is too large");
  return value << shift;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

// "RANGE:SIZE[,...]", from the first '-' on; `from` has been read.
Status take_ranges(std::string_view& text, std::uint64_t from, Crashkernel& value) {
  for (;;) {
    CrashkernelRange range{from, kNoEnd, 0};
    if (!take(text, '-')) return fail("'-' is wanted in a range");
    if (!text.empty() && text.front() != ':') {
      auto to = take_size(text);
      if (!to) return std::move(to).error();
      if (*to <= from) return fail("a range ends before it begins");
      range.to = *to;
    }
    if (!take(text, ':')) return fail("':' and a size are wanted behind a range");
    auto size = take_size(text);
    if (!size) return std::move(size).error();
    range.size = *size;
    value.ranges.push_back(range);
    if (!take(text, ',')) return {};
    auto next = take_size(text);
    if (!next) return std::move(next).error();
    from = *next;
  }
}

}  // namespace

Result<Crashkernel> parse_crashkernel(std::string_view text) {
  Crashkernel value;
  auto first = take_size(text);
  if (!first) return std::move(first).error();
  if (!text.empty() && text.front() == '-') {
    TRY(take_ranges(text, *first, value));
  } else {
    value.ranges.push_back({0, kNoEnd, *first});
    if (text == ",high" || text == ",low" || text == ",cma") {
      value.where = text == ",high"  ? Crashkernel::Where::kHigh
                    : text == ",low" ? Crashkernel::Where::kLow
                                     : Crashkernel::Where::kCma;
      return value;
    }
  }
  if (take(text, '@')) {
    auto offset = take_size(text);
    if (!offset) return std::move(offset).error();
    value.offset = *offset;
  }
  if (!text.empty()) return fail(fmt::format("'{}' is not understood", text));
  return value;
}

std::uint64_t rounded_ram(std::uint64_t ram) {
  constexpr std::uint64_t kUnit = 128 * kMiB;
  return ram > kNoEnd - kUnit ? ram : (ram + kUnit - 1) / kUnit * kUnit;
}

std::uint64_t reserved_bytes(const Crashkernel& value, std::uint64_t ram) {
  const std::uint64_t seen = rounded_ram(ram);
  for (const auto& range : value.ranges)
    if (seen >= range.from && seen < range.to) return range.size;
  return 0;
}

CrashkernelRequest crashkernel_of_cmdline(std::string_view cmdline, std::uint64_t ram) {
  CrashkernelRequest request;
  std::uint64_t bytes[4] = {};
  for (const auto& word : split_cmdline(cmdline)) {
    if (cmdline_key(word) != "crashkernel") continue;
    const std::string_view text = cmdline_value(word);
    request.text += (request.text.empty() ? "" : " ") + word;
    if (text == "auto") {
      request.error = "only kernels of Red Hat know auto, others reserve nothing by it";
      continue;
    }
    auto value = parse_crashkernel(text);
    if (!value) {
      request.error = value.error().message;
      continue;
    }
    bytes[static_cast<int>(value->where)] = reserved_bytes(*value, ram);
  }
  using Where = Crashkernel::Where;
  const auto of = [&](Where where) { return bytes[static_cast<int>(where)]; };
  // ",high" counts where no plain size reserves anything (reserve_crashkernel() of x86 and arm64);
  // ",low" comes on top for devices that need low memory.
  request.bytes =
      (of(Where::kAnywhere) != 0 ? of(Where::kAnywhere) : of(Where::kHigh)) + of(Where::kCma);
  return request;
}

std::uint64_t needed_bytes(const Profile& profile, ImageNeed image) {
  // With an empty initramfs about this much of the reservation is left at unpacking. Measured with
  // images that have all drivers (x86_64, Linux 6.12 and 7.3): 62 MiB are the kernel's own by then,
  // 16 MiB are slab, per-CPU areas, stacks and the decompressor's, and some must stay free.
  constexpr std::uint64_t kLeftWithEmptyImage = 8 * kMiB;
  constexpr std::uint64_t kNetworkBuffers = 8 * kMiB;
  constexpr std::uint64_t kStep = 8 * kMiB;
  std::uint64_t bytes = profile.kernel_memory;
  if (image.peak > kLeftWithEmptyImage) bytes += image.peak - kLeftWithEmptyImage;
  if (image.network) bytes += kNetworkBuffers;
  bytes += image.machine;
  return (bytes + kStep - 1) / kStep * kStep;
}

std::uint64_t recommended_bytes(const Profile& profile, std::uint64_t ram, ImageNeed image) {
  std::uint64_t size = 0;
  const std::uint64_t seen = rounded_ram(ram);
  for (const auto& range : profile.crashkernel)
    if (seen >= range.from && seen < range.to) size = range.size;
  // Drivers of real hardware take more than those of the machine where the floor was measured.
  constexpr std::uint64_t kMargin = 32 * kMiB;
  return std::max(size + image.machine, needed_bytes(profile, image) + kMargin);
}

}  // namespace mkcapture

// VMCOREINFO: what a kernel tells of itself to those who read its memory after a crash. Lines
// "KEY=VALUE", among them SYMBOL(name), SIZE(type), OFFSET(type.member), LENGTH(array) and
// NUMBER(name) (kernel: Documentation/admin-guide/kdump/vmcoreinfo.rst, kernel/crash_core.c, since
// 6.9 kernel/vmcore_info.c). Pure; the text is untrusted.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "init/base/kernel_version.h"

namespace mkcapture::dump {

class Vmcoreinfo {
 public:
  Vmcoreinfo() = default;
  explicit Vmcoreinfo(std::string text) : text_(std::move(text)) {}

  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  [[nodiscard]] bool empty() const noexcept { return text_.empty(); }

  /// The value of "key="; of several lines with this key the last one, as the kernel appends.
  [[nodiscard]] std::optional<std::string_view> value(std::string_view key) const noexcept;

  /// An address; hexadecimal without a prefix. 0 counts as absent.
  [[nodiscard]] std::optional<std::uint64_t> symbol(std::string_view name) const noexcept;
  [[nodiscard]] std::optional<std::uint64_t> size(std::string_view type) const noexcept;
  [[nodiscard]] std::optional<std::uint64_t> offset(std::string_view member) const noexcept;
  [[nodiscard]] std::optional<std::uint64_t> length(std::string_view array) const noexcept;
  /// Decimal, possibly negative, or hexadecimal with 0x: the value modulo 2^64.
  [[nodiscard]] std::optional<std::uint64_t> number(std::string_view name) const noexcept;
  /// A bare key with a hexadecimal value without a prefix, as KERNELOFFSET.
  [[nodiscard]] std::optional<std::uint64_t> hex(std::string_view key) const noexcept;
  /// A bare key with a decimal value, as PAGESIZE and CRASHTIME.
  [[nodiscard]] std::optional<std::uint64_t> decimal(std::string_view key) const noexcept;

 private:
  [[nodiscard]] std::optional<std::string_view> value_of(std::string_view kind,
                                                         std::string_view name) const noexcept;

  std::string text_;
};

}  // namespace mkcapture::dump

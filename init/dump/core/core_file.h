// The bytes of a vmcore: a file by descriptor, or memory in tests.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>

#include "init/base/result.h"
#include "init/dump/core/fields.h"

namespace mkcapture::dump {

/// A mapping of a part of a CoreFile; unmapped with its owner.
class FileMapping {
 public:
  FileMapping() = default;
  FileMapping(void* address, std::size_t size, std::size_t skip) noexcept
      : address_(address), size_(size), skip_(skip) {}
  ~FileMapping();
  FileMapping(FileMapping&& o) noexcept
      : address_(std::exchange(o.address_, nullptr)), size_(o.size_), skip_(o.skip_) {}
  FileMapping& operator=(FileMapping&& o) noexcept {
    std::swap(address_, o.address_);
    std::swap(size_, o.size_);
    std::swap(skip_, o.skip_);
    return *this;
  }

  explicit operator bool() const noexcept { return address_ != nullptr; }
  [[nodiscard]] Bytes bytes() const noexcept {
    return {static_cast<const std::byte*>(address_) + skip_, size_ - skip_};
  }

 private:
  void* address_ = nullptr;
  std::size_t size_ = 0;
  std::size_t skip_ = 0;  // from the page's begin to the byte that was asked for
};

class CoreFile {
 public:
  virtual ~CoreFile() = default;

  [[nodiscard]] virtual std::uint64_t size() const noexcept = 0;
  /// Reads from `offset` on until `out` is full, the file ends, or an error. Returns the bytes
  /// read; 0 at the end or where not a single byte could be had. Thread-safe.
  [[nodiscard]] virtual std::size_t read(std::uint64_t offset,
                                         std::span<std::byte> out) const noexcept = 0;
  /// Maps [offset, offset + size), cut off at the end of the file. False where it cannot be mapped:
  /// read it then. Thread-safe.
  [[nodiscard]] virtual FileMapping map(std::uint64_t offset, std::size_t size) const noexcept = 0;
};

/// Opens /proc/vmcore or a file for reading.
[[nodiscard]] Result<std::unique_ptr<CoreFile>> open_core_file(const std::string& path);

}  // namespace mkcapture::dump

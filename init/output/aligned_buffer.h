// Memory for direct I/O: page-aligned, touched only as far as it is used, given back to the kernel
// at once (a mapping of its own, so that the heap does not keep it).
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <span>
#include <utility>

namespace mkcapture {

class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  /// data() is null where the kernel has no memory left.
  explicit AlignedBuffer(std::size_t size) noexcept {
    void* p = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) return;
    data_ = static_cast<std::byte*>(p);
    size_ = size;
  }
  ~AlignedBuffer() {
    if (data_ != nullptr) munmap(data_, size_);
  }
  AlignedBuffer(AlignedBuffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
  }

  [[nodiscard]] std::byte* data() const noexcept { return data_; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::span<std::byte> span() const noexcept { return {data_, size_}; }
  explicit operator bool() const noexcept { return data_ != nullptr; }

 private:
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace mkcapture

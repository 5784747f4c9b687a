#include <doctest/doctest.h>

#include <string>

#include "builder/kernel/kernel_image.h"

using mkcapture::bzimage_shortfall;
using mkcapture::zimage_memory;

namespace {

void put(std::string& file, std::size_t at, std::uint32_t value) {
  for (std::size_t i = 0; i < 4; ++i)
    file[at + i] = static_cast<char>(value >> (8 * i));
}

// 4 MiB, of which the header, the table at 0x100 and the unpacked size at 0x200 matter.
std::string zimage(std::uint32_t unpacked, std::uint32_t bss) {
  std::string file(4 << 20, '\0');
  put(file, 0x24, 0x016f2818);
  put(file, 0x34, 0x45454545);
  put(file, 0x38, 0x100);
  put(file, 0x100, 4);
  put(file, 0x104, 0x5a534c4b);
  put(file, 0x108, 0x200);
  put(file, 0x10c, bss);
  put(file, 0x200, unpacked);
  return file;
}

}  // namespace

TEST_CASE("zImage: the unpacked kernel, .bss, the decompressor behind it, in whole MiB") {
  // 20 + 1 + 4 + 1 MiB, and 32 KiB below.
  CHECK(*zimage_memory(zimage(20 << 20, 1 << 20)) == 27 << 20);
  std::string file = zimage((21 << 20) - 0x8000, 0);
  CHECK(*zimage_memory(file) == 26 << 20);
  put(file, 0x100, 5);
  put(file, 0x110, 0x208000);  // LPAE
  CHECK(*zimage_memory(file) == 28 << 20);
}

TEST_CASE("zImage: anything else is not guessed at") {
  CHECK(!zimage_memory(""));
  CHECK(!zimage_memory("kernel"));
  CHECK(!zimage_memory(zimage(0, 1)));
  for (const std::size_t at : {0x24, 0x34, 0x104}) {
    std::string file = zimage(20 << 20, 0);
    file[at] = 'x';
    CHECK_MESSAGE(!zimage_memory(file), at);
  }
  std::string far = zimage(20 << 20, 0);
  put(far, 0x38, 0xfffffff0);
  CHECK(!zimage_memory(far));
  far = zimage(20 << 20, 0);
  put(far, 0x108, 0xffffffff);
  CHECK(!zimage_memory(far));
}

TEST_CASE("bzImage: what it lacks of the memory that it unpacks itself in") {
  std::string file(6 << 20, '\0');
  put(file, 0x202, 0x53726448);
  put(file, 0x206, 0x020f);
  put(file, 0x260, 18 << 20);
  file[0x1f1] = 31;  // 16 KiB of set-up code before what is loaded
  CHECK(*bzimage_shortfall(file) == 13 << 20);
  put(file, 0x260, 1 << 20);
  CHECK(*bzimage_shortfall(file) == 0);
  put(file, 0x206, 0x0209);
  CHECK(!bzimage_shortfall(file));
  CHECK(!bzimage_shortfall("kernel"));
}

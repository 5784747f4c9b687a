#include <doctest/doctest.h>

#include "builder/image/compress.h"
#include "builder/plan/ikconfig.h"

using namespace mkcapture;

namespace {

constexpr std::string_view kConfig = "CONFIG_RD_XZ=y\nCONFIG_CRASH_DUMP=y\n";

std::string packed(std::string_view bytes, Compressor by) {
  return compress(bytes, {by, false})->bytes;
}

// What runs: the mark as a word of its code, then the configuration between its marks.
std::string kernel(bool with_config = true) {
  std::string bytes(5000, 'k');
  bytes += "IKCFG_ST and other words";
  bytes += std::string(3000, 'l');
  if (with_config) bytes += "IKCFG_ST" + packed(kConfig, Compressor::kGzip) + "IKCFG_ED";
  return bytes + std::string(2000, 'm');
}

void put(std::string& bytes, std::size_t at, std::uint64_t value, std::size_t width = 4) {
  for (std::size_t i = 0; i < width; ++i)
    bytes[at + i] = static_cast<char>(value >> 8 * i);
}

std::string bzimage(const std::string& payload) {
  constexpr std::size_t kSetup = 3 * 512, kStub = 700;
  std::string bytes(kSetup + kStub, '\0');
  put(bytes, 0x1f1, 2, 1);  // sectors behind the boot sector
  put(bytes, 0x202, 0x53726448);
  put(bytes, 0x206, 0x020f, 2);
  put(bytes, 0x248, kStub);
  put(bytes, 0x24c, payload.size());
  return bytes + payload + std::string(100, 's');
}

std::string zboot(const std::string& payload) {
  std::string bytes(256, '\0');
  bytes.replace(0, 8, std::string("MZ\0\0zimg", 8));
  put(bytes, 8, bytes.size());
  put(bytes, 12, payload.size());
  return bytes + payload;
}

}  // namespace

TEST_CASE("ikconfig: the configuration within a kernel's image") {
  CHECK(ikconfig_of(kernel()) == kConfig);  // arm64's Image, vmlinux
  for (const Compressor by :
       {Compressor::kGzip, Compressor::kXz, Compressor::kZstd, Compressor::kLz4}) {
    CAPTURE(to_string(by));
    const std::string payload = packed(kernel(), by);
    const std::string size("\x10\x27\0\0", 4);
    CHECK(ikconfig_of(payload) == kConfig);
    CHECK(ikconfig_of(bzimage(payload)) == kConfig);
    CHECK(ikconfig_of(bzimage(payload + size)) == kConfig);
    CHECK(ikconfig_of(zboot(payload + size)) == kConfig);
  }
}

TEST_CASE("ikconfig: a kernel without, and no kernel") {
  CHECK_FALSE(ikconfig_of(kernel(false)));
  CHECK_FALSE(ikconfig_of(bzimage(packed(kernel(false), Compressor::kXz))));
  CHECK_FALSE(ikconfig_of(""));
  CHECK_FALSE(ikconfig_of("IKCFG_ST"));
  CHECK_FALSE(ikconfig_of("IKCFG_ST\x1f\x8b\x08 cut off"));
  std::string beyond = bzimage(packed(kernel(), Compressor::kXz));
  put(beyond, 0x248, 0xffffffff);
  CHECK_FALSE(ikconfig_of(beyond));
  put(beyond, 0x248, 700);
  put(beyond, 0x24c, 40);
  CHECK_FALSE(ikconfig_of(beyond));
}

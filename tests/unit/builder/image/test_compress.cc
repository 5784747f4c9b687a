#include <doctest/doctest.h>

#include <cstdlib>

#include "builder/image/compress.h"
#include "tests/fakes/temp_dir.h"

using namespace mkcapture;

using mkcapture::compress;
using mkcapture::CompressOptions;
using mkcapture::Compressor;
using mkcapture::decompress;

namespace {

/// Half text, half noise, always the same.
std::string sample(std::size_t size) {
  std::string bytes;
  std::uint32_t state = 1;
  while (bytes.size() < size) {
    state = state * 1664525 + 1013904223;
    if ((state >> 16 & 1) != 0) {
      bytes += "the same words again and again ";
    } else {
      for (int i = 0; i < 4; ++i)
        bytes.push_back(static_cast<char>(state >> (8 * i)));
    }
  }
  bytes.resize(size);
  return bytes;
}

constexpr Compressor kAll[] = {Compressor::kNone, Compressor::kGzip, Compressor::kXz,
                               Compressor::kZstd, Compressor::kLz4};

}  // namespace

TEST_CASE("compressors: names there and back") {
  for (const Compressor c : kAll)
    CHECK(mkcapture::parse_compressor(to_string(c)) == c);
  CHECK_FALSE(mkcapture::parse_compressor("bzip2"));
  CHECK_FALSE(mkcapture::parse_compressor(""));
  CHECK(mkcapture::kernel_symbol(Compressor::kZstd) == "RD_ZSTD");
  CHECK(mkcapture::kernel_symbol(Compressor::kNone).empty());
}

TEST_CASE("compressors: independent programs unpack the same bytes") {
  const fakes::TempDir dir;
  const std::string input = sample(300'000);
  struct Tool {
    Compressor compressor;
    const char* command;
  };
  for (const Tool& tool : {Tool{Compressor::kGzip, "gzip -dc"},
                           {Compressor::kXz, "xz -dc"},
                           {Compressor::kZstd, "zstd -qdc"},
                           {Compressor::kLz4, "lz4 -qdc"},
                           {Compressor::kNone, "cat"}}) {
    CAPTURE(tool.command);
    const auto packed = compress(input, {tool.compressor, true});
    REQUIRE(packed.ok());
    if (tool.compressor != Compressor::kNone) CHECK(packed->bytes.size() < input.size());
    const std::string file = dir.write("packed", packed->bytes);
    REQUIRE(std::system(
                (std::string(tool.command) + " < " + file + " > " + dir.path("out")).c_str()) == 0);
    CHECK(dir.read("out") == input);
  }
}

TEST_CASE("compressors: what the kernel's decoders can take") {
  const std::string input = sample(300'000);
  const auto bytes = [&](Compressor c, bool bcj = false) {
    return compress(input, {c, bcj})->bytes;
  };
  // xz: CRC32 (check id 1) in the stream flags; lib/xz knows no other that it verifies.
  CHECK(bytes(Compressor::kXz)[7] == 1);
  // lz4: the legacy format's magic.
  CHECK(bytes(Compressor::kLz4).substr(0, 4) == "\x02\x21\x4c\x18");
  // gzip: no name, no time.
  CHECK(bytes(Compressor::kGzip).substr(3, 5) == std::string(5, '\0'));
  // The branch filter changes the stream, and only where it is asked for.
  CHECK(bytes(Compressor::kXz, true) != bytes(Compressor::kXz, false));
  CHECK(bytes(Compressor::kGzip, true) == bytes(Compressor::kGzip, false));
}

TEST_CASE("compressors: the same input gives the same bytes") {
  // More than one block of the threaded xz encoder.
  const std::string input = sample(9 << 20);
  const CompressOptions options{Compressor::kXz, true};
  const auto once = compress(input, options);
  CHECK(once->bytes == compress(input, options)->bytes);
  CHECK(*decompress(once->bytes, input.size()) == input);
}

TEST_CASE("compressors: the choice is the smallest peak") {
  using mkcapture::best_compressor;
  CHECK(best_compressor({kAll, kAll + 5}) == Compressor::kXz);
  CHECK(best_compressor({Compressor::kLz4, Compressor::kZstd, Compressor::kGzip}) ==
        Compressor::kGzip);
  CHECK(best_compressor({Compressor::kLz4, Compressor::kZstd}) == Compressor::kZstd);
  // lz4's decoder takes 8 MiB whatever the image's size.
  CHECK(best_compressor({Compressor::kLz4}) == Compressor::kNone);
  CHECK(best_compressor({}) == Compressor::kNone);
  const std::string input = sample(100'000);
  CHECK(compress(input, {Compressor::kXz, false})->decoder_bytes < 128 * 1024);
  CHECK(compress(input, {Compressor::kLz4, false})->decoder_bytes == 8 << 20);
  CHECK(compress(input, {Compressor::kNone, false})->decoder_bytes == 0);
}

TEST_CASE("decompress: limits and broken input") {
  const std::string input = sample(100'000);
  for (const Compressor c : {Compressor::kGzip, Compressor::kXz, Compressor::kZstd}) {
    CAPTURE(to_string(c));
    const std::string packed = compress(input, {c, false})->bytes;
    CHECK(decompress(packed, input.size()).ok());
    CHECK(decompress(packed, input.size() - 1).error().message == "unpacks to more than it may");
    CHECK_FALSE(decompress(packed.substr(0, packed.size() / 2), input.size()).ok());
    // libarchive does not check gzip's sum; pack_image() compares the entries.
    if (c == Compressor::kGzip) continue;
    std::string flipped = packed;
    flipped[packed.size() / 2] ^= 0x55;
    CHECK_FALSE(decompress(flipped, input.size()).ok());
  }
}

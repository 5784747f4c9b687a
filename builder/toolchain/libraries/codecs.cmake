# deflate, zstd, lzo2 and snappy. Throughput counts here, so -O2; the linker drops what is not called.

set(codec_flags -O2 -DNDEBUG)

# libdeflate: zlib's format, for blocks that are in memory as a whole.
set(names adler32 deflate_compress utils zlib_compress x86/cpu_features arm/cpu_features)
list(TRANSFORM names REPLACE "(.+)" "${SOURCES}/libdeflate/lib/\\1.c")
add_library(deflate STATIC ${names})
target_include_directories(deflate PRIVATE ${SOURCES}/libdeflate)
target_compile_options(deflate PRIVATE ${codec_flags})

# zstd: the compressor, without its own threads (the dump engine has one compressor for each of its
# threads), without the tables and tricks of older formats, and quicker with literals
# (zstd_literals.c). zstd_fast is the part of it that /init uses.
file(GLOB zstd_sources ${SOURCES}/libzstd/lib/common/*.c ${SOURCES}/libzstd/lib/compress/*.c)
list(FILTER zstd_sources EXCLUDE REGEX "/zstd_compress_literals\\.c$")
list(APPEND zstd_sources zstd_literals.c)
set(zstd_fast_sources ${zstd_sources} zstd_fast.c)
list(FILTER zstd_fast_sources EXCLUDE REGEX "/zstd_(lazy|opt|ldm)\\.c$")
add_library(zstd STATIC ${zstd_sources})
add_library(zstd_fast STATIC ${zstd_fast_sources})
foreach(library zstd zstd_fast)
  target_include_directories(${library} PRIVATE ${SOURCES}/libzstd/lib)
  target_compile_options(${library} PRIVATE ${codec_flags})
  target_compile_definitions(${library} PRIVATE ZSTD_DISABLE_ASM=1 ZSTD_LEGACY_SUPPORT=0
    ZSTD_STRIP_ERROR_STRINGS=1)
endforeach()

# lzo: lzo1x_1, makedumpfile's, with a table that suits a page (lzo1x_1_12).
set(names lzo1x_1l lzo_init lzo_ptr lzo_str lzo_util lzo_crc)
list(TRANSFORM names REPLACE "(.+)" "${SOURCES}/lzo2/src/\\1.c")
add_library(lzo2 STATIC ${names})
target_include_directories(lzo2 PRIVATE ${SOURCES}/lzo2/include ${SOURCES}/lzo2)
target_compile_options(lzo2 PRIVATE ${codec_flags})

# snappy with its C interface.
set(names snappy snappy-c snappy-sinksource snappy-stubs-internal)
list(TRANSFORM names REPLACE "(.+)" "${SOURCES}/snappy/\\1.cc")
set(PROJECT_VERSION_MAJOR 1)
set(PROJECT_VERSION_MINOR 1)
set(PROJECT_VERSION_PATCH 9)
set(HAVE_SYS_UIO_H_01 1)
configure_file(${SOURCES}/snappy/snappy-stubs-public.h.in snappy/snappy-stubs-public.h)
add_library(snappy STATIC ${names})
target_include_directories(snappy PRIVATE ${SOURCES}/snappy ${PROJECT_BINARY_DIR}/snappy)
target_compile_options(snappy PRIVATE ${codec_flags} -std=c++17 -fno-exceptions -fno-rtti)
target_compile_definitions(snappy PRIVATE HAVE_BUILTIN_EXPECT HAVE_BUILTIN_CTZ)

install(TARGETS deflate zstd zstd_fast lzo2 snappy ARCHIVE DESTINATION lib)
install(FILES ${SOURCES}/libdeflate/libdeflate.h ${SOURCES}/libzstd/lib/zstd.h
  ${SOURCES}/libzstd/lib/zstd_errors.h ${SOURCES}/snappy/snappy.h ${SOURCES}/snappy/snappy-c.h
  ${SOURCES}/snappy/snappy-sinksource.h ${PROJECT_BINARY_DIR}/snappy/snappy-stubs-public.h
  DESTINATION include)
install(DIRECTORY ${SOURCES}/lzo2/include/lzo DESTINATION include FILES_MATCHING PATTERN "*.h")

# CMake toolchain file for programs of the image: static, against the musl sysroot that
# builder/bootstrap makes.
#
#   -DMKCAPTURE_ARCH=NAME       an architecture of builder/toolchain/arch.sh (default: x86_64)
#   -DMKCAPTURE_SYSROOT=DIR     default: build/sysroot/NAME
if(NOT MKCAPTURE_ARCH)
  set(MKCAPTURE_ARCH x86_64)
endif()
if(NOT MKCAPTURE_SYSROOT)
  get_filename_component(MKCAPTURE_SYSROOT "${CMAKE_CURRENT_LIST_DIR}/../../build/sysroot/${MKCAPTURE_ARCH}" ABSOLUTE)
endif()
if(NOT EXISTS "${MKCAPTURE_SYSROOT}/clang.cfg")
  message(FATAL_ERROR "no sysroot in ${MKCAPTURE_SYSROOT}: run ./builder/bootstrap ${MKCAPTURE_ARCH}")
endif()
# CMake's own test compilations read this file again, without the command line's variables.
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES MKCAPTURE_ARCH MKCAPTURE_SYSROOT)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)

set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR ${MKCAPTURE_ARCH})
set(CMAKE_C_COMPILER clang-19)
set(CMAKE_CXX_COMPILER clang++-19)
set(CMAKE_ASM_COMPILER clang-19)
set(CMAKE_AR llvm-ar-19)
set(CMAKE_RANLIB llvm-ranlib-19)
set(CMAKE_NM llvm-nm-19)
set(CMAKE_STRIP llvm-strip-19)
foreach(language C CXX ASM)
  set(CMAKE_${language}_FLAGS_INIT "--config=${MKCAPTURE_SYSROOT}/clang.cfg")
  set(CMAKE_${language}_COMPILER_AR llvm-ar-19)
  set(CMAKE_${language}_COMPILER_RANLIB llvm-ranlib-19)
endforeach()
set(CMAKE_FIND_ROOT_PATH "${MKCAPTURE_SYSROOT}")
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

# Small code: nothing unwinds, and the linker leaves out and merges what it can.
set(MKCAPTURE_SMALL_CODE -ffunction-sections -fdata-sections -fno-asynchronous-unwind-tables
  -fno-unwind-tables -fomit-frame-pointer)
set(MKCAPTURE_SMALL_LINK -Wl,--gc-sections,--icf=all,--build-id=none,-z,norelro -s)

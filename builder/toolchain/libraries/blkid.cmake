# libblkid: UUID, LABEL, PARTUUID and PARTLABEL, and the type of a filesystem.
#
# Its table of superblocks is cut down to what a dump can be written to and to what must not be
# mistaken for it: a member of a RAID, a volume group or an encrypted device carries traces of the
# filesystem inside.
set(blkid_superblocks
  linuxraid ddfraid iswraid lvm2 luks bcache drbd swsuspend swap bitlocker
  vfat xfs xfs_log ext4dev ext4 ext3 ext2 jbd btrfs exfat ntfs f2fs iso9660 udf)
set(blkid_partitions dos gpt pmbr)

set(ul ${SOURCES}/util-linux)
set(generated ${PROJECT_BINARY_DIR}/blkid)

# keep_entries FILE ENTRY...: a copy of FILE in which the table of idinfos has these entries only.
function(keep_entries file)
  list(JOIN ARGN "|" wanted)
  file(READ ${ul}/libblkid/src/${file} text)
  string(REGEX MATCH "idinfos\\[\\] =\n{[^}]*}" table "${text}")
  string(REGEX MATCHALL "&(${wanted})(_pt)?_idinfo" entries "${table}")
  list(LENGTH entries found)
  list(LENGTH ARGN asked)
  if(NOT found EQUAL asked)
    message(FATAL_ERROR "${file}: ${found} of the ${asked} entries found: ${entries}")
  endif()
  list(JOIN entries ",\n\t" entries)
  string(REPLACE "${table}" "idinfos[] =\n{\n\t${entries}\n}" text "${text}")
  file(CONFIGURE OUTPUT ${generated}/${file} CONTENT "${text}" @ONLY)
endfunction()
keep_entries(superblocks/superblocks.c ${blkid_superblocks})
keep_entries(partitions/partitions.c ${blkid_partitions})

file(GLOB blkid_sources ${ul}/libblkid/src/*.c ${ul}/libblkid/src/superblocks/*.c
  ${ul}/libblkid/src/partitions/*.c ${ul}/libblkid/src/topology/*.c)
list(REMOVE_ITEM blkid_sources ${ul}/libblkid/src/superblocks/superblocks.c
  ${ul}/libblkid/src/partitions/partitions.c)
set(names blkdev buffer canonicalize crc32 crc32c encode env fileutils idcache linux_version mangle
  match md5 path procfs randutils sha1 strutils strv sysfs cpuset)
list(TRANSFORM names REPLACE "(.+)" "${ul}/lib/\\1.c")
file(GLOB newer ${ul}/lib/crc64.c ${ul}/lib/sha256.c ${ul}/lib/xxhash.c)  # since 2.40
list(APPEND names ${newer})

file(STRINGS ${ul}/.tarball-version LIBBLKID_VERSION)
set(LIBBLKID_DATE "")
configure_file(${ul}/libblkid/src/blkid.h.in ${generated}/include/blkid/blkid.h @ONLY)
configure_file(blkid_config.h ${generated}/config.h COPYONLY)

add_library(blkid STATIC ${blkid_sources} ${names} ${generated}/superblocks/superblocks.c
  ${generated}/partitions/partitions.c)
target_include_directories(blkid PRIVATE ${generated} ${generated}/include/blkid ${ul}/include
  ${ul}/libblkid/src ${ul}/libblkid/src/superblocks ${ul}/libblkid/src/partitions)
target_compile_options(blkid PRIVATE -Os -include ${generated}/config.h)
target_compile_definitions(blkid PRIVATE _GNU_SOURCE
  LIBBLKID_VERSION="${LIBBLKID_VERSION}" LIBBLKID_DATE="")
install(TARGETS blkid ARCHIVE DESTINATION lib)
install(FILES ${generated}/include/blkid/blkid.h DESTINATION include/blkid)

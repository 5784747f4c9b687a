// check_dump: does a dump hold what the crashed machine had in memory?
//
//   check_dump DUMP --nonce HEX [--all CLASS=PAGES] [--none CLASS] [--min-pages N] [--release TEXT]
//
// Reads the dump (ELF, kdump-compressed, flattened) with libkdumpfile, which shares no code with
// the dump engine, and looks at every page frame. Each tagged page (qemu/guest/tagged_page.h) of a
// class given with --all must be there exactly once with the right bytes; a class given with --none
// must be absent, as a dump level asks. In an ELF core it may be there in short runs: what the
// level leaves out between two kept pages is written where it is shorter than a segment is worth
// (init/dump/format/elf_writer.h). Prints what it counted; exit status 0 or 1, 2 for usage.
#include <fcntl.h>
#include <libkdumpfile/kdumpfile.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "qemu/guest/tagged_page.h"

namespace {

constexpr std::uint64_t kLongRunPages = 16;  // of an ELF core, from which on nothing may be written

struct Expectations {
  std::string dump;
  std::uint64_t nonce = 0;
  std::map<char, std::uint64_t> all;  // class -> number of pages
  std::string none;                   // classes that must be absent
  std::uint64_t min_pages = 0;        // pages of 4096 bytes that can be read, zero pages included
  std::string release;                // OSRELEASE of VMCOREINFO
};

struct Counts {
  std::uint64_t readable = 0;
  std::uint64_t absent = 0;
  std::uint64_t zero = 0;
  std::map<char, std::vector<std::uint8_t>> seen;  // class -> copies by sequence number
  std::map<char, std::uint64_t> found;
  std::map<char, std::uint64_t> longest_run;  // tagged pages of the class, one after the other
};

/// Pages of one class at addresses that follow each other.
struct Run {
  char page_class = 0;
  std::uint64_t next = 0;  // address
  std::uint64_t pages = 0;
};

int failures = 0;

template <class... Args>
void complain(const char* format, Args... args) {
  if (++failures > 20) return;  // the first ones say it
  std::printf("WRONG: ");
  std::printf(format, args...);
  std::printf("\n");
}

bool is_zero(const char* page) {
  return page[0] == 0 && std::memcmp(page, page + 1, kTaggedPageSize - 1) == 0;
}

/// A page with our magic and nonce. Its header's check word tells a tagged page, whole or damaged,
/// from a stray copy of the magic (this program's own code is in the dump as well).
void count_tagged(const char* page, std::uint64_t address, const Expectations& expect,
                  Counts& counts, Run& run) {
  TaggedHeader header;
  std::memcpy(&header, page, sizeof header);
  if (std::memcmp(header.magic, "MKCPAGE", 7) != 0 || header.nonce != expect.nonce) return;
  const char page_class = header.magic[7];
  const auto limit = expect.all.find(page_class);
  std::array<char, kTaggedPageSize> right;
  tagged_fill(right.data(), page_class, expect.nonce, header.sequence);
  if (std::memcmp(right.data(), page, sizeof header) != 0) return;
  ++counts.found[page_class];
  const bool follows = run.page_class == page_class && run.next == address;
  run = {page_class, address + kTaggedPageSize, follows ? run.pages + 1 : 1};
  counts.longest_run[page_class] = std::max(counts.longest_run[page_class], run.pages);
  if (std::memcmp(right.data(), page, kTaggedPageSize) != 0) {
    complain("page %c%llu at %#llx has other bytes than the machine had", page_class,
             static_cast<unsigned long long>(header.sequence),
             static_cast<unsigned long long>(address));
    return;
  }
  if (limit == expect.all.end()) return;
  if (header.sequence >= limit->second) {
    complain("page %c%llu was never written", page_class,
             static_cast<unsigned long long>(header.sequence));
    return;
  }
  auto& seen = counts.seen[page_class];
  seen.resize(limit->second);
  ++seen[header.sequence];
}

/// How many tagged pages in a row a class that should be absent may have: 0 where the format has
/// room for every hole.
std::uint64_t longest_allowed(kdump_ctx_t* dump) {
  const char* format = nullptr;
  kdump_num_t page_size = 0;
  if (kdump_get_string_attr(dump, KDUMP_ATTR_FILE_FORMAT, &format) != KDUMP_OK ||
      kdump_get_number_attr(dump, KDUMP_ATTR_PAGE_SIZE, &page_size) != KDUMP_OK ||
      std::string_view(format) != "elf") {
    return 0;
  }
  return kLongRunPages * (page_size / kTaggedPageSize) - 1;
}

bool read_all(kdump_ctx_t* dump, const Expectations& expect, Counts& counts) {
  kdump_num_t max_pfn = 0;
  kdump_num_t page_size = 0;
  if (kdump_get_number_attr(dump, "max_pfn", &max_pfn) != KDUMP_OK ||
      kdump_get_number_attr(dump, KDUMP_ATTR_PAGE_SIZE, &page_size) != KDUMP_OK) {
    complain("no page size or number of pages: %s", kdump_get_err(dump));
    return false;
  }
  std::vector<char> page(page_size);
  Run run;
  for (kdump_num_t pfn = 0; pfn < max_pfn; ++pfn) {
    std::size_t size = page_size;
    const auto status = kdump_read(dump, KDUMP_MACHPHYSADDR, pfn * page_size, page.data(), &size);
    if (status == KDUMP_ERR_NODATA) {
      counts.absent += page_size / kTaggedPageSize;
      continue;
    }
    if (status != KDUMP_OK || size != page_size) {
      complain("page frame %#llx: %s", static_cast<unsigned long long>(pfn), kdump_get_err(dump));
      continue;
    }
    counts.readable += page_size / kTaggedPageSize;
    for (std::size_t at = 0; at < page_size; at += kTaggedPageSize) {
      if (is_zero(page.data() + at)) {
        ++counts.zero;
        continue;
      }
      count_tagged(page.data() + at, pfn * page_size + at, expect, counts, run);
    }
  }
  return true;
}

void judge(const Expectations& expect, const Counts& counts, std::uint64_t longest_allowed) {
  for (const auto& [page_class, pages] : expect.all) {
    const auto seen = counts.seen.find(page_class);
    std::uint64_t missing = 0;
    std::uint64_t doubled = 0;
    for (std::uint64_t i = 0; i < pages; ++i) {
      const int copies = seen == counts.seen.end() ? 0 : seen->second[i];
      missing += copies == 0;
      doubled += copies > 1;
    }
    if (missing != 0) {
      complain("%llu of %llu pages of class %c are missing",
               static_cast<unsigned long long>(missing), static_cast<unsigned long long>(pages),
               page_class);
    }
    if (doubled != 0) {
      complain("%llu pages of class %c are there twice", static_cast<unsigned long long>(doubled),
               page_class);
    }
  }
  for (const char page_class : expect.none) {
    const auto run = counts.longest_run.find(page_class);
    if (run != counts.longest_run.end() && run->second > longest_allowed) {
      complain("%llu pages of class %c should have been left out, %llu in a row",
               static_cast<unsigned long long>(counts.found.at(page_class)), page_class,
               static_cast<unsigned long long>(run->second));
    }
  }
  if (counts.readable < expect.min_pages) {
    complain("%llu pages can be read, expected at least %llu",
             static_cast<unsigned long long>(counts.readable),
             static_cast<unsigned long long>(expect.min_pages));
  }
}

bool parse(int argc, char** argv, Expectations& expect) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view option = argv[i];
    if (option.substr(0, 2) != "--") {
      if (!expect.dump.empty()) return false;
      expect.dump = option;
      continue;
    }
    if (++i == argc) return false;
    const std::string value = argv[i];
    if (option == "--nonce") {
      expect.nonce = std::strtoull(value.c_str(), nullptr, 16);
    } else if (option == "--all" && value.size() > 2 && value[1] == '=') {
      expect.all[value[0]] = std::strtoull(value.c_str() + 2, nullptr, 10);
    } else if (option == "--none" && value.size() == 1) {
      expect.none += value;
    } else if (option == "--min-pages") {
      expect.min_pages = std::strtoull(value.c_str(), nullptr, 10);
    } else if (option == "--release") {
      expect.release = value;
    } else {
      return false;
    }
  }
  return !expect.dump.empty() && expect.nonce != 0;
}

void check_release(kdump_ctx_t* dump, const std::string& release) {
  const char* found = nullptr;
  if (kdump_get_string_attr(dump, "linux.vmcoreinfo.lines.OSRELEASE", &found) != KDUMP_OK) {
    complain("no OSRELEASE in VMCOREINFO: %s", kdump_get_err(dump));
  } else if (release != found) {
    complain("OSRELEASE is %s, not %s", found, release.c_str());
  }
}

}  // namespace

int main(int argc, char** argv) {
  Expectations expect;
  if (!parse(argc, argv, expect)) {
    std::fprintf(stderr,
                 "usage: check_dump DUMP --nonce HEX [--all CLASS=PAGES] [--none CLASS] "
                 "[--min-pages N] [--release TEXT]\n");
    return 2;
  }
  const int fd = open(expect.dump.c_str(), O_RDONLY);
  if (fd < 0) {
    std::perror(expect.dump.c_str());
    return 1;
  }
  kdump_ctx_t* dump = kdump_new();
  if (kdump_open_fd(dump, fd) != KDUMP_OK) {
    complain("%s: %s", expect.dump.c_str(), kdump_get_err(dump));
    return 1;
  }
  if (!expect.release.empty()) check_release(dump, expect.release);
  Counts counts;
  if (read_all(dump, expect, counts)) judge(expect, counts, longest_allowed(dump));
  std::printf("pages: %llu readable, %llu of them zero, %llu left out; tagged:",
              static_cast<unsigned long long>(counts.readable),
              static_cast<unsigned long long>(counts.zero),
              static_cast<unsigned long long>(counts.absent));
  for (const auto& [page_class, pages] : counts.found)
    std::printf(" %c=%llu", page_class, static_cast<unsigned long long>(pages));
  std::printf("\n%s\n", failures == 0 ? "right" : "wrong");
  kdump_free(dump);
  close(fd);
  return failures == 0 ? 0 : 1;
}

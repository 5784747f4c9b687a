// compare_pages: do two dumps of one machine hold the same pages?
//
//   compare_pages [--list N] DUMP OTHER           the sets of pages
//   compare_pages --bytes DUMP REFERENCE          each page of DUMP against REFERENCE's bytes
//
// Reads both with libkdumpfile, which shares no code with the dump engine. Prints how many pages
// are in both and in one alone, with the first N runs of each (16). Exit status 0 where they agree,
// 1 where they do not, 2 for usage or a file that cannot be read.
#include <fcntl.h>
#include <libkdumpfile/kdumpfile.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

namespace {

class Dump {
 public:
  explicit Dump(const char* path) : path_(path), context_(kdump_new()) {
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || context_ == nullptr) die("cannot be opened");
    if (kdump_open_fd(context_, fd) != KDUMP_OK) die(kdump_get_err(context_));
    kdump_num_t pfns = 0, size = 0;
    if (kdump_get_number_attr(context_, "max_pfn", &pfns) != KDUMP_OK ||
        kdump_get_number_attr(context_, KDUMP_ATTR_PAGE_SIZE, &size) != KDUMP_OK)
      die(kdump_get_err(context_));
    max_pfn_ = pfns;
    page_size_ = size;
    kdump_attr_t map{};
    if (kdump_get_attr(context_, KDUMP_ATTR_FILE_PAGEMAP, &map) != KDUMP_OK ||
        map.type != KDUMP_BITMAP)
      die("has no map of its pages");
    bits_.resize(pfns / 8 + 1);
    if (pfns != 0 && kdump_bmp_get_bits(map.val.bitmap, 0, pfns - 1, bits_.data()) != KDUMP_OK)
      die(kdump_bmp_get_err(map.val.bitmap));
  }
  ~Dump() { kdump_free(context_); }
  Dump(const Dump&) = delete;
  Dump& operator=(const Dump&) = delete;

  [[nodiscard]] std::uint64_t max_pfn() const { return max_pfn_; }
  [[nodiscard]] std::size_t page_size() const { return page_size_; }
  [[nodiscard]] bool has(std::uint64_t pfn) const {
    return pfn < max_pfn_ && (bits_[pfn / 8] >> (pfn % 8) & 1) != 0;
  }
  bool read(std::uint64_t pfn, std::vector<char>& page) {
    std::size_t n = page_size_;
    page.resize(n);
    return kdump_read(context_, KDUMP_MACHPHYSADDR, pfn * page_size_, page.data(), &n) ==
               KDUMP_OK &&
           n == page_size_;
  }

 private:
  [[noreturn]] void die(const char* why) const {
    std::fprintf(stderr, "compare_pages: %s: %s\n", path_, why);
    std::exit(2);
  }

  const char* path_;
  kdump_ctx_t* context_;
  std::uint64_t max_pfn_ = 0;
  std::size_t page_size_ = 0;
  std::vector<unsigned char> bits_;
};

/// Page frames that only one dump has: counted, and printed in runs as far as `list` goes.
class Alone {
 public:
  Alone(const char* name, int list) : name_(name), list_(list) {}
  void add(std::uint64_t pfn) {
    ++count_;
    if (length_ != 0 && first_ + length_ == pfn) {
      ++length_;
      return;
    }
    print();
    first_ = pfn;
    length_ = 1;
  }
  std::uint64_t finish() {
    print();
    return count_;
  }

 private:
  void print() {
    if (length_ == 0 || list_-- <= 0) return;
    std::printf("only in %s: page frame 0x%llx, %llu pages\n", name_,
                static_cast<unsigned long long>(first_), static_cast<unsigned long long>(length_));
  }

  const char* name_;
  int list_;
  std::uint64_t count_ = 0, first_ = 0, length_ = 0;
};

int compare_sets(const Dump& a, const Dump& b, int list) {
  Alone only_a("the first", list), only_b("the second", list);
  std::uint64_t both = 0;
  for (std::uint64_t pfn = 0; pfn < std::max(a.max_pfn(), b.max_pfn()); ++pfn) {
    const bool in_a = a.has(pfn), in_b = b.has(pfn);
    both += in_a && in_b;
    if (in_a && !in_b) only_a.add(pfn);
    if (in_b && !in_a) only_b.add(pfn);
  }
  const std::uint64_t first = only_a.finish(), second = only_b.finish();
  std::printf("%llu pages in both, %llu only in the first, %llu only in the second\n",
              static_cast<unsigned long long>(both), static_cast<unsigned long long>(first),
              static_cast<unsigned long long>(second));
  return first + second == 0 ? 0 : 1;
}

int compare_bytes(Dump& dump, Dump& reference, int list) {
  std::uint64_t same = 0, different = 0;
  std::vector<char> ours, theirs;
  for (std::uint64_t pfn = 0; pfn < dump.max_pfn(); ++pfn) {
    if (!dump.has(pfn)) continue;
    if (dump.read(pfn, ours) && reference.read(pfn, theirs) && ours == theirs) {
      ++same;
    } else if (different++ < static_cast<std::uint64_t>(list)) {
      std::printf("different or unreadable: page frame 0x%llx\n",
                  static_cast<unsigned long long>(pfn));
    }
  }
  std::printf("%llu pages the same, %llu not\n", static_cast<unsigned long long>(same),
              static_cast<unsigned long long>(different));
  return different == 0 && same != 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  int list = 16;
  bool bytes = false;
  std::vector<const char*> files;
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    if (arg == "--bytes") {
      bytes = true;
    } else if (arg == "--list" && i + 1 < argc) {
      list = std::atoi(argv[++i]);
    } else {
      files.push_back(argv[i]);
    }
  }
  if (files.size() != 2) {
    std::fprintf(stderr, "usage: compare_pages [--bytes] [--list N] DUMP OTHER\n");
    return 2;
  }
  Dump a(files[0]), b(files[1]);
  if (a.page_size() != b.page_size()) {
    std::printf("page sizes differ: %zu, %zu\n", a.page_size(), b.page_size());
    return 1;
  }
  return bytes ? compare_bytes(a, b, list) : compare_sets(a, b, list);
}

// VMCOREINFO's text, and the page rules that are made from it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "init/dump/select/page_rules.h"

using namespace mkcapture;
using namespace mkcapture::dump;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Vmcoreinfo info(std::string(reinterpret_cast<const char*>(data), size));
  for (const char* key : {"", "a", "OSRELEASE", "page", "SYMBOL"}) {
    const auto value = info.value(key);
    if (value && value->find('\n') != std::string_view::npos) std::abort();
    (void)info.symbol(key);
    (void)info.number(key);
  }
  for (const int elf_class : {32, 64}) {
    const PageRules r = make_page_rules(info, Fields(elf_class, false), 31);
    if ((r.level & ~30) != 0) std::abort();
    if (!r.usable) {
      if (r.level != 0 || r.note.empty()) std::abort();
      continue;
    }
    if (r.level != 30 && r.note.empty()) std::abort();
    const std::size_t word = r.fields.word_size();
    for (const std::size_t end : {r.flags_at + word, r.mapcount_at + std::size_t{4},
                                  r.mapping_at + word, r.private_at + word, r.head_at + word,
                                  r.order_at + std::size_t{1}, r.dtor_at + std::size_t{1}}) {
      if (end > r.descriptor_size) std::abort();
    }
    // Two descriptors of nothing but ones, and of zeros.
    for (const std::byte fill : {std::byte{0xff}, std::byte{0}}) {
      const std::vector<std::byte> descriptors(2 * r.descriptor_size, fill);
      std::vector<std::uint8_t> bits(1, 0xff);
      PageSums sums;
      if (apply_rules(r, 0, descriptors, {0, bits}, sums) < 2) std::abort();
    }
  }
  return 0;
}

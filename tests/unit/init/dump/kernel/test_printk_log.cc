// The crashed kernel's log: the ring buffer of 5.10 and later, and the records before it.
#include <doctest/doctest.h>

#include "init/dump/kernel/log_writer.h"
#include "tests/fakes/fake_target.h"
#include "tests/fakes/printk_layout.h"
#include "tests/fakes/synthetic_machine.h"

namespace mkcapture {
namespace {

using namespace dump;
using namespace init;

using fakes::SyntheticMachine;

std::string log_of(const SyntheticMachine& m) {
  std::string text;
  StringOutput output(text);
  const auto written = m.open()->write_dmesg(output);
  REQUIRE_MESSAGE(written.ok(), written.error().message);
  CHECK(*written == text.size());
  return text;
}

std::string failure_of(const SyntheticMachine& m) {
  std::string text;
  StringOutput output(text);
  const auto written = m.open()->write_dmesg(output);
  REQUIRE_FALSE(written.ok());
  return written.error().message;
}

TEST_CASE("Lines: the time in front of each, nothing that a terminal obeys") {
  std::string text;
  StringOutput output(text);
  LogWriter log(output);
  REQUIRE(log.record(0, "Linux version 6.1").ok());
  REQUIRE(log.record(12345678901234, "one\ntwo\n").ok());
  REQUIRE(log.record(1999999, std::string_view("\x1b[2J\ttab \x7f \xc3\xa9\0", 14)).ok());
  REQUIRE(log.record(5, "").ok());
  REQUIRE(log.flush().ok());
  CHECK(text ==
        "[    0.000000] Linux version 6.1\n"
        "[12345.678901] one\n"
        "[12345.678901] two\n"
        "[    0.001999] \\x1b[2J\ttab \\x7f \xc3\xa9\\x00\n"
        "[    0.000000] \n");
}

/// A printk ring of 4 descriptors and 256 bytes of text, with the layout of 6.1.
class Ring {
 public:
  static constexpr std::uint64_t kRing = 0x10000, kDescs = 0x11000, kInfos = 0x12000,
                                 kText = 0x13000;  // offsets in the image
  static constexpr std::uint64_t kTextSize = 256;
  static constexpr std::uint64_t kFinalized = 2;

  SyntheticMachine machine;

  Ring() {
    machine.symbol("prb", SyntheticMachine::image(0xf000));
    machine.info(fakes::kPrintkRingLayout);
    put64(0xf000, SyntheticMachine::image(kRing));
    put32(kRing, 2);
    put64(kRing + 8, SyntheticMachine::image(kDescs));
    put64(kRing + 16, SyntheticMachine::image(kInfos));
    put32(kRing + 48, 8);
    put64(kRing + 48 + 8, SyntheticMachine::image(kText));
  }

  void put32(std::uint64_t offset, std::uint32_t v) {
    machine.put32(SyntheticMachine::image_paddr(offset), v);
  }
  void put64(std::uint64_t offset, std::uint64_t v) {
    machine.put64(SyntheticMachine::image_paddr(offset), v);
  }
  void ids(std::uint64_t tail, std::uint64_t head) {
    put64(kRing + 24, head);
    put64(kRing + 32, tail);
  }
  void descriptor(std::uint64_t id, std::uint64_t state, std::uint64_t begin, std::uint64_t next,
                  std::uint16_t text_len) {
    const std::uint64_t slot = id % 4;
    put64(kDescs + slot * 24, state << 62 | (id & ~(std::uint64_t{3} << 62)));
    put64(kDescs + slot * 24 + 8, begin);
    put64(kDescs + slot * 24 + 16, next);
    put64(kInfos + slot * 88 + 8, id % 100 * 1000000);
    put32(kInfos + slot * 88 + 16, text_len);
  }
  /// A record whose text lies at logical position `begin`; the next one's position.
  std::uint64_t record(std::uint64_t id, std::uint64_t begin, std::string_view text,
                       std::uint64_t state = kFinalized) {
    const std::uint64_t size = (8 + text.size() + 7) & ~std::uint64_t{7};
    std::uint64_t next = begin + size, at = begin % kTextSize;
    if (begin / kTextSize != (next - 1) / kTextSize) {  // it would cross the end: begins at 0
      next = (begin / kTextSize + 1) * kTextSize + size;
      at = 0;
    }
    put64(kText + at, id);
    machine.put_text(SyntheticMachine::image_paddr(kText + at + 8), text);
    descriptor(id, state, begin, next, static_cast<std::uint16_t>(text.size()));
    return next;
  }
};

TEST_CASE("Ring buffer: records in order, from the oldest") {
  Ring r;
  std::uint64_t at = r.record(7, 0, "first");
  at = r.record(8, at, "second");
  r.record(9, at, "third", 1);  // committed, not yet finalized
  r.ids(7, 9);
  CHECK(log_of(r.machine) == "[    0.007000] first\n[    0.008000] second\n[    0.009000] third\n");
}

TEST_CASE("Ring buffer: a text that begins anew at the ring's start, ids that wrap") {
  Ring r;
  const std::uint64_t last = ~(std::uint64_t{3} << 62);
  std::uint64_t at = r.record(last, 5 * 256 + 200, "at the end, 24 bytes    ");
  at = r.record(0, at, "from the start");
  r.record(1, at, "then on");
  r.ids(last, 1);
  CHECK(log_of(r.machine).find("at the end") != std::string::npos);
  CHECK(log_of(r.machine).find("from the start\n") != std::string::npos);
  CHECK(log_of(r.machine).find("then on\n") != std::string::npos);
}

TEST_CASE("Ring buffer: the first wrap is where positions begin anew") {
  // As every kernel's: the first position is one ring's size below 0 (BLK0_LPOS).
  Ring r;
  std::uint64_t at = ~std::uint64_t{0} - 255;
  at = r.record(4, at, std::string(100, 'a'));
  at = r.record(5, at, std::string(100, 'b'));
  at = r.record(6, at, "this one crosses the first wrap");
  CHECK(at < 256);
  r.record(7, at, "behind it");
  r.ids(5, 7);
  const std::string log = log_of(r.machine);
  CHECK(log.find("this one crosses the first wrap\n") != std::string::npos);
  CHECK(log.find("behind it\n") != std::string::npos);
}

TEST_CASE("Ring buffer: a block that ends where the ring does") {
  Ring r;
  r.record(4, 224, "0123456789abcdefghijklmn");  // 8 + 24 bytes: up to 256
  r.ids(4, 4);
  CHECK(log_of(r.machine) == "[    0.004000] 0123456789abcdefghijklmn\n");
}

TEST_CASE("No control character gets through, neither of C0 nor of C1") {
  Ring r;
  const std::string umlaut = "\xc3\xa4 \xe2\x82\xac";
  std::uint64_t at = r.record(4, 0,
                              "a\x1b[2J\xc2\x9b"
                              "2J\x9b\x7f");
  at = r.record(5, at, umlaut + " \xe2\x82");
  r.ids(4, 5);
  CHECK(log_of(r.machine) == "[    0.004000] a\\x1b[2J\\xc2\\x9b2J\\x9b\\x7f\n[    0.005000] " +
                                 umlaut + " \\xe2\\x82\n");
}

TEST_CASE("Ring buffer: what is no record") {
  Ring r;
  std::uint64_t at = r.record(4, 0, "reusable", 3);
  at = r.record(5, at, "reserved", 0);
  r.descriptor(6, Ring::kFinalized, 3, 3, 0);  // no text: an empty line
  r.descriptor(7, Ring::kFinalized, 1, 1, 0);  // its text could not be stored
  r.ids(4, 7);
  CHECK(log_of(r.machine) == "[    0.006000] \n");
  r.ids(8, 11);  // nobody has these ids
  CHECK(log_of(r.machine).empty());
}

TEST_CASE("Ring buffer: lengths and positions that lie") {
  Ring r;
  r.record(4, 0, "short");
  r.descriptor(4, Ring::kFinalized, 0, 16, 60000);
  r.descriptor(5, Ring::kFinalized, 240, 248, 60000);  // room for no more than its id
  r.descriptor(6, Ring::kFinalized, 0x1000, 8, 10);    // next is behind begin
  r.ids(4, 6);
  const std::string log = log_of(r.machine);
  CHECK(log.find("short") != std::string::npos);
  CHECK(log.size() < 200);
  // A head that is never reached: each descriptor once.
  r.ids(4, 0x123456789);
  CHECK(log_of(r.machine).size() < 300);
}

TEST_CASE("Ring buffer: impossible sizes are an error") {
  Ring r;
  r.put32(Ring::kRing + 48, 40);
  CHECK(failure_of(r.machine) == "the log's sizes are impossible");
  r.put32(Ring::kRing + 48, 64);
  CHECK(failure_of(r.machine) == "the log's sizes are impossible");
  r.put32(Ring::kRing + 48, 8);
  r.put32(Ring::kRing, 63);
  CHECK(failure_of(r.machine) == "the log's sizes are impossible");
  r.put64(0xf000, 0x1234);
  CHECK(failure_of(r.machine) == "the log cannot be read");
  SyntheticMachine bare;
  CHECK(failure_of(bare) == "VMCOREINFO does not say where the log is");
  bare.symbol("prb", SyntheticMachine::image(0xf000));
  CHECK(failure_of(bare) == "VMCOREINFO lacks SIZE(printk_ringbuffer)");
}

/// The records of 5.4: a buffer of 512 bytes.
class Records {
 public:
  static constexpr std::uint64_t kBuffer = 0x20000, kVariables = 0x30000;
  SyntheticMachine machine{"5.4.0"};

  Records() {
    const char* const names[] = {"log_buf", "log_buf_len", "log_first_idx", "log_next_idx"};
    for (std::uint64_t i = 0; i < 4; ++i)
      machine.symbol(names[i], SyntheticMachine::image(kVariables + 8 * i));
    machine.info(
        "SIZE(printk_log)=16\nOFFSET(printk_log.ts_nsec)=0\nOFFSET(printk_log.len)=8\n"
        "OFFSET(printk_log.text_len)=10\nOFFSET(printk_log.dict_len)=12");
    machine.put64(variable(0), SyntheticMachine::image(kBuffer));
    machine.put32(variable(1), 512);
  }
  static std::uint64_t variable(std::uint64_t i) {
    return SyntheticMachine::image_paddr(kVariables + 8 * i);
  }
  void indices(std::uint32_t first, std::uint32_t next) {
    machine.put32(variable(2), first);
    machine.put32(variable(3), next);
  }
  std::uint32_t record(std::uint32_t at, std::uint64_t ns, std::string_view text,
                       std::uint16_t len = 0) {
    const std::uint64_t paddr = SyntheticMachine::image_paddr(kBuffer) + at;
    if (len == 0) len = static_cast<std::uint16_t>((16 + text.size() + 7) & ~7U);
    machine.put64(paddr, ns);
    machine.put32(paddr + 8, len | static_cast<std::uint32_t>(text.size()) << 16);
    machine.put_text(paddr + 16, text);
    return at + len;
  }
};

TEST_CASE("Records: in order, and around the buffer's end") {
  Records r;
  std::uint32_t at = r.record(400, 1000000, "old");
  at = r.record(at, 2000000, "older than the rest");
  r.machine.put32(SyntheticMachine::image_paddr(Records::kBuffer) + at + 8, 0);  // on at 0
  const std::uint32_t end = r.record(0, 3000000, "new\nlines");
  r.indices(400, end);
  CHECK(log_of(r.machine) ==
        "[    0.001000] old\n[    0.002000] older than the rest\n"
        "[    0.003000] new\n[    0.003000] lines\n");
}

TEST_CASE("Records: loops and lengths that lie") {
  Records r;
  r.record(0, 0, "ok");
  r.indices(0, 8);  // never met: behind it comes a length of 0, twice
  CHECK(log_of(r.machine) == "[    0.000000] ok\n");
  r.record(0, 0, "long", 1000);
  CHECK(log_of(r.machine).empty());
  r.record(0, 0, "tiny", 8);
  CHECK(log_of(r.machine).empty());
  r.indices(512, 0);
  CHECK(failure_of(r.machine) == "the log's sizes are impossible");
  r.machine.put32(Records::variable(1), 0xffffffff);
  CHECK(failure_of(r.machine) == "the log's sizes are impossible");
}

}  // namespace
}  // namespace mkcapture

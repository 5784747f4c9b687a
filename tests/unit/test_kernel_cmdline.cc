#include <doctest/doctest.h>

#include "builder/kernel/cmdline.h"

using namespace mkcapture;

TEST_CASE("command line: words and quotes as the kernel's") {
  CHECK(split_cmdline("  a b=\"c d\" \"e f=g h\"\n") ==
        std::vector<std::string>{"a", "b=\"c d\"", "\"e f=g h\""});
  CHECK(cmdline_key("b=\"c d\"") == "b");
  CHECK(cmdline_value("b=\"c d\"") == "c d");
  CHECK(cmdline_key("\"e f=g h\"") == "e f");
  CHECK(cmdline_value("\"e f=g h\"") == "g h");
  CHECK(cmdline_key("\"ro\"") == "ro");
  CHECK(cmdline_value("ro").empty());
}

TEST_CASE("capture command line: removed, kept, added") {
  const std::string line = capture_cmdline(
      "BOOT_IMAGE=/vmlinuz root=/dev/vda1 rd.lvm.lv=a/b rd.luks=0 console=tty0 console=ttyS0 foo=1",
      {"BOOT_IMAGE", "root", "rd.*"}, {"nr_cpus=1", "irqpoll"}, "bar=2");
  CHECK(line == "console=tty0 console=ttyS0 foo=1 nr_cpus=1 irqpoll bar=2");
}

TEST_CASE("capture command line: dashes and underscores are alike, as in the kernel") {
  CHECK(capture_cmdline("slub-debug=FZ x", {"slub_debug"}, {}, "") == "x");
  CHECK(capture_cmdline("rd-a.b=1 x", {"rd_*"}, {}, "") == "x");
}

TEST_CASE("capture command line: what is set again replaces what was there") {
  CHECK(capture_cmdline("panic=0 numa=on x", {}, {"numa=off"}, "panic=10") ==
        "x numa=off panic=10");
}

TEST_CASE("capture command line: what is appended takes the place of the profile's") {
  CHECK(capture_cmdline("", {}, {"nr_cpus=1", "irqpoll"}, "nr-cpus=2") == "irqpoll nr-cpus=2");
}

TEST_CASE("capture command line: consoles add up, each once") {
  CHECK(capture_cmdline("console=tty0", {}, {}, "console=ttyS0 console=tty0") ==
        "console=tty0 console=ttyS0");
}

TEST_CASE("capture command line: what is for the production system's init stays behind") {
  CHECK(capture_cmdline("a -- single", {}, {"b"}, "") == "a b");
}

TEST_CASE("shell_quote") {
  CHECK(shell_quote("/boot/vmlinuz-6.1.0") == "/boot/vmlinuz-6.1.0");
  CHECK(shell_quote("a b") == "'a b'");
  CHECK(shell_quote("it's") == "'it'\\''s'");
  CHECK(shell_quote("") == "''");
}

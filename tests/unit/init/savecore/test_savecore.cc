// savecore as it is called, on a small synthetic machine.
#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <vector>

#include "init/savecore/run.h"
#include "tests/fakes/described_machine.h"
#include "tests/fakes/dump_reader.h"
#include "tests/fakes/temp_dir.h"

namespace mkcapture {
namespace {

using namespace dump;
using namespace savecore;

using fakes::Described;
using fakes::SyntheticMachine;

struct Run {
  int status = -1;
  std::string out, err;
};

std::string content(std::FILE* file) {
  std::string text;
  std::rewind(file);
  for (int c = 0; (c = std::fgetc(file)) != EOF;)
    text += static_cast<char>(c);
  std::fclose(file);
  return text;
}

Run savecore(std::vector<std::string> words) {
  std::vector<char*> arguments;
  for (std::string& word : words)
    arguments.push_back(word.data());
  std::FILE* out = std::tmpfile();
  std::FILE* err = std::tmpfile();
  REQUIRE(out != nullptr);
  REQUIRE(err != nullptr);
  Run run;
  run.status = run_savecore(arguments, out, err);
  run.out = content(out);
  run.err = content(err);
  return run;
}

std::string text_of(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

fakes::ReadAt reader_of(const std::string& file) {
  return [&file](std::uint64_t offset, std::size_t size) {
    fakes::Bytes bytes(size);
    for (std::size_t i = 0; i < size && offset + i < file.size(); ++i)
      bytes[i] = static_cast<std::byte>(file[offset + i]);
    return bytes;
  };
}

/// A machine with a few pages of cache, as a file.
struct Input {
  Input() {
    machine.cache(100);
    machine.cache(101);
    machine.machine.put_text(0x5000, "marker");
    path = dir.write("vmcore", text_of(machine.machine.core()));
  }
  [[nodiscard]] bool exists(const std::string& name) const {
    return std::filesystem::exists(dir.path(name));
  }

  fakes::TempDir dir;
  Described machine;
  std::string path;
};

void check_kdump(const std::string& file) {
  const fakes::KdumpReader r(reader_of(file), true, false);
  CHECK(r.kept(5));
  CHECK(r.kept(99));
  CHECK_FALSE(r.kept(100));
  CHECK(r.present(100));
  const auto page = r.page(5);
  REQUIRE(page.has_value());
  CHECK(text_of(*page).substr(0, 6) == "marker");
}

TEST_CASE("savecore writes a whole dump under its final name, and says nothing") {
  const Input in;
  const Run run = savecore({in.path, in.dir.path("dump")});
  CHECK(run.status == kWhole);
  CHECK(run.out.empty());
  CHECK(run.err.empty());
  CHECK_FALSE(in.exists("dump.incomplete"));
  check_kdump(in.dir.read("dump"));
}

TEST_CASE("savecore writes ELF cores, and the flat format into a pipe") {
  const Input in;
  CHECK(savecore({"-f", "elf", in.path, in.dir.path("elf")}).status == kWhole);
  const std::string elf = in.dir.read("elf");
  const auto at = fakes::ElfReader(reader_of(elf)).at(0x5000, 6);
  REQUIRE(at.has_value());
  CHECK(text_of(*at) == "marker");

  const Run run = savecore({"-f", "flat", in.path, "-"});
  CHECK(run.status == kWhole);
  const auto flat = fakes::unflatten(reader_of(run.out)(0, run.out.size()));
  CHECK(flat.ended);
  const auto& [last, data] = *flat.records.rbegin();
  check_kdump(text_of(flat.read(0, last + data.size())));
}

TEST_CASE("savecore --check says what can be had, of whom, and how much that is") {
  const Input in;
  const Run run = savecore({"--check", "-d", "2", in.path});
  CHECK(run.status == kWhole);
  CHECK(run.out == "kernel 6.1.0-test: level 2\n8 of 8 MB of memory remain\n");
  SyntheticMachine unknown("3.2.0");
  const std::string path = in.dir.write("old", text_of(unknown.core()));
  const Run old = savecore({"--check", path});
  CHECK(old.status == kFailed);
  CHECK(old.out.find("kernel 3.2.0: level 1\n") == 0);
  CHECK(old.out.find("all of memory kept: VMCOREINFO lacks") != std::string::npos);
}

TEST_CASE("savecore keeps what it cannot judge, and says so beside the dump") {
  const Input in;
  const std::string path = in.dir.write("old", text_of(SyntheticMachine("3.2.0").core()));
  const Run run = savecore({path, in.dir.path("dump")});
  CHECK(run.status == kWhole);
  CHECK(run.err.find("savecore: level 1: ") == 0);
  CHECK(in.exists("dump"));
}

TEST_CASE("savecore: a vmcore that was cut short") {
  const Input in;
  std::string bytes = in.dir.read("vmcore");
  bytes.resize(bytes.size() - 3 * 4096);
  const Run run = savecore({in.dir.write("short", bytes), in.dir.path("dump")});
  CHECK(run.status == kWhole);
  CHECK(run.err == "savecore: 3 pages could not be read\n");
  check_kdump(in.dir.read("dump"));
}

TEST_CASE("savecore fails with a reason and leaves nothing behind") {
  const Input in;
  const std::string dump = in.dir.path("dump");
  Run run = savecore({in.dir.path("missing"), dump});
  CHECK(run.status == kFailed);
  CHECK(run.err == "savecore: " + in.dir.path("missing") + ": No such file or directory\n");
  run = savecore({in.dir.write("junk", "junk"), dump});
  CHECK(run.status == kFailed);
  CHECK(run.err == "savecore: " + in.dir.path("junk") + ": not an ELF file\n");
  run = savecore({"-f", "elf", "-c", "zstd", in.path, dump});
  CHECK(run.status == kFailed);
  CHECK(run.err == "savecore: the elf format has no compression\n");
  run = savecore({"--dmesg", in.path, dump});  // this machine has no log
  CHECK(run.status == kFailed);
  run = savecore({in.path, in.dir.path("no/such/folder")});
  CHECK(run.status == kFailed);
  CHECK_FALSE(in.exists("dump"));
  CHECK_FALSE(in.exists("dump.incomplete"));
}

TEST_CASE("savecore: a target that is full from its first byte on") {
  const Input in;
  if (access("/dev/full", W_OK) != 0) return;
  const Run run = savecore({in.path, "/dev/full"});
  CHECK(run.status == kFailed);
  CHECK(run.err.find("No space left on device") != std::string::npos);
}

TEST_CASE("savecore: usage") {
  const Run run = savecore({"-d", "99", "in", "out"});
  CHECK(run.status == kUsage);
  CHECK(run.err == "savecore: -d: not possible: 99 (see savecore --help)\n");
  CHECK(savecore({"--help"}).out.find("usage: savecore") == 0);
  CHECK(savecore({"--version"}).out == "savecore " MKCAPTURE_VERSION "\n");
}

}  // namespace
}  // namespace mkcapture

#include <doctest/doctest.h>

#include <filesystem>

#include "builder/host/host.h"
#include "builder/host/root_path.h"
#include "builder/image/elf_libs.h"
#include "tests/fakes/elf_writer.h"
#include "tests/fakes/temp_dir.h"

using namespace mkcapture;

using fakes::ElfDynamic;
using fakes::ElfFormat;
using fakes::TempDir;
using fakes::write_dynamic;
using mkcapture::library_closure;
using mkcapture::read_dynamic;
using Names = std::vector<std::string>;

namespace {

constexpr const char* kLoader = "/lib64/ld-linux-x86-64.so.2";
constexpr const char* kTriplet = "usr/lib/x86_64-linux-gnu/";

/// A system with a merged /usr, as Debian lays it out, with a C library.
struct System {
  System() {
    namespace fs = std::filesystem;
    fs::create_directories(root.path("usr/lib64"));
    fs::create_directories(root.path(kTriplet));
    fs::create_directory_symlink("usr/lib", root.path("lib"));
    fs::create_directory_symlink("/usr/lib64", root.path("lib64"));  // absolute: inside the root
    library(std::string(kTriplet) + "libc.so.6", {});
    library(std::string(kTriplet) + "ld-2.36.so", {});
    fs::create_symlink("/lib/x86_64-linux-gnu/ld-2.36.so",
                       root.path("usr/lib64/ld-linux-x86-64.so.2"));
  }
  void library(const std::string& path, const Names& needed, const std::string& runpath = {}) {
    root.write(path, write_dynamic({{}, "", needed, runpath}));
  }
  std::string program(const Names& needed, const std::string& runpath = {}) {
    return root.write("opt/tool/bin/tool", write_dynamic({{}, kLoader, needed, runpath}));
  }
  [[nodiscard]] Names closure(const std::string& path) const {
    const auto files = library_closure(*real_host(), path, "/bin/tool", root.path());
    REQUIRE_MESSAGE(files.ok(), files.error().message);
    Names out;
    for (const auto& f : *files)
      out.push_back(f.destination);
    return out;
  }
  TempDir root;
};

}  // namespace

TEST_CASE("read_dynamic: interpreter, libraries, run path, in any class and order") {
  for (const ElfFormat format :
       {ElfFormat{true, true, EM_X86_64}, ElfFormat{false, true, EM_386},
        ElfFormat{true, false, EM_S390}, ElfFormat{false, false, EM_PPC}}) {
    const auto info = read_dynamic(
        write_dynamic({format, "/lib/ld.so", {"liba.so.1", "libc.so.6"}, "$ORIGIN/../lib:/opt"}));
    REQUIRE(info.ok());
    CHECK(info->interpreter == "/lib/ld.so");
    CHECK(info->needed == Names{"liba.so.1", "libc.so.6"});
    CHECK(info->runpath == Names{"$ORIGIN/../lib", "/opt"});
  }
  CHECK(read_dynamic("#!/bin/sh\n")->needed.empty());
  CHECK(read_dynamic("")->interpreter.empty());
}

TEST_CASE("read_dynamic: cut and broken files never reach beyond their end") {
  const std::string whole = write_dynamic({{}, "/lib/ld.so", {"libc.so.6"}, "/opt"});
  for (std::size_t size = 0; size < whole.size(); ++size)
    (void)read_dynamic(std::string_view(whole).substr(0, size));
  std::string lies = whole;
  lies.replace(lies.find("libc.so.6"), 10, 10, 'x');  // no NUL where the name ends
  (void)read_dynamic(lies);
  // The list of strings leads out of the file.
  std::string outside = whole;
  const auto strtab = outside.rfind(std::string("\x05\0\0\0\0\0\0\0", 8));
  REQUIRE(strtab != std::string::npos);
  outside.replace(strtab + 8, 8, 8, '\xff');
  CHECK(read_dynamic(outside).error().message == "its list of needed libraries is broken");
}

TEST_CASE("closure: loader and libraries of libraries, once each") {
  System s;
  s.library(std::string(kTriplet) + "libz.so.1", {"libc.so.6"});
  s.library(std::string(kTriplet) + "libpng.so", {"libz.so.1", "libc.so.6"});
  CHECK(s.closure(s.program({"libpng.so", "libz.so.1", "libc.so.6"})) ==
        Names{"/lib/x86_64-linux-gnu/libc.so.6", "/lib/x86_64-linux-gnu/libpng.so",
              "/lib/x86_64-linux-gnu/libz.so.1", kLoader});
}

TEST_CASE("closure: a library loop ends") {
  System s;
  s.library(std::string(kTriplet) + "liba.so", {"libb.so"});
  s.library(std::string(kTriplet) + "libb.so", {"liba.so"});
  CHECK(s.closure(s.program({"liba.so"})).size() == 3);
}

TEST_CASE("closure: run path first; $ORIGIN is the program's folder here and there") {
  System s;
  s.library("opt/tool/lib/libown.so", {"libc.so.6"});
  s.library(std::string(kTriplet) + "libown.so", {"libother.so"});
  const auto files = library_closure(*real_host(), s.program({"libown.so"}, "$ORIGIN/../lib"),
                                     "/usr/bin/tool", s.root.path());
  REQUIRE_MESSAGE(files.ok(), files.error().message);
  bool found = false;
  for (const auto& f : *files) {
    if (f.source != s.root.path("opt/tool/lib/libown.so")) continue;
    found = true;
    CHECK(f.destination == "/usr/lib/libown.so");
  }
  CHECK(found);
}

TEST_CASE("closure: folders of ld.so.conf, put where a loader without its cache looks") {
  System s;
  s.root.write("etc/ld.so.conf", "# comment\ninclude ld.so.conf.d/*.conf\n");
  s.root.write("etc/ld.so.conf.d/a.conf", "/opt/vendor/lib  # theirs\n");
  s.library("opt/vendor/lib/libvendor.so.3", {"libc.so.6"});
  CHECK(s.closure(s.program({"libvendor.so.3"})) ==
        Names{"/lib/x86_64-linux-gnu/libc.so.6", "/lib/x86_64-linux-gnu/libvendor.so.3", kLoader});
}

TEST_CASE("closure: libraries of another machine do not count") {
  System s;
  s.root.write("usr/lib64/libx.so", write_dynamic({{false, true, EM_386}, "", {}, ""}));
  s.root.write("usr/lib/libx.so", "INPUT(-lx)\n");
  const std::string program = s.program({"libx.so"});
  const auto files = library_closure(*real_host(), program, "/bin/tool", s.root.path());
  REQUIRE_FALSE(files.ok());
  CHECK(files.error().message == program + " needs libx.so, which is not below " + s.root.path());
  s.library(std::string(kTriplet) + "libx.so", {});
  CHECK(s.closure(program).size() == 2);
}

TEST_CASE("closure: scripts and static programs need nothing; musl's loader is its C library") {
  System s;
  CHECK(s.closure(s.root.write("script", "#!/bin/sh\n")).empty());
  CHECK(s.closure(s.root.write("static", write_dynamic({{}, "", {}, ""}))).empty());
  s.library("usr/lib/ld-musl-x86_64.so.1", {});
  const std::string musl = s.root.write(
      "musl", write_dynamic({{}, "/lib/ld-musl-x86_64.so.1", {"libc.musl-x86_64.so.1"}, ""}));
  CHECK(s.closure(musl) == Names{"/lib/ld-musl-x86_64.so.1"});
}

TEST_CASE("paths below a root: links stay inside, loops end") {
  const TempDir root;
  root.write("usr/bin/file", "x");
  std::filesystem::create_directory_symlink("/usr/bin", root.path("bin"));
  std::filesystem::create_symlink("../../../../usr/bin/file", root.path("usr/up"));
  std::filesystem::create_symlink("loop", root.path("loop"));
  CHECK(*mkcapture::resolve_below(*real_host(), root.path(), "/bin/file") ==
        root.path("usr/bin/file"));
  CHECK(*mkcapture::resolve_below(*real_host(), root.path(), "/usr/up") ==
        root.path("usr/bin/file"));
  CHECK(*mkcapture::resolve_below(*real_host(), root.path(), "/usr/../../bin/./file") ==
        root.path("usr/bin/file"));
  CHECK(mkcapture::resolve_below(*real_host(), root.path(), "/loop").error().code == ELOOP);
  CHECK(mkcapture::resolve_below(*real_host(), root.path(), "/absent").error().code == ENOENT);
  CHECK(*mkcapture::resolve_below(*real_host(), "/", "/") == "/");
}

#include <dirent.h>
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "init/ssh/dbclient.h"
#include "init/ssh/remote_shell.h"

using namespace mkcapture;
using namespace mkcapture::init;

namespace {

/// Runs a command line as sshd does, with a login shell.
std::string run(const std::string& line, const std::string& input, int& status) {
  char in_path[] = "/tmp/remote-shell-XXXXXX";
  const int in = mkstemp(in_path);
  REQUIRE(write(in, input.data(), input.size()) == static_cast<ssize_t>(input.size()));
  close(in);
  FILE* p = popen((line + " <" + in_path).c_str(), "r");
  REQUIRE(p != nullptr);
  std::string out;
  char buffer[4096];
  while (const std::size_t n = fread(buffer, 1, sizeof buffer, p))
    out.append(buffer, n);
  status = pclose(p);
  unlink(in_path);
  return out;
}

struct TempDir {
  std::string path;
  TempDir() {
    char name[] = "/tmp/remote-shell-XXXXXX";
    path = mkdtemp(name);
  }
  ~TempDir() { (void)!system(("rm -rf " + remote::quote(path)).c_str()); }
};

std::string contents(const std::string& path) {
  std::string text;
  if (FILE* f = fopen(path.c_str(), "r")) {
    char buffer[4096];
    while (const std::size_t n = fread(buffer, 1, sizeof buffer, f))
      text.append(buffer, n);
    fclose(f);
  }
  return text;
}

}  // namespace

TEST_CASE("remote shell: any path is one word") {
  CHECK(remote::quote("/var/crash") == "'/var/crash'");
  CHECK(remote::quote("it's") == "'it'\\''s'");
  CHECK(remote::quote("") == "''");
  for (const char* text :
       {"a b", "$(reboot)", "`x`", "it's", "a\"b", "-n", "*", "a\\b", "!x", ";"}) {
    int status = 0;
    CHECK(run("printf %s " + remote::quote(text), "", status) == text);
  }
}

TEST_CASE("remote shell: make, store, rename in folders with awkward names") {
  TempDir top;
  const std::string path = top.path + "/a b/it's $HOME; \"x\"";
  int status = 0;
  CHECK(remote::parse_made(run(remote::make_directory(path, "host-1"), "", status)) == "host-1");
  CHECK(status == 0);
  CHECK(remote::parse_made(run(remote::make_directory(path, "host-1"), "", status)) == "host-1-1");
  CHECK(remote::parse_made(run(remote::make_directory(path, "host-1"), "", status)) == "host-1-2");
  struct stat s{};
  REQUIRE(stat((path + "/host-1").c_str(), &s) == 0);
  CHECK((s.st_mode & 0777) == 0700);

  const std::string file = path + "/host-1/vmcore.incomplete";
  const std::string data("\0\1y\n\xff data", 10);
  const std::string answer = run(remote::store(file), data, status);
  CHECK(status == 0);
  CHECK(answer == std::string(remote::kReady) + std::string(remote::kDone));
  CHECK(contents(file) == data);
  REQUIRE(stat(file.c_str(), &s) == 0);
  CHECK((s.st_mode & 0777) == 0600);

  CHECK(run(remote::rename(file, path + "/host-1/vmcore"), "", status) == remote::kDone);
  CHECK(contents(path + "/host-1/vmcore") == data);
  CHECK(access(file.c_str(), F_OK) != 0);
}

TEST_CASE("remote shell: failures are told by status and without the last word") {
  int status = 0;
  CHECK_FALSE(
      remote::parse_made(run(remote::make_directory("/proc/none", "x") + " 2>&1", "", status)));
  CHECK(status != 0);
  const std::string answer = run(remote::store("/dev/full"), "data", status);
  CHECK(answer == remote::kReady);
  CHECK(status != 0);
  CHECK(run(remote::rename("/tmp/no/such", "/tmp/no/other") + " 2>/dev/null", "", status).empty());
  CHECK(status != 0);
}

namespace {

/// A program of the server's, in `folder`, which comes first in PATH.
void put_program(const std::string& folder, const char* name, const char* text) {
  const std::string path = folder + "/" + name;
  FILE* f = fopen(path.c_str(), "w");
  REQUIRE(f != nullptr);
  fprintf(f, "#!/bin/sh\n%s\n", text);
  fclose(f);
  REQUIRE(chmod(path.c_str(), 0755) == 0);
}

}  // namespace

TEST_CASE("remote shell: fsync by dd, on the way too, and its failure at the end is one") {
  TempDir top;
  const std::string path = "PATH=" + top.path + ":$PATH; ";
  const std::string line =
      "{ { printf data; /bin/sleep 1; } | { " + path + remote::store(top.path + "/x") + "; }; }";
  int status = 0;
  put_program(top.path, "sleep", "exec /bin/sleep 0.1");
  put_program(top.path, "dd", "echo dd >>${0%/*}/calls; exec /bin/dd \"$@\"");
  CHECK(run(line, "", status) == std::string(remote::kReady) + std::string(remote::kDone));
  CHECK(status == 0);
  CHECK(contents(top.path + "/x") == "data");
  CHECK(contents(top.path + "/calls").size() > 3 * 3);  // asked, on the way, at the end

  put_program(top.path, "dd", "if [ -s /dev/stdout ]; then exit 1; fi");
  put_program(top.path, "sync", "exit 0");  // must not be asked in its place
  CHECK(run(line, "", status) == remote::kReady);
  CHECK(status != 0);
}

TEST_CASE("remote shell: a file that the server cannot sync is not done") {
  TempDir top;
  put_program(top.path, "dd", "exit 1");  // knows no fsync
  // It fails as sync(1) does when the disk does: where there is something to be synced. Without a
  // file it syncs everything, and never fails.
  const std::string program = top.path + "/sync";
  FILE* f = fopen(program.c_str(), "w");
  REQUIRE(f != nullptr);
  fputs("#!/bin/sh\n[ $# = 0 ] && exit 0\nif [ -s \"$2\" ]; then exit 1; fi\n", f);
  fclose(f);
  REQUIRE(chmod(program.c_str(), 0755) == 0);
  int status = 0;
  const std::string path = "PATH=" + top.path + ":$PATH; ";
  CHECK(run("{ " + path + remote::store(top.path + "/x") + "; }", "data", status) ==
        remote::kReady);
  CHECK(status != 0);
  // One that takes no file: the old way.
  f = fopen(program.c_str(), "w");
  REQUIRE(f != nullptr);
  fputs("#!/bin/sh\n[ $# = 0 ]\n", f);
  fclose(f);
  CHECK(run("{ " + path + remote::store(top.path + "/x") + "; }", "data", status) ==
        std::string(remote::kReady) + std::string(remote::kDone));
  CHECK(status == 0);
}

TEST_CASE("remote shell: what is in a folder, and removing it") {
  TempDir top;
  const std::string path = top.path + "/a b";
  int status = 0;
  for (const char* name : {"h-1", "h-2", "g-1"}) {
    run(remote::make_directory(path, name), "", status);
    run(remote::store(path + "/" + name + "/vmcore"), "x", status);
  }
  run(remote::store(path + "/h-2/.notes"), "x", status);
  run(remote::store(path + "/h-3"), "a file", status);
  REQUIRE(symlink("/tmp", (path + "/h-4").c_str()) == 0);
  using List = std::vector<std::pair<std::string, std::vector<std::string>>>;
  const auto list = [&] {
    return remote::parse_list(run(remote::list(path, "h-"), "", status), 9, 9);
  };
  CHECK(list() == List{{"h-1", {"vmcore"}}, {"h-2", {".notes", "vmcore"}}});
  CHECK(run(remote::remove(path + "/h-1", {"vmcore"}), "", status) == remote::kDone);
  CHECK(list() == List{{"h-2", {".notes", "vmcore"}}});
  // What else is there stays, and so does the folder.
  CHECK(run(remote::remove(path + "/h-2", {"vmcore"}) + " 2>/dev/null", "", status).empty());
  CHECK(list() == List{{"h-2", {".notes"}}});
  CHECK(run(remote::list(path + "/none", "h-") + " 2>/dev/null", "", status).empty());
  CHECK(status != 0);
}

TEST_CASE("remote shell: df, also of a folder that is not there yet") {
  int status = 0;
  const auto free = remote::parse_df(run(remote::free_space("/tmp/not/there/yet"), "", status));
  REQUIRE(free);
  CHECK(free->free > 0);
  CHECK(free->total >= free->free);
  const auto read = remote::parse_df(
      "Filesystem 1024-blocks Used Available Capacity Mounted on\n"
      "a b c 100 40 60 40% /x 50% y\n");
  REQUIRE(read);
  CHECK(read->free == 60 * 1024);
  CHECK(read->total == 100 * 1024);
  CHECK_FALSE(remote::parse_df(""));
  CHECK_FALSE(remote::parse_df("df: not found\n"));
  CHECK_FALSE(remote::parse_df("x 1 1 99999999999999999999 1% /\n"));
}

TEST_CASE("dbclient: its words in ours") {
  const auto words = [](std::string_view text) { return explain_dbclient(text).message; };
  CHECK(words("dbclient: Connection to root@h:22 exited: \n\nssh-ed25519 host key mismatch "
              "for h !\nFingerprint is ...\n")
            .starts_with("host key mismatch"));
  CHECK(asks_for_trust("\nHost 'h' is not in the trusted hosts file.\n(ssh-ed25519 ...)\nDo you"));
  const auto kind = [](std::string_view text) { return explain_dbclient(text).kind; };
  CHECK(kind("Host 'h' is not in the trusted hosts file.") == ErrorKind::kRefused);
  CHECK(kind("dbclient: exited: No auth methods could be used.\n") == ErrorKind::kRefused);
  CHECK(kind("exited: Keepalive timeout") == ErrorKind::kTimedOut);
  CHECK(kind("cat: write error: No space left on device\n") == ErrorKind::kNoSpace);
  CHECK(
      words("dbclient: exited: No auth methods could be used.\n").starts_with("permission denied"));
  CHECK(kind("exited: Remote closed the connection") == ErrorKind::kBroken);
  CHECK(words("motd\nsh: 1: cat: \x1b[31mbad\n\n") == "sh: 1: cat: .[31mbad");
  CHECK(words("").empty());
  CHECK(words("dbclient: Warning: failed to identify current user.\n").empty());
}

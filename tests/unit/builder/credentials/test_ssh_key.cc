#include <doctest/doctest.h>

#include "builder/credentials/ssh_key.h"
#include "tests/fakes/fake_host.h"
#include "tests/fakes/temp_dir.h"

using namespace mkcapture;

namespace {

// What ssh-keygen writes, cut down to the fields that are looked at: the magic and the cipher.
constexpr const char* kOpenSsh =
    "-----BEGIN OPENSSH PRIVATE KEY-----\n"
    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmU=\n"  // openssh-key-v1\0, "none"
    "-----END OPENSSH PRIVATE KEY-----\n";
constexpr const char* kOpenSshEncrypted =
    "-----BEGIN OPENSSH PRIVATE KEY-----\n"
    "b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHI=\n"  // "aes256-ctr"
    "-----END OPENSSH PRIVATE KEY-----\n";
const std::string kDropbear = std::string("\0\0\0\x0bssh-ed25519", 15) + "rest";

std::string error_of(const std::string& bytes, fakes::FakeHost& host) {
  const fakes::TempDir folder;
  const std::string file = folder.write("id", bytes);
  const auto key = dropbear_key(file, host);
  REQUIRE(!key);
  CHECK(key.error().message.starts_with(file + ": "));
  return key.error().message.substr(file.size() + 2);
}

}  // namespace

TEST_CASE("ssh key: formats") {
  CHECK(detect_key(kOpenSsh).format == KeyFormat::kOpenSsh);
  CHECK(!detect_key(kOpenSsh).encrypted);
  CHECK(detect_key(kOpenSshEncrypted).encrypted);
  CHECK(detect_key(kDropbear).format == KeyFormat::kDropbear);
  CHECK(detect_key("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n").format == KeyFormat::kPem);
  CHECK(detect_key("-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n").encrypted);
  CHECK(detect_key("-----BEGIN ENCRYPTED PRIVATE KEY-----\n").encrypted);
  CHECK(detect_key("ssh-ed25519 AAAAC3 me").format == KeyFormat::kPublic);
  CHECK(detect_key("hello").format == KeyFormat::kUnknown);
  CHECK(detect_key("").format == KeyFormat::kUnknown);
}

TEST_CASE("ssh key: dropbear's own goes in as it is") {
  fakes::FakeHost host;
  const fakes::TempDir folder;
  const auto key = dropbear_key(folder.write("id", kDropbear), host);
  REQUIRE(key);
  CHECK(*key == kDropbear);
  CHECK(host.ran.empty());
}

TEST_CASE("ssh key: OpenSSH's is converted, and is in no file on the way") {
  fakes::FakeHost host;
  host.on_run = [](const auto&) -> Result<std::string> { return std::string(kDropbear); };
  const fakes::TempDir folder;
  const std::string file = folder.write("id", kOpenSsh);
  const auto key = dropbear_key(file, host);
  REQUIRE(key);
  CHECK(*key == kDropbear);
  REQUIRE(host.ran.size() == 1);
  CHECK(host.ran[0] == std::vector<std::string>{"dropbearconvert", "openssh", "dropbear", file,
                                                "/proc/self/fd/1"});
}

TEST_CASE("ssh key: errors name the file and what is wrong") {
  fakes::FakeHost host;
  CHECK(error_of(kOpenSshEncrypted, host).starts_with("the key has a passphrase"));
  CHECK(error_of("ssh-rsa AAAA", host) == "a public key; the private one is wanted");
  CHECK(error_of("hello", host) == "no private key of OpenSSH or dropbear");
  CHECK(error_of(kOpenSsh, host).starts_with("cannot be converted for dbclient (is dropbear-bin"));
  host.on_run = [](const auto&) -> Result<std::string> { return std::string(); };
  CHECK(error_of(kOpenSsh, host) == "dropbearconvert did not convert it");
  CHECK(dropbear_key("/nowhere/id", host).error().message ==
        "/nowhere/id: No such file or directory");
}

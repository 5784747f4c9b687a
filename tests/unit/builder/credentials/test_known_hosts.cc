#include <doctest/doctest.h>

#include "builder/credentials/base64.h"
#include "builder/credentials/known_hosts.h"
#include "builder/credentials/sha1.h"

using namespace mkcapture;

namespace {

constexpr const char* kText =
    "# comment\n"
    "backup.example,10.0.0.7 ssh-ed25519 AAAAC3Nz me@there\n"
    "backup.example ssh-rsa AAAAB3Nz\n"
    "[backup.example]:2222 ssh-ed25519 AAAAC3Oo\n"
    "@revoked other.example ssh-ed25519 AAAAC3Rv\n"
    "@cert-authority *.example ssh-ed25519 AAAAC3Ca\n"
    "*.wild.example,!bad.wild.example ssh-ed25519 AAAAC3Ww\n";

std::string lines_for(std::string_view text, const std::vector<SshServer>& servers) {
  std::vector<std::string> warnings;
  const auto lines = known_hosts_for(text, servers, warnings);
  return lines ? *lines : "error: " + lines.error().message;
}

std::string hex(const Sha1Digest& digest) {
  std::string text;
  char two[3];
  for (const auto byte : digest) {
    std::snprintf(two, sizeof two, "%02x", byte);
    text += two;
  }
  return text;
}

}  // namespace

TEST_CASE("sha1 and hmac: the standards' own examples") {
  CHECK(hex(sha1("abc")) == "a9993e364706816aba3e25717850c26c9cd0d89d");
  CHECK(hex(sha1("")) == "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  CHECK(hex(sha1("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")) ==
        "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
  CHECK(hex(hmac_sha1("Jefe", "what do ya want for nothing?")) ==
        "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");  // RFC 2202
  CHECK(hex(hmac_sha1(std::string(80, '\xaa'),
                      "Test Using Larger Than Block-Size Key - Hash Key First")) ==
        "aa4ae5e15272d00e95705637ce8a3b55ed402112");
}

TEST_CASE("base64") {
  CHECK(decode_base64("Zm9v\nYmE=") == "fooba");
  CHECK(decode_base64("") == "");
  CHECK(!decode_base64("Zm9*"));
  CHECK(!decode_base64("Zg==Zg"));
}

TEST_CASE("known_hosts: plain lines for dbclient, one per key type") {
  CHECK(lines_for(kText, {{"backup.example", 0}}) ==
        "backup.example ssh-ed25519 AAAAC3Nz\nbackup.example ssh-rsa AAAAB3Nz\n");
  CHECK(lines_for(kText, {{"10.0.0.7", 22}}) == "10.0.0.7 ssh-ed25519 AAAAC3Nz\n");
  CHECK(lines_for(kText, {{"backup.example", 2222}}) == "backup.example ssh-ed25519 AAAAC3Oo\n");
  CHECK(lines_for(kText, {{"Backup.Example", 2222}}) == "Backup.Example ssh-ed25519 AAAAC3Oo\n");
}

TEST_CASE("known_hosts: patterns") {
  CHECK(lines_for(kText, {{"a.wild.example", 0}}) == "a.wild.example ssh-ed25519 AAAAC3Ww\n");
  CHECK(lines_for(kText, {{"bad.wild.example", 0}}).starts_with("error: "));
}

TEST_CASE("known_hosts: hashed names, as ssh-keygen -H writes them") {
  // printf HOST | openssl dgst -sha1 -hmac SALT
  const char* text =
      "|1|c2FsdHNhbHRzYWx0c2FsdHNhbHQ=|uvJVKWqABTLYgN8rsqBNKlf3d3o= ssh-ed25519 AAAAC3Hh\n";
  const auto digest = hmac_sha1("saltsaltsaltsaltsalt", "hidden.example");
  const auto expected = decode_base64("uvJVKWqABTLYgN8rsqBNKlf3d3o=");
  REQUIRE(expected);
  const bool same =
      std::equal(expected->begin(), expected->end(), digest.begin(), digest.end(),
                 [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; });
  CHECK(same);
  CHECK(lines_for(text, {{"hidden.example", 0}}) == "hidden.example ssh-ed25519 AAAAC3Hh\n");
  CHECK(lines_for(text, {{"other.example", 0}}).starts_with("error: "));
}

TEST_CASE("known_hosts: revoked keys and authorities are no host keys") {
  CHECK(lines_for(kText, {{"other.example", 0}}) ==
        "error: no host key of other.example itself, only an authority's (@cert-authority), and "
        "dbclient knows no certificates; \"ssh-keyscan -t ed25519 other.example\" prints it");
  CHECK(lines_for(kText, {{"other.test", 0}}) ==
        "error: no host key of other.test; \"ssh-keyscan -t ed25519 other.test\" prints it");
}

TEST_CASE("known_hosts: one host, two keys of a type cannot be told apart by dbclient") {
  CHECK(lines_for(kText, {{"backup.example", 0}, {"backup.example", 2222}}) ==
        "error: two ssh-ed25519 keys of backup.example: dbclient can only know one; remove the "
        "line of the key that the server has no more");
}

TEST_CASE("known_hosts: a key filed under another name") {
  CHECK(lines_for("alias ssh-ed25519 AAAAC3Nz\n", {{"10.0.0.9", 2222, "alias"}}) ==
        "10.0.0.9 ssh-ed25519 AAAAC3Nz\n");
}

TEST_CASE("known_hosts: a server without ed25519 key is worth a warning") {
  std::vector<std::string> warnings;
  REQUIRE(known_hosts_for("s ssh-rsa AAAAB3Nz\n", {{"s", 0}}, warnings));
  REQUIRE(warnings.size() == 1);
  CHECK(warnings[0].find("no ssh-ed25519 key of s") != std::string::npos);
}

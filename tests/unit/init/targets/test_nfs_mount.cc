#include <doctest/doctest.h>

#include <cerrno>

#include "init/targets/nfs_mount.h"
#include "init/targets/nfs_operations.h"

using namespace mkcapture;
using namespace mkcapture::init;

TEST_CASE("nfs: options choose the versions") {
  using enum NfsVersion;
  CHECK(parse_nfs_options("")->versions == std::vector{k42, k41, k4, k3});
  CHECK(parse_nfs_options("vers=4")->versions == std::vector{k42, k41, k4});
  CHECK(parse_nfs_options("nfsvers=4.1")->versions == std::vector{k41});
  const auto v3 = parse_nfs_options("vers=3&mountport=20048&rsize=65536");
  REQUIRE(v3);
  CHECK(v3->needs_v3());
  CHECK_FALSE(v3->needs_v4());
  CHECK(v3->others == std::vector<std::string>{"mountport=20048", "rsize=65536"});
}

TEST_CASE("nfs: options that cannot be had say why") {
  for (const char* bad : {"vers=2", "vers=", "hard", "udp", "proto=udp", "proto=rdma", "sec=krb5",
                          "addr=1.2.3.4", "port=1", "ro", "a,b", "x=\"y\"", "x=a\nb"}) {
    const auto parsed = parse_nfs_options(bad);
    CHECK_MESSAGE(!parsed, bad);
    if (!parsed) CHECK(parsed.error().message.find("NFS") == 0);
  }
}

TEST_CASE("nfs: the text for mount(2)") {
  const NfsServer v4{"nas", *parse_ip_address("10.0.2.2"), 12049};
  const auto none = *parse_nfs_options("");
  CHECK(nfs_mount_data(v4, NfsVersion::k42, none, std::chrono::seconds(60)) ==
        "vers=4.2,proto=tcp,addr=10.0.2.2,soft,timeo=200,retrans=2,port=12049");
  const NfsServer v6{"nas", *parse_ip_address("fd00::1"), 0};
  CHECK(
      nfs_mount_data(v6, NfsVersion::k3, *parse_nfs_options("timeo=50&retrans=1&mountport=7"),
                     std::chrono::seconds(60)) ==
      "vers=3,proto=tcp6,addr=fd00::1,soft,nolock,mountproto=tcp6,timeo=50,retrans=1,mountport=7");
  // mountport means nothing to version 4, and the kernel would refuse it.
  CHECK(nfs_mount_data(v6, NfsVersion::k4, *parse_nfs_options("mountport=7"),
                       std::chrono::seconds(1)) ==
        "vers=4.0,proto=tcp6,addr=fd00::1,soft,timeo=10,retrans=2");
  CHECK(nfs_source(v4, "/export") == "10.0.2.2:/export");
  CHECK(nfs_source(v6, "/export") == "[fd00::1]:/export");
}

TEST_CASE("nfs: the export may begin anywhere above the folder") {
  CHECK(export_candidates("/srv/crash/host") ==
        std::vector<std::string>{"/srv/crash/host", "/srv/crash", "/srv", "/"});
  CHECK(export_candidates("/srv/") == std::vector<std::string>{"/srv", "/"});
  CHECK(export_candidates("/") == std::vector<std::string>{"/"});
}

TEST_CASE("nfs: errors name the likely cause") {
  CHECK(explain_nfs_error(EACCES).find("not exported") != std::string::npos);
  CHECK(explain_nfs_error(ENODEV).find("modules") != std::string::npos);
}

TEST_CASE("nfs: what the client has asked its server for, out of mountstats") {
  constexpr const char* kStats =
      "device proc mounted on /proc with fstype proc\n"
      "device 10.0.2.2:/a mounted on /mnt/other with fstype nfs4 statvers=1.1\n"
      "\tper-op statistics\n"
      "\t        READ: 9 9 0 1 1 0 0 0 0\n"
      "device 10.0.2.2:/dumps mounted on /mnt with fstype nfs4 statvers=1.1\n"
      "\topts:\trw,vers=4.2\n"
      "\tRPC iostats version: 1.1  p/v: 100003/4 (nfs)\n"
      "\tper-op statistics\n"
      "\t        NULL: 1 1 0 44 24 0 0 0 0\n"
      "\t       WRITE: 21 21 0 1 1 0 0 0 0\n"
      "\t        READ: 0 0 0 0 0 0 0 0 0\n"
      "\t   READ_PLUS: 2 2 0 0 0 0 0 0 0\n"
      "\t    ALLOCATE: 0 0 0 0 0 0 0 0 0\n";
  CHECK(nfs_operations(kStats, "/mnt") == "READ 0, READ_PLUS 2, NULL 1, WRITE 21");
  CHECK(nfs_operations(kStats, "/mn") == "");
  CHECK(nfs_operations("", "/mnt") == "");
}

TEST_CASE("nfs: fstab's words are dropped, what the kernel does not know is refused") {
  const auto options = parse_nfs_options(
      "defaults&_netdev&nofail&x-systemd.automount&retry=2&softerr&rw&noatime&wsize=65536&tcp");
  REQUIRE(options);
  CHECK(options->others == std::vector<std::string>{"wsize=65536"});
  for (const char* bad : {"rdma", "wsiez=65536", "sloppy", "nfail"}) {
    const auto refused = parse_nfs_options(bad);
    CHECK_FALSE_MESSAGE(refused, bad);
    if (!refused) CHECK(refused.error().message.find(bad) != std::string::npos);
  }
}

#include "builder/host/host.h"

#include <arpa/inet.h>
#include <blkid/blkid.h>
#include <dirent.h>
#include <fcntl.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <ctime>

#include "builder/host/real_files.h"
#include "builder/host/run_program.h"
#include "init/base/unique_fd.h"
#include "init/base/units.h"

namespace mkcapture {

namespace {

class RealHost final : public Host {
 public:
  Result<std::string> read_whole(const std::string& path, std::size_t limit) override {
    return read_whole_file(path, limit);
  }

  Result<std::string> read_link(const std::string& path) override {
    char buffer[PATH_MAX];
    const ssize_t n = ::readlink(path.c_str(), buffer, sizeof buffer);
    if (n < 0) return sys_error(path, errno);
    return std::string(buffer, static_cast<std::size_t>(n));
  }

  Result<std::vector<std::string>> list_dir(const std::string& path) override {
    DIR* dir = ::opendir(path.c_str());
    if (dir == nullptr) return sys_error(path, errno);
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(dir)) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(name);
    }
    ::closedir(dir);
    std::sort(names.begin(), names.end());
    return names;
  }

  bool exists(const std::string& path) override { return ::access(path.c_str(), F_OK) == 0; }

  Result<std::string> real_path(const std::string& path) override {
    char buffer[PATH_MAX];
    if (::realpath(path.c_str(), buffer) == nullptr) return sys_error(path, errno);
    return std::string(buffer);
  }

  bool same_file(const std::string& a, const std::string& b) override {
    struct stat one, other;
    return ::stat(a.c_str(), &one) == 0 && ::stat(b.c_str(), &other) == 0 &&
           one.st_dev == other.st_dev && one.st_ino == other.st_ino;
  }

  std::optional<DeviceNumber> block_device(const std::string& path) override {
    struct stat st;
    if (::stat(path.c_str(), &st) != 0 || !S_ISBLK(st.st_mode)) return std::nullopt;
    return DeviceNumber{major(st.st_rdev), minor(st.st_rdev)};
  }

  Result<std::string> read_at(const std::string& node, std::uint64_t offset,
                              std::size_t bytes) override {
    const UniqueFd fd(open(node.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd.valid()) return sys_error(node, errno);
    std::string data(bytes, '\0');
    std::size_t done = 0;
    while (done < bytes) {
      const ssize_t n =
          pread(fd.get(), data.data() + done, bytes - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return sys_error(node, errno);
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    data.resize(done);
    return data;
  }
  BlockTags probe(const std::string& node) override {
    BlockTags tags;
    blkid_probe probe = blkid_new_probe_from_filename(node.c_str());
    if (probe == nullptr) return tags;
    blkid_probe_enable_partitions(probe, 1);
    blkid_probe_set_partitions_flags(probe, BLKID_PARTS_ENTRY_DETAILS);
    blkid_probe_set_superblocks_flags(probe,
                                      BLKID_SUBLKS_UUID | BLKID_SUBLKS_LABEL | BLKID_SUBLKS_TYPE);
    if (blkid_do_safeprobe(probe) == 0) {
      const auto value = [&](const char* name, std::string& into) {
        const char* data = nullptr;
        if (blkid_probe_lookup_value(probe, name, &data, nullptr) == 0) into = data;
      };
      value("TYPE", tags.type);
      value("UUID", tags.uuid);
      value("LABEL", tags.label);
      value("PART_ENTRY_UUID", tags.partuuid);
      value("PART_ENTRY_NAME", tags.partlabel);
    }
    blkid_free_probe(probe);
    return tags;
  }

  Result<std::string> read_unclaimed(const std::string& node, std::size_t bytes) override {
    const UniqueFd fd(::open(node.c_str(), O_RDONLY | O_EXCL | O_CLOEXEC));
    if (!fd.valid()) return sys_error(node, errno);
    std::string begin(bytes, '\0');
    std::size_t have = 0;
    while (have < bytes) {
      const ssize_t n = ::read(fd.get(), begin.data() + have, bytes - have);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return sys_error(node, errno);
      if (n == 0) break;
      have += static_cast<std::size_t>(n);
    }
    begin.resize(have);
    return begin;
  }

  std::string machine() override {
    utsname name;
    return ::uname(&name) == 0 ? name.machine : "";
  }
  std::string kernel_release() override {
    utsname name;
    return ::uname(&name) == 0 ? name.release : "";
  }

  Result<std::vector<std::string>> resolve(const std::string& name) override {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    if (const int code = ::getaddrinfo(name.c_str(), nullptr, &hints, &list); code != 0)
      return fail(name + ": " + ::gai_strerror(code));
    std::vector<std::string> v4, v6;
    for (const addrinfo* at = list; at != nullptr; at = at->ai_next) {
      char text[INET6_ADDRSTRLEN];
      if (at->ai_family == AF_INET) {
        const auto* address = reinterpret_cast<const sockaddr_in*>(at->ai_addr);
        v4.push_back(::inet_ntop(AF_INET, &address->sin_addr, text, sizeof text));
      } else if (at->ai_family == AF_INET6) {
        const auto* address = reinterpret_cast<const sockaddr_in6*>(at->ai_addr);
        v6.push_back(::inet_ntop(AF_INET6, &address->sin6_addr, text, sizeof text));
      }
    }
    ::freeaddrinfo(list);
    v4.insert(v4.end(), v6.begin(), v6.end());
    return v4;
  }

  std::vector<NetworkLink> network_links() override { return mkcapture::network_links(); }
  std::vector<InterfaceAddress> addresses(const std::string& interface) override {
    return interface_addresses(interface);
  }
  std::optional<NetworkRoute> network_route(const std::string& address) override {
    return mkcapture::network_route(address);
  }

  Result<std::string> run(const std::vector<std::string>& argv) override {
    return run_program(argv);
  }

  std::optional<FileStamp> stamp(const std::string& path) override { return stamp_of_file(path); }
  Result<std::string> read_start(const std::string& path, std::size_t bytes) override {
    return read_file_start(path, bytes);
  }
  Status replace_file(const std::string& path, std::string_view bytes,
                      std::uint32_t mode) override {
    return replace_file_at(path, bytes, mode);
  }
  Status write_file(const std::string& path, std::string_view bytes, std::uint32_t mode) override {
    TRY(make_folders_above(path));
    return replace_file_at(path, bytes, mode);
  }
  Status rename_file(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return sys_error(from, errno);
    return {};
  }
  Status remove_file(const std::string& path) override {
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) return sys_error(path, errno);
    return {};
  }
  std::optional<std::uint64_t> free_bytes(const std::string& path) override {
    return free_bytes_at(path);
  }
  std::int64_t now() override { return ::time(nullptr); }

  std::string program_folder() override {
    const auto self = read_link("/proc/self/exe");
    return self ? self->substr(0, self->rfind('/')) : ".";
  }
};

}  // namespace

std::string to_string(DeviceNumber number) {
  return std::to_string(number.major) + ":" + std::to_string(number.minor);
}

std::optional<DeviceNumber> parse_device_number(std::string_view text) {
  while (text.ends_with('\n'))
    text.remove_suffix(1);
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto first = parse_number(text.substr(0, colon));
  const auto second = parse_number(text.substr(colon + 1));
  constexpr std::uint64_t kMax = 0xffffffff;
  if (!first || !second || *first > kMax || *second > kMax) return std::nullopt;
  return DeviceNumber{static_cast<std::uint32_t>(*first), static_cast<std::uint32_t>(*second)};
}

std::unique_ptr<Host> real_host() {
  return std::make_unique<RealHost>();
}

}  // namespace mkcapture

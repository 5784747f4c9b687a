#include "tests/fakes/fake_sftp_server.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace mkcapture::init {

using sftp::PacketReader;
using sftp::PacketWriter;
using sftp::Type;

int FakeSftpServer::start() {
  int fds[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) std::abort();
  thread_ = std::thread([this, fd = fds[1]] { serve(fd); });
  return fds[0];
}

void FakeSftpServer::serve(int fd) {
  sftp::PacketStream stream;
  char buffer[65536];
  ssize_t n;
  while ((n = read(fd, buffer, sizeof buffer)) > 0) {
    stream.append({buffer, static_cast<std::size_t>(n)});
    for (;;) {
      auto packet = stream.next();
      if (!packet || !*packet) break;
      const std::string reply = answer(**packet);
      if (send(fd, reply.data(), reply.size(), MSG_NOSIGNAL) < 0) break;
    }
  }
  close(fd);
}

std::string FakeSftpServer::list(std::uint32_t id, const std::string& handle) {
  const std::string folder = handle.substr(4) == "/" ? "/" : handle.substr(4) + "/";
  std::vector<std::pair<std::string, std::uint32_t>> entries;
  const auto add = [&](const std::string& path, std::uint32_t mode) {
    if (!path.starts_with(folder) || path == folder) return;
    if (path.find('/', folder.size()) != std::string::npos) return;
    entries.emplace_back(path.substr(folder.size()), mode);
  };
  for (const auto& [path, mode] : dirs)
    add(path, 0040000U | static_cast<std::uint32_t>(mode));
  for (const auto& [path, text] : files)
    add(path, 0100600);
  if (listed_[handle] || entries.empty()) {
    return PacketWriter(Type::kStatus, id).u32(sftp::kEnd).text("").text("").finish();
  }
  listed_[handle] = true;
  PacketWriter w(Type::kName, id);
  w.u32(static_cast<std::uint32_t>(entries.size()));
  for (const auto& [name, mode] : entries)
    w.text(name).text("drwx").attributes_mode(mode);
  return w.finish();
}

std::string FakeSftpServer::answer(const sftp::Packet& packet) {
  const std::uint32_t id = packet.id;
  PacketReader reader(packet.body);
  const auto status = [id](std::uint32_t code, std::string_view words = "") {
    return PacketWriter(Type::kStatus, id).u32(code).text(words).text("").finish();
  };
  const auto handle = [id](const std::string& text) {
    return PacketWriter(Type::kHandle, id).text(text).finish();
  };
  std::string refusal;
  const auto play = [&](const std::string& call) {
    calls.push_back(call);
    const auto error = errors.find(call);
    if (error == errors.end()) return true;
    full_ |= error->second == ENOSPC;
    if (error->second == EACCES) refusal = status(sftp::kPermissionDenied, "Permission denied");
    if (error->second == ENOSPC || error->second == EIO)
      refusal = status(sftp::kFailure, "Failure");
    return false;
  };
  switch (packet.type) {
    case Type::kInit: {
      PacketWriter w(Type::kVersion);
      w.u32(3);
      for (const char* name : {"fsync@openssh.com", "posix-rename@openssh.com"})
        w.text(name).text("1");
      return w.text("statvfs@openssh.com").text("2").finish();
    }
    case Type::kStat: {
      const std::string path(reader.text());
      if (dirs.count(path) != 0) {
        return PacketWriter(Type::kAttrs, id).attributes_mode(0040755).finish();
      }
      if (files.count(path) == 0) return status(sftp::kNoSuchFile, "No such file");
      return PacketWriter(Type::kAttrs, id).attributes_mode(0100600).finish();
    }
    case Type::kMkdir: {
      const std::string path(reader.text());
      if (!play("mkdir " + path)) return refusal;
      (void)reader.u32();
      if (!dirs.emplace(path, static_cast<int>(reader.u32())).second)
        return status(sftp::kFailure, "Failure");
      return status(sftp::kOk);
    }
    case Type::kOpen: {
      const std::string path(reader.text());
      if (!play("open " + path)) return refusal;
      files[path].clear();
      return handle(path);
    }
    case Type::kOpendir: {
      const std::string path(reader.text());
      if (!play("opendir " + path)) return refusal;
      if (dirs.count(path) == 0) return status(sftp::kNoSuchFile, "No such file");
      listed_["dir:" + path] = false;
      return handle("dir:" + path);
    }
    case Type::kReaddir:
      return list(id, std::string(reader.text()));
    case Type::kWrite: {
      const std::string path(reader.text());
      const std::uint64_t offset = reader.u64();
      const std::string_view data = reader.text();
      if (!play("write " + path)) return refusal;
      std::string& text = files[path];
      if (text.size() < offset + data.size()) text.resize(offset + data.size());
      text.replace(offset, data.size(), data);
      return status(sftp::kOk);
    }
    case Type::kRemove: {
      const std::string path(reader.text());
      if (!play("remove " + path)) return refusal;
      return status(files.erase(path) != 0 ? sftp::kOk : sftp::kNoSuchFile);
    }
    case Type::kRmdir: {
      const std::string path(reader.text());
      if (!play("rmdir " + path)) return refusal;
      const auto below = files.lower_bound(path + "/");
      if (below != files.end() && below->first.starts_with(path + "/")) {
        return status(sftp::kFailure, "Failure");
      }
      return status(dirs.erase(path) != 0 ? sftp::kOk : sftp::kNoSuchFile);
    }
    case Type::kExtended: {
      const std::string name(reader.text());
      const std::string path(reader.text());
      if (name.starts_with("statvfs")) {
        PacketWriter w(Type::kExtendedReply, id);
        const std::uint64_t left = full_ ? 0 : 1 << 20;
        for (const std::uint64_t v :
             {std::uint64_t{4096}, std::uint64_t{4096}, std::uint64_t{2 << 20}, left, left})
          w.u64(v);
        for (int i = 0; i < 6; ++i)
          w.u64(0);
        return w.finish();
      }
      if (!play((name.starts_with("fsync") ? "fsync " : "rename ") + path)) return refusal;
      if (name.starts_with("posix-rename")) {
        auto file = files.extract(path);
        if (file.empty()) return status(sftp::kNoSuchFile, "No such file");
        files[std::string(reader.text())] = file.mapped();
      }
      return status(sftp::kOk);
    }
    default:
      return status(sftp::kOk);
  }
}

}  // namespace mkcapture::init

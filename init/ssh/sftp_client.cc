#include "init/ssh/sftp_client.h"

#include <algorithm>

namespace mkcapture::init {
namespace {

using sftp::PacketWriter;
using sftp::Type;

constexpr std::string_view kFsync = "fsync@openssh.com";
constexpr std::size_t kMaxHandle = 256;  // the draft's limit

Error unexpected(Type type) {
  return fail("SFTP: an unexpected packet of type " + std::to_string(static_cast<unsigned>(type)));
}

}  // namespace

Error SftpClient::refused(const sftp::StatusReply& status) {
  said_failure_ = status.code == sftp::kFailure;
  return sftp::to_error(status);
}

Status SftpClient::send_init() {
  return channel_.send(PacketWriter(Type::kInit).u32(sftp::kVersion).finish(), {},
                       [this](std::string_view bytes) { return received(bytes); });
}

Result<bool> SftpClient::await_version(Milliseconds limit) {
  if (!extensions_) {
    auto got = channel_.receive(limit, [this](std::string_view b) { return received(b); });
    if (!got) return std::move(got).error();
  }
  return extensions_.has_value();
}

bool SftpClient::can(std::string_view extension, std::string_view version) const {
  const auto found = extensions_ ? extensions_->find(extension) : decltype(extensions_->end()){};
  return extensions_ && found != extensions_->end() && found->second == version;
}

Status SftpClient::received(std::string_view bytes) {
  stream_.append(bytes);
  for (;;) {
    auto next = stream_.next();
    if (!next) return std::move(next).error();
    const std::optional<sftp::Packet> packet = *next;
    if (!packet) return {};
    TRY(take(*packet));
  }
}

Status SftpClient::take(const sftp::Packet& packet) {
  if (packet.type == Type::kVersion) {
    if (extensions_) return unexpected(packet.type);
    auto extensions = sftp::parse_version(packet.body);
    if (!extensions) return std::move(extensions).error();
    extensions_.emplace();
    for (auto& [name, version] : *extensions)
      extensions_->emplace(name, version);
    return {};
  }
  if (const auto write = writes_.find(packet.id); write != writes_.end()) {
    writes_.erase(write);
    const auto status =
        packet.type == Type::kStatus ? sftp::parse_status(packet.body) : std::nullopt;
    if (!status) return unexpected(packet.type);
    if (status->code != sftp::kOk && !write_error_) write_error_ = refused(*status);
    return {};
  }
  if (asked_ != packet.id) return fail("SFTP: an answer to a request that was never made");
  asked_.reset();
  reply_ = Reply{packet.type, std::string(packet.body)};
  return {};
}

/// One wait for bytes from the server; `silent` adds up while none come.
Status SftpClient::await(Milliseconds& silent) {
  constexpr Milliseconds kStep{1000};
  auto got = channel_.receive(kStep, [this](std::string_view b) { return received(b); });
  if (!got) return std::move(got).error();
  silent = *got ? Milliseconds(0) : silent + kStep;
  if (silent >= channel_.stall_limit()) {
    return fail(ErrorKind::kTimedOut, "the server has not answered for " +
                                          std::to_string(channel_.stall_limit().count() / 1000) +
                                          "s");
  }
  return {};
}

Result<SftpClient::Reply> SftpClient::ask(PacketWriter& packet,
                                          const std::function<bool()>& go_on) {
  asked_ = last_id_;
  reply_.reset();
  TRY(channel_.send(packet.finish(), {},
                    [this](std::string_view bytes) { return received(bytes); }));
  Milliseconds silent{0};
  while (!reply_) {
    Status waited = await(silent);
    const bool patient = go_on && go_on();
    if (patient) channel_.still_at_work();
    if (waited) continue;
    if (!patient || waited.error().kind != ErrorKind::kTimedOut) return std::move(waited).error();
    silent = Milliseconds(0);
  }
  return std::move(*reply_);
}

Status SftpClient::ask_status(PacketWriter& packet, const std::function<bool()>& go_on) {
  auto reply = ask(packet, go_on);
  if (!reply) return std::move(reply).error();
  const auto status = reply->type == Type::kStatus ? sftp::parse_status(reply->body) : std::nullopt;
  if (!status) return unexpected(reply->type);
  if (status->code != sftp::kOk) return refused(*status);
  return {};
}

Result<sftp::Attributes> SftpClient::stat(const std::string& path) {
  auto reply = ask(PacketWriter(Type::kStat, next_id()).text(path));
  if (!reply) return std::move(reply).error();
  if (reply->type == Type::kStatus) {
    const auto status = sftp::parse_status(reply->body);
    if (status && status->code != sftp::kOk) return refused(*status);
  }
  const auto attributes =
      reply->type == Type::kAttrs ? sftp::parse_attributes(reply->body) : std::nullopt;
  if (!attributes) return unexpected(reply->type);
  return *attributes;
}

Result<bool> SftpClient::make_dir(const std::string& path, std::uint32_t mode) {
  Status made = ask_status(PacketWriter(Type::kMkdir, next_id()).text(path).attributes_mode(mode));
  if (made) return true;
  // Version 3 has no code for "it exists"; OpenSSH says "failure".
  if (said_failure_ && stat(path)) return false;
  return std::move(made).error();
}

Result<std::string> SftpClient::ask_handle(PacketWriter& packet) {
  TRY_ASSIGN(reply, ask(packet));
  if (reply.type == Type::kStatus) {
    const auto status = sftp::parse_status(reply.body);
    if (status && status->code != sftp::kOk) return refused(*status);
  }
  sftp::PacketReader reader(reply.body);
  const std::string handle(reader.text());
  if (reply.type != Type::kHandle || !reader.ok() || handle.size() > kMaxHandle) {
    return unexpected(reply.type);
  }
  return handle;
}

Result<std::string> SftpClient::create(const std::string& path, std::uint32_t mode) {
  // What went wrong with an earlier file is not this one's fault.
  TRY(settle());
  constexpr std::uint32_t kFlags = sftp::kOpenWrite | sftp::kOpenCreate | sftp::kOpenTruncate;
  return ask_handle(
      PacketWriter(Type::kOpen, next_id()).text(path).u32(kFlags).attributes_mode(mode));
}

Result<std::vector<sftp::Name>> SftpClient::list(const std::string& path, std::size_t limit) {
  TRY_ASSIGN(handle, ask_handle(PacketWriter(Type::kOpendir, next_id()).text(path)));
  std::vector<sftp::Name> names;
  Status end;
  // A server may send any number of entries at a time, also none.
  for (std::size_t packets = 0; names.size() < limit && packets < limit; ++packets) {
    TRY_ASSIGN(reply, ask(PacketWriter(Type::kReaddir, next_id()).text(handle)));
    auto more = reply.type == Type::kName ? sftp::parse_names(reply.body) : std::nullopt;
    if (!more) {
      const auto status =
          reply.type == Type::kStatus ? sftp::parse_status(reply.body) : std::nullopt;
      if (!status || status->code == sftp::kOk) {
        end = unexpected(reply.type);
      } else if (status->code != sftp::kEnd) {
        end = refused(*status);
      }
      break;
    }
    for (sftp::Name& name : *more) {
      if (names.size() < limit) names.push_back(std::move(name));
    }
  }
  TRY(close(handle));
  TRY(end);
  return names;
}

Status SftpClient::remove_file(const std::string& path) {
  return ask_status(PacketWriter(Type::kRemove, next_id()).text(path));
}

Status SftpClient::remove_dir(const std::string& path) {
  return ask_status(PacketWriter(Type::kRmdir, next_id()).text(path));
}

Status SftpClient::write(const std::string& handle, std::uint64_t offset,
                         std::span<const std::byte> data) {
  while (!data.empty()) {
    Milliseconds silent{0};
    while (writes_.size() >= kWindow && !write_error_)
      TRY(await(silent));
    if (write_error_) return *write_error_;
    const auto part = data.first(std::min(data.size(), kWriteBytes));
    const std::uint32_t id = next_id();
    writes_.emplace(id, part.size());
    PacketWriter packet(Type::kWrite, id);
    packet.text(handle).u64(offset).u32(static_cast<std::uint32_t>(part.size()));
    TRY(channel_.send(packet.finish(part.size()), part,
                      [this](std::string_view bytes) { return received(bytes); }));
    offset += part.size();
    data = data.subspan(part.size());
  }
  return {};
}

Status SftpClient::drain() {
  Milliseconds silent{0};
  while (!writes_.empty())
    TRY(await(silent));
  if (write_error_) return *write_error_;
  return {};
}

Status SftpClient::settle() {
  Status done = drain();
  if (!done && write_error_) {
    write_error_.reset();
    return {};
  }
  return done;
}

bool SftpClient::can_sync() const {
  return can(kFsync, "1");
}

Result<bool> SftpClient::sync(const std::string& handle, const std::function<bool()>& go_on) {
  if (!can_sync()) return false;
  TRY(ask_status(PacketWriter(Type::kExtended, next_id()).text(kFsync).text(handle), go_on));
  return true;
}

Status SftpClient::set_size(const std::string& handle, std::uint64_t size) {
  return ask_status(PacketWriter(Type::kFsetstat, next_id()).text(handle).attributes_size(size));
}

Status SftpClient::close(const std::string& handle) {
  return ask_status(PacketWriter(Type::kClose, next_id()).text(handle));
}

Status SftpClient::rename(const std::string& from, const std::string& to) {
  constexpr std::string_view kExtension = "posix-rename@openssh.com";
  if (can(kExtension, "1")) {
    return ask_status(
        PacketWriter(Type::kExtended, next_id()).text(kExtension).text(from).text(to));
  }
  return ask_status(PacketWriter(Type::kRename, next_id()).text(from).text(to));
}

std::optional<Space> SftpClient::space(const std::string& path) {
  constexpr std::string_view kExtension = "statvfs@openssh.com";
  if (!can(kExtension, "2")) return std::nullopt;
  auto reply = ask(PacketWriter(Type::kExtended, next_id()).text(kExtension).text(path));
  if (!reply || reply->type != Type::kExtendedReply) return std::nullopt;
  return sftp::parse_statvfs(reply->body);
}

}  // namespace mkcapture::init

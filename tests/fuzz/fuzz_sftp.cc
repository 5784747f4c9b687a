// An SFTP server's bytes, in pieces whose sizes are part of the input, through the stream and every
// parser of answers.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "init/ssh/sftp_packet.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mkcapture::init::sftp;
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (bytes.empty()) return 0;
  const std::size_t piece = static_cast<std::size_t>(data[0]) + 1;
  bytes.remove_prefix(1);
  PacketStream stream;
  while (!bytes.empty()) {
    stream.append(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
    for (;;) {
      auto packet = stream.next();
      if (!packet) return 0;  // the connection would be given up
      if (!*packet) break;
      const std::string_view body = (*packet)->body;
      if (body.size() > kMaxPacketBytes) std::abort();
      if (const auto status = parse_status(body); status && status->message.size() > 200) {
        std::abort();
      }
      (void)parse_version(body);
      (void)parse_attributes(body);
      (void)parse_statvfs(body);
      if (const auto names = parse_names(body)) {
        for (const Name& entry : *names) {
          if (entry.name.empty() || entry.name.find('/') != std::string::npos) std::abort();
        }
      }
      PacketReader reader(body);
      if (reader.text().size() > body.size()) std::abort();
    }
    if (stream.pending().size() > kMaxPacketBytes + kLengthBytes + piece) std::abort();
  }
  return 0;
}

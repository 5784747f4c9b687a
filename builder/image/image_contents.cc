#include "builder/image/image_contents.h"

#include <algorithm>

#include "builder/base/usage.h"
#include "builder/image/compress.h"
#include "builder/image/elf_libs.h"

namespace mkcapture {

namespace {

constexpr std::size_t kMaxFileBytes = 1 << 30;

/// The tree that /init finds itself in; it mounts over most of it.
Status add_skeleton(ImageContents& image) {
  for (const char* path : {"bin", "dev", "etc", "mnt", "proc", "run", "sys", "tmp"})
    TRY(image.add_directory(path));
  TRY(image.add_directory("root", 0700));
  // The kernel opens it for /init's first descriptors, before anything is mounted.
  return image.add_char_device("dev/console", 0600, 5, 1);
}

Status add_copy(Host& host, ImageContents& image, const std::string& path,
                const std::string& source, std::uint32_t mode) {
  auto bytes = host.read_whole(source, kMaxFileBytes);
  if (!bytes) return std::move(bytes).error();
  return image.add_file(path, std::move(*bytes), mode, source);
}

Status add_programs(Host& host, ImageContents& image, const ImageInputs& inputs) {
  TRY(add_copy(host, image, "init", inputs.payload + "/" + inputs.init, 0755));
  for (const std::string& name : inputs.programs) {
    TRY(add_copy(host, image, "bin/" + name, inputs.payload + "/" + name, 0755));
    // The DHCP client hands each lease to a script: /init under another name.
    if (name == "udhcpc") TRY(image.add_symlink("bin/dhcp-event", "/init"));
  }
  for (const std::string& applet : inputs.applets)
    TRY(image.add_symlink("bin/" + applet, "busybox"));
  return {};
}

Status add_modules(ImageContents& image, const ImageInputs& inputs) {
  for (const ResolvedModule& m : inputs.modules) {
    auto bytes = load_module_file(m.path, inputs.signatures);
    if (!bytes) return std::move(bytes).error();
    const std::string path = std::string(kModuleDir) + "/" + m.name + ".ko";
    TRY(image.add_file(path, std::move(*bytes), 0644, m.path));
  }
  if (inputs.aliases.empty()) return {};
  std::string text;
  for (const auto& [pattern, name] : inputs.aliases)
    text += pattern + " " + name + "\n";
  return image.add_file(std::string(kAliasPath), std::move(text), 0644, "aliases of the modules");
}

Status add_firmware(Host& host, ImageContents& image, const ImageInputs& inputs) {
  for (const FirmwareFile& file : inputs.firmware) {
    auto bytes = host.read_whole(file.source, kMaxFileBytes);
    if (bytes && (file.source.ends_with(".xz") || file.source.ends_with(".zst"))) {
      bytes = decompress(*bytes, kMaxFileBytes);
      if (!bytes) return std::move(bytes).error().within(file.source);
    }
    if (!bytes) return std::move(bytes).error();
    TRY(image.add_file("lib/firmware/" + file.name, std::move(*bytes), 0644, file.source));
  }
  return {};
}

Status add_files(Host& host, ImageContents& image, const ImageInputs& inputs) {
  for (const AddedFile& file : inputs.files) {
    const auto stamp = host.stamp(file.source);
    if (!stamp || !stamp->regular) return fail(file.source + ": not a file");
    std::string destination = file.destination.empty() ? file.source : file.destination;
    destination.erase(0, destination.find_first_not_of('/'));
    TRY(add_copy(host, image, destination, file.source, stamp->mode & 0755));
    const auto libraries = library_closure(host, file.source, "/" + destination, inputs.root);
    if (!libraries) return Error(libraries.error());
    for (const LibraryFile& library : *libraries)
      TRY(add_copy(host, image, library.destination.substr(1), library.source, 0755));
  }
  return {};
}

Status add_texts(ImageContents& image, const CaptureConfig& config, const ImageInputs& inputs) {
  const auto add = [&](std::string_view path, const std::string& text, std::uint32_t mode,
                       const char* origin) -> Status {
    if (text.empty()) return {};
    return image.add_file(std::string(path), text, mode, origin);
  };
  TRY(add(kConfigPath, format_config(config), 0644, "the plan"));
  TRY(add("etc/hosts", inputs.hosts, 0644, "addresses of the servers"));
  if (!inputs.ssh_key.empty()) TRY(image.add_directory("etc/ssh", 0700));
  TRY(add(kSshKeyPath, inputs.ssh_key, 0600, "--ssh-key"));
  if (!inputs.ssh_known_hosts.empty()) TRY(image.add_directory("root/.ssh", 0700));
  return add(kSshKnownHostsPath, inputs.ssh_known_hosts, 0600, "--ssh-known-hosts");
}

}  // namespace

Result<ImageContents> assemble_image(Host& host, const CaptureConfig& config,
                                     const ImageInputs& inputs) {
  ImageContents image;
  TRY(add_skeleton(image));
  TRY(add_programs(host, image, inputs));
  TRY(add_modules(image, inputs));
  TRY(add_firmware(host, image, inputs));
  TRY(add_texts(image, config, inputs));
  TRY(add_files(host, image, inputs));
  return image;
}

}  // namespace mkcapture

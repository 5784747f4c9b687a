#include "builder/ask/settings.h"

namespace mkcapture {

namespace {

using enum FieldKind;

constexpr Field kFields[] = {
    {"profile", "-p,--profile", kText, "NAME|FILE", "architecture (default: this machine's)"},
    {"output", "-o,--output", kText, "FILE", "where the image goes (default: capture.img)"},
    {"kernel", "-k,--kernel", kText, "RELEASE",
     "the capture kernel (default: the running one if its modules are there, else the newest)"},
    {"kernel_image", "--kernel-image", kText, "FILE",
     "its image, where it has another name or place; a UKI is accepted"},
    {"root", "-r,--root", kText, "DIR",
     "where lib/modules, boot and lib/firmware are (default: /)"},
    {"targets", "-t,--target", kList, "SPEC",
     "disk:DEVICE:PATH, raw:DEVICE, nfs://..., ssh://..., virtiofs:TAG:/PATH; repeatable, tried in "
     "this order"},
    {"ip", "--ip", kList, "SPEC", "network address, the kernel's ip= syntax; repeatable"},
    {"vlan", "--vlan", kList, "SPEC", "NAME:PARENT, as dracut's vlan=; repeatable"},
    {"bond", "--bond", kList, "SPEC", "NAME:SLAVES:OPTIONS[:MTU], as dracut's bond=; repeatable"},
    {"ssh_key", "--ssh-key", kText, "FILE", "private key for ssh targets, without a passphrase"},
    {"ssh_known_hosts", "--ssh-known-hosts", kText, "FILE", "where the server's host key is"},
    {"drivers", "--drivers", kText, "host|generic|LIST",
     "what this machine needs, the profile's whole sets, or exactly these"},
    {"add_driver", "--add-driver", kList, "NAME", "one more kernel driver; repeatable"},
    {"omit_driver", "--omit-driver", kList, "NAME", "a driver to leave out; repeatable"},
    {"module_option", "--module-option", kList, "NAME.PARAM=VALUE",
     "an option for a kernel driver, beside those of modprobe.d and the command line; repeatable"},
    {"signatures", "--signatures", kText, "keep|drop|auto",
     "signatures of modules (default: auto, kept unless this machine needs none)"},
    {"channel", "--channel", kList, "ID",
     "a channel device of IBM Z that the targets need: 0.0.0200, 0.0.f500:0.0.f501:0.0.f502, "
     "0.0.1900/WWPN/LUN; repeatable"},
    {"add_file", "--add-file", kList, "SRC[:DST]", "a file or program for the image; repeatable"},
    {"compress", "--compress", kText, "zstd|xz|gzip|lz4|none",
     "compression of the image (default: least memory at unpacking)"},
    {"append", "--append", kText, "ARGS", "added to the capture kernel's command line"},
    {"dump.level", "--dump-level", kNumber, "0..31",
     "pages left out, as makedumpfile -d (default: 31)"},
    {"dump.format", "--dump-format", kText, "elf|kdump", "format of the dump (default: kdump)"},
    {"dump.compress", "--dump-compress", kText, "none|zlib|lzo|snappy|zstd",
     "compression of a kdump (default: zstd)"},
    {"deadline", "--deadline", kText, "DURATION", "for the whole capture (default: 30min)"},
    {"wait", "--wait", kText, "DURATION", "for a target to become ready (default: 1min)"},
    {"stall", "--stall", kText, "DURATION", "without progress on a target (default: 1min)"},
    {"final", "--final", kText, "reboot|poweroff|halt", "when all is done (default: reboot)"},
    {"on_failure", "--on-failure", kText, "reboot|poweroff|halt|shell",
     "when no target has the dump (default: reboot)"},
    {"shell", "--shell", kFlag, "", "put a rescue shell into the image"},
    {"keep", "--keep", kNumber, "N", "how many complete dumps of this host stay (default: all)"},
    {"reserve", "--reserve", kText, "SIZE",
     "free space that a dump must leave (default: 5 %, at most 2G)"},
    {"on_dump", "--on-dump", kText, "COMMAND",
     "run by sh for each new dump at the boot after it (default: nothing)"},
    {"payload", "--payload", kText, "DIR", "the static programs for the image"},
};

}  // namespace

std::span<const Field> setting_fields() {
  return kFields;
}

std::string_view long_option(const Field& field) {
  return field.option.substr(field.option.find("--"));
}

void Settings::override_with(const Settings& stronger) {
  for (const auto& [key, values] : stronger.values_)
    values_[key] = values;
}

std::span<const Given> Settings::all(std::string_view key) const {
  const auto it = values_.find(key);
  return it == values_.end() ? std::span<const Given>() : std::span<const Given>(it->second);
}

const Given* Settings::last(std::string_view key) const {
  const auto values = all(key);
  return values.empty() ? nullptr : &values.back();
}

}  // namespace mkcapture

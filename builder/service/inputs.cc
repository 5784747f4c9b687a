#include "builder/service/inputs.h"

#include <fmt/format.h>

#include <algorithm>

#include "builder/credentials/sha1.h"
#include "builder/host/block_stack.h"
#include "builder/host/interfaces.h"
#include "builder/host/locate.h"
#include "builder/kernel/cmdline.h"

namespace mkcapture {

namespace {

// Nothing that a person would want to read.
constexpr std::string_view kHash = "hash ", kStamp = " bytes of ";

std::string hash_of(std::string_view bytes) {
  std::string text(kHash);
  for (const auto byte : sha1(bytes))
    text += fmt::format("{:02x}", byte);
  return text;
}

// A file as make looks at it: reading kernels and modules whole would take longer than building.
std::string stamp_words(Host& host, const std::string& path) {
  const auto stamp = host.stamp(path);
  if (!stamp) return "not there";
  return fmt::format("{}{}{}", stamp->bytes, kStamp, stamp->changed);
}

std::string folder_stamps(Host& host, const std::string& folder) {
  std::string all;
  for (const auto& name : host.list_dir(folder).value_or({}))
    all += fmt::format("{} {}\n", name, stamp_words(host, folder + "/" + name));
  return all.empty() ? "empty" : hash_of(all);
}

// All settings but where the image goes, which is given here.
std::string settings_words(const Settings& settings) {
  std::string all;
  for (const auto& field : setting_fields())
    for (const auto& given : settings.all(field.key))
      if (field.key != "output" && field.key != "on_dump")
        all += fmt::format("{}={}\n", field.key, given.text);
  return all.empty() ? "nothing set" : hash_of(all);
}

std::string below_root(const Request& request, const std::string& path) {
  return request.root == "/" ? path : request.root + path;
}

// The parameters of the running system that the capture kernel is given too.
std::string cmdline_words(Host& host) {
  std::string words;
  for (const auto& word : split_cmdline(fact(host, "/proc/cmdline")))
    if (const auto key = cmdline_key(word); key != "BOOT_IMAGE" && key != "crashkernel")
      words += word + " ";
  return hash_of(words);
}

std::string driver_words(const std::vector<DeviceDriver>& drivers) {
  std::string words;
  for (const auto& driver : drivers)
    words += (words.empty() ? "" : ", ") + driver.driver;
  return words.empty() ? "no driver" : words;
}

std::string device_words(Host& host, const DeviceName& name) {
  const auto device = locate(host, name);
  if (!device) return "no device of this machine";
  const auto stack = block_stack(host, device->number);
  std::string words = stack ? driver_words(stack->drivers) : stack.error().message;
  for (const auto& module : stack ? stack->modules : std::vector<std::string>())
    words += ", " + module;  // of LVM, md and the like
  if (stack && !stack->unsupported.empty()) words += ", " + stack->unsupported;
  if (!device->tags.type.empty()) words += ", " + device->tags.type;
  // A name by path is another device where its UUID is another.
  if (name.by == DeviceName::By::kPath) words += ", UUID=" + device->tags.uuid;
  return words;
}

std::string route_words(Host& host, const std::string& address) {
  const auto route = host.network_route(address);
  if (!route) return "no route";
  const auto stack = link_stack(host, route->interface);
  std::string words = to_string(stack.top);
  for (const auto& bond : stack.bonds)
    words += " " + to_string(bond);
  for (const auto& vlan : stack.vlans)
    words += " " + to_string(vlan);
  for (const auto& nic : stack.nics)
    words += fmt::format(" {} ({})", nic.mac, driver_words(nic.drivers));
  for (const auto& own : host.addresses(route->interface))
    if (own.address == route->source)
      words += own.permanent ? fmt::format(" {}/{}", own.address, own.prefix) : " leased";
  return fmt::format("{} by {}, MTU {} {}", words, route->gateway, stack.mtu, route->mtu);
}

void add_targets(const Wanted& wanted, const BuiltFrom& from, Host& host, std::vector<Input>& all) {
  if (wanted.request.targets.empty()) {
    const auto spec = default_target(host);
    all.push_back(
        {"the file system of /var/crash", spec ? to_string(*spec) : "none that can serve"});
  }
  for (const auto& target : wanted.request.targets) {
    const auto device = needs(target.value).device;
    if (device && device->by == DeviceName::By::kPath)
      all.push_back(
          {"what " + to_string(target.value) + " stands on", device_words(host, *device)});
  }
  for (const auto& target : from.targets) {
    const auto spec = parse_target(target.spec);
    if (!spec) continue;
    const TargetNeeds wants = needs(*spec);
    if (!wants.device && !wants.server) continue;
    all.push_back({"what " + target.spec + " stands on", wants.device
                                                             ? device_words(host, *wants.device)
                                                             : route_words(host, target.address)});
  }
}

std::string change_words(const Input& now, const std::string& before) {
  if (now.what == "the kernel")
    return fmt::format("the kernel is {}, it was {}", now.value, before);
  for (const auto& value : {now.value, before})
    if (value.starts_with(kHash) || value.find(kStamp) != std::string::npos)
      return now.what + " has changed";
  return fmt::format("{} has changed: {}, it was {}", now.what, now.value, before);
}

}  // namespace

std::string wanted_release(const Request& request, Host& host, const std::string& before) {
  if (request.kernel) return request.kernel->value;
  const std::string running = host.kernel_release();
  const bool has_modules =
      host.exists(below_root(request, "/lib/modules/" + running + "/modules.dep"));
  return has_modules || before.empty() ? running : before;
}

std::vector<Input> gather_inputs(const Wanted& wanted, const BuiltFrom& from, Host& host) {
  const Request& request = wanted.request;
  std::vector<Input> all;
  all.push_back({"the kernel", wanted_release(request, host, from.release)});
  all.push_back({"the file " + from.kernel_image, stamp_words(host, from.kernel_image)});
  all.push_back(
      {"the kernel's modules.dep",
       stamp_words(host, below_root(request, "/lib/modules/" + from.release + "/modules.dep"))});
  all.push_back({"mkcapture", MKCAPTURE_VERSION});
  all.push_back({"the static programs", folder_stamps(host, from.payload)});
  all.push_back({"the configuration", settings_words(wanted.settings)});
  all.push_back({"the running system's command line", cmdline_words(host)});
  for (const char* folder : {"/etc/modprobe.d", "/run/modprobe.d", "/usr/lib/modprobe.d"})
    all.push_back({folder, folder_stamps(host, below_root(request, folder))});
  for (const auto* key : {&request.ssh_key, &request.ssh_known_hosts})
    if (*key) {
      const auto text = host.read_file((*key)->value);
      all.push_back({(*key)->value, text ? hash_of(*text) : "not there"});
    }
  for (const auto& file : request.add_file)
    all.push_back({file.value.source, stamp_words(host, file.value.source)});
  add_targets(wanted, from, host, all);
  return all;
}

std::vector<std::string> differences(const std::vector<Input>& before,
                                     const std::vector<Input>& now) {
  const auto find = [](const std::vector<Input>& all, const std::string& what) {
    return std::find_if(all.begin(), all.end(), [&](const Input& i) { return i.what == what; });
  };
  std::vector<std::string> lines;
  for (const auto& input : now) {
    const auto old = find(before, input.what);
    if (old == before.end())
      lines.push_back(input.what + " is new");
    else if (old->value != input.value)
      lines.push_back(change_words(input, old->value));
  }
  for (const auto& input : before)
    if (find(now, input.what) == now.end()) lines.push_back(input.what + " is no longer asked for");
  return lines;
}

}  // namespace mkcapture

#include "builder/service/record.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace mkcapture {

namespace {

using Json = nlohmann::ordered_json;

Status write_record(Host& host, const DumpRecord& record) {
  const Json json = {{"known", record.known}, {"new", record.fresh}};
  return host.write_file(kRecordPath,
                         json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n", 0644);
}

bool holds(const std::vector<std::string>& all, const std::string& one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

// What is no longer there is no longer known, so that the record stays as small as the directory.
DumpRecord record_of(const DumpListing& listing, const DumpRecord& before) {
  DumpRecord record{true, {}, {}};
  for (const auto& dump : listing.dumps) {
    const bool told = !before.begun || holds(before.known, dump.folder);
    record.known.push_back(dump.folder);
    if (!told || holds(before.fresh, dump.folder)) record.fresh.push_back(dump.folder);
  }
  return record;
}

std::string told_line(const DumpEntry& dump) {
  return fmt::format("this machine crashed at {} UTC: {}; {} {}\n", dump.time,
                     dump.panic.empty() ? "its log does not say why" : dump.panic,
                     dump.whole ? "the dump is in" : "a part of the dump is in", dump.folder);
}

Status write_motd(Host& host, const DumpRecord& record) {
  if (record.fresh.empty()) return host.remove_file(kMotdPath);
  return host.write_file(
      kMotdPath,
      fmt::format("mkcapture: {} since anybody looked, the last one in {} (mkcapture dumps)\n",
                  record.fresh.size() == 1 ? std::string("a new crash dump")
                                           : fmt::format("{} new crash dumps", record.fresh.size()),
                  record.fresh.back()),
      0644);
}

}  // namespace

DumpRecord read_record(Host& host) {
  DumpRecord record;
  const auto text = host.read_file(kRecordPath);
  if (!text) return record;
  const auto json = Json::parse(*text, nullptr, false);
  const auto list = [&](const char* key) {
    std::vector<std::string> all;
    if (!json.is_object() || !json.contains(key) || !json[key].is_array()) return all;
    for (const auto& one : json[key])
      if (one.is_string()) all.push_back(one.get<std::string>());
    return all;
  };
  record.begun = json.is_object();
  record.known = list("known");
  record.fresh = list("new");
  return record;
}

Result<std::string> record_new_dumps(const Wanted& wanted, Host& host, std::string& err) {
  const DumpRecord before = read_record(host);
  const DumpListing listing = list_dumps(wanted, host);
  const DumpRecord record = record_of(listing, before);
  // Written first: a command that brings the machine down must not be run at each boot.
  TRY(write_record(host, record));
  TRY(write_motd(host, record));
  std::string out;
  for (const auto& dump : listing.dumps) {
    if (!before.begun || holds(before.known, dump.folder)) continue;
    out += told_line(dump);
    if (wanted.request.on_dump.empty()) continue;
    const auto ran = host.run({"sh", "-c", wanted.request.on_dump, "mkcapture", dump.folder});
    if (!ran) err += fmt::format("mkcapture: on_dump: {}\n", ran.error().message);
  }
  return out;
}

Status begin_record(const Wanted& wanted, Host& host) {
  if (read_record(host).begun) return {};
  return write_record(host, record_of(list_dumps(wanted, host), {}));
}

void forget_new_dumps(Host& host) {
  DumpRecord record = read_record(host);
  if (record.fresh.empty()) return;
  record.fresh.clear();
  if (write_record(host, record)) (void)write_motd(host, record);
}

}  // namespace mkcapture

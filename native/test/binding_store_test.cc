// The location store on disk: what survives a sudden end, a full disk and damaged files.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <thread>

#include "bindings.h"
#include "check.h"
#include "core/base/crc32c.h"
#include "core/home/binding_store.h"
#include "core/home/snapshot.h"
#include "core/home/store_file.h"

namespace sluice::binding_store_test {
using namespace test;

namespace {

constexpr SipKey kKey{3, 4};
constexpr TableBounds kBounds{1'000'000, 512 << 20};
constexpr uint64_t kNow = 1'700'000'000'000;

std::string aor_of(int user) { return "sip:" + std::to_string(user) + "@h"; }

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

void write_file(const std::string& path, Text octets) {
  std::ofstream(path, std::ios::binary | std::ios::trunc).write(octets.data(), static_cast<std::streamsize>(octets.size()));
}

std::shared_ptr<BindingStore> opened(const std::string& folder) {
  BindingStore::Opened result = BindingStore::open(folder, kBounds, kNow);
  CHECK_EQ(result.fault, "");
  return result.store;
}

bool eventually(const std::function<bool()>& holds) {
  for (int tries = 0; tries < 1'000; ++tries) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

std::string first_journal(const TemporaryFolder& folder) { return Journal::path_of(folder.path(), 1); }

// A journal as earlier builds of 0.1 wrote it: bob with two flows of one device, carol with a Contact, dave who has gone. What can no longer read it loses
// all bindings of a server that is upgraded.
constexpr Text kEarlierJournal =
    "534c55494345420a01000000010000000c7aa1a0cb811f9b55a531e2c6d50c7e01000000000000000000000000000000000000000000000000000000d4b76898"
    "ce53582040010000010000000000000008ef23868802087d13000100000000007369703a626f62406578616d706c652e6f726700000000000101010008010000"
    "01000000000000009ba0802ea20100009bc3122ea2010000010000000000000001000000e803000009004ee4140049002d002500080000000000070000007369"
    "703a626f62403139322e302e322e373b6f623b7265672d69643d313b2b7369702e696e7374616e63653d223c75726e3a757569643a30303030303030302d3030"
    "30302d313030302d383030302d4141424243434444454546463e2275726e3a757569643a30303030303030302d303030302d313030302d383030302d61616262"
    "636364646565666633343a3c7369703a746f6b656e41403132372e302e302e313a32353037303b6c723b6f623e626f622d63616c6c50686f6e65203100000000"
    "64b6e92c40010000020000000000000008ef23868802087d13000100000000007369703a626f62406578616d706c652e6f726700000000000101010008010000"
    "020000000000000062a1802ea201000062c4122ea2010000020000000000000002000000e803000009004ee4140049002d002500080000000000070000007369"
    "703a626f62403139322e302e322e373b6f623b7265672d69643d323b2b7369702e696e7374616e63653d223c75726e3a757569643a30303030303030302d3030"
    "30302d313030302d383030302d4141424243434444454546463e2275726e3a757569643a30303030303030302d303030302d313030302d383030302d61616262"
    "636364646565666633343a3c7369703a746f6b656e42403132372e302e302e313a32353037313b6c723b6f623e626f622d63616c6c50686f6e65203100000000"
    "0fdaea68d000000003000000000000000b303dc3b3147f1e15000100000000007369703a6361726f6c406578616d706c652e6f72670000000100000098000000"
    "030000000000000035a2802ea201000035c5122ea2010000010000000000000000000000f401000009004ee418000600000000000a001c000000070000007369"
    "703a6361726f6c403139322e302e322e383a353036323b713d302e356361726f6c2d63616c6c637369703e6361726f6c3e3e3139322e302e322e383e35303632"
    "3e3e50686f6e65203100000000000000cc81cbf3b8000000040000000000000046359658c8a3d0cb14000100000000007369703a64617665406578616d706c65"
    "2e6f72670000000001000000800000000400000000000000f3a2802ea2010000f3c5122ea2010000010000000000000000000000e803000009004ee412000000"
    "00000000090017000000070000007369703a64617665403139322e302e322e39646176652d63616c6c637369703e646176653e3e3139322e302e322e393e3e3e"
    "50686f6e652031002a9f852130000000050000000000000046359658c8a3d0cb000001000000000003000000100000000400000000000000";

std::string octets_of(Text hex) {
  std::string octets;
  for (size_t i = 0; i < hex.size(); i += 2) octets.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  return octets;
}

// The contents of a table as text, for comparison.
std::string contents(BindingTable& table) {
  std::string all;
  for (int user = 0; user < 6; ++user)
    for (KeptBinding one : lookup(table, aor_of(user), kNow)) all += aor_of(user) + " " + one[Part::key] + " " + std::to_string(one.cseq) + " " + one[Part::agent] + "\n";
  return all;
}

// A journal with a few operations: where each record ends, and the contents after it.
struct SmallJournal {
  std::string octets;
  std::vector<size_t> ends;
  std::vector<std::string> after;

  SmallJournal() {
    struct Keeper final : ChangeLog {
      std::string* out;
      void append(Text record) noexcept override { out->append(record); }
      bool has(uint64_t) const noexcept override { return true; }
    } keeper;
    keeper.out = &octets;
    octets.resize(kFileHeader);
    write_file_header({FileKind::journal, kKey, 1}, octets.data());
    BindingTable table(kKey, kBounds, kNow);
    table.set_log(&keeper);
    const auto done = [&] {
      ends.push_back(octets.size());
      after.push_back(contents(table));
    };
    after.push_back("");
    ends.push_back(octets.size());
    const auto flow = [](uint32_t reg_id, uint32_t cseq) { return flow_binding("urn:x:1", reg_id, kNow + 10'000, cseq); };
    save(table, operation(aor_of(1), kNow, {flow(1, 1), plain_binding("192.0.2.7", kNow + 10'000)}));
    done();
    save(table, operation(aor_of(2), kNow, {flow(2, 1)}));
    done();
    save(table, operation(aor_of(1), kNow, {flow(1, 2)}));
    done();
    KeptBinding other = flow(1, 3);
    other[Part::agent] = "another phone";
    save(table, operation(aor_of(1), kNow, {other}));
    done();
    table.remove(aor_of(1), plain_binding("192.0.2.7", 0)[Part::key], UINT64_MAX);
    done();
  }

  // The state of a journal that is valid up to this octet.
  size_t state_at(size_t octet) const {
    size_t state = 0;
    while (state + 1 < ends.size() && ends[state + 1] <= octet) ++state;
    return state;
  }
};

std::string replayed(const TemporaryFolder& folder, size_t* damaged) {
  StoredFiles files;
  CHECK_EQ(files.find(folder.path()), 0);
  BindingTable table(kKey, kBounds, kNow);
  files.replay(table);
  *damaged = files.damaged().size();
  return contents(table);
}

}  // namespace

TEST("the checksum has the values of RFC 3720 B.4") {
  char octets[32];
  std::memset(octets, 0, sizeof octets);
  CHECK_EQ(crc32c(0, octets, sizeof octets), 0x8a9136aau);
  std::memset(octets, 0xff, sizeof octets);
  CHECK_EQ(crc32c(0, octets, sizeof octets), 0x62a8ab43u);
  for (int i = 0; i < 32; ++i) octets[i] = static_cast<char>(i);
  CHECK_EQ(crc32c(0, octets, sizeof octets), 0x46dd794eu);
  CHECK_EQ(crc32c(crc32c(0, octets, 13), octets + 13, 19), 0x46dd794eu);
}

// A new version follows the journal that the version before writes, and the version before that of a new one that it takes over from. A fixed hash, so that
// it cannot change in the writer and the reader at once; its values are in siphash_test.cc.
TEST("REG-26 a record names its address of record by SipHash-2-4, as every version expects it") {
  const SmallJournal journal;
  const std::string aor = aor_of(1);
  RecordReader record;
  CHECK(record.read(Text(journal.octets).substr(kFileHeader)) == RecordReader::Result::whole);
  CHECK_EQ(record.aor(), aor);
  CHECK(record.hash() == siphash(kKey, aor.data(), aor.size()));
}

TEST("REG-26 the journal of an earlier version is read") {
  constexpr uint64_t kThen = 1'796'069'316'000;
  const TemporaryFolder folder;
  write_file(first_journal(folder), octets_of(kEarlierJournal));
  const BindingStore::Opened result = BindingStore::open(folder.path(), kBounds, kThen);
  CHECK_EQ(result.fault, "");
  BindingTable& table = result.store->table();
  auto bob = lookup(table, "sip:bob@example.org", kThen);
  CHECK_EQ(bob.size(), 2u);
  for (KeptBinding& one : bob) {
    CHECK(one[Part::instance] == "urn:uuid:00000000-0000-1000-8000-aabbccddeeff");
    CHECK(one[Part::path].find(one.reg_id == 1 ? "tokenA@127.0.0.1:25070" : "tokenB@127.0.0.1:25071") != Text::npos);
  }
  const auto carol = lookup(table, "sip:carol@example.org", kThen);
  CHECK_EQ(carol.size(), 1u);
  CHECK(carol[0][Part::uri] == "sip:carol@192.0.2.8:5062");
  CHECK_EQ(carol[0].q, 500u);
  CHECK_EQ(lookup(table, "sip:dave@example.org", kThen).size(), 0u);
}

TEST("a journal with any bit flipped yields everything before the damage and reports where it is") {
  const TemporaryFolder folder;
  const SmallJournal journal;
  size_t damaged;
  write_file(first_journal(folder), journal.octets);
  CHECK_EQ(replayed(folder, &damaged), journal.after.back());
  CHECK_EQ(damaged, 0u);
  for (size_t at = 0; at < journal.octets.size(); ++at)
    for (int bit = 0; bit < 8; bit += 1 + static_cast<int>(at % 3)) {
      std::string turned = journal.octets;
      turned[at] = static_cast<char>(turned[at] ^ 1 << bit);
      write_file(first_journal(folder), turned);
      const size_t state = at < kFileHeader ? 0 : journal.state_at(at);
      CHECK_EQ(replayed(folder, &damaged), journal.after[state]);
      CHECK_EQ(damaged, 1u);
    }
}

TEST("a journal truncated anywhere yields its complete records") {
  const TemporaryFolder folder;
  const SmallJournal journal;
  for (size_t size = 0; size <= journal.octets.size(); ++size) {
    write_file(first_journal(folder), Text(journal.octets).substr(0, size));
    size_t damaged;
    const size_t state = journal.state_at(size);
    CHECK_EQ(replayed(folder, &damaged), journal.after[state]);
    CHECK_EQ(damaged, size == journal.ends[state] ? 0u : 1u);
  }
}

TEST("a damaged file does not affect other files, and is set aside once a snapshot has replaced it") {
  const TemporaryFolder folder;
  const SmallJournal journal;
  std::string second = journal.octets;
  write_file_header({FileKind::journal, kKey, 2}, second.data());
  write_file(Journal::path_of(folder.path(), 2), second);
  std::string first = journal.octets;
  first[journal.ends[1] + 40] ^= 1;
  write_file(first_journal(folder), first);
  {
    const auto store = opened(folder.path());
    CHECK_EQ(store->damaged().size(), 1u);
    CHECK_EQ(store->damaged().front().name, "journal.00000001");
    CHECK_EQ(store->damaged().front().at, journal.ends[1]);
    CHECK_EQ(contents(store->table()), journal.after.back());
    CHECK(eventually([&] { return store->counts().snapshots == 1; }));
    CHECK(access(first_journal(folder).c_str(), F_OK) != 0);
    CHECK(read_file(folder / "damaged-journal") == first);
  }
  const auto again = opened(folder.path());
  CHECK(again->damaged().empty());
  CHECK_EQ(contents(again->table()), journal.after.back());
}

TEST("nothing in the folder can crash the process") {
  const TemporaryFolder folder;
  mkdir((folder / "journal.5").c_str(), 0700);
  mkfifo((folder / "journal.6").c_str(), 0600);
  CHECK_EQ(symlink("/dev/zero", (folder / "snapshot").c_str()), 0);
  mkdir((folder / "snapshot.new").c_str(), 0700);
  write_file(folder / "journal.18446744073709551615", "x");
  write_file(folder / "journal.9x", "x");
  write_file(folder / "journal.7", std::string(100, '\0'));
  const auto store = opened(folder.path());
  CHECK_EQ(store->table().bindings(), 0u);
  CHECK_EQ(store->damaged().size(), 4u);
  CHECK(save(store->table(), operation(aor_of(1), kNow, {plain_binding("192.0.2.1", kNow + 10)})) == Outcome::saved);
  CHECK_EQ(store->flush(), 0);
  const TemporaryFolder last;
  write_file(last / "journal.999999999999", "x");
  CHECK(BindingStore::open(last.path(), kBounds, kNow).fault.find("the last number there is") != std::string::npos);
}

TEST("files of a newer version are not touched") {
  const TemporaryFolder folder;
  std::string header(kFileHeader, '\0');
  write_file_header({FileKind::journal, kKey, 1}, header.data());
  header[8] = 2;
  const uint32_t crc = crc32c(0, header.data(), kFileHeader - 4);
  std::memcpy(header.data() + kFileHeader - 4, &crc, sizeof crc);
  write_file(first_journal(folder), header);
  const BindingStore::Opened result = BindingStore::open(folder.path(), kBounds, kNow);
  CHECK(result.store == nullptr);
  CHECK(result.fault.find("newer version") != std::string::npos);
  CHECK_EQ(read_file(first_journal(folder)), header);
}

TEST("REG-26 flushed changes survive a restart, and two processes never share a folder") {
  const TemporaryFolder folder, copy;
  std::string before;
  {
    const auto store = opened(folder.path());
    for (int user = 0; user < 6; ++user) save(store->table(), operation(aor_of(user), kNow, {flow_binding("urn:x:1", 1, kNow + 10'000), plain_binding("192.0.2.1", kNow + 10'000)}));
    save(store->table(), operation(aor_of(3), kNow, {flow_binding("urn:x:1", 1, kNow + 20'000, 2)}));
    CHECK_EQ(store->flush(), 0);
    CHECK_EQ(store->journal().sync(store->journal().failures()), 0);
    before = contents(store->table());
    const BindingStore::Opened second = BindingStore::open(folder.path(), kBounds, kNow);
    CHECK(second.store == nullptr && second.is_busy);
    struct stat status;
    CHECK(stat(first_journal(folder).c_str(), &status) == 0 && (status.st_mode & 0777) == 0600);
    // Copy the files as they are now: a killed process does not close anything.
    CHECK_EQ(std::system(("cp " + folder.path() + "/* " + copy.path()).c_str()), 0);
  }
  const auto killed = opened(copy.path());
  CHECK_EQ(contents(killed->table()), before);
  const auto next = opened(folder.path());
  CHECK_EQ(contents(next->table()), before);
}

TEST("a snapshot replaces the journal while operation continues") {
  const TemporaryFolder folder;
  {
    const auto store = opened(folder.path());
    KeptBinding large = plain_binding("192.0.2.1", kNow + 10'000);
    uint32_t cseq = 0;
    // Several times the journal size that triggers a snapshot.
    for (uint64_t octets = 0; octets < uint64_t{30} << 20; octets += 8'000) {
      large.cseq = ++cseq;
      large[Part::agent] = std::string(8'000, static_cast<char>('a' + cseq % 26));
      save(store->table(), operation(aor_of(static_cast<int>(cseq % 2'000)), kNow, {large}));
      store->flush();
    }
    CHECK(eventually([&] { return store->counts().snapshots > 0 && store->counts().journal < (30 << 20); }));
    CHECK_EQ(store->table().bindings(), 2'000u);
  }
  const auto next = opened(folder.path());
  CHECK(next->damaged().empty());
  CHECK_EQ(next->table().bindings(), 2'000u);
  CHECK(access(first_journal(folder).c_str(), F_OK) != 0);
}

TEST("a truncated or damaged snapshot yields everything before the damage, and the journal is still read") {
  const TemporaryFolder folder;
  {
    BindingTable table(kKey, kBounds, kNow);
    for (int user = 0; user < 6; ++user) save(table, operation(aor_of(user), kNow, {plain_binding("192.0.2.1", kNow + 10'000)}));
    SnapshotFigures figures;
    CHECK_EQ(write_snapshot(table, folder.path(), 1, std::atomic<bool>{false}, figures), 0);
    std::string journal(kFileHeader, '\0');
    write_file_header({FileKind::journal, kKey, 1}, journal.data());
    BindingTable later(kKey, kBounds, kNow);
    struct Keeper final : ChangeLog {
      std::string* out;
      void append(Text record) noexcept override { out->append(record); }
      bool has(uint64_t) const noexcept override { return true; }
    } keeper;
    keeper.out = &journal;
    later.skip_lsn_to(table.next_lsn());
    later.set_log(&keeper);
    save(later, operation("sip:late@h", kNow, {plain_binding("192.0.2.9", kNow + 10'000)}));
    write_file(first_journal(folder), journal);
  }
  const std::string whole = read_file(folder / "snapshot");
  uint64_t before = 0;
  for (size_t size = 0; size < whole.size(); size += 7) {
    write_file(folder / "snapshot", Text(whole).substr(0, size));
    StoredFiles files;
    files.find(folder.path());
    BindingTable table(kKey, kBounds, kNow);
    files.replay(table);
    CHECK_EQ(files.damaged().size(), 1u);
    CHECK_EQ(lookup(table, "sip:late@h", kNow).size(), 1u);
    CHECK(table.bindings() >= before && table.bindings() <= 7);
    before = table.bindings();
  }
  CHECK_EQ(before, 7u);
}

TEST("REG-20 a full disk: changes are refused, lookups served from memory, and the store recovers by itself") {
  const TemporaryFolder folder;
  std::signal(SIGXFSZ, SIG_IGN);
  rlimit before;
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit small = before;
  small.rlim_cur = 2'000;
  int refused = 0;
  {
    const auto store = opened(folder.path());
    const auto registered = [&](int user, uint32_t cseq) {
      save(store->table(), operation(aor_of(user), kNow, {plain_binding("192.0.2.1", kNow + 10'000, cseq)}));
      return store->flush();
    };
    CHECK_EQ(registered(0, 1), 0);
    setrlimit(RLIMIT_FSIZE, &small);
    int user = 1;
    while (refused == 0 && user < 100) refused = registered(user++, 1);
    CHECK_EQ(refused, EFBIG);
    CHECK_EQ(store->counts().fault, EFBIG);
    CHECK_EQ(registered(0, 2), EFBIG);
    CHECK_EQ(lookup(store->table(), aor_of(0), kNow).size(), 1u);
    setrlimit(RLIMIT_FSIZE, &before);
    CHECK(eventually([&] { return store->counts().fault == 0; }));
    CHECK_EQ(store->counts().failures, 1u);
    // A refresh writes what was lost with the batch in full instead of referring to it.
    CHECK_EQ(registered(user - 1, 2), 0);
    CHECK_EQ(registered(0, 3), 0);
    CHECK_EQ(store->journal().sync(store->journal().failures()), 0);
    CHECK(eventually([&] { return store->counts().snapshots == 1; }));
    CHECK_EQ(registered(user, 1), 0);
    write_file(folder / "last", std::to_string(user));
  }
  const int last = std::stoi(read_file(folder / "last"));
  const auto next = opened(folder.path());
  // The snapshot has replaced the journal with the torn write.
  CHECK(next->damaged().empty());
  for (int user = 0; user <= last; ++user) CHECK_EQ(lookup(next->table(), aor_of(user), kNow).size(), 1u);
  CHECK_EQ(lookup(next->table(), aor_of(0), kNow).front().cseq, 3u);
}

TEST("REG-20 a refresh of what the disk had refused is not lost, even before the next snapshot") {
  const TemporaryFolder folder;
  std::signal(SIGXFSZ, SIG_IGN);
  Journal journal(folder.path(), kKey);
  BindingTable table(kKey, kBounds, kNow);
  table.set_log(&journal);
  CHECK_EQ(journal.begin(1, table.next_lsn()), 0);
  rlimit before;
  getrlimit(RLIMIT_FSIZE, &before);
  rlimit small = before;
  small.rlim_cur = kFileHeader + 10;
  setrlimit(RLIMIT_FSIZE, &small);
  save(table, operation(aor_of(1), kNow, {plain_binding("192.0.2.1", kNow + 10'000)}));
  CHECK_EQ(journal.flush(), EFBIG);
  setrlimit(RLIMIT_FSIZE, &before);
  CHECK_EQ(journal.begin(2, table.next_lsn()), 0);
  save(table, operation(aor_of(1), kNow, {plain_binding("192.0.2.1", kNow + 10'000, 2)}));
  save(table, operation(aor_of(1), kNow, {plain_binding("192.0.2.1", kNow + 10'000, 3)}));
  CHECK_EQ(journal.flush(), 0);
  CHECK_EQ(journal.sync(journal.failures() - 1), EIO);
  size_t damaged;
  CHECK_EQ(replayed(folder, &damaged), contents(table));
  CHECK_EQ(damaged, 1u);
}

}  // namespace sluice::binding_store_test

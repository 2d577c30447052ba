// The location store while one process takes over from another: both read the same journal, and one of them writes it.
#include <fcntl.h>
#include <unistd.h>

#include <functional>
#include <string>

#include "bindings.h"
#include "check.h"
#include "core/home/binding_store.h"

namespace sluice::binding_store_moves_test {
using namespace test;

namespace {

constexpr TableBounds kBounds{1'000'000, 512 << 20};
constexpr uint64_t kNow = 1'700'000'000'000;

std::string aor_of(int user) { return "sip:" + std::to_string(user) + "@h"; }

std::shared_ptr<BindingStore> opened(const std::string& folder) {
  BindingStore::Opened result = BindingStore::open(folder, kBounds, kNow);
  CHECK_EQ(result.fault, "");
  return result.store;
}

std::shared_ptr<BindingStore> following(const std::string& folder, const BindingStore& before) {
  BindingStore::Opened result = BindingStore::follow(folder, kBounds, kNow, dup(before.lock()));
  CHECK_EQ(result.fault, "");
  return result.store;
}

void add(BindingStore& store, int user, uint64_t expires = kNow + 3'600'000, uint32_t cseq = 1) {
  KeptBinding one = plain_binding("192.0.2." + std::to_string(user % 250), expires);
  RegisterOperation asked;
  const std::string aor = aor_of(user);
  asked.aor = aor;
  asked.call_id = "call";
  asked.cseq = cseq;
  asked.max_contacts = asked.max_flows = 10;
  asked.now = kNow;
  one.cseq = cseq;
  one.updated = kNow + cseq;
  asked.put.push_back(one.view());
  Found after;
  CHECK(store.table().save(asked, after) == Outcome::saved);
  CHECK_EQ(store.flush(), 0);
}

bool has(BindingStore& store, int user) { return lookup(store.table(), aor_of(user), kNow).size() == 1; }

}  // namespace

TEST("a successor reads what is there and what is added meanwhile, takes over, and writes on; the next start finds all of it") {
  const TemporaryFolder folder;
  auto old = opened(folder.path());
  for (int user = 0; user < 500; ++user) add(*old, user);
  CHECK_EQ(old->hold(), 0);
  auto next = following(folder.path(), *old);
  CHECK_EQ(next->table().bindings(), 500u);
  for (int user = 500; user < 700; ++user) add(*old, user);
  old->table().remove(aor_of(0), lookup(old->table(), aor_of(0), kNow).at(0)[Part::key], kNow + 10);
  BindingStore::End end;
  CHECK_EQ(old->leave(end), 0);
  CHECK(next->take_over(end));
  CHECK_EQ(next->table().bindings(), 699u);
  CHECK_EQ(next->table().next_lsn(), old->table().next_lsn());
  // What the old one still changes is nobody's any more.
  add(*old, 900);
  add(*next, 901);
  old.reset();
  // The lock went over as well.
  CHECK(BindingStore::open(folder.path(), kBounds, kNow).is_busy);
  next->settle();
  add(*next, 1, kNow + 7'200'000, 2);
  next.reset();
  next = opened(folder.path());
  CHECK(next->damaged().empty());
  CHECK_EQ(next->table().bindings(), 700u);
  CHECK(has(*next, 901) && !has(*next, 900) && !has(*next, 0));
  CHECK_EQ(lookup(next->table(), aor_of(1), kNow).at(0).expires, kNow + 7'200'000);
}

TEST("a successor that dies after it has written: the old process reads that, cuts off a piece of a record, and goes on") {
  const TemporaryFolder folder;
  auto old = opened(folder.path());
  add(*old, 1);
  CHECK_EQ(old->hold(), 0);
  auto next = following(folder.path(), *old);
  BindingStore::End end;
  CHECK_EQ(old->leave(end), 0);
  CHECK(next->take_over(end));
  add(*next, 2);
  // Meanwhile the old one has removed something, slowly.
  add(*old, 3);
  next.reset();
  const int file = open(Journal::path_of(folder.path(), end.journal.number).c_str(), O_WRONLY | O_APPEND);
  CHECK_EQ(write(file, "half a record", 13), 13);
  close(file);
  CHECK_EQ(old->go_on(), "");
  for (int user = 1; user <= 3; ++user) CHECK(has(*old, user));
  add(*old, 4);
  old.reset();
  old = opened(folder.path());
  CHECK(old->damaged().empty());
  for (int user = 1; user <= 4; ++user) CHECK(has(*old, user));
}

TEST("an upgrade that fails before anything was left changes nothing, and a journal that ends elsewhere is refused") {
  const TemporaryFolder folder;
  auto old = opened(folder.path());
  add(*old, 1);
  CHECK_EQ(old->hold(), 0);
  auto next = following(folder.path(), *old);
  CHECK(!next->take_over({{1, 1 << 20}, 5}));
  CHECK(!next->take_over({{7, 64}, 5}));
  next.reset();
  CHECK_EQ(old->go_on(), "");
  add(*old, 2);
  CHECK_EQ(old->counts().fault, 0);
  old.reset();
  CHECK_EQ(opened(folder.path())->table().bindings(), 2u);
}

TEST("a successor follows the journal into the next file, when a disk that was full has room again") {
  const TemporaryFolder folder;
  auto old = opened(folder.path());
  add(*old, 1);
  CHECK_EQ(old->hold(), 0);
  auto next = following(folder.path(), *old);
  CHECK_EQ(old->journal().begin(2, old->table().next_lsn()), 0);
  for (int user = 2; user < 50; ++user) add(*old, user);
  BindingStore::End end;
  CHECK_EQ(old->leave(end), 0);
  CHECK_EQ(end.journal.number, 2u);
  CHECK(next->take_over(end));
  CHECK_EQ(next->table().bindings(), 49u);
}

}  // namespace sluice::binding_store_moves_test

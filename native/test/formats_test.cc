// What passes from one version to another: images of a hand-over and files of the location store, as octets that earlier builds wrote (formats.def).
// Each layout that was ever recorded is read here, goes on as if nothing had been, and is written again with the same octets. What is recorded is never
// changed: a new layout gets a new number, and lines of its own (scripts/record-formats.mjs).
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

#include "core/base/buffer_pool.h"
#include "core/flow/flow_image.h"
#include "core/home/journal.h"
#include "core/home/login_guard.h"
#include "core/home/nonce_table.h"
#include "core/home/replay.h"
#include "core/home/snapshot.h"
#include "core/home/binding_store.h"
#include "bindings.h"
#include "handover_rig.h"
#include "tls_doubles.h"

namespace sluice::formats_test {
using namespace test;

namespace {

struct Recorded {
  Text format;
  uint32_t layout;
  Text facts;   // lines of a name and its value
  Text octets;  // as hexadecimal digits
};

constexpr Recorded kRecorded[] = {
#include "formats.def"
};

const std::string kAdvice =
    " Versions that are in use cannot read the new one. So in core/base/image.h raise kImageVersion (for files of the location store kFormatVersion in core/home/binding_record.h), let the description ask for "
    "version() where they differ, then run `node scripts/record-formats.mjs` and check in what it adds. Never change a line of formats.def.";

using Facts = std::map<std::string, std::string>;

struct Made {
  Facts facts;
  std::string octets;
};

std::string to_hex(Text octets) {
  std::string out;
  for (const char one : octets) {
    out.push_back("0123456789abcdef"[static_cast<uint8_t>(one) >> 4]);
    out.push_back("0123456789abcdef"[one & 15]);
  }
  return out;
}

std::string of_hex(Text hex) {
  std::string octets;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) octets.push_back(static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  return octets;
}

// Values as hexadecimal digits: some have lines of their own.
Facts facts_of(Text text) {
  Facts facts;
  std::istringstream lines{std::string(text)};
  for (std::string name, value; lines >> name >> value;) facts[name] = of_hex(value);
  return facts;
}

Made recorded(Text format, uint32_t layout) {
  for (const Recorded& one : kRecorded)
    if (one.format == format && one.layout == layout) return {facts_of(one.facts), of_hex(one.octets)};
  return {};
}

// The first octet that differs, for whoever looks for the cause.
void must_be_same(const std::string& format, uint32_t layout, Text now, Text before) {
  if (now == before) return;
  const size_t at = static_cast<size_t>(std::mismatch(now.begin(), now.end(), before.begin(), before.end()).first - now.begin());
  fail(__FILE__, __LINE__,
       "layout " + std::to_string(layout) + " of '" + format + "' is written in another way than before, from octet " + std::to_string(at) + " on (" + std::to_string(now.size()) + " octets, recorded are " +
           std::to_string(before.size()) + ")." + kAdvice);
}

// Two ends of a connection that belongs to nobody yet.
std::pair<Peer, Peer> connection() {
  const Peer listening = Peer::listening();
  Peer one = Peer::tcp(listening.port());
  Peer other;
  for (int tries = 0; tries < 2'000 && !other.is_open(); ++tries) other = listening.accept();
  return {std::move(one), std::move(other)};
}

// The connections of an image, whose far ends this test has.
class Ends {
 public:
  // `moving`: who has a far end is told by its port. Those without a name have nobody.
  static void note(const std::vector<MovingFlow>& moving, const std::map<std::string, const Peer*>& named, Facts& facts) {
    std::string all;
    for (const MovingFlow& one : moving) {
      sockaddr_in at{};
      socklen_t size = sizeof at;
      getpeername(one.fd, reinterpret_cast<sockaddr*>(&at), &size);
      std::string name = "-";
      for (const auto& [who, peer] : named)
        if (peer->port() == ntohs(at.sin_port)) name = who;
      all += name + " " + std::to_string(one.slot) + " " + std::to_string(one.generation) + "\n";
    }
    facts["flows"] = all;
  }
  explicit Ends(const Facts& facts) {
    std::istringstream lines{facts.at("flows")};
    MovingFlow flow;
    for (std::string name; lines >> name >> flow.slot >> flow.generation;) {
      auto [far, near] = connection();
      flow.fd = dup(near.fd());
      moving.push_back(flow);
      handles[name] = {flow.slot, flow.generation};
      far_[name] = std::move(far);
    }
  }
  ~Ends() {
    for (const MovingFlow& one : moving)
      if (one.fd >= 0) close(one.fd);
  }
  const Peer& operator[](const std::string& name) { return far_[name]; }
  std::vector<MovingFlow> moving;
  std::map<std::string, FlowHandle> handles;

 private:
  std::map<std::string, Peer> far_;
};

// The addresses that the shard had which wrote the image: its successor has their sockets.
ShardRig::Change as_in(Text image) {
  return [image](EdgeConfig& config) {
    ImageReader reader(image.substr(sizeof(ImageHead)), kImageVersion);
    uint8_t node = 0, shard = 0, shards = 0;
    uint16_t boot = 0;
    reader.fields(node, shard, shards, boot);
    for (uint32_t i = 0, count = reader.count(1); i < count && i < config.listeners.size(); ++i) {
      reader.fields(config.listeners[i].transport, config.listeners[i].bound);
      config.listeners[i].sent_by = "127.0.0.1:" + std::to_string(config.listeners[i].bound.port);
    }
    config.aliases.clear();
    for (const Listener& listener : config.listeners) config.aliases.push_back(listener.bound);
  };
}

std::string text_of(const std::vector<char>& octets) { return std::string(octets.data(), octets.size()); }

// Takes over, writes the same again, and goes on.
template <typename Rig>
void take_over(const std::string& format, uint32_t layout, const Made& made, Rig& rig, Ends& ends) {
  const char* const fault = rig->adopt(Text(made.octets), ends.moving);
  if (fault != nullptr) fail(__FILE__, __LINE__, "layout " + std::to_string(layout) + " of '" + format + "' can no longer be read: " + fault + "." + kAdvice);
  CHECK(rig->freeze());
  std::vector<char> again;
  std::vector<MovingFlow> rest;
  rig->write_image(again, rest, layout);
  must_be_same(format, layout, Text(again.data(), again.size()), made.octets);
  CHECK_EQ(rest.size(), ends.moving.size());
  rig->resume();
}

// A shard of an edge: requests that wait, registrations over UDP, TCP and TLS, a message and a handshake half received, a flow that ends.
struct EdgeScene {
  EdgeScene() {
    rig->set_tls(std::make_shared<NumberedProvider>());
    rig.upstreams({{Transport::tcp, listening.port()}});
    rig.clients_hear_us();
    udp.send(Request{.method = "INVITE", .number = 1, .lines = "Contact: <sip:alice@10.0.0.1>\r\n"}.text());
    rig.turn();
    core = rig.accept(listening);
    rig.hear(core, "INVITE sip:");
    rig.grant_flow_timer(120);
    for (Peer* const phone : {&registered, &datagrams}) {
      const bool is_tcp = phone == &registered;
      *phone = is_tcp ? Peer::tcp(rig.port(ShardRig::kClientTcp)) : Peer::udp(rig.port(ShardRig::kClientUdp));
      phone->send(register_of(is_tcp ? 2 : 3, is_tcp ? "TCP" : "UDP"));
      core.send(answer_to(rig.hear(core, "REGISTER"), 200, contact + ";expires=600\r\nRequire: outbound\r\n"));
      rig.hear(*phone, "200 Whatever");
    }
    secure = Peer::tcp(rig.port(ShardRig::kClientTls));
    secure.send("?a" + register_of(4, "TLS") + "|");
    core.send(answer_to(rig.hear(core, "REGISTER"), 200, contact + ";expires=600\r\nRequire: outbound\r\n"));
    rig.hear(secure, "200 Whatever");
    phone = Peer::tcp(rig.port(ShardRig::kClientTcp));
    phone.send(register_of(5, "TCP") + half_of_options());
    asked = rig.hear(core, "REGISTER");
    browser = Peer::tcp(rig.port(ShardRig::kClientWs));
    browser.send("GET / HTTP/1.1\r\n");
    rig.turn();
  }
  static std::string register_of(int number, const std::string& transport) {
    return Request{.method = "REGISTER", .number = number, .transport = transport, .lines = contact + ";reg-id=1;+sip.instance=\"<urn:x:" + std::to_string(number) + ">\"\r\nSupported: outbound, path\r\n"}.text();
  }
  static std::string options() { return Request{.method = "OPTIONS", .number = 6, .transport = "TCP"}.text(); }
  static std::string half_of_options() { return options().substr(0, 100); }
  Facts facts(const std::vector<MovingFlow>& moving) const {
    Facts facts{{"asked", asked}, {"core-port", std::to_string(listening.port())}};
    Ends::note(moving, {{"core", &core}, {"registered", &registered}, {"phone", &phone}, {"secure", &secure}, {"browser", &browser}}, facts);
    return facts;
  }

  static inline const std::string contact = "Contact: <sip:alice@10.0.0.1;ob>";
  ShardRig rig;
  const Peer listening = Peer::listening();
  Peer core, registered, datagrams, secure, phone, browser;
  const Peer udp = Peer::udp(rig.port(ShardRig::kClientUdp));
  std::string asked;
};

void prepare(ShardRig& rig, const Facts& facts) {
  rig->set_tls(std::make_shared<NumberedProvider>());
  rig.upstreams({{Transport::tcp, static_cast<uint16_t>(std::stoi(facts.at("core-port")))}});
  rig.clients_hear_us();
}

Made make_edge(uint32_t layout) {
  EdgeScene scene;
  CHECK(scene.rig->freeze());
  std::vector<char> image;
  std::vector<MovingFlow> rest;
  scene.rig->write_image(image, rest, layout);
  return {scene.facts(rest), text_of(image)};
}

void read_edge(uint32_t layout, const Made& made) {
  Ends ends(made.facts);
  ShardRig rig(as_in(made.octets));
  prepare(rig, made.facts);
  take_over("edge", layout, made, rig, ends);
  CHECK_EQ(rig.count(Counter::stream_flows), 5);
  CHECK_EQ(rig.count(Counter::udp_flows), 1);
  CHECK_EQ(rig->pending(), 2u);
  for (const char* const name : {"registered", "secure"}) {
    const Flow* const flow = rig.at(ends.handles[name]);
    CHECK(flow != nullptr && (flow->flags & kFlow_outbound) != 0);
  }
  // What was asked before is answered, and what was begun is finished.
  rig.grant_flow_timer(120);
  ends["core"].send(answer_to(made.facts.at("asked"), 200, EdgeScene::contact + ";expires=600\r\nRequire: outbound\r\n"));
  CHECK(holds(rig.hear(ends["phone"], "200 Whatever"), "Call-ID: c5\r\n"));
  ends["phone"].send(EdgeScene::options().substr(EdgeScene::half_of_options().size()));
  CHECK(holds(rig.hear(ends["core"], "OPTIONS"), "Call-ID: c6\r\n"));
  ends["secure"].send("b" + Request{.number = 7, .transport = "TLS"}.text() + "|");
  CHECK(holds(rig.hear(ends["core"], "MESSAGE"), "Call-ID: c7\r\n"));
}

Made make_drafts(uint32_t layout) {
  EdgeScene scene;
  std::vector<MovingFlow> moving;
  while (scene.rig->announce(moving, 100)) continue;
  ImageWriter image(ImageOf::drafts, layout);
  uint32_t slot = 0;
  CHECK(scene.rig->draft(image, slot, 100) > 0);
  Made made{scene.facts(moving), std::string(image.seal())};
  scene.rig->resume();
  return made;
}

void read_drafts(uint32_t layout, const Made& made) {
  Ends ends(made.facts);
  ShardRig rig(as_in(made.octets));
  prepare(rig, made.facts);
  for (MovingFlow& one : ends.moving) one.fd = dup(one.fd);
  rig->expect(ends.moving);
  for (MovingFlow& one : ends.moving) one.fd = -1;
  const char* const fault = rig->adopt_drafts(Text(made.octets));
  if (fault != nullptr) fail(__FILE__, __LINE__, "layout " + std::to_string(layout) + " of 'drafts' can no longer be read: " + fault + "." + kAdvice);
  std::vector<MovingFlow> moving;
  while (rig->announce(moving, 100)) continue;
  ImageWriter again(ImageOf::drafts, layout);
  uint32_t slot = 0;
  rig->draft(again, slot, 100);
  must_be_same("drafts", layout, again.seal(), made.octets);
  CHECK(rig->freeze());
}

// A connection that follows alone (followers.h).
Made make_flow(uint32_t layout) {
  EdgeScene scene;
  ImageWriter image(ImageOf::flow, layout);
  std::vector<MovingFlow> moving;
  while (scene.rig->announce(moving, 100)) continue;
  Facts facts = scene.facts(moving);
  const Ends ends(facts);
  const FlowHandle secure = ends.handles.at("secure");
  freeze_flow(image, secure.slot, *scene.rig.at(secure));
  Made made{{}, std::string(image.seal())};
  return made;
}

void read_flow_alone(uint32_t layout, const Made& made) {
  BufferPool pool(1 << 20);
  NumberedProvider tls;
  FlowDraft draft;
  const char* const fault = adopt_image(made.octets, ImageOf::flow, [&](ImageReader& image) { read_flow(image, pool, &tls, draft); });
  if (fault != nullptr) return fail(__FILE__, __LINE__, "layout " + std::to_string(layout) + " of 'flow' can no longer be read: " + fault + "." + kAdvice);
  ImageWriter again(ImageOf::flow, layout);
  draft.flow.timer.prev = draft.is_armed ? 1 : 0;
  freeze_flow(again, draft.slot, draft.flow);
  must_be_same("flow", layout, again.seal(), made.octets);
  CHECK((draft.flow.flags & kFlow_outbound) != 0);
  forget_belongings(pool, draft.flow);
}

// What all shards share: who registered over flows of before, where these came from, and which UDP sources hear us.
constexpr SipKey kCommonsKey{5, 6};
FlowName some_flow() {
  FlowName name;
  name.boot = 7;
  name.slot = 3;
  name.generation = 9;
  return name;
}

Made make_commons(uint32_t layout) {
  FlowCommons commons{kCommonsKey};
  commons.owners.put(some_flow(), "sip:alice@example.com\nurn:x");
  commons.origins.put(some_flow(), address("192.0.2.1", 5060));
  commons.answers.heard_us(address("192.0.2.1", 5060));
  std::vector<char> image;
  commons.write_image(image, layout);
  return {{}, text_of(image)};
}

void read_commons(uint32_t layout, const Made& made) {
  FlowCommons commons{kCommonsKey};
  const char* const fault = commons.adopt(Text(made.octets));
  if (fault != nullptr) fail(__FILE__, __LINE__, "layout " + std::to_string(layout) + " of 'commons' can no longer be read: " + fault + "." + kAdvice);
  std::vector<char> again;
  commons.write_image(again, layout);
  must_be_same("commons", layout, Text(again.data(), again.size()), made.octets);
  CHECK_EQ(commons.owners.find(some_flow()), "sip:alice@example.com\nurn:x");
  CHECK(commons.origins.compare(some_flow(), address("192.0.2.1", 5061)) == Origin::same);
  CHECK(commons.origins.compare(some_flow(), address("192.0.2.2", 5061)) == Origin::other);
}

// Which counts of nonces were used, and who guessed.
constexpr uint32_t kMinute = 60;
struct Logins {
  Logins() : nonces(seed, 0, 64) {}
  uint8_t seed[64] = {1, 2, 3};
  NonceTable nonces;
  LoginGuard guard{SipKey{7, 8}, 64};
  const Address bob = address("192.0.2.1", 5060);
  std::string write(uint32_t layout) {
    ImageWriter image(ImageOf::logins, layout);
    nonces.freeze(image, true);
    guard.freeze(image, true);
    return std::string(image.seal());
  }
};

Made make_logins(uint32_t layout) {
  Logins logins;
  std::string nonce(kNonceText, ' ');
  logins.nonces.make("example.com", logins.bob, 1'000, nonce.data());
  CHECK(logins.nonces.use(nonce, "bob", 1));
  for (uint32_t i = 0; i < LoginGuard::kUserBurst; ++i) logins.guard.failed(logins.bob, "bob", kMinute);
  logins.guard.proved(logins.bob, "alice", kMinute);
  return {{{"nonce", nonce}}, logins.write(layout)};
}

void read_logins(uint32_t layout, const Made& made) {
  Logins logins;
  const char* const fault = adopt_image(made.octets, ImageOf::logins, [&](ImageReader& image) {
    logins.nonces.adopt(image);
    logins.guard.adopt(image);
  });
  if (fault != nullptr) fail(__FILE__, __LINE__, "layout " + std::to_string(layout) + " of 'logins' can no longer be read: " + fault + "." + kAdvice);
  must_be_same("logins", layout, logins.write(layout), made.octets);
  const std::string& nonce = made.facts.at("nonce");
  CHECK(logins.nonces.is_fresh(nonce, "example.com", logins.bob, 2'000, 10'000));
  CHECK(!logins.nonces.use(nonce, "bob", 1));
  CHECK(logins.nonces.use(nonce, "bob", 2));
  CHECK(!logins.guard.may_try(logins.bob, "bob", kMinute));
  CHECK(logins.guard.may_try(logins.bob, "alice", kMinute));
}

// Bindings on disk: the same changes must give the same octets, and these octets the same bindings.
constexpr uint64_t kThen = 1'700'000'000'000;
constexpr SipKey kStoreKey{9, 10};

std::string bindings_of(BindingTable& table) {
  std::string all;
  for (const char* const aor : {"sip:bob@example.com", "sip:carol@example.com", "sip:dave@example.com"})
    for (const KeptBinding& one : lookup(table, aor, kThen)) {
      all += std::string(aor) + " " + std::to_string(one.expires) + " " + std::to_string(one.updated) + " " + std::to_string(one.cseq) + " " + std::to_string(one.reg_id) + " " + std::to_string(one.q) + " " + std::to_string(one.flags);
      for (const std::string& part : one.parts) all += " '" + part + "'";
      all += "\n";
    }
  return all;
}

void change(BindingTable& table) {
  KeptBinding flow = flow_binding("urn:x:1", 1, kThen + 10'000), second = flow_binding("urn:x:1", 2, kThen + 20'000, 2), carol = plain_binding("192.0.2.7", kThen + 30'000);
  carol.q = 500;
  carol[Part::agent] = "Phone 1";
  save(table, operation("sip:bob@example.com", kThen, {flow}));
  save(table, operation("sip:bob@example.com", kThen, {second}));
  save(table, operation("sip:carol@example.com", kThen, {carol}));
  save(table, operation("sip:dave@example.com", kThen, {carol}));
  table.remove("sip:dave@example.com", carol[Part::key], UINT64_MAX);
}

struct Changed {
  Changed() {
    log.octets.resize(kFileHeader);
    write_file_header({FileKind::journal, kStoreKey, 1}, log.octets.data());
    table.set_log(&log);
    change(table);
  }
  struct Log final : ChangeLog {
    std::string octets;
    void append(Text record) noexcept override { octets.append(record); }
    bool has(uint64_t) const noexcept override { return true; }
  } log;
  BindingTable table{kStoreKey, {1'000, 1 << 20}, kThen};
};

std::string file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(in), {});
}

std::string snapshot_of(BindingTable& table) {
  const TemporaryFolder folder;
  const std::atomic<bool> stop{false};
  SnapshotFigures figures;
  CHECK_EQ(write_snapshot(table, folder.path(), 2, stop, figures), 0);
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) return file(entry.path());
  return "";
}

Made make_journal(uint32_t) {
  Changed changed;
  return {{{"bindings", bindings_of(changed.table)}}, changed.log.octets};
}

Made make_snapshot(uint32_t) {
  Changed changed;
  return {{{"bindings", bindings_of(changed.table)}}, snapshot_of(changed.table)};
}

void read_store(const std::string& format, uint32_t layout, const Made& made, const std::string& now, const std::string& name) {
  must_be_same(format, layout, now, made.octets);
  const TemporaryFolder folder;
  std::ofstream(folder.path() + "/" + name, std::ios::binary) << made.octets;
  const BindingStore::Opened opened = BindingStore::open(folder.path(), {1'000, 1 << 20}, kThen);
  if (opened.store == nullptr) return fail(__FILE__, __LINE__, "layout " + std::to_string(layout) + " of '" + format + "' can no longer be read: " + opened.fault + "." + kAdvice);
  CHECK_EQ(bindings_of(opened.store->table()), made.facts.at("bindings"));
}

struct Format {
  std::string name;
  uint32_t oldest, newest;
  Made (*make)(uint32_t layout);
  void (*read)(uint32_t layout, const Made& made);
};

const Format kFormats[] = {
    {"edge", kOldestImageVersion, kImageVersion, make_edge, read_edge},
    {"drafts", kOldestImageVersion, kImageVersion, make_drafts, read_drafts},
    {"flow", kOldestImageVersion, kImageVersion, make_flow, read_flow_alone},
    {"commons", kOldestImageVersion, kImageVersion, make_commons, read_commons},
    {"logins", kOldestImageVersion, kImageVersion, make_logins, read_logins},
    {"journal", 1, kFormatVersion, make_journal, [](uint32_t layout, const Made& made) { read_store("journal", layout, made, make_journal(layout).octets, "journal.1"); }},
    {"snapshot", 1, kFormatVersion, make_snapshot, [](uint32_t layout, const Made& made) { read_store("snapshot", layout, made, make_snapshot(layout).octets, kSnapshotName); }},
};

// Appends what formats.def does not have yet.
void record(const char* path) {
  std::ofstream out(path, std::ios::app);
  const auto put = [&](const std::string& text) {
    constexpr size_t kLine = 140;
    for (size_t at = 0; at == 0 || at < text.size(); at += kLine) out << " \"" << text.substr(at, kLine) << "\"\n";
  };
  for (const Format& format : kFormats) {
    for (uint32_t layout = format.oldest; layout <= format.newest; ++layout) {
      if (!recorded(format.name, layout).octets.empty()) continue;
      const Made made = format.make(layout);
      std::string facts;
      for (const auto& [name, value] : made.facts) facts += name + " " + to_hex(value) + " ";
      out << "{\"" << format.name << "\", " << layout << ",\n";
      put(facts);
      out << ",\n";
      put(to_hex(made.octets));
      out << "},\n";
    }
  }
}

}  // namespace

TEST("every layout of what passes between versions is recorded, is read, and is written with the octets that were recorded") {
  if (const char* const path = std::getenv("SLUICE_RECORD_FORMATS")) return record(path);
  for (const Format& format : kFormats) {
    for (uint32_t layout = format.oldest; layout <= format.newest; ++layout) {
      const Made made = recorded(format.name, layout);
      if (made.octets.empty())
        fail(__FILE__, __LINE__, "layout " + std::to_string(layout) + " of '" + format.name + "' is new: run `node scripts/record-formats.mjs`, look at what it adds to formats.def, and check it in.");
      else format.read(layout, made);
    }
  }
}

}  // namespace sluice::formats_test

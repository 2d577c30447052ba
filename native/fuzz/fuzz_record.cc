// A hostile peer that has the keys: any records, sealed and not, damaged and cut anyhow. The same is read and sent however the wire is cut, the peer
// can open everything that is sent, and nothing is sent after the end.
#include <cstdlib>
#include <cstring>
#include <string>

#include "tls/key_schedule.h"
#include "tls/record_session.h"

using namespace sluice;

namespace {

void expect(bool condition) {
  if (!condition) std::abort();
}

// The peer's side; swapped, it is ours.
RecordState state_of(uint8_t kind) {
  RecordState state{};
  state.version = kind & 1 ? kTls12 : kTls13;
  state.suite = static_cast<AeadSuite>(kind / 2 % 3);
  state.max_content = kind & 64 ? 512 : kMaxContent;
  for (TrafficKeys* keys : {&state.in, &state.out}) {
    std::memset(keys->secret, keys == &state.in ? 1 : 2, sizeof keys->secret);
    expect(derive_keys(state.suite, *keys));
  }
  return state;
}

class Reader {
 public:
  Reader(const uint8_t* data, size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}
  bool has_more() const { return !rest_.empty(); }
  uint8_t octet() {
    const uint8_t value = rest_.empty() ? 0 : static_cast<uint8_t>(rest_[0]);
    rest_.remove_prefix(rest_.empty() ? 0 : 1);
    return value;
  }
  std::string text(size_t size) {
    const std::string taken(rest_.substr(0, size));
    rest_.remove_prefix(taken.size());
    return taken;
  }

 private:
  Text rest_;
};

std::string seal(RecordState& peer, uint8_t type, const std::string& content) {
  std::string record(content.size() + kMaxOverhead, '\0');
  const iovec part{const_cast<char*>(content.data()), content.size()};
  record.resize(seal_record(peer, static_cast<ContentType>(type), RecordContent(part), record.data()));
  return record;
}

std::string wire_of(Reader& reader, RecordState peer) {
  std::string wire;
  while (reader.has_more() && wire.size() < 100'000) {
    const uint8_t what = reader.octet();
    const uint8_t size = reader.octet();
    size_t before = wire.size();
    switch (what % 8) {
      case 0: wire += seal(peer, 23, reader.text(size)); break;
      case 1: wire += seal(peer, 21, reader.text(size % 4)); break;
      case 2: wire += seal(peer, 22, reader.text(size % 16)); break;
      case 3: wire += reader.text(size); break;
      case 4:
        wire += seal(peer, 22, std::string("\x18\0\0\1", 4) + static_cast<char>(size & 1));
        update_keys(peer.suite, peer.out);
        break;
      case 5: wire += seal(peer, size, reader.text(reader.octet())); break;
      case 6: wire += seal(peer, 23, std::string(size * 66u, 'x')); break;
      case 7: wire += seal(peer, 0, reader.text(reader.octet()) + std::string(size, '\0')); break;
    }
    if (what & 128 && wire.size() > before) wire[before + size % (wire.size() - before)] ^= static_cast<char>(1 << (what / 8 % 8));
  }
  return wire;
}

struct Outcome {
  std::string plain;
  std::string sent;
  TlsResult result = TlsResult::ok;
  bool operator==(const Outcome&) const = default;
};

Outcome run(uint8_t kind, const std::string& wire, size_t step) {
  RecordStatePtr state = new_record_state();
  *state = state_of(kind);
  std::swap(state->in, state->out);
  RecordSession session(std::move(state));
  Outcome outcome;
  std::string rest;
  for (size_t at = 0; at < wire.size() && outcome.result == TlsResult::ok; at += step) {
    rest += wire.substr(at, step);
    const std::string given = rest;
    Text text = given;
    std::string plain(given.size() + 64, '\0');
    std::vector<char> out;
    size_t size = 0;
    outcome.result = session.receive(text, plain.data(), plain.size(), size, out);
    expect(size <= given.size());
    outcome.plain.append(plain, 0, size);
    outcome.sent.append(out.begin(), out.end());
    rest = std::string(text);
    expect(outcome.result != TlsResult::ok || rest.size() < kTlsHead + kMaxContent + 2048);
  }
  std::vector<char> out;
  const bool goes_on = session.send("still here", out);
  expect(goes_on == (outcome.result != TlsResult::failed) && goes_on == !out.empty());
  session.close(out);
  outcome.sent.append(out.begin(), out.end());
  out.clear();
  expect(!session.send("too late", out) && out.empty());
  return outcome;
}

void read_all(RecordState peer, const std::string& sent) {
  for (size_t at = 0; at < sent.size();) {
    size_t size = 0;
    expect(sent.size() - at >= kTlsHead && record_size(peer, sent.data() + at, size) == TlsAlert::none && at + size <= sent.size());
    std::string plain(size, '\0');
    ContentType type;
    size_t length = 0;
    expect(open_record(peer, Text(sent).substr(at, size), plain.data(), type, length) == TlsAlert::none);
    if (type == ContentType::handshake) update_keys(peer.suite, peer.in);
    at += size;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  Reader reader(data + 2, size - 2);
  const std::string wire = wire_of(reader, state_of(data[0]));
  const Outcome whole = run(data[0], wire, wire.size() + 1);
  // Not octet by octet through long wires: that takes too long to find anything.
  expect(whole == run(data[0], wire, data[1] + 1u + wire.size() / 128));
  read_all(state_of(data[0]), whole.sent);
  return 0;
}

// Any octets as a client's frames: the same events however they are cut, and never more kept than a message may contain.
#include <cstdlib>
#include <cstring>
#include <string>

#include "core/base/utf8.h"
#include "core/transport/websocket.h"

using namespace sluice;

namespace {

constexpr size_t kMost = 4096;

void expect(bool condition) {
  if (!condition) std::abort();
}

std::string told(Text stream, size_t step) {
  std::string said;
  std::string kept;
  WsState state;
  for (size_t at = 0; at < stream.size(); at += step) {
    std::string data = kept + std::string(stream.substr(at, step));
    WsReader reader(state, data.data(), data.size(), kMost);
    WsEvent event = reader.next();
    for (; event.kind != WsKind::more; event = reader.next()) {
      expect(event.payload.empty() || (event.payload.data() >= data.data() && event.payload.data() + event.payload.size() <= data.data() + data.size()));
      expect(event.payload.size() <= kMost);
      if (event.kind == WsKind::message && event.opcode == Opcode::text) expect(is_utf8(event.payload));
      said += static_cast<char>(event.kind);
      said += static_cast<char>(event.opcode);
      said += std::to_string(static_cast<int>(event.code)) + ' ' + std::string(event.payload) + '\n';
      if (event.kind == WsKind::broken || event.kind == WsKind::close) return said;
    }
    const Text rest = reader.rest();
    expect(rest.size() <= kMost + 14 && (reader.need() == 0 || reader.need() > rest.size()) && reader.need() <= kMost + 14);
    kept = rest;
  }
  return said;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const Text stream(reinterpret_cast<const char*>(data + 1), size - 1);
  expect(told(stream, stream.size()) == told(stream, data[0] % 17 + 1u));
  return 0;
}

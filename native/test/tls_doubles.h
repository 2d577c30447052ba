// TLS sessions without OpenSSL, for the tests of what the loop does with a session.
#pragma once

#include <cstring>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "check.h"
#include "core/flow/kept_memory.h"
#include "core/transport/tls_session.h"

namespace sluice::test {

// Passes octets unchanged, and is open as soon as it has been asked to read.
struct ClearTls : TlsSession {
  TlsResult receive(Text& all, char* plain, size_t room, size_t& size, std::vector<char>&) noexcept override {
    const Text wire = std::exchange(all, Text());
    opened = true;
    size = wire.copy(plain, room);
    return TlsResult::ok;
  }
  bool send(Text plain, std::vector<char>& out) noexcept override { return out.insert(out.end(), plain.begin(), plain.end()), true; }
  void close(std::vector<char>&) noexcept override {}
  bool is_open() const noexcept override { return opened; }
  bool was_resumed() const noexcept override { return false; }
  Text fault() const noexcept override { return ""; }
  bool opened = false;
};

// Opens when the first octets arrive, and cannot send.
struct DumbTls final : ClearTls {
  TlsResult receive(Text& all, char* plain, size_t room, size_t& size, std::vector<char>& out) noexcept override {
    size = 0;
    return all.empty() ? TlsResult::ok : ClearTls::receive(all, plain, room, size, out);
  }
  bool send(Text, std::vector<char>&) noexcept override { return false; }
};

// Shakes hands: one octet is answered with "hello ". Then '!' breaks it, and '.' is the peer's close_notify.
struct HelloTls final : ClearTls {
  TlsResult receive(Text& all, char* plain, size_t room, size_t& size, std::vector<char>& out) noexcept override {
    size = 0;
    if (all.empty()) return TlsResult::ok;
    if (!opened) {
      send("hello ", out);
      all.remove_prefix(1);
    }
    if (all == "!") return TlsResult::failed;
    const bool ends = all.ends_with('.');
    if (ends) all.remove_suffix(1);
    ClearTls::receive(all, plain, room, size, out);
    return ends ? TlsResult::closed : TlsResult::ok;
  }
  void close(std::vector<char>& out) noexcept override { out.push_back('.'); }
  bool was_resumed() const noexcept override { return true; }
  Text fault() const noexcept override { return "broken"; }
};

// Its records end with '|'.
struct RecordTls final : ClearTls {
  RecordTls() { opened = true; }
  TlsResult receive(Text& wire, char* plain, size_t room, size_t& size, std::vector<char>&) noexcept override {
    size = 0;
    for (size_t end = wire.find('|'); end != Text::npos; end = wire.find('|')) {
      size += wire.substr(0, end).copy(plain + size, room - size);
      wire.remove_prefix(end + 1);
    }
    return TlsResult::ok;
  }
  bool send(Text plain, std::vector<char>& out) noexcept override { return ClearTls::send(plain, out), out.push_back('|'), true; }
};

// Shakes hands with the first octet of the wire, then leaves the records to a RecordTls.
struct GreetingTls final : ClearTls {
  TlsResult receive(Text& wire, char*, size_t, size_t& size, std::vector<char>&) noexcept override {
    size = 0;
    if (wire.empty()) return TlsResult::ok;
    wire.remove_prefix(1);
    opened = true;
    return TlsResult::ok;
  }
  bool send(Text, std::vector<char>&) noexcept override { return false; }
  std::unique_ptr<TlsSession> successor() noexcept override { return std::make_unique<RecordTls>(); }
};

// Shakes hands with '?', whatever comes before that. Its records begin with their number and end with '|'. As with TLS, one that is lost or comes
// twice breaks it, and another process can go on with it.
struct NumberedTls final : TlsSession {
  struct Numbers {
    uint32_t in = 0;
    uint32_t out = 0;
    char rest[KeptLayer::kMostTls - 8] = {};
  };
  TlsResult receive(Text& wire, char* plain, size_t room, size_t& size, std::vector<char>& out) noexcept override {
    size = 0;
    for (; !opened && !wire.empty(); wire.remove_prefix(1)) {
      if (wire[0] != '?') continue;
      out.push_back('!');
      opened = true;
    }
    for (size_t end = wire.find('|'); opened && end != Text::npos; end = wire.find('|')) {
      if (wire[0] != static_cast<char>('a' + numbers->in++ % 26)) return TlsResult::failed;
      if (const auto meanwhile = std::exchange(while_opening, nullptr)) meanwhile();
      size += wire.substr(1, end - 1).copy(plain + size, room - size);
      wire.remove_prefix(end + 1);
    }
    return TlsResult::ok;
  }
  bool send(Text plain, std::vector<char>& out) noexcept override {
    out.push_back(static_cast<char>('a' + numbers->out++ % 26));
    if (const auto meanwhile = std::exchange(while_sealing, nullptr)) meanwhile();
    out.insert(out.end(), plain.begin(), plain.end());
    out.push_back('|');
    return true;
  }
  void close(std::vector<char>& out) noexcept override { out.push_back('.'); }
  bool is_open() const noexcept override { return opened; }
  bool was_resumed() const noexcept override { return false; }
  Text fault() const noexcept override { return "wrong number"; }
  Text state() const noexcept override { return opened ? Text(reinterpret_cast<const char*>(numbers), sizeof *numbers) : Text(); }
  bool live_in(char* memory, size_t size) noexcept override {
    CHECK_EQ(size, sizeof *numbers);
    numbers = new (memory) Numbers(*numbers);
    return true;
  }
  // Once, when a record has its number.
  static inline std::function<void()> while_sealing;
  // The same for one that has come.
  static inline std::function<void()> while_opening;
  Numbers own;
  Numbers* numbers = &own;
  bool opened = false;
};

struct NumberedProvider final : TlsProvider {
  std::unique_ptr<TlsSession> accept() noexcept override { return std::make_unique<NumberedTls>(); }
  std::unique_ptr<TlsSession> dial(Text) noexcept override { return nullptr; }
  std::unique_ptr<TlsSession> resume(Text state) noexcept override {
    auto session = std::make_unique<NumberedTls>();
    if (state.size() != sizeof session->own) return nullptr;
    std::memcpy(static_cast<void*>(&session->own), state.data(), state.size());
    session->opened = true;
    return session;
  }
};

template <typename Session>
struct TlsDoubles final : TlsProvider {
  std::unique_ptr<TlsSession> accept() noexcept override { return std::make_unique<Session>(); }
  std::unique_ptr<TlsSession> dial(Text) noexcept override { return std::make_unique<Session>(); }
};

}  // namespace sluice::test

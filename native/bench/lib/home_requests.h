// What the phones and callers behind an edge send to a registrar, written into a buffer of the caller's.
#pragma once

#include <unistd.h>

#include <cstdio>
#include <string>

#include "digest.h"
#include "message.h"

namespace sluice::bench {

struct Login {
  Digest digest = Digest::kNone;
  const char* nonce = nullptr;
  uint32_t count = 0;  // nc of RFC 7616 3.4
};

class HomeRequests {
 public:
  static constexpr const char* kDomain = "example.org";
  static constexpr const char* kPassword = "correct horse";

  // `edge`: host and port where Path and Via lead.
  explicit HomeRequests(std::string edge) : edge_(std::move(edge)) {}

  // The REGISTER of a device behind an edge, about 700 octets without credentials; `phone` counts the flows of all users, `device` their
  // devices. Each user has an address of its own, so that nobody uses up the share of a source.
  size_t write_register(char* out, size_t room, uint32_t user, uint32_t device, uint32_t reg_id, uint32_t phone, uint32_t cseq, uint32_t expires, const Login& login) const {
    char credentials[512] = "";
    if (login.nonce != nullptr) write_credentials(credentials, sizeof credentials, user, login);
    return printed(std::snprintf(out, room,
        "REGISTER sip:%s SIP/2.0\r\n"
        "Via: SIP/2.0/UDP %s;branch=z9hG4bK%08xx%08x;rport\r\n"
        "Via: SIP/2.0/TCP 192.0.2.7:49152;branch=z9hG4bKa%08x;received=10.%u.%u.%u;rport=49152\r\n"
        "Path: <sip:AQEBaW5kZXhlZC10b2tlbi0w%08x@%s;lr;ob>\r\n"
        "Max-Forwards: 69\r\nFrom: <sip:u%u@%s>;tag=%08x\r\nTo: <sip:u%u@%s>\r\n"
        "Call-ID: %08x-%08x@192.0.2.7\r\nCSeq: %u REGISTER\r\nSupported: outbound, path, gruu\r\n"
        "Contact: <sip:u%u@192.0.2.7:49152;transport=tcp;ob>;reg-id=%u;+sip.instance=\"<urn:uuid:00000000-0000-1000-8000-%012x>\"\r\n"
        "%sExpires: %u\r\nUser-Agent: a device of the bench\r\nAllow: INVITE, ACK, BYE, CANCEL, OPTIONS, NOTIFY, MESSAGE\r\nContent-Length: 0\r\n\r\n",
        kDomain, edge_.c_str(), phone, cseq, phone, user >> 16 & 255, user >> 8 & 255, user & 255, phone, edge_.c_str(), user, kDomain, cseq, user, kDomain, phone, boot_, cseq, user, reg_id, device, credentials, expires), room);
  }

  static constexpr uint32_t kQuerySeq = 1;

  // Asks for the bindings of a user (RFC 3261 10.2.3).
  size_t write_query(char* out, size_t room, uint32_t user, uint32_t seq) const {
    return printed(std::snprintf(out, room,
        "REGISTER sip:%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKq%08x%08x;rport\r\nMax-Forwards: 69\r\n"
        "From: <sip:u%u@%s>;tag=query\r\nTo: <sip:u%u@%s>\r\nCall-ID: %08x-%08x@192.0.2.8\r\nCSeq: %u REGISTER\r\nContent-Length: 0\r\n\r\n",
        kDomain, edge_.c_str(), user, seq, user, kDomain, user, kDomain, user, kQuerySeq, seq + 1), room);
  }

  // From now on calls name their callees with an escape, so that the object path has to decide.
  void escape_callees() noexcept { escapes_ = true; }

  // INVITE or MESSAGE of a stranger to a user.
  size_t write_call(char* out, size_t room, const char* method, uint32_t user, uint32_t seq) const {
    return printed(std::snprintf(out, room,
        "%s sip:%s%u@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKc%08x%08x;rport\r\nMax-Forwards: 70\r\n"
        "From: <sip:caller@elsewhere.example>;tag=%08x\r\nTo: <sip:u%u@%s>\r\nCall-ID: %08x-%08x@192.0.2.9\r\nCSeq: 1 %s\r\n"
        "Contact: <sip:caller@192.0.2.9>\r\nContent-Length: 0\r\n\r\n",
        method, escapes_ ? "%75" : "u", user, kDomain, edge_.c_str(), user, seq, seq, user, kDomain, user, seq, method), room);
  }

  // The caller's ACK to a final response other than 2xx: the branch of its INVITE (RFC 3261 17.1.1.3).
  size_t write_ack(char* out, size_t room, const Message& response) const {
    const Text to = response.to, from = response.from;
    return printed(std::snprintf(out, room,
        "ACK sip:u%u@%s SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKc%08x%08x;rport\r\nMax-Forwards: 70\r\n%.*s%.*s%.*sCSeq: 1 ACK\r\nContent-Length: 0\r\n\r\n",
        response.flow, kDomain, edge_.c_str(), response.flow, response.seq, static_cast<int>(from.size()), from.data(), static_cast<int>(to.size()), to.data(),
        static_cast<int>(response.call_id.size()), response.call_id.data()), room);
  }

 private:
  static size_t printed(int size, size_t room) {
    if (size > 0 && static_cast<size_t>(size) < room) return static_cast<size_t>(size);
    std::fprintf(stderr, "home_load: a request is larger than %zu octets\n", room);
    std::exit(1);
  }

  static void write_credentials(char* out, size_t room, uint32_t user, const Login& login) {
    char name[16], uri[32], nc[9];
    std::snprintf(name, sizeof name, "u%u", user);
    std::snprintf(uri, sizeof uri, "sip:%s", kDomain);
    std::snprintf(nc, sizeof nc, "%08x", login.count);
    const std::string colon = ":";
    const std::string ha1 = hash_hex(login.digest, name + colon + kDomain + colon + kPassword);
    const std::string ha2 = hash_hex(login.digest, "REGISTER:" + std::string(uri));
    const std::string response = hash_hex(login.digest, ha1 + colon + login.nonce + colon + nc + ":bench:auth:" + ha2);
    printed(std::snprintf(out, room,
        "Authorization: Digest username=\"%s\", realm=\"%s\", nonce=\"%s\", uri=\"%s\", algorithm=%s, qop=auth, nc=%s, cnonce=\"bench\", response=\"%s\"\r\n",
        name, kDomain, login.nonce, uri, name_of(login.digest), nc, response.c_str()), room);
  }

  std::string edge_;
  bool escapes_ = false;
  // Phones that have restarted register with other Call-IDs.
  uint32_t boot_ = static_cast<uint32_t>(getpid());
};

}  // namespace sluice::bench

#include "peer_name.h"

#include "core/sip/address.h"
#include "openssl_ptr.h"

namespace sluice {
namespace {

// By length: a NUL inside a name does not end it.
Text text_of(const ASN1_STRING* string) noexcept {
  return Text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)), static_cast<size_t>(ASN1_STRING_length(string)));
}

// The domain of a sip: URI without a user part, else empty (RFC 5922 7.1).
Text domain_of(Text uri) noexcept {
  constexpr Text kSip = "sip:";
  if (uri.size() <= kSip.size() || !same_text(uri.substr(0, kSip.size()), kSip)) return Text();
  const Text host = uri.substr(kSip.size());
  return host.find_first_of("@;?:") == Text::npos ? host : Text();
}

bool is_address(const ASN1_STRING* octets, const Address& address) noexcept {
  const Text text = text_of(octets);
  const Text whole(reinterpret_cast<const char*>(address.ip), sizeof address.ip);
  return text == (address.is_v4() ? whole.substr(12) : whole);
}

bool has_common_name(X509* certificate, Text name) noexcept {
  X509_NAME* subject = X509_get_subject_name(certificate);
  int last = -1;
  for (int at = -1; (at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0;) last = at;
  return last >= 0 && same_text(text_of(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, last))), name);
}

}  // namespace

bool certifies(X509* certificate, Text name) noexcept {
  Address address;
  const bool by_address = parse_ip(name, address);
  const OpensslPtr<GENERAL_NAMES> names(static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* one = sk_GENERAL_NAME_value(names.get(), i);
    if (one->type == GEN_IPADD && by_address && is_address(one->d.iPAddress, address)) return true;
    if (by_address) continue;
    if (one->type == GEN_DNS && same_text(text_of(one->d.dNSName), name)) return true;
    if (one->type == GEN_URI && same_text(domain_of(text_of(one->d.uniformResourceIdentifier)), name)) return true;
  }
  return !by_address && !names && has_common_name(certificate, name);
}

}  // namespace sluice

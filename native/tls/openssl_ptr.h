// Owning pointers for OpenSSL objects.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <memory>

namespace sluice {

struct OpensslFree {
  void operator()(BIO* one) const noexcept { BIO_free(one); }
  void operator()(SSL* one) const noexcept { SSL_free(one); }
  void operator()(SSL_CTX* one) const noexcept { SSL_CTX_free(one); }
  void operator()(X509* one) const noexcept { X509_free(one); }
  void operator()(EVP_PKEY* one) const noexcept { EVP_PKEY_free(one); }
  void operator()(GENERAL_NAMES* all) const noexcept { GENERAL_NAMES_free(all); }
};

template <typename T>
using OpensslPtr = std::unique_ptr<T, OpensslFree>;

}  // namespace sluice

// The transactions of requests that are proxied by numbers, on their way from one process to the next (handover.h).
#pragma once

#include <unordered_map>

#include "core/base/image.h"
#include "core/shard/client_transactions.h"
#include "core/shard/server_transactions.h"

namespace sluice {

class TransactionsImage {
 public:
  TransactionsImage(Ground& ground, ServerTransactions& servers, ClientTransactions& clients) noexcept : ground_(ground), servers_(servers), clients_(clients) {}

  void freeze(ImageWriter& image) noexcept;
  // In empty tables.
  void adopt(ImageReader& image) noexcept;
  // Another process has them: forgets them all, without a word to anyone.
  void let_go() noexcept;

 private:
  bool moves(const ServerTransaction& one) const noexcept;
  // Layout 1 knows one device of a request. Of several, one that rings goes over; the copies for the others are cancelled by the next process.
  const Fork* one_of(const ProxiedContext* context) noexcept;
  bool is_left_out(uint32_t client) noexcept;
  void freeze_server(ImageWriter& image, uint32_t index) noexcept;
  void freeze_client(ImageWriter& image, uint32_t index) noexcept;
  void adopt_server(ImageReader& image) noexcept;
  void adopt_client(ImageReader& image) noexcept;

  Ground& ground_;
  ServerTransactions& servers_;
  ClientTransactions& clients_;
  // From the places there to the places here.
  std::unordered_map<uint32_t, uint32_t> server_places_, client_places_;
};

}  // namespace sluice

// What the shards of a process jointly know about flows.
#pragma once

#include "core/base/image.h"
#include "core/flow/answer_credit.h"
#include "core/flow/flow_origins.h"
#include "core/flow/flow_owners.h"
#include "core/flow/source_shares.h"

namespace sluice {

struct FlowCommons {
  explicit FlowCommons(const SipKey& table_key) : owners(table_key, kOwnerOctets), answers(table_key) {}

  SourceShares shares;   // what each source holds
  FlowOwners owners;     // who registered over a flow
  FlowOrigins origins;   // where a connection came from
  AnswerCredit answers;  // how much a UDP source may be answered

  // For the successor of this process, which has the same table key; not `shares`: its shards count for themselves. `all`: ahead, while the shards
  // run; and with all of them at rest what has come since.
  void freeze(ImageWriter& image, bool all);
  void write_image(std::vector<char>& octets, uint32_t version = kImageVersion);
  // nullptr, or why it cannot take over; then some of it may be there, which harms nobody.
  const char* adopt(Text octets);

 private:
  static constexpr size_t kOwnerOctets = 64 << 20;
};

}  // namespace sluice

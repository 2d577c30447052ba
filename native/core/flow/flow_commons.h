// What the shards of a process jointly know about flows.
#pragma once

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

 private:
  static constexpr size_t kOwnerOctets = 64 << 20;
};

}  // namespace sluice

// What every part of a shard builds on: its settings, clock, counters and flows. It outlives all parts.
#pragma once

#include <memory>

#include "core/base/buffer_pool.h"
#include "core/base/counters.h"
#include "core/flow/close_list.h"
#include "core/flow/fault_answers.h"
#include "core/flow/flow_commons.h"
#include "core/flow/flow_table.h"
#include "core/flow/kept_flows.h"
#include "core/flow/refusal_tally.h"
#include "core/observe/news.h"
#include "core/relay/edge_config.h"
#include "core/relay/source.h"
#include "core/shard/alerts.h"
#include "core/shard/clock.h"
#include "core/sip/message.h"

namespace sluice {

struct Ground {
  Ground(EdgeConfig settings, const KeyRing& ring, int64_t* numbers, const TimeSource& time, uint32_t first_generation,
         FlowCommons& all_shards) noexcept
      : config(std::move(settings)),
        keys(ring),
        counters(numbers),
        clock(time),
        pool(config.limits.max_buffer_bytes),
        commons(all_shards),
        flows(config.table_key, first_generation),
        kept(flows, counters),
        refusals(config.table_key, counters),
        faults(derive(config.table_key, "faults")),
        news(counters, config.notes, config.table_key) {
    for (Listener& listener : config.listeners) listener.write_texts();
  }
  Ground(const Ground&) = delete;
  Ground& operator=(const Ground&) = delete;

  // The tick until which what becomes of a request that comes now is remembered, for its retransmissions.
  uint32_t branch_end() const noexcept { return clock.tick() + Clock::ticks(uint64_t{config.branch_seconds} * 1'000); }

  EdgeConfig config;
  KeyRing keys;
  Counters counters;
  Clock clock;
  Alerts alerts;
  BufferPool pool;
  FlowCommons& commons;  // shared by the process
  FlowTable flows;
  KeptFlows kept;
  RefusalTally refusals;
  FaultAnswers faults;
  NewsQueue news;
  CloseList closing;
  // For scanning anything that is not a message of the batch. Whoever fills it must be done with it before calling another part.
  std::unique_ptr<Message> spare = std::make_unique<Message>();
};

}  // namespace sluice

// Requests proxied by numbers whose callee's bindings are in a store that several nodes share: they have their transaction, and wait for the
// answer. What a batch asks goes there together; TypeScript carries it there and brings the answer back (src/shard/request-desk.ts).
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "core/base/bytes.h"

namespace sluice {

class SharedLookups {
 public:
  // `node`: which of those that share the store we are.
  explicit SharedLookups(std::string node) noexcept : node_(std::move(node)) {}

  Text node() const noexcept { return node_; }

  // A server transaction that waits, or one of its devices (proxied_context.h). There is at most one question for each, so that their own bound
  // is the bound of these.
  struct Asker {
    static constexpr uint8_t kWhole = 255;
    uint32_t server = 0;
    uint64_t serial = 0;
    uint8_t fork = kWhole;
  };
  void ask(const Asker& asker, Text aor);
  // A binding led nowhere: it goes unless it was refreshed since. Nobody waits for that, but the questions of the batch come after it.
  void remove(Text aor, Text key, uint64_t updated);

  // What the store has not been asked for yet.
  bool has_new() const noexcept { return !is_taken_ && (!aors_.empty() || !removals_.empty()); }
  struct Batch {
    uint32_t number;
    Text aors;      // a line each, in latin1
    Text removals;  // lines in latin1, three each: address of record, key, and when it was updated
  };
  Batch take() noexcept;  // its texts live until the next question
  // Who waits for that batch, in the order of its questions; nobody waits from now on.
  std::vector<Asker> end(uint32_t batch) noexcept;

 private:
  void begin() noexcept;

  const std::string node_;
  std::vector<Asker> new_;
  std::string aors_, removals_;
  bool is_taken_ = false;
  uint32_t batches_ = 0;
  std::unordered_map<uint32_t, std::vector<Asker>> out_;
};

}  // namespace sluice

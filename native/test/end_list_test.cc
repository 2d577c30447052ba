#include "core/flow/end_list.h"

#include <algorithm>

#include "check.h"

namespace sluice::end_list_test {

TEST("the flows that ended last are kept, the newest first, and never more than the bound") {
  for (const size_t most : {1u, 255u, 256u, 700u}) {
    int64_t numbers[static_cast<size_t>(Counter::count_)] = {};
    Counters counters(numbers);
    EndList list(most, counters, Counter::ended_phones, Counter::ended_phones_forgotten);
    CHECK_EQ(list.size(), 0u);
    for (uint32_t number = 1; number <= 1500; ++number) {
      list.next()->ended = number;
      const size_t kept = std::min<size_t>(number, most);
      CHECK_EQ(list.size(), kept);
      CHECK_EQ(counters.get(Counter::ended_phones), static_cast<int64_t>(kept));
      CHECK_EQ(counters.get(Counter::ended_phones_forgotten), static_cast<int64_t>(number - kept));
      CHECK(list.newest(0).ended == number && list.newest(kept - 1).ended == number - kept + 1);
    }
    for (uint32_t back = 0; back < most; ++back) CHECK_EQ(list.newest(back).ended, 1500 - back);
  }
}

}  // namespace sluice::end_list_test

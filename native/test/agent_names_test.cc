#include "core/flow/agent_names.h"

#include <string>

#include "check.h"

namespace sluice::agent_names_test {

TEST("a User-Agent that many phones have is kept once, and only so many are kept") {
  AgentNames names;
  const std::string* const first = names.find("Phone/1.2");
  CHECK_EQ(*first, "Phone/1.2");
  for (size_t i = 1; i < AgentNames::kMost; ++i) CHECK_EQ(*names.find("Phone/" + std::to_string(10 + i)), "Phone/" + std::to_string(10 + i));
  CHECK(names.find("one too many") == nullptr);
  CHECK(names.find("Phone/1.2") == first);
}

}  // namespace sluice::agent_names_test

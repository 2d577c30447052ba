#include "core/sip/user_agent.h"

#include "core/sip/char_class.h"

namespace sluice {

Text user_agent(const Message& message) noexcept {
  constexpr Text kName = "User-Agent";
  for (unsigned i = 0; i < message.line_count; ++i) {
    const HeaderLine& line = message.lines[i];
    if (line.id != HeaderId::other || line.value_at < line.line_at + kName.size()) continue;
    const char* const name = message.data + line.line_at;
    if (lower(*name) == 'u' && same_text(Text(name, kName.size()), kName) && !is_class(name[kName.size()], kChar_token)) return message.value(line);
  }
  return Text();
}

}  // namespace sluice

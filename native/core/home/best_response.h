// Which final response goes back when a request was for several devices, and what it takes from the others (RFC 3261 16.7 steps 6 and 7):
// the rules of src/proxy/best-response.ts.
#pragma once

#include "core/base/edit_list.h"
#include "core/base/kept_octets.h"
#include "core/sip/message.h"

namespace sluice {

class BestResponse {
 public:
  // No message is larger: what would grow beyond that gets no further challenges.
  static constexpr size_t kMost = 65'535;

  // Keeps it if it is better than what was heard before; of two alike the first counts. `room`: for a moment.
  void hear(const Message& response, Writer room) noexcept;

  void forget() noexcept { *this = BestResponse(); }

  bool empty() const noexcept { return octets_.empty(); }
  Text text() const noexcept { return octets_.text(); }
  int status() const noexcept { return status_; }
  // As the process before heard it.
  bool restore(Text octets, int status) noexcept;

 private:
  KeptOctets octets_;
  int status_ = 0;
};

}  // namespace sluice

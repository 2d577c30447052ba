// Globally routable user agent URIs in a 200 (RFC 5627 5.1), as src/registrar/gruu.ts makes them and reads the temporary ones again.
#pragma once

#include <memory>
#include <utility>

#include "core/base/edit_list.h"
#include "core/crypto/sealer.h"
#include "core/home/binding.h"

namespace sluice {

class GruuWriter {
 public:
  explicit GruuWriter(std::unique_ptr<Sealer> sealer) noexcept : sealer_(std::move(sealer)) {}

  // `;pub-gruu="...";temp-gruu="..."` of a binding with an instance. A new temporary one each time, which has nothing in common with the
  // last. False: it cannot be had.
  bool put(Text aor, const Binding& binding, Writer& out) noexcept;

 private:
  bool put_temporary(Text aor, const Binding& binding, Writer& out) noexcept;
  void take_iv(uint8_t (&iv)[Sealer::kIv]) noexcept;

  // Asking the system for random octets costs more than the octets.
  static constexpr size_t kPool = 4'096 / Sealer::kIv * Sealer::kIv;

  std::unique_ptr<Sealer> sealer_;
  uint8_t pool_[kPool];
  size_t pool_at_ = kPool;
};

}  // namespace sluice

// Globally routable user agent URIs in a 200 (RFC 5627 5.1), in the format of src/registrar/gruu.ts, which reads the temporary ones.
#pragma once

#include <memory>
#include <utility>

#include "core/base/edit_list.h"
#include "core/crypto/sealer.h"
#include "core/home/binding.h"

namespace sluice {

// What a temporary GRUU is valid for: as long as the binding keeps its Call-ID. False: its names are too long for any GRUU.
constexpr size_t kGruuLife = 8;
bool write_gruu_life(const Binding& binding, char (&out)[kGruuLife]) noexcept;

class GruuWriter {
 public:
  explicit GruuWriter(std::unique_ptr<Sealer> sealer) noexcept : sealer_(std::move(sealer)) {}

  // Writes `;pub-gruu="...";temp-gruu="..."` of a binding with an instance. The temporary GRUU is new each time and cannot be linked to
  // the previous one. False: it failed.
  bool put(Text aor, const Binding& binding, Writer& out) noexcept;

 private:
  bool put_temporary(Text aor, const Binding& binding, Writer& out) noexcept;
  void take_iv(uint8_t (&iv)[Sealer::kIv]) noexcept;

  // One system call fetches many random octets.
  static constexpr size_t kPool = 4'096 / Sealer::kIv * Sealer::kIv;

  std::unique_ptr<Sealer> sealer_;
  uint8_t pool_[kPool];
  size_t pool_at_ = kPool;
};

}  // namespace sluice

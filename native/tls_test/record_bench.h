#pragma once

namespace sluice::test {

void measure_records();

}  // namespace sluice::test

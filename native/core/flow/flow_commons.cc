#include "core/flow/flow_commons.h"

namespace sluice {

void FlowCommons::freeze(ImageWriter& image, bool all) {
  owners.freeze(image, all);
  origins.freeze(image, all);
  answers.freeze(image, all);
}

void FlowCommons::write_image(std::vector<char>& octets, uint32_t version) {
  ImageWriter image(ImageOf::process, version);
  freeze(image, true);
  octets = image.finish();
}

const char* FlowCommons::adopt(Text octets) {
  return adopt_image(octets, ImageOf::process, [this](ImageReader& image) {
    owners.adopt(image);
    origins.adopt(image);
    answers.adopt(image);
  });
}

}  // namespace sluice

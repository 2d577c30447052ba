#include "core/flow/flow_commons.h"

namespace sluice {

void FlowCommons::write_image(std::vector<char>& octets, uint32_t version) {
  ImageWriter image(ImageOf::process, version);
  owners.freeze(image);
  origins.freeze(image);
  answers.freeze(image);
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

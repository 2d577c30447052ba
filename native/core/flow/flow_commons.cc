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
  const char* fault = nullptr;
  uint32_t version = 0;
  ImageReader image(open_image(octets, ImageOf::process, version, fault), version);
  if (fault != nullptr) return fault;
  owners.adopt(image);
  origins.adopt(image);
  answers.adopt(image);
  image.expect(image.empty(), "something follows its end");
  return image.fault();
}

}  // namespace sluice

// The map of a head: every way of making it finds the same, and it finds runs of characters as looking at them does.
#include "core/sip/head_map.h"

#include <random>
#include <string>

#include "check.h"

namespace sluice::head_map_test {

namespace {

// Mostly what heads consist of, sometimes anything.
std::string random_octets(std::mt19937& random, size_t size) {
  static const std::string usual = "aZ09-._:;=@<>\"\\ \t\r\n/%[]~";
  std::string text(size, 'x');
  for (char& c : text) c = random() % 4 == 0 ? static_cast<char>(random()) : usual[random() % usual.size()];
  return text;
}

}  // namespace

TEST("GR-40 every way of mapping octets finds the same: each octet at each position, and random ones") {
  const OctetMappers mappers = octet_mappers();
  constexpr size_t kBlocks = 9;
  std::mt19937 random(1);
  const auto compare = [&](const std::string& text, size_t blocks) {
    uint64_t specials[kBlocks], controls[kBlocks];
    mappers.all[0].run(text.data(), blocks, specials, controls);
    for (size_t i = 1; i < mappers.count; ++i) {
      uint64_t other_specials[kBlocks], other_controls[kBlocks];
      mappers.all[i].run(text.data(), blocks, other_specials, other_controls);
      for (size_t block = 0; block < blocks; ++block) {
        CHECK_EQ(other_specials[block], specials[block]);
        CHECK_EQ(other_controls[block], controls[block]);
      }
    }
  };
  for (int octet = 0; octet < 256; ++octet)
    for (size_t at = 0; at < 64; ++at) {
      std::string text(64, 'x');
      text[at] = static_cast<char>(octet);
      compare(text, 1);
    }
  for (int i = 0; i < 300; ++i) {
    const size_t blocks = 1 + random() % kBlocks;
    compare(random_octets(random, blocks * 64), blocks);
  }
}

TEST("GR-40 a map finds the end of a run as looking at each character does, for every class and size of head") {
  std::mt19937 random(2);
  for (size_t size = 1; size < 700; size += 1 + size / 9) {
    std::string text = random_octets(random, size);
    text += "\r\n";
    HeadMap map(text.data());
    uint64_t controls[HeadMap::kChunk];
    for (size_t mapped = 0; mapped < text.size();) {
      const size_t more = map.extend(text.size(), controls);
      CHECK(more > 0);
      for (size_t i = 0; i < more; ++i)
        CHECK_EQ((controls[i / 64] >> i % 64 & 1) != 0, is_control(text[mapped + i]) && text[mapped + i] != '\t');
      if (more % 64 != 0) CHECK_EQ(controls[more / 64] >> more % 64, 0u);
      mapped += more;
    }
    for (const CharClass bits : {kChar_token, kChar_user, kChar_password, kChar_uri_param, kChar_uri_header, kChar_host, kChar_word, kChar_value})
      for (size_t from = 0; from <= size; ++from) {
        const char* const end = text.data() + from + random() % (size - from + 1);
        const char* at = text.data() + from;
        const char* const found = map.skip(at, end, bits);
        CHECK(found == CharRuns().skip(at, end, bits));
        while (at < end && is_class(*at, bits)) ++at;
        CHECK(found == at);
      }
  }
}

}  // namespace sluice::head_map_test

// name-addr, addr-spec, header parameters and comma lists.
#include "core/sip/name_addr.h"

#include "check.h"

namespace sluice::name_addr_test {
namespace {

bool is_address(Text value) {
  NameAddr address;
  return parse_name_addr(value, address);
}

NameAddr parsed(Text value) {
  NameAddr address;
  CHECK(parse_name_addr(value, address));
  return address;
}

std::string joined(Text list) {
  std::string out;
  ValueList values(list);
  for (Text value; values.next(value);) out += "{" + std::string(value) + "}";
  return out;
}

}  // namespace

TEST("GR-9 commas in quoted strings and inside <> do not split") {
  CHECK_EQ(joined("\"a,b\" <sip:x@h;p=1,2>;q=1 , <sip:u,v@h>"), "{\"a,b\" <sip:x@h;p=1,2>;q=1}{<sip:u,v@h>}");
  CHECK_EQ(joined("\"a\\\",b\" <sip:x@h>,<sip:y>"), "{\"a\\\",b\" <sip:x@h>}{<sip:y>}");
  CHECK_EQ(joined("a,b,,c,"), "{a}{b}{}{c}{}");
  CHECK_EQ(joined(","), "{}{}");
  CHECK_EQ(joined("a\r\n ,\r\n\tb"), "{a}{b}");
  CHECK_EQ(joined("\"open, <sip:x>"), "{\"open, <sip:x>}");
  CHECK_EQ(joined("<open, x"), "{<open, x}");
}

TEST("GR-30 an empty value is an empty list") {
  CHECK_EQ(joined(""), "");
  CHECK_EQ(joined("  \t"), "");
}

TEST("GR-10 without brackets, comma, semicolon and question mark end the URI") {
  const NameAddr address = parsed("sip:a@b;x=1 ; y");
  CHECK_EQ(address.uri_text, "sip:a@b");
  CHECK_EQ(address.params, ";x=1 ; y");
  CHECK(!address.bracketed);
  CHECK(!is_address("sip:a@b?x=1"));
  CHECK(!is_address("sip:a@b,sip:c@d"));
  CHECK_EQ(parsed("sip:a@b\t;x").uri_text, "sip:a@b");
}

TEST("GR-11 escapes in quoted strings") {
  const NameAddr address = parsed("\"a\\\"b, <c\\\\\" <sip:x@h>;tag=2");
  CHECK_EQ(address.display, "\"a\\\"b, <c\\\\\"");
  CHECK_EQ(address.uri_text, "sip:x@h");
  for (Text bad : {"\"open <sip:x>", "\"a\\\" <sip:x>", "\"", "\"a\rb\" <sip:x>", "\"a\nb\" <sip:x>", "\"a\\\r\n b\" <sip:x>", "\"a\x01\" <sip:x>",
                   "\"a\r\nb\" <sip:x>"})
    CHECK(!is_address(bad));
  CHECK(is_address("\"a\r\n b\" <sip:x>"));
  CHECK(is_address("\"bell \\\x07\" <sip:x>"));
}

TEST("GR-12 separators inside a quoted display name") {
  const NameAddr address = parsed("\"<sip:x>;tag=1@,\" <sip:y>;tag=2");
  CHECK_EQ(address.uri_text, "sip:y");
  Text tag;
  CHECK(find_param(address.params, "tag", &tag));
  CHECK_EQ(tag, "2");
}

TEST("GR-17 LWS around semicolons and equals signs") {
  const NameAddr address = parsed("<sip:a>  ;\r\n  tag  =\t1  ; x ;y = \"a;b=,c\"");
  Text value = "unset";
  CHECK(find_param(address.params, "TAG", &value));
  CHECK_EQ(value, "1");
  CHECK(find_param(address.params, "x", &value));
  CHECK(value.empty());
  CHECK(find_param(address.params, "y", &value));
  CHECK_EQ(value, "\"a;b=,c\"");
  CHECK(!find_param(address.params, "b", &value));
  CHECK(!find_param(address.params, "ta", nullptr));
  CHECK(!find_param("", "x", nullptr));
}

TEST("GR-16 the first of two parameters with the same name is found") {
  Text value;
  CHECK(find_param(";q=1;Q=2", "q", &value));
  CHECK_EQ(value, "1");
}

TEST("GR-29 all token characters in display names, parameter names and values") {
  const NameAddr address = parsed("a-.!%*_+`'~ B9\t c <sip:x>;-.!%*_+`'~=-.!%*_+`'~");
  CHECK_EQ(address.display, "a-.!%*_+`'~ B9\t c");
  CHECK_EQ(address.params, ";-.!%*_+`'~=-.!%*_+`'~");
  for (Text bad : {"a@b <sip:x>", "a, b <sip:x>", "a (b) <sip:x>", "a: <sip:x>", "a\\ <sip:x>", "\xc3\xa4 <sip:x>", "a\"b\" <sip:x>"}) CHECK(!is_address(bad));
}

TEST("GR-25 UTF-8 in quoted strings, valid or not, stays as it is") {
  CHECK_EQ(parsed("\"\xc3\xa4\xff\" <sip:x>").display, "\"\xc3\xa4\xff\"");
  CHECK(is_address("<sip:x>;p=\"\xf0\x9f\x98\x80\""));
}

TEST("TT-06 no blank is needed before the bracket") {
  CHECK_EQ(parsed("caller<sip:x@h>;tag=1").display, "caller");
  CHECK_EQ(parsed("\"c\"<sip:x@h>").uri_text, "sip:x@h");
  CHECK_EQ(parsed("<sip:x@h>").display, "");
}

TEST("PX-16.3-1 values that are not addresses") {
  for (Text bad : {"", "<>", "<sip:x", "sip:x>", "x", "x <sip:y> z", "<sip:x>;", "<sip:x>;;a", "<sip:x>,", ",<sip:x>", "<sip:x> <sip:y>", "\"a\" sip:x",
                   "<sip:x>;a=", "<sip:x>;=1", "<sip:x>;a=\"b", "<sip:x>;a b", "*", "<sip:x>;a=<b>", "\"a\" \"b\" <sip:x>"})
    CHECK(!is_address(bad));
}

TEST("GR-7 values are taken off a list one by one") {
  Text list = "  A <sip:a> ;x , sip:b;y=\",\" ,<sip:c>";
  NameAddr address;
  CHECK(take_name_addr(list, address));
  CHECK_EQ(address.value, "A <sip:a> ;x");
  CHECK_EQ(list.substr(0, 1), ",");
  list.remove_prefix(1);
  CHECK(take_name_addr(list, address));
  CHECK_EQ(address.value, "sip:b;y=\",\"");
  list.remove_prefix(1);
  CHECK(take_name_addr(list, address));
  CHECK_EQ(address.value, "<sip:c>");
  CHECK(list.empty());
}

TEST("GR-35 GR-36 a star and odd q values are left for the consumer to judge") {
  CHECK(!is_address("*"));
  CHECK_EQ(joined("  *  "), "{*}");
  Text q;
  for (Text text : {"<sip:x>;q=.5", "<sip:x>;q=0.1234", "<sip:x>;q=2", "<sip:x>;q=-1"}) CHECK(find_param(parsed(text).params, "q", &q));
  CHECK(!is_address("<sip:x>;q="));
}

TEST("GR-32 60,000 octets of parameters are read in one go") {
  std::string text = "<sip:x>";
  for (int i = 0; i < 30000; ++i) text += ";a";
  CHECK_EQ(parsed(text).params.size(), 60000u);
  CHECK(!find_param(parsed(text).params, "b", nullptr));
}

}  // namespace sluice::name_addr_test

#include "core/flow/flow_notes.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "core/sip/name_addr.h"
#include "core/sip/plain_aor.h"
#include "core/sip/user_agent.h"

namespace sluice {
namespace {

constexpr size_t kMaxInstance = 64;
constexpr size_t kMaxNotedAgent = 64;

Text cut(Text text, size_t most) noexcept { return text.size() > most ? text.substr(0, most) : text; }

Text unquoted(Text value) noexcept {
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
  if (value.size() >= 2 && value.front() == '<' && value.back() == '>') value = value.substr(1, value.size() - 2);
  return cut(value, kMaxInstance);
}

uint32_t number_of(Text digits) noexcept {
  uint32_t value = 0;
  for (char c : cut(digits, 9)) {
    if (!is_digit(c)) return 0;
    value = value * 10 + static_cast<uint32_t>(c - '0');
  }
  return value;
}

template <typename Word>
uint64_t load(const char* from) noexcept {
  Word word;
  std::memcpy(&word, from, sizeof word);
  return word;
}

uint64_t fold(uint64_t a, uint64_t b) noexcept {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

// Sixteen octets at a time, the last ones together with some of those before. Not a strong hash: whoever makes two REGISTERs look alike only
// falsifies their own entry in the operator's list.
uint32_t mix(uint32_t mark, Text text) noexcept {
  constexpr uint64_t kOne = 0x9E37'79B9'7F4A'7C15u, kOther = 0xD6E8'FEB8'6659'FD93u;
  const size_t size = text.size();
  const char* p = text.data();
  const char* const end = p + size;
  uint64_t state = (mark + size * kOne) ^ kOther;
  if (uint64_t lane = state; end - p > 32) {
    for (; end - p > 32; p += 32) {
      state = fold(load<uint64_t>(p) ^ kOne, load<uint64_t>(p + 8) ^ state);
      lane = fold(load<uint64_t>(p + 16) ^ kOther, load<uint64_t>(p + 24) ^ lane);
    }
    state ^= lane;
  }
  if (end - p > 16) state = fold(load<uint64_t>(p) ^ kOne, load<uint64_t>(p + 8) ^ state);
  uint64_t a = 0, b = 0;
  if (size >= 16) a = load<uint64_t>(end - 16), b = load<uint64_t>(end - 8);
  else if (size >= 8) a = load<uint64_t>(p), b = load<uint64_t>(end - 8);
  else if (size >= 4) a = load<uint32_t>(p), b = load<uint32_t>(end - 4);
  else for (; p < end; ++p) a = a << 8 | static_cast<uint8_t>(*p);
  return static_cast<uint32_t>(fold(a ^ kOne, b ^ state));
}

// Of what a REGISTER asks for, or of what its 2xx grants: Contact and Expires.
uint32_t contacts_mark(const Message& message, uint32_t mark) noexcept {
  for (HeaderId id : {HeaderId::contact, HeaderId::expires})
    for (const HeaderLine* line = message.line(id); line != nullptr; line = message.next(*line)) mark = mix(mark, message.value(*line));
  return mark == 0 ? 1 : mark;
}

uint32_t expires_of(const Message& message) noexcept {
  const HeaderLine* line = message.line(HeaderId::expires);
  return line != nullptr ? number_of(message.value(*line)) : 0;
}

uint32_t contact_mark(Text uri) noexcept { return mix(1, uri); }

const char* find(const char* from, const char* end, char what) noexcept { return static_cast<const char*>(std::memchr(from, what, static_cast<size_t>(end - from))); }

// Whether `at` is within a string that begins after `from`; `unclear` if a string has an escape.
bool is_quoted(const char* from, const char* at, bool& unclear) noexcept {
  bool inside = false;
  for (const char* quote = from; (quote = find(quote, at, '"')) != nullptr; ++quote) inside = !inside;
  unclear = find(from, at, '\\') != nullptr;
  return inside;
}

// Looks for `;expires=` behind `<URI>`, where most registrars write it, if that is the only value. False: look closer. `own`: it is there.
bool read_lone_expires(Text value, bool& own, uint32_t& seconds) noexcept {
  constexpr Text kName = "expires=";
  own = false;
  const char* const end = value.data() + value.size();
  const char* const params = value.empty() || value.front() != '<' ? nullptr : find(value.data(), end, '>');
  if (params == nullptr || find(params, end, ',') != nullptr) return false;
  for (const char* p = params; (p = find(p, end, ';')) != nullptr;) {
    ++p;
    if (static_cast<size_t>(end - p) < kName.size() || lower(*p) != 'e' || !same_text(Text(p, kName.size()), kName)) continue;
    bool unclear = false;
    if (is_quoted(params, p, unclear)) continue;
    const char* const digits = p += kName.size();
    while (p < end && is_digit(*p)) ++p;
    if (unclear || (p < end && *p != ';')) return false;
    own = true;
    seconds = number_of(Text(digits, static_cast<size_t>(p - digits)));
    return true;
  }
  // With blanks it would have been overlooked.
  return find(params, end, ' ') == nullptr && find(params, end, '\t') == nullptr;
}

// The expiry that a 2xx grants to the REGISTER's Contact, found among those it lists, or its only one (RFC 3261 10.2.4).
uint32_t granted_seconds(const Message& response, uint32_t contact) noexcept {
  uint32_t seconds = 0;
  size_t count = 0;
  const HeaderLine* const first = response.line(HeaderId::contact);
  bool own = false;
  if (first != nullptr && response.next(*first) == nullptr && read_lone_expires(response.value(*first), own, seconds)) return own ? seconds : expires_of(response);
  for (const HeaderLine* line = first; line != nullptr; line = response.next(*line)) {
    ValueList values(response.value(*line));
    for (Text value; values.next(value);) {
      NameAddr address;
      if (!parse_name_addr(value, address)) continue;
      Text found;
      const uint32_t own = find_param(address.params, "expires", &found) ? number_of(found) : expires_of(response);
      if (contact_mark(address.uri_text) == contact) return own;
      seconds = own;
      ++count;
    }
  }
  return count == 1 ? seconds : expires_of(response);
}

bool is_zero(Text digits) noexcept { return !digits.empty() && digits.find_first_not_of('0') == Text::npos; }

}  // namespace

void FlowNotes::make_asked() noexcept {
  if (asked_) return;
  asked_ = std::make_unique<Asked[]>(kAsked);
  texts_.reset(new AskedText[kAsked]);
}

void FlowNotes::asked(uint64_t key, const Message& request, uint32_t slot) noexcept {
  make_asked();
  Asked& entry = asked_[key % kAsked];
  entry.key = 0;
  entry.mark = contacts_mark(request, mix(1, request.text(request.to_value)));
  entry.refresh = false;
  for (const Registration* note = slot != 0 ? of(slot) : nullptr; note != nullptr; note = note->next.get()) {
    if (note->mark != entry.mark) continue;
    entry.refresh = true;
    entry.key = key;
    return;
  }
  char* const text = text_of(entry);
  const size_t aor = write_plain_aor(request.text(request.to_value), text);
  if (aor == 0) return;
  entry.aor_size = static_cast<uint8_t>(aor);
  entry.instance_size = 0;
  entry.reg_id = 0;
  entry.contact = 0;
  const HeaderLine* expires = request.line(HeaderId::expires);
  bool leaves = expires != nullptr && is_zero(request.value(*expires));
  bool contact = false;
  for (const HeaderLine* line = request.line(HeaderId::contact); line != nullptr; line = request.next(*line)) {
    ValueList values(request.value(*line));
    for (Text value; values.next(value);) {
      contact = true;
      if (value == "*") continue;
      NameAddr address;
      Text found;
      if (!parse_name_addr(value, address)) continue;
      entry.contact = contact_mark(address.uri_text);
      if (find_param(address.params, "expires", &found)) leaves = is_zero(found);
      if (find_param(address.params, "reg-id", &found)) entry.reg_id = number_of(found);
      if (!find_param(address.params, "+sip.instance", &found)) continue;
      const Text instance = unquoted(found);
      std::memcpy(text + aor, instance.data(), instance.size());
      entry.instance_size = static_cast<uint8_t>(instance.size());
    }
  }
  if (!contact) return;  // a query (RFC 3261 10.2.3)
  const Text agent = cut(user_agent(request), kMaxNotedAgent);
  if (!agent.empty()) std::memcpy(text + aor + entry.instance_size, agent.data(), agent.size());
  entry.agent_size = static_cast<uint8_t>(agent.size());
  entry.leaves = leaves;
  entry.key = key;
}

void FlowNotes::granted(uint64_t key, uint32_t slot, const Address& peer, uint32_t tick, const Message& response) noexcept {
  grant(key, slot, peer, tick, &response, 0);
}

void FlowNotes::grant(uint64_t key, uint32_t slot, const Address& peer, uint32_t tick, const Message* response, uint32_t seconds) noexcept {
  if (!asked_ || key == 0) return;
  Asked& entry = asked_[key % kAsked];
  if (entry.key != key) return;
  entry.key = 0;
  if (slot == 0) return;
  if (marked_ != nullptr && slot < marked_->size()) (*marked_)[slot] = 1;
  const auto granted_to = [&](uint32_t contact) { return response != nullptr ? granted_seconds(*response, contact) : seconds; };
  if (!entry.refresh) return add(slot, peer, entry, text_of(entry), tick, entry.leaves ? 0 : granted_to(entry.contact));
  for (Registration* note = slot < notes_.size() ? notes_[slot].get() : nullptr; note != nullptr; note = note->next.get()) {
    if (note->mark != entry.mark) continue;
    note->refreshed = tick;
    const uint32_t answer = response != nullptr ? contacts_mark(*response, 1) : 0;
    if (answer != 0 && answer == note->answer) continue;
    note->granted = granted_to(note->contact);
    note->answer = answer;
  }
}

void FlowNotes::add(uint32_t slot, const Address& peer, const Asked& asked, const char* text, uint32_t tick, uint32_t seconds) noexcept {
  const Text aor(text, asked.aor_size);
  const Text instance(text + asked.aor_size, asked.instance_size);
  has_changed(slot);
  if (slot >= notes_.size()) notes_.resize(size_t{slot} + slot / 2 + 64);
  size_t count = 0;
  for (std::unique_ptr<Registration>* link = &notes_[slot]; *link != nullptr; link = &(*link)->next) {
    Registration& note = **link;
    if (++count >= kMaxAorsOfFlow) return counters_.add(Counter::registrations_unlisted);
    if (note.aor() != aor || note.instance() != instance) continue;
    if (asked.leaves) {
      std::unique_ptr<Registration> rest = std::move(note.next);
      *link = std::move(rest);
      tell(Event::flow_unregistered, peer, asked, text);
    } else {
      note.refreshed = tick;
      note.granted = seconds;
      note.contact = asked.contact;
      note.reg_id = asked.reg_id;
      note.mark = asked.mark;
      note.answer = 0;
    }
    return;
  }
  if (asked.leaves) return;
  Registration first;
  first.since = first.refreshed = tick;
  first.granted = seconds;
  first.contact = asked.contact;
  first.reg_id = asked.reg_id;
  first.mark = asked.mark;
  first.aor_size = static_cast<uint8_t>(aor.size());
  first.instance_size = static_cast<uint8_t>(instance.size());
  const Text names(text, aor.size() + instance.size());
  Registration* const note = make(std::move(first), names, Text(names.data() + names.size(), asked.agent_size));
  if (note == nullptr) return;
  note->next = std::move(notes_[slot]);
  notes_[slot].reset(note);
  tell(Event::flow_registered, peer, asked, text);
}

// nullptr: no memory.
Registration* FlowNotes::make(Registration&& of, Text names, Text agent) noexcept {
  of.common_agent = agent.empty() ? nullptr : agents_.find(agent);
  of.agent_size = of.common_agent != nullptr ? 0 : static_cast<uint8_t>(agent.size());
  void* memory = ::operator new(sizeof(Registration) + names.size() + of.agent_size, std::nothrow);
  if (memory == nullptr) return nullptr;
  auto* const note = new (memory) Registration(std::move(of));
  if (!names.empty()) std::memcpy(note->text(), names.data(), names.size());
  if (note->agent_size > 0) std::memcpy(note->text() + names.size(), agent.data(), agent.size());
  return note;
}

void FlowNotes::tell(Event event, const Address& peer, const Asked& asked, const char* text) noexcept {
  if (tells_) news_.registration(event, peer, Text(text, asked.aor_size), Text(text + asked.aor_size, asked.instance_size), asked.reg_id);
}

void FlowNotes::ended(uint32_t slot, const Flow& flow, Counter why, uint32_t tick) noexcept {
  const Registration* const newest = of(slot);
  const uint32_t opened = flow.kind == FlowKind::stream ? flow.birth : newest != nullptr ? newest->since : tick;
  EndList& list = why == Counter::flows_moved ? moved_ : newest == nullptr ? strangers_ : ends_;
  if (FlowEnd* const end = list.next(); end != nullptr) {
    end->remote = flow.remote;
    end->listener = flow.listener;
    end->kind = flow.kind;
    end->why = why;
    end->ended = tick;
    end->messages = flow.messages;
    end->opened = opened;
    end->aor_size = newest != nullptr ? newest->aor_size : 0;
    end->instance_size = newest != nullptr ? newest->instance_size : 0;
    if (newest != nullptr) std::memcpy(end->text, newest->both().data(), newest->both().size());
  }
  // A drain ends them all, which is one event and not ten thousand.
  if (why == Counter::flows_moved) return;
  for (const Registration* note = newest; note != nullptr; note = note->next.get())
    news_.registration(Event::flow_lost, flow.remote, note->aor(), note->instance(), static_cast<uint32_t>(why), tick - opened);
}

void FlowNotes::drop(uint32_t slot) noexcept {
  if (slot < notes_.size()) notes_[slot].reset();
}

const FlowEnd* FlowNotes::end_at(size_t back) const noexcept {
  for (const EndList* list : {&ends_, &strangers_, &moved_}) {
    if (back < list->size()) return &list->newest(back);
    back -= list->size();
  }
  return nullptr;
}

namespace {

template <typename Image, typename AnyRegistration, typename Size>
void describe_note(Image& image, AnyRegistration& note, Size& agent_size) noexcept {
  image.fields(note.since, note.refreshed, note.granted, note.contact, note.reg_id, note.mark, note.answer, note.aor_size, note.instance_size, agent_size);
}

template <typename Image, typename AnyAsked>
void describe_asked(Image& image, AnyAsked& asked) noexcept {
  image.fields(asked.key, asked.reg_id, asked.contact, asked.mark, asked.aor_size, asked.instance_size, asked.agent_size, asked.leaves, asked.refresh);
}

template <typename Noted>
size_t noted_size(const Noted& noted) noexcept {
  return size_t{noted.aor_size} + noted.instance_size + noted.agent_size;
}

}  // namespace

void FlowNotes::freeze_slot(ImageWriter& image, uint32_t slot) const noexcept {
  image.fields(slot);
  const size_t at = image.later();
  uint32_t count = 0;
  for (const Registration* note = of(slot); note != nullptr; note = note->next.get(), ++count) {
    const auto agent_size = static_cast<uint8_t>(note->agent().size());
    describe_note(image, *note, agent_size);
    char text[3 * UINT8_MAX];
    const size_t names = note->both().copy(text, sizeof text);
    image.text(Text(text, names + note->agent().copy(text + names, sizeof text - names)));
  }
  image.set(at, count);
}

void FlowNotes::freeze_asked(ImageWriter& image) const noexcept {
  const size_t at = image.later();
  uint32_t count = 0;
  for (size_t i = 0; asked_ != nullptr && i < kAsked; ++i) {
    const Asked& asked = asked_[i];
    if (asked.key == 0) continue;
    describe_asked(image, asked);
    image.text(asked.refresh ? Text() : Text(text_of(asked), noted_size(asked)));
    ++count;
  }
  image.set(at, count);
}

void FlowNotes::adopt(ImageReader& image, FlowTable& flows) noexcept {
  for (uint32_t left = image.count(sizeof(uint32_t)); left > 0; --left) adopt_slot(image, flows);
  read_asked(image);
}

void FlowNotes::adopt_slot(ImageReader& image, FlowTable& flows) noexcept {
  uint32_t slot = 0;
  image.fields(slot);
  image.expect(flows.open_at(slot) != nullptr, "a registration is on no flow");
  uint32_t registrations = image.count(sizeof(uint32_t));
  image.expect(registrations <= kMaxAorsOfFlow, "a flow has too many registrations");
  for (; registrations > 0 && image.good(); --registrations) read_registration(image, slot);
  if (image.good()) has_changed(slot);
}

// Those of a slot come, and stay, in their order.
bool FlowNotes::read_registration(ImageReader& image, uint32_t slot) noexcept {
  Registration read;
  describe_note(image, read, read.agent_size);
  const Text text = image.text();
  image.expect(text.size() == noted_size(read) && size_t{read.aor_size} + read.instance_size <= FlowEnd::kText, "the text of a registration is out of range");
  if (!image.good()) return false;
  const size_t names = size_t{read.aor_size} + read.instance_size;
  Registration* const note = make(std::move(read), text.substr(0, names), text.substr(names));
  if (note == nullptr) return image.fail("there is no memory for its registrations"), false;
  if (slot >= notes_.size()) notes_.resize(size_t{slot} + slot / 2 + 64);
  std::unique_ptr<Registration>* link = &notes_[slot];
  while (*link != nullptr) link = &(*link)->next;
  link->reset(note);
  return true;
}

void FlowNotes::read_asked(ImageReader& image) noexcept {
  for (uint32_t left = image.count(sizeof(uint64_t)); left > 0; --left) {
    Asked read;
    describe_asked(image, read);
    const Text text = image.text();
    image.expect(text.size() <= sizeof(AskedText) && (read.refresh || text.size() == noted_size(read)), "the text of a REGISTER is out of range");
    if (!image.good()) return;
    make_asked();
    Asked& entry = asked_[read.key % kAsked];
    entry = read;
    if (!text.empty()) std::memcpy(text_of(entry), text.data(), text.size());
  }
}

}  // namespace sluice

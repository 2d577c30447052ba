// Octets that wait for a connection: a chain of buffers, each message in one of them.
#include "core/flow/unsent_queue.h"

#include <random>
#include <string>
#include <vector>

#include "check.h"

namespace sluice::unsent_queue_test {
namespace {

iovec part_of(const std::string& text) { return {const_cast<char*>(text.data()), text.size()}; }

bool append(UnsentQueue& queue, BufferPool& pool, const std::string& head, const std::string& body = "") {
  const iovec parts[2] = {part_of(head), part_of(body)};
  return queue.append(pool, parts, 2);
}

std::string all_of(const UnsentQueue& queue) {
  std::vector<iovec> parts(4096);
  std::string out;
  const size_t count = queue.gather(parts.data(), parts.size());
  for (size_t i = 0; i < count; ++i) out.append(static_cast<char*>(parts[i].iov_base), parts[i].iov_len);
  return out;
}

}  // namespace

TEST("TR-19 megabytes wait in a chain, none is copied twice, and all leave in order however much the kernel takes") {
  BufferPool pool(64u << 20);
  UnsentQueue queue;
  std::mt19937 random(7);
  std::string wanted;
  for (int i = 0; i < 3000; ++i) {
    const std::string head(random() % 3000, static_cast<char>('a' + i % 26));
    CHECK(append(queue, pool, head, "body"));
    wanted += head + "body";
  }
  CHECK(wanted.size() > 4u << 20);
  CHECK_EQ(queue.octets(), wanted.size());
  std::string got;
  while (!queue.empty()) {
    iovec parts[16];
    const size_t count = queue.gather(parts, 16);
    size_t taken = 0;
    const size_t most = random() % 200'000 + 1;
    for (size_t i = 0; i < count && taken < most; ++i) {
      const size_t step = std::min(parts[i].iov_len, most - taken);
      got.append(static_cast<char*>(parts[i].iov_base), step);
      taken += step;
    }
    queue.consume(pool, taken);
  }
  CHECK(got == wanted);
  CHECK_EQ(pool.lent(), 0u);
}

TEST("a message is never split over buffers unless it is longer than any buffer") {
  BufferPool pool(64u << 20);
  UnsentQueue queue;
  for (int i = 0; i < 500; ++i) CHECK(append(queue, pool, "<" + std::string(1000 + i * 7, 'x') + ">"));
  for (FlowBuffer* buffer = queue.first(); buffer != nullptr; buffer = buffer->next) {
    CHECK_EQ(buffer->text().front(), '<');
    CHECK_EQ(buffer->text().back(), '>');
  }
  const std::string longest(3 * BufferPool::kLargest, 'y');
  CHECK(append(queue, pool, longest));
  CHECK(all_of(queue).ends_with(longest));
  queue.clear(pool);
  CHECK_EQ(pool.lent(), 0u);
}

TEST("a message for which there is no memory leaves the queue unchanged") {
  BufferPool pool(300 * 1024);
  UnsentQueue queue;
  size_t held = 0;
  while (append(queue, pool, std::string(10'000, 'a'))) held += 10'000;
  CHECK(held >= 100'000);
  CHECK_EQ(queue.octets(), held);
  CHECK_EQ(all_of(queue), std::string(held, 'a'));
  CHECK(!append(queue, pool, std::string(2 * BufferPool::kLargest, 'b')));
  CHECK_EQ(all_of(queue), std::string(held, 'a'));
  queue.clear(pool);
  CHECK(!append(queue, pool, std::string(3 * BufferPool::kLargest, 'b')));
  CHECK(queue.empty());
  CHECK_EQ(pool.lent(), 0u);
}

}  // namespace sluice::unsent_queue_test

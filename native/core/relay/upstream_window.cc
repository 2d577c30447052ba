#include "core/relay/upstream_window.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace sluice {
namespace {

constexpr double kLeastWindow = 4, kSmallWindow = 16, kFairWindow = 64, kMostWindow = 65'536;
constexpr uint64_t kInTime = 100 * kMs;  // at least
// Well before a request over UDP is sent again (T1): an upstream that gets what it has already would do it twice.
constexpr uint64_t kSlow = 250 * kMs;
constexpr uint64_t kLeastPeriod = 10 * kSecond;
constexpr uint64_t kRateInterval = 100 * kMs;

constexpr double kWindowGrowth = 0.1, kSlowGrowth = 0.05;  // of the window, in the time of one answer
constexpr double kSpareGrowth = 3, kMostSpare = 8'192;
constexpr double kWhenLate = 0.8, kWhenMissed = 0.5;
constexpr double kAfterRefusals = 0.95;   // of what it answered
constexpr double kSteepestCut = 0.3;
constexpr double kPaceGrowth[] = {1.02, 1.04, 1.08, 1.15, 1.3};  // in each interval since the last 503
constexpr uint32_t kQuietIntervals = 100;
constexpr uint64_t kBestPeriod = 5 * kSecond;
constexpr uint32_t kTelling = 32;
constexpr double kLeastPace = 2;
constexpr uint32_t kLeastRefusals = 3, kRefusedShare = 50;  // at least so many, and one in so many
constexpr uint64_t kGuessedTime = 10 * kMs;
constexpr double kPaceBurst = 0.06;           // seconds
constexpr double kSmoothing = 0.05;
constexpr double kLeastRate = 1;

}  // namespace

bool UpstreamWindow::has_room(uint64_t now) noexcept {
  if (in_flight_ + 1 > window_ + spare_) return false;
  if (pace_ == 0) return true;
  if (now > filled_) {
    tokens_ = std::min(tokens_ + pace_ * static_cast<double>(now - filled_) / kSecond, std::max(1.0, pace_ * kPaceBurst));
    filled_ = now;
  }
  return tokens_ >= 1;
}

void UpstreamWindow::sent() noexcept {
  ++in_flight_;
  if (pace_ > 0) tokens_ -= 1;
}

void UpstreamWindow::answered(uint64_t took, bool refused, uint64_t now) noexcept {
  const bool crowded = is_crowded();
  taken_back();
  if (refused) {
    ++refused_;
    // The first time, thousands would be refused before the interval ends.
    if (pace_ == 0 && is_refusing() && now - interval_ >= kRateInterval / 10) close_interval(was_wanted_, now);
    return;
  }
  ++done_;
  learn(took, crowded);
  const uint64_t sent = now - took;
  if (took > late_after()) {
    came_late(sent, now);
    return;
  }
  newest_ = std::max(newest_, sent);
  if (!crowded) return;
  // Whoever takes longer may have other reasons than us, so the window never stands still.
  const bool in_time = took <= std::max(kInTime, 2 * least_);
  is_new_ = is_new_ && in_time;
  if (took > std::max(kSlow, 3 * least_)) {
    if (window_ > kFairWindow) window_ -= kWindowGrowth;
    return;
  }
  window_ = std::min(window_ + (is_new_ ? 1 : in_time ? kWindowGrowth : kSlowGrowth), kMostWindow);
}

// An upstream that has become slower for good is known by answers that had not to queue there.
void UpstreamWindow::learn(uint64_t took, bool crowded) noexcept {
  took = std::max<uint64_t>(took, 1);
  // The first answer of all waited for no other.
  if (least_ == 0 || took < least_) least_ = took;
  // So few cannot make a queue.
  const bool alone = !crowded || window_ <= kSmallWindow;
  if (alone && (least_now_ == 0 || took < least_now_)) least_now_ = took;
}

void UpstreamWindow::missed(uint64_t now) noexcept {
  taken_back();
  ++silent_;
  shrink(kWhenMissed, kSmallWindow, kSecond, now);
}

void UpstreamWindow::passed_over(bool wanted) noexcept {
  taken_back();
  ++silent_;
  if (wanted) spare_ = std::min(spare_ + kSpareGrowth, kMostSpare);
}

void UpstreamWindow::answered_late(uint64_t sent, uint64_t now) noexcept {
  learn(now - sent, true);
  if (now - sent > late_after()) came_late(sent, now);
}

void UpstreamWindow::came_late(uint64_t sent, uint64_t now) noexcept {
  if (has_overtaken(sent)) return;
  lagged_ = now;
  lagging_ = sent;
  shrink(kWhenLate, kLeastWindow, now - sent, now);
}

// Once for all that were under way at a time.
void UpstreamWindow::shrink(double by, double least, uint64_t pause, uint64_t now) noexcept {
  is_new_ = false;
  spare_ = 0;
  if (shrunk_ != 0 && now - shrunk_ < pause) return;
  shrunk_ = now;
  // It has lately done so much; when that does not come back, the mark sinks with it.
  const double proven = std::max(best_, best_before_) * kInTime / kSecond;
  window_ = std::max({window_ * by, std::min(window_, proven), std::min(window_, least)});
}

void UpstreamWindow::tick(bool wanted, uint64_t now) noexcept {
  if (now - interval_ >= kRateInterval) close_interval(wanted, now);
  if (!wanted && in_flight_ * 2 < window_) spare_ = 0;
  if (now - period_ < kLeastPeriod) return;
  if (least_now_ != 0) least_ = least_now_;
  least_now_ = 0;
  period_ = now;
}

void UpstreamWindow::close_interval(bool wanted, uint64_t now) noexcept {
  const double done = static_cast<double>(done_) * kSecond / static_cast<double>(now - interval_);
  // Whoever waits need not wait for what is given up either.
  const double left = static_cast<double>(done_ + silent_) * kSecond / static_cast<double>(now - interval_);
  // While the window still doubles or the pace still grows, the upstream could do more.
  const bool is_full = pace_ > 0 ? is_refusing() : !is_new_;
  if (wanted && was_wanted_ && is_full) {
    rate_ = shown_ == 0 ? left : rate_ + kSmoothing * (left - rate_);
    ++shown_;
  }
  if (now - best_since_ >= kBestPeriod) {
    best_before_ = std::exchange(best_, 0);
    best_since_ = now;
  }
  best_ = std::max(best_, lately(done, now));
  if (is_refusing()) {
    const double before = pace_ > 0 ? pace_ : static_cast<double>(done_ + refused_) * kSecond / static_cast<double>(now - interval_);
    pace_ = std::max({kLeastPace, done * kAfterRefusals, before * kSteepestCut});
    quiet_ = 0;
    is_new_ = false;
    spare_ = 0;
  } else if (pace_ > 0) {
    pace_ *= kPaceGrowth[std::min<size_t>(quiet_++, std::size(kPaceGrowth) - 1)];
    // It bears all there is.
    if (!wanted && pace_ > 2 * done && quiet_ > kQuietIntervals) pace_ = 0;
  }
  done_ = refused_ = silent_ = 0;
  was_wanted_ = wanted;
  interval_ = now;
}

// Answers a second over the last intervals: an upstream that was held up for a moment answers many at once then, which it could not do for long.
// So few that they tell nothing count by the interval that ends.
double UpstreamWindow::lately(double done_now, uint64_t now) noexcept {
  latest_[intervals_++ % kLatest] = {interval_, done_};
  const size_t count = std::min<size_t>(intervals_, kLatest);
  uint32_t done = 0;
  for (size_t i = 0; i < count; ++i) done += latest_[i].done;
  if (done < kTelling) return done_now;
  const uint64_t since = latest_[intervals_ > kLatest ? intervals_ % kLatest : 0].since;
  return static_cast<double>(done) * kSecond / static_cast<double>(now - since);
}

// A registrar may have its reasons for a single 503.
bool UpstreamWindow::is_refusing() const noexcept { return refused_ >= kLeastRefusals && refused_ * kRefusedShare >= done_; }

double UpstreamWindow::rate() const noexcept {
  const double best = std::max(best_, best_before_);
  // It may have been held up for a while: phones that are told too long a time would leave it idle.
  if (has_shown_rate()) return std::max(pace_ > 0 ? best : (rate_ + best) / 2, kLeastRate);
  return std::max(kLeastRate, window_ * kSecond / static_cast<double>(std::max(least_, kGuessedTime)));
}

}  // namespace sluice

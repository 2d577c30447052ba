/** Numbers and times as people read them. */

export function span(milliseconds) {
  const seconds = milliseconds / 1000;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86_400)} d`;
}

export const ago = (milliseconds) => `${span(milliseconds)} ago`;

/** Of a round trip; 0: not measured. */
export function roundTrip(microseconds) {
  if (microseconds === 0) return "";
  return microseconds < 100 ? "under 0.1 ms" : `${(microseconds / 1000).toFixed(1)} ms`;
}

/** To the second, for what is counted down. */
export function countdown(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** What is left of a registration, `passed` milliseconds after it was asked for. */
export function expiry(seconds, passed = 0) {
  if (seconds === null) return "not said";
  const left = seconds - passed / 1000;
  return left > 0 ? countdown(left) : `expired ${ago(-left * 1000)}`;
}

/** Every digit: 10,240, not 10k. */
export function exact(value) {
  return value < 10 && !Number.isInteger(value) ? value.toFixed(1) : Math.round(value).toLocaleString("en");
}

/** For the axis of a chart. */
export function short(value) {
  if (Math.abs(value) >= 1e6) return `${(value / 1e6).toFixed(1)}M`;
  if (Math.abs(value) >= 1e4) return `${Math.round(value / 1e3)}k`;
  return value < 10 && !Number.isInteger(value) ? value.toFixed(1) : String(Math.round(value));
}

export function many(count, one, more = `${one}s`) {
  return `${exact(count)} ${count === 1 ? one : more}`;
}

export function clock(at, parts = {}) {
  return new Date(at).toLocaleTimeString("en-GB", { hourCycle: "h23", ...parts });
}

/** With the day, in local time: 2026-11-29 02:13:05. */
export function when(at) {
  return new Date(at).toLocaleString("sv-SE");
}

export function place({ transport, address, port }) {
  return `${transport} ${hostPort(address, port)}`;
}

export function hostPort(address, port) {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

/** sip:alice@example.com is alice. */
export function userOf(aor) {
  return /^(?:sips?:|tel:)?([^@]+)/i.exec(aor)?.[1] ?? aor;
}

/** Of a binding, with the edges that it came through. */
export function contactOf({ contact, path }) {
  const edges = path.map((value) => /sips?:(?:[^@>;]*@)?([^;>?]+)/i.exec(value)?.[1] ?? value);
  return edges.length === 0 ? contact : `${contact} via ${edges.join(", ")}`;
}

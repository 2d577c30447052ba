/** A typical policy: one hook reads a header of each request, the other refuses a domain. */
export function forceOutbound(request) {
  return /old-phone/i.test(request.header("User-Agent") ?? "") || undefined;
}

export function allow(request) {
  return !/@blocked\.example\.com/.test(request.header("From") ?? "");
}

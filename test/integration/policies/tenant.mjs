/** A policy as an operator would write it: refuses one tenant, gives another its own upstream, forces outbound for old phones. */

export function allow(request) {
  return !/@blocked\.example\.com/.test(request.header("From") ?? "");
}

export function reply(request) {
  if (request.method === "OPTIONS" && request.uri.includes("policy@")) {
    return { status: 299, reason: "Seen By Policy", headers: { "X-Source": `${request.source.transport} ${request.source.port}` } };
  }
  if (request.uri.includes("faulty@")) throw new Error("a fault in the policy");
  if (request.uri.includes("injected@")) return { status: 486, headers: { "X-Evil": "a\r\nVia: b" } };
  return undefined;
}

export function forceOutbound(request) {
  return /old-phone/i.test(request.header("User-Agent") ?? "") || undefined;
}

export function isOutboundRequested(request) {
  return request.header("X-Outbound") === undefined ? undefined : request.header("X-Outbound") === "yes";
}

export function isUrgent(request) {
  return request.header("X-Alarm") !== undefined;
}

export function route(request) {
  return request.uri.includes("second@") ? request.upstreams[1] : undefined;
}

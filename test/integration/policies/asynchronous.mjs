// A hook that returns a promise, which would pass for a yes.
export function allow(request) {
  if (request.uri.includes("refused")) return Promise.resolve(false);
  return request.uri.includes("rejected") ? Promise.reject(new Error("the lookup failed")) : undefined;
}
